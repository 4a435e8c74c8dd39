#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Faults that a debug kernel injects: memory that cannot be had, bios that fail,
# completions that are lost. What the driver was given comes back once, and right,
# or with an error. Two disks in the host's memory, and mock ones.
set -eu
# shellcheck source=selftests/guest/lib.sh
. /vblk/selftests/guest/lib.sh
# shellcheck source=selftests/guest/mock/lib.sh
. /vblk/selftests/guest/mock/lib.sh

driver=/sys/bus/virtio/drivers/virtio_blk

# inject KIND KEY=VALUE...: from now on, of each process and without a word. A
# probability comes last: until then nobody fails whom that is not for.
inject()
{
	local dir=/sys/kernel/debug/$1 pair
	[ -d "$dir" ] || fail "this kernel has no $1"
	shift
	for pair in probability=0 verbose=0 task-filter=N space=0 interval=1 times=-1 "$@"; do
		echo "${pair#*=}" >"$dir/${pair%%=*}"
	done
}

# verified DISK: plain and polled writes, read back
verified()
{
	plain_and_polled 32M --filename="/dev/$1" --rw=randwrite --bsrange=4k-64k \
		--iodepth=32 --size=8M --verify=crc32c
}

# As all_accounted, but the core may have notified with the lock held: it found no
# memory for a table.
all_came_back()
{
	local out=0 key
	wait_for 10 quiet "$1"
	for key in poll irq guard timeout other; do
		out=$((out + $(grown reaped_$key)))
	done
	same $((out + $(grown returned))) $(($(grown plain) + $(grown polled))) \
		"requests taken off the ring"
}

# Tables of segments and of ranges, and the ring's, in any context that may not
# sleep. There is a way without each.
no_memory()
{
	local job
	mark vda
	inject "$1" "${@:3}" probability="$2"
	verified vda &
	job=$!
	while kill -0 $job 2>/dev/null; do
		blkdiscard -o 48M -l 8M /dev/vda
		blkdiscard -z -o 56M -l 4M /dev/vda
		sleep 0.1
	done
	wait $job
	inject "$1" probability=0
	cat $counters/vda
	all_came_back vda
	# So many, since the end of a stall of before is among the first of them.
	all_polled vda 2000 8 poller -n 2000 /dev/vda 8
	all_came_back vda
}

# The N-th allocation of this thread fails while the disk is set up, for each N:
# there is a disk that works, or none.
no_memory_to_probe()
{
	local id n=0 left bound=0 refused=0
	id=$(device vdb)
	# Those that may wait are the ones of a probe.
	inject failslab probability=0 ignore-gfp-wait=N
	inject fail_page_alloc probability=0 ignore-gfp-wait=N
	echo "$id" >$driver/unbind
	while :; do
		n=$((n + 1 + n / 25))
		# Without other programs: it is this thread that is meant.
		{
			echo $n >/proc/thread-self/fail-nth
			echo "$id" >$driver/bind || true
			read -r left </proc/thread-self/fail-nth || left=0
			echo 0 >/proc/thread-self/fail-nth
		} 2>/dev/null || true
		if [ -e "$driver/$id" ]; then
			bound=$((bound + 1))
			echo "$id" >$driver/unbind
		else
			refused=$((refused + 1))
		fi
		[ "${left:-0}" = 0 ] || break
	done
	echo "up to allocation $n: $refused times no disk, $bound times one"
	is $refused -ge 10 "times that there was no disk"
	echo "$id" >$driver/bind
	wait_for 10 test -b /dev/vdb
	works vdb
}

ended()
{
	! kill -0 "$1" 2>/dev/null
}

# A device is set up again by a worker, which is refused memory now and then: its disk
# goes on, or is dead, and nobody waits.
no_memory_to_recover()
{
	local vdx pid worker comm n dead=0 times=20
	for ((n = 0; n < times; n++)); do
		add lame size=16
		vdx=$(disk lame)
		change lame stuck=1
		reader "/dev/$vdx" 1 >/dev/null 2>&1 &
		pid=$!
		wait_for 10 eval "! quiet $vdx"
		for worker in /proc/[0-9]*; do
			comm=
			read -r comm <"$worker/comm" || continue
			[[ $comm != kworker/u* ]] || echo 1 >"$worker/make-it-fail" || true
		done 2>/dev/null
		inject failslab task-filter=Y ignore-gfp-wait=N probability=$((1 + n % 8))
		change lame needs_reset
		wait_for 20 ended $pid
		inject failslab probability=0
		if wait $pid; then
			reader "/dev/$vdx" 10 >/dev/null
		else
			dead=$((dead + 1))
			refused reader "/dev/$vdx" 1
		fi
		lawful lame
		remove lame
	done
	echo "of $times disks $dead were dead afterwards"
	is $dead -ge 1 "disks that could not be set up again"
	is $dead -lt $times "the same"
}

# Above the driver, which must not hear of them
failing_bios()
{
	local disk=/sys/block/vda
	mark vda
	inject fail_make_request probability=100
	echo 1 >$disk/make-it-fail
	refused reader /dev/vda 1
	refused poller -n 8 /dev/vda 4
	echo 0 >$disk/make-it-fail
	inject fail_make_request probability=0
	same "$(grown plain)$(grown polled)" 00 "requests that reached the driver"
	reader /dev/vda 20
	all_came_back vda
}

# A request whose completion is dropped ends when the block layer asks after it.
lost_completions()
{
	mark vda
	echo 1000 >/sys/block/vda/queue/io_timeout
	inject fail_io_timeout interval=50 times=8 probability=100
	echo 1 >/sys/block/vda/io-timeout-fail
	verified vda
	echo 0 >/sys/block/vda/io-timeout-fail
	cat $counters/vda
	same "$(cat /sys/kernel/debug/fail_io_timeout/times)" 0 "completions still to be dropped"
	all_came_back vda
	echo 30000 >/sys/block/vda/queue/io_timeout
}

check "no memory for tables: nothing is lost" \
	no_memory failslab 5 ignore-gfp-wait=Y
check "no pages: nothing is lost" no_memory fail_page_alloc 5 ignore-gfp-wait=Y
check "no memory to set up a disk: it works, or there is none" no_memory_to_probe
check "no memory to set up a device again: it goes on, or is dead" no_memory_to_recover
check "bios that the block layer fails" failing_bios
check "completions that are lost: each is found" lost_completions
finish
