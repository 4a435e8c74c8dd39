#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A well-behaved mock device, which checks every request against the
# specification: data, discards of many ranges, secure erase with limits of its
# own, features that a kernel does not know.
set -eu
# shellcheck source=selftests/guest/lib.sh
. /vblk/selftests/guest/lib.sh
# shellcheck source=selftests/guest/mock/lib.sh
. /vblk/selftests/guest/mock/lib.sh

kib=1024

# data LARGEST NAME KEY=VALUE...: verified I/O, plain and polled, up to LARGEST
data()
{
	local largest=$1 name=$2 vdx
	shift
	add "$@"
	vdx=$(disk "$name")
	[ "$vdx" ] || fail "no disk"
	mark "$vdx"
	plain_and_polled 4M "--filename=/dev/$vdx" --rw=randwrite --verify=crc32c \
		"--bsrange=4k-$largest" --blockalign=4k --size=2M --iodepth=16
	is "$(grown polled)" -ge 30 "polled requests"
	is "$(grown plain)" -ge 30 "plain requests"
	all_accounted "$vdx"
	same "$(cat "/sys/block/$vdx/serial")" "a mock" "serial number"
	sync "/dev/$vdx"
	lawful "$name"
	remove "$name"
}

# Interrupts as the driver asks for them: with the event index, or a flag.
few_interrupts()
{
	local vdx before
	add quiet "features=$1"
	vdx=$(disk quiet)
	before=$(seen quiet interrupts)
	poller -n 1000 "/dev/$vdx" 1
	is "$(counter "$vdx" stalls)" -le 20 "stalls"
	is $(($(seen quiet interrupts) - before)) -le $((50 + 16 * $(counter "$vdx" stalls))) \
		"interrupts of 1000 polled reads"
	before=$(seen quiet interrupts)
	reader "/dev/$vdx" 200
	is $(($(seen quiet interrupts) - before)) -ge 200 "interrupts of 200 reads"
	# The poller that a stall waited for may be faster than its interrupt.
	is "$(seen quiet interrupts_idle)" -le "$(counter "$vdx" stalls)" \
		"interrupts without a cause"
	lawful quiet
	remove quiet
}

discards()
{
	local vdx
	kernel mock_bios || skip "the mock device makes no bios on this kernel"
	add many features="$(features DISCARD)" max_discard_sectors=$((2 * kib)) \
		max_discard_seg="$1" discard_sector_alignment=8
	vdx=$(disk many)
	same "$(limit "$vdx" discard_granularity)" 4096
	same "$(limit "$vdx" discard_max_bytes)" $((kib * kib))
	tr '\0' '\1' </dev/zero | dd bs=1M count=4 iflag=fullblock of="/dev/$vdx" \
		oflag=direct status=none

	# 64 ranges of 4 KiB, 16 KiB apart: merged as far as the device takes.
	echo "discard /dev/$vdx 64 8 32" >$mocks/call
	same "$(seen many ranges)" 64 "ranges"
	same "$(seen many type11)" $((64 / ($1 < 64 ? $1 : 64))) "requests"
	same "$(seen many largest_range)" 8 "sectors of a range"
	same "$(dd if="/dev/$vdx" bs=4k count=256 iflag=direct status=none | tr -d '\1' | wc -c)" \
		$((64 * 4 * kib)) "bytes discarded"
	# One large one goes in pieces.
	blkdiscard "/dev/$vdx"
	same "$(seen many largest_range)" $((2 * kib)) "sectors of a range"
	lawful many
	remove many
}

