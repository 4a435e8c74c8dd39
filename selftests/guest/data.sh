#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What was written is what is read: all sizes, plain, polled, both at once on
# one queue, with flushes, and between this driver and the stock one. One vCPU,
# one queue. vda and vdb are memory of the host.
set -eu
# shellcheck source=selftests/guest/lib.sh
. /vblk/selftests/guest/lib.sh

verify="--rw=randwrite --verify=crc32c"
all_sizes="--bsrange=512-1m --size=48M --iodepth=16"
polled_sizes="--bsrange=512-512k --size=48M --iodepth=16"

verified_plain()
{
	mark vda
	# shellcheck disable=SC2086	# words
	plain --filename=/dev/vda $verify $all_sizes
	same "$(grown polled)" 0 "polled requests"
	all_accounted vda
}

verified_polled()
{
	mark vda
	# shellcheck disable=SC2086	# words
	"$@" --filename=/dev/vda $verify $polled_sizes
	is "$(grown polled)" -ge 200 "polled requests"
	is "$(grown plain)" -le 20 "plain requests"
	all_accounted vda
}

verified_both()
{
	mark vda
	# shellcheck disable=SC2086	# words
	plain_and_polled 64M --filename=/dev/vda $verify $polled_sizes
	is "$(grown plain)" -ge 200 "plain requests"
	is "$(grown polled)" -ge 200 "polled requests"
	all_accounted vda
}

# Pages that are not neighbours in memory: many segments, one request.
segments()
{
	# shellcheck disable=SC2086	# words
	"$@" --filename=/dev/vda $verify --bs=256k --iodepth=8 --size=32M --iomem=malloc
	all_accounted vda
}

fsyncs()
{
	local before
	before=$(statistic flush_operations vblk0)
	# shellcheck disable=SC2086	# words
	plain --filename=/dev/vda $verify --bs=4k --size=4M --fsync=16 --iodepth=1
	# After every 16th of 1024 writes; newer fio leaves out the last. Flushes that
	# wait for each other are merged, so there is one at a time.
	is "$(statistic flush_operations vblk0)" -ge $((before + 63)) "flushes"
	all_accounted vda
}

# The flush after a polled write is the driver's to find, too.
dsync_polled()
{
	local before
	before=$(statistic flush_operations vblk0)
	mark vda
	# shellcheck disable=SC2086	# words
	polled --filename=/dev/vda $verify --bs=4k --number_ios=500 --size=4M \
		--sync=dsync --iodepth="$1"
	is "$(statistic flush_operations vblk0)" -ge $((before + 500 / $1)) "flushes"
	is "$(grown polled)" -ge 500 "polled requests"
	all_accounted vda
}

# exchange HOW DRIVER HOW: the loaded driver writes, the other one reads.
exchange()
{
	local args="--filename=/dev/vdb $verify --bsrange=512-256k --size=16M
		--iodepth=8 --randseed=$RANDOM"

	# shellcheck disable=SC2086	# words
	"$1" $args --do_verify=0
	vblk-unload
	vblk-load "$2"
	# shellcheck disable=SC2086	# words
	"$3" $args --verify_only=1
}

# That fio notices: with one block of another place.
exchange_control()
{
	dd if=/dev/vdb of=/dev/vdb bs=1M skip=4 seek=2 count=1 oflag=direct status=none
	# shellcheck disable=SC2086	# words
	refused plain --filename=/dev/vdb $verify --bs=4k --size=16M --verify_only=1
}

check "plain, 512 bytes to 1 MiB" verified_plain
check "polled, 512 bytes to 512 KiB" verified_polled polled
if kernel polls_sync; then
	check "polled by pvsync2, 512 bytes to 512 KiB" verified_polled sync_polled
fi
check "plain and polled at once on one queue" verified_both
check "many segments, plain" segments plain
check "many segments, polled" segments polled
check "fsync flushes the device" fsyncs
check "polled O_DSYNC writes, depth 1" dsync_polled 1
check "polled O_DSYNC writes, depth 16" dsync_polled 16
check "stock reads what was written polled" exchange polled stock plain
check "what stock wrote is read polled" exchange plain ours polled
check "control: a block in the wrong place is noticed" exchange_control
finish
