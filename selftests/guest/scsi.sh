#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The path of tools/lsi under a real driver: what sym53c8xx writes through QEMU's
# lsi53c895a is what it reads, with 16 commands in flight, while the queue's depth
# changes, the bus is reset, and commands take so long that they are aborted. Target 0
# is memory of the host; target 1 is, too, behind a brake that QEMU can put on. In a
# QEMU that queues writes (tools/lsi/qemu) they do, and are aborted, too.
set -eu
# shellcheck source=selftests/guest/lib.sh
. /vblk/selftests/guest/lib.sh

# at TARGET: the name of its disk. The kernel names disks in any order.
at()
{
	basename /sys/bus/scsi/devices/*":0:$1:0"/block/*
}

# verified TARGET [ARG...]: writes and, in between, reads back, at depth 16; and beside
# it reads and writes in turn.
verified()
{
	local disk
	disk=$(at "$1")
	shift
	quiet_fio --ioengine=libaio --iodepth=16 --filename="/dev/$disk" --verify=crc32c \
		--size=8M "$@" \
		--name=backlog --rw=randwrite --verify_backlog=32 --offset=0 \
		--name=mixed --rw=randrw --offset=16M
}

sizes="--bsrange=512-512k"

all_sizes()
{
	verified 0 $sizes --loops=2
}

# written TARGET: requests so far
written()
{
	awk '{ print $5 }' "/sys/block/$(at "$1")/stat"
}

written_beyond()
{
	[ "$(written "$1")" -gt "$2" ]
}

# goes_on TARGET: writes complete
goes_on()
{
	wait_for 60 written_beyond "$1" $(($(written "$1") + 50))
}

# during TIMES COMMAND...: so often, while target 0 is written to; nothing is lost.
during()
{
	local job left=$1
	shift

	rm -f /tmp/enough
	until [ -e /tmp/enough ]; do
		# shellcheck disable=SC2086	# words
		verified 0 --bsrange=4k-64k
	done &
	job=$!
	goes_on 0
	while [ "$left" -gt 0 ]; do
		"$@"
		goes_on 0
		left=$((left - 1))
	done
	touch /tmp/enough
	wait $job
	all_sizes
}

# said PATTERN: how often the kernel did
said()
{
	dmesg | grep -cE "$1" || true
}

# --- Depth ----------------------------------------------------------------------------

# in_flight DISK: sets $in_flight, so often that a program would take too long.
in_flight()
{
	local reads writes
	read -r reads writes <"/sys/block/$1/inflight"
	in_flight=$((reads + writes))
}

# A scheduler may keep a quarter for reads.
full()
{
	in_flight "$1"
	[ "$in_flight" -ge $(($2 * 3 / 4)) ]
}

# depth N: of target 0's queue in the guest, which gets full and no fuller
depth()
{
	local disk in_flight left=500
	disk=$(at 0)
	echo "$1" >"/sys/block/$disk/queue/nr_requests"
	wait_for 60 full "$disk" "$1"
	while [ $left -gt 0 ]; do
		in_flight "$disk"
		[ "$in_flight" -le "$1" ] || fail "$in_flight in flight, with a queue of $1"
		left=$((left - 1))
	done
	goes_on 0
}

depths()
{
	local n
	for n in 4 8 5 16; do
		depth $n
	done
}

# --- Resets and aborts ----------------------------------------------------

# reset_bus TARGET: SG_SCSI_RESET with SG_SCSI_RESET_BUS
reset_bus()
{
	perl -e 'my $bus = pack("i", 2);
		open(my $disk, "<", $ARGV[0]) or die "open: $!\n";
		ioctl($disk, 0x2284, $bus) or die "reset: $!\n"' "/dev/$(at "$1")"
}

bus_resets()
{
	local before
	before=$(said 'BUS RESET operation started')
	during 3 reset_bus 0
	is "$(said 'BUS RESET operation started')" -ge $((before + 3)) "bus resets"
}

# aborts [complete]: how often the driver tried to, or could
aborts()
{
	said "ABORT operation ${1:-started}"
}

aborted()
{
	[ "$(aborts)" -gt "$1" ]
}

# patterns RW [ARG...]: writes patterns to target 1, or reads them and compares, in blocks
# that QEMU asks the disk for in one piece
patterns()
{
	local rw=$1
	shift
	quiet_fio --ioengine=libaio --iodepth=16 --filename="/dev/$(at 1)" --verify=crc32c \
		--bs=64k --size=32M --name=patterns --rw="$rw" "$@"
}

# A command that takes too long is aborted, and sent again. The driver takes an
# abort of one tag for one of all and fails the others, too: that is not the path's
# fault. What was not reported to have failed is right, and no block is torn.
#
# Where writes do not queue, only reads are slowed down: the target disconnects for each,
# so that all of them have started when they time out. A write holds the bus until it is
# on the disk; those behind it would time out before they start, and aborting such a one
# is where sym53c8xx may fail an assertion of its own and panic.
timeouts()
{
	local rw=$1 before complete job timeout later=
	before=$(aborts)
	complete=$(aborts complete)
	timeout=/sys/block/$(at 1)/device/timeout
	patterns write
	echo 4 >"$timeout"
	[ "$rw" = read ] || later=--do_verify=0
	# Before the first of them: a fast disk would have them all done meanwhile.
	throttle 3
	# shellcheck disable=SC2086	# one or none
	patterns "rand$rw" --loops=4 --continue_on_error=io $later &
	job=$!
	wait_for 60 aborted "$before"
	throttle 0
	wait $job
	echo 30 >"$timeout"
	patterns read
	# shellcheck disable=SC2086	# words
	verified 1 $sizes
	is "$(aborts complete)" -gt "$complete" "aborts that are complete"
}

# --- Writes that queue ------------------------------------------------------------------

queues_writes()
{
	qmp query-version | grep -q 'it queues writes'
}

# 64 a second: how many QEMU had at the disk on average, from how long each was there. Where
# they do not queue it is one.
outstanding()
{
	local start time mean
	throttle 64
	start=$(date +%s%N)
	time=$(statistic wr_total_time_ns scsi1)
	patterns write --size=16M --do_verify=0
	time=$(($(statistic wr_total_time_ns scsi1) - time))
	mean=$((10 * time / ($(date +%s%N) - start)))
	throttle 0
	echo "$((mean / 10)).$((mean % 10)) writes were outstanding on average"
	is $mean -ge 30 "ten times that"
}

check "interleaved reads and writes of all sizes, 16 in flight" all_sizes
check "the depth of the queue changes" during 1 depths
check "the bus is reset" bus_resets
check "commands time out and are aborted" timeouts read
if queues_writes; then
	check "writes queue" outstanding
	check "writes time out and are aborted" timeouts write
fi
check "everything works afterwards" all_sizes
finish