# Limits that are larger, smaller, and a granularity that is another one. 6.1
# cuts what erases by the limit of discard as well.
erase()
{
	local vdx piece=$2
	kernel secure_erase || skip "this kernel has no limits for secure erase"
	if kernel erases_by_discard && [ "$1" -lt "$2" ]; then
		piece=$1
	fi
	add eraser features="$(features DISCARD SECURE_ERASE)" \
		max_discard_sectors="$1" max_discard_seg=4 discard_sector_alignment=8 \
		max_secure_erase_sectors="$2" max_secure_erase_seg=2 \
		secure_erase_sector_alignment=16
	vdx=$(disk eraser)
	same "$(seen eraser driver_features)" "$(printf %#x "$(features DISCARD SECURE_ERASE)")"
	tr '\0' '\1' </dev/zero | dd bs=1M count=4 iflag=fullblock of="/dev/$vdx" \
		oflag=direct status=none
	blkdiscard -s -o $((1024 * kib)) -l $((2048 * kib)) "/dev/$vdx"
	same "$(seen eraser type14)" $((4 * kib / piece)) "requests"
	same "$(seen eraser type11)" 0 "discards"
	same "$(seen eraser largest_range)" "$piece" "sectors of a range"
	same "$(dd if="/dev/$vdx" bs=1M count=4 iflag=direct status=none | tr -d '\0' | wc -c)" \
		$((2048 * kib)) "bytes left"
	blkdiscard -o 0 -l $((1024 * kib)) "/dev/$vdx"
	is "$(seen eraser type11)" -ge 1 "discards"
	lawful eraser
	remove eraser
}

erase_alone()
{
	local vdx
	kernel secure_erase || skip "this kernel has no limits for secure erase"
	# No multiple of the alignment, at which it is to be split.
	add alone features="$(features SECURE_ERASE)" max_secure_erase_sectors=519 \
		max_secure_erase_seg=1 secure_erase_sector_alignment=8
	vdx=$(disk alone)
	same "$(limit "$vdx" discard_max_bytes)" 0
	blkdiscard -s -l $((1024 * kib)) "/dev/$vdx"
	same "$(seen alone type14)" 4 "requests"
	same "$(seen alone largest_range)" 512 "sectors of a range"
	refused blkdiscard "/dev/$vdx"
	lawful alone
	remove alone
}

zeroes()
{
	local vdx
	add zero features="$(features WRITE_ZEROES)" max_write_zeroes_sectors=$((2 * kib)) \
		max_write_zeroes_seg=1 write_zeroes_may_unmap=1
	vdx=$(disk zero)
	blkdiscard -z -l $((2048 * kib)) "/dev/$vdx"
	same "$(seen zero type13)" 2 "requests"
	same "$(seen zero unmap)" 0 "requests that unmap"
	fallocate -p -l $((1024 * kib)) "/dev/$vdx"
	same "$(seen zero unmap)" 1 "requests that unmap"
	lawful zero
	remove zero
}

# Kernels without zoned virtio disks do not take the feature (B4), whatever else
# the device offers (C1).
unknown_features()
{
	local mask
	mask=$(features)
	add future features=$((mask | 1 << 15 | 1 << 18 | 1 << 23 | 1 << 60))
	same "$(seen future driver_features)" "$(printf %#x "$mask")"
	[ "$(disk future)" ] || fail "no disk"
	remove future
	! kernel zoned || return 0
	add zoned features="$(features ZONED)" model=1 zone_sectors=2048
	same "$(seen zoned driver_features)" "$(printf %#x "$mask")"
	lawful zoned
	remove zoned
}

check "verified I/O" data 64k io
# Six segments there, of a page each if memory is in pieces
check "verified I/O on a ring of 8, without event index or indirect descriptors" \
	data 24k io features=$((1 << 32 | 1 << 2)) ring=8
check "verified I/O with blocks of 4 KiB" data 64k io blk_size=4096
check "interrupts: few, with the event index" few_interrupts "$(features)"
check "interrupts: few, with the flag" few_interrupts $((1 << 32 | 1 << 28))
check "discard: one range a request" discards 1
check "discard: four ranges a request" discards 4
check "discard: 256 ranges a request" discards 256
check "secure erase: in smaller pieces than discards" erase 4096 1024
check "secure erase: in larger pieces than discards" erase 512 4096
check "secure erase: without discard" erase_alone
check "write zeroes: unmapped or not" zeroes
check "features: those that are not known are left" unknown_features
finish
