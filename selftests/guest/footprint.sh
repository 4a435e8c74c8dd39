#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What requests cost in memory: a queue with twin contexts has two sets of them.
# A disk with four queues of 256.
set -eu
# shellcheck source=selftests/guest/lib.sh
. /vblk/selftests/guest/lib.sh
tracing=/sys/kernel/tracing

# taken DRIVER PARAM...: pages that its loading takes in the chunks that requests
# are allocated in, in $pages; the least of three, since others take such, too.
# What is free says little about so few.
taken()
{
	for _ in 1 2 3; do
		vblk-unload
		echo >$tracing/trace
		(
			echo "$BASHPID" >$tracing/set_event_pid
			vblk-load "$@"
		)
		awk '/ mm_page_alloc: / && match($0, / order=[34]/) {
				sum += 2 ^ substr($0, RSTART + 7, 1)
			}
			END { print sum + 0 }' $tracing/trace
	done | sort -n >/tmp/taken
	read -r pages </tmp/taken
	echo "$*: $((pages * 4)) kB"
}

cost()
{
	local single twin per_request

	echo 20000 >$tracing/buffer_size_kb
	echo 1 >$tracing/options/event-fork
	echo 1 >$tracing/events/kmem/mm_page_alloc/enable
	taken stock
	taken ours twin=0
	single=$pages
	taken ours
	twin=$pages
	taken ours queue_depth=32
	echo 0 >$tracing/events/kmem/enable
	echo >$tracing/set_event_pid

	per_request=$(((twin - single) * 4096 / 1024))
	is $per_request -ge 200 "bytes of a twin's request"
	is $per_request -le 768 "bytes of a twin's request"
	is "$pages" -lt $((single - (twin - single) / 2)) "pages with queue_depth=32"
}

check "a twin's request costs half a kilobyte, and queue_depth bounds how many" cost
finish
