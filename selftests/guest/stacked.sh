#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Polled I/O on a disk of the device mapper that lies on two of ours, one behind
# the other: it polls on both, and the data is there.
set -eu
# shellcheck source=selftests/guest/lib.sh
. /vblk/selftests/guest/lib.sh

modprobe dm_mod
stacked=$(linear stacked /dev/vda /dev/vdb)

io_poll()
{
	same "$(cat "/sys/block/$stacked/size")" $((2 * 64 * 2048)) "sectors of $stacked"
	kernel polls_stacked || skip "this kernel's device mapper does not poll"
	same "$(cat "/sys/block/$stacked/queue/io_poll")" 1 "io_poll of $stacked"
}

# polls_on DISK OFFSET DEPTH: reads from there are polled on that disk.
polls_on()
{
	kernel polls_stacked || skip "this kernel's device mapper does not poll"
	all_polled "$1" 40000 "$3" polled "--filename=/dev/$stacked" --offset="$2" --size=32M \
		--io_size=160M --rw=randread --bs=4k --iodepth="$3"
	all_accounted "$1"
}

# Read back by fio, and compared with what lies on the disks.
verified()
{
	local disk how="plain_and_polled 64M"
	kernel polls_stacked || how=plain
	$how "--filename=/dev/$stacked" --rw=randwrite --verify=crc32c \
		--bsrange=512-128k --size=8M --iodepth=16
	for disk in vda vdb; do
		all_accounted $disk
		dd if=/dev/$disk bs=1M iflag=direct status=none
	done >/tmp/disks
	dd if="/dev/$stacked" bs=1M iflag=direct status=none | cmp - /tmp/disks
	! cmp -s -n $((8 << 20)) /tmp/disks /dev/zero || fail "nothing was written"
}

# A disk below the mapper is in use.
in_use()
{
	local said
	said=$(refused rmmod virtio_blk)
	[[ $said == *"in use"* ]] || fail "$said"
	linear stacked
	vblk-unload
	vblk-load ours
	reader /dev/vda 4
}

check "the device mapper takes over that its disks poll" io_poll
check "polled reads, depth 1, of the first disk" polls_on vda 0 1
check "polled reads, depth 8, of the second disk" polls_on vdb 64M 8
check "verified writes, plain and polled" verified
check "rmmod is refused while a disk is mapped" in_use
finish
