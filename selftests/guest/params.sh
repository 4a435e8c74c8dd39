#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Module parameters: what they do, what is out of range, and what the log says
# about it. Two vCPUs, and one disk with two queues that takes 20 ms.
set -eu
# shellcheck source=selftests/guest/lib.sh
. /vblk/selftests/guest/lib.sh

# reload DRIVER PARAM...: and the log of it, in /tmp/log.
reload()
{
	vblk-unload
	dmesg --clear
	vblk-load "$@"
	dmesg | grep virtio_blk >/tmp/log || true
	cat /tmp/log
}

# warned PARAM: exactly one line of the log is about it.
warned()
{
	same "$(grep -c "$1=" /tmp/log || true)" 1 "lines about $1 in the log"
}

unwarned()
{
	! grep -E '=[0-9]+ (is|leaves)' /tmp/log || fail "a warning about what is in range"
}

# vectors: the names of what interrupts, in order.
vectors()
{
	sed -n "s/.* $(device vda)-\(req[^ ]*\)$/\1/p" /proc/interrupts | sort | xargs
}

queues()
{
	wc -l <$counters/vda
}

contexts()
{
	find /sys/block/vda/mq -mindepth 1 -maxdepth 1 -type d | wc -l
}

works()
{
	reader /dev/vda 4
	poller -n 40 /dev/vda 4
	all_accounted vda
}

defaults()
{
	reload ours
	unwarned
	same "$(queues)" 2 "queues"
	same "$(contexts)" 4 "contexts"
	same "$(vectors)" "req.0 req.1" "vectors"
	same "$(cat /sys/block/vda/queue/io_poll)" 1 "io_poll"
	works
}

as_stock()
{
	local ours stock
	reload ours "$@"
	ours=$(vectors)
	reload stock "$@"
	stock=$(vectors)
	reload ours
	same "$ours" "$stock" "vectors of ours and stock"
}

fewer_queues()
{
	reload ours num_request_queues=1
	unwarned
	same "$(queues)" 1 "queues"
	same "$(vectors)" "req.0" "vectors"
	works
}

too_many_queues()
{
	reload ours num_request_queues=1000
	warned num_request_queues
	same "$(queues)" 2 "queues"
	works
}

depth()
{
	reload ours queue_depth=32
	unwarned
	same "$(cat /sys/block/vda/queue/nr_requests)" 32 "requests"
	works
}

too_deep()
{
	reload ours queue_depth=100000
	warned queue_depth
	works
}

# One of two queues polls, and has no vector.
dedicated()
{
	reload ours poll_queues=1
	unwarned
	same "$(queues)" 2 "queues"
	same "$(contexts)" 2 "contexts"
	same "$(vectors)" "req.0" "vectors"
	same "$(cat /sys/block/vda/queue/io_poll)" 1 "io_poll"
	mark vda
	works
	same "$(sed -n 's/queue=0.* polled=\([0-9]*\) .*/\1/p' $counters/vda)" 0 \
		"polled requests on the first queue"
	is "$(grown reaped_poll)" -ge 36 "requests reaped by the poller"
}

# No vector could announce what it left: the guard takes it off the ring.
dedicated_stalled()
{
	local poller
	reload ours poll_queues=1
	mark vda
	poller -c /dev/vda 8 >/tmp/poller &
	poller=$!
	wait_for 10 state $poller T
	wait_for 10 quiet vda
	state $poller T || fail "the poller was not stopped"
	same "$(grown reaped_guard)" 8 "requests reaped by the guard"
	kill -CONT $poller
	wait $poller || fail "its reads failed: $(cat /tmp/poller)"
	all_accounted vda
}

too_many_dedicated()
{
	reload ours poll_queues=2
	warned poll_queues
	same "$(queues)" 2 "queues"
	same "$(vectors)" "req.0" "vectors"
	works
}

# With one queue none can be spared; that one polls all the same.
none_to_dedicate()
{
	reload ours poll_queues=1 num_request_queues=1
	warned poll_queues
	same "$(queues)" 1 "queues"
	same "$(contexts)" 2 "contexts"
	same "$(cat /sys/block/vda/queue/io_poll)" 1 "io_poll"
	works
}

no_twin()
{
	reload ours twin=0
	unwarned
	same "$(contexts)" 2 "contexts"
	same "$(cat /sys/block/vda/queue/io_poll)" 0 "io_poll"
	reader /dev/vda 4
	all_accounted vda
}

no_number()
{
	vblk-unload
	refused insmod /modules/ours/virtio_blk.ko queue_depth=many
	refused insmod /modules/ours/virtio_blk.ko queue_depth=-1
	[ ! -e /sys/module/virtio_blk ] || fail "loaded"
	vblk-load ours
}

check "no parameters" defaults
check "vectors are named as stock's" as_stock
check "num_request_queues=1" fewer_queues
check "num_request_queues=1000 is clamped" too_many_queues
check "queue_depth=32" depth
check "queue_depth=100000 is clamped" too_deep
check "poll_queues=1" dedicated
if kernel stock_polls; then
	check "poll_queues=1: vectors are named as stock's" as_stock poll_queues=1
fi
check "poll_queues=1: the guard stands in for a stopped poller" dedicated_stalled
check "poll_queues=2 is clamped" too_many_dedicated
check "poll_queues=1 with one queue: that one polls" none_to_dedicate
check "twin=0" no_twin
check "what is no number is refused" no_number
finish
