# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What every transport has to carry, for the suites that have a disk a kind of
# transport: 64 MiB of the host's memory each. To be sourced first; brings lib.sh.

# shellcheck source=selftests/guest/lib.sh
. /vblk/selftests/guest/lib.sh

# Feature bits, as /sys/bus/virtio/devices/*/features counts them.
# shellcheck disable=SC2034	# for the suites
VERSION_1=32 ACCESS_PLATFORM=33 PACKED=34

mib=1048576

# of_disk DISK ATTRIBUTE VALUE
of_disk()
{
	same "$(cat "/sys/block/$1/$2")" "$3" "$2"
}

# size_is DISK MIB
size_is()
{
	[ "$(cat "/sys/block/$1/size")" = $(($2 * 2048)) ]
}

# from_config DISK: what is in config space has arrived, and can be changed.
from_config()
{
	of_disk "$1" size $((64 * 2048))
	of_disk "$1" queue/logical_block_size 512
	of_disk "$1" queue/max_segments 254
	of_disk "$1" cache_type "write back"
	echo "write through" >"/sys/block/$1/cache_type"
	of_disk "$1" cache_type "write through"
	echo "write back" >"/sys/block/$1/cache_type"
	of_disk "$1" cache_type "write back"

	qmp block_resize "{\"node-name\": \"disk$(number "$1")\", \"size\": $((96 * mib))}"
	wait_for 10 size_is "$1" 96
	dd if=/dev/zero "of=/dev/$1" bs=1M seek=95 count=1 oflag=direct status=none
	qmp block_resize "{\"node-name\": \"disk$(number "$1")\", \"size\": $((64 * mib))}"
	wait_for 10 size_is "$1" 64
}

# data DISK: verified, plain, polled and both at once; and a poller that is alone
# with its requests has no interrupts.
data()
{
	of_disk "$1" queue/io_poll 1
	mark "$1"
	quiet_fio --ioengine=io_uring "--filename=/dev/$1" --rw=randwrite \
		--verify=crc32c --bsrange=512-64k --size=1M --iodepth=32 \
		--name=plain --name=polled --stonewall --hipri=1 --offset=8M \
		--name=plain_beside --stonewall --offset=16M \
		--name=polled_beside --hipri=1 --offset=24M
	is "$(grown polled)" -ge 150 "polled requests"
	is "$(grown plain)" -ge 150 "plain requests"
	all_accounted "$1"

	mark "$1"
	poller -n 2000 "/dev/$1" 1
	cat "$counters/$1"
	is "$(grown reaped_poll)" -ge $((1960 - 16 * $(grown stalls))) \
		"requests reaped by the poller"
	is "$(grown stalls)" -le 40 "stalls"
	is "$(grown interrupts)" -le $((50 + 16 * $(grown stalls))) "interrupts"

	mark "$1"
	reader "/dev/$1" 200
	is "$(grown reaped_irq)" -ge 200 "requests reaped by interrupts"
	# One may find what is done while its handler still wakes the reader.
	is "$(grown interrupts)" -ge 100 "interrupts of plain requests"
	all_accounted "$1"
}

# other_requests DISK: those without data, or with other data than a disk's.
other_requests()
{
	local vblk before
	vblk=vblk$(number "$1")
	of_disk "$1" serial "$vblk"

	before=$(statistic flush_operations "$vblk")
	tr '\0' '\1' </dev/zero | dd "of=/dev/$1" bs=1M count=8 iflag=fullblock \
		oflag=direct conv=fsync status=none
	is "$(statistic flush_operations "$vblk")" -gt "$before" "flushes"

	before=$(statistic discard-bytes-ok "$vblk")
	blkdiscard -f -o $mib -l $((2 * mib)) "/dev/$1"
	same $(($(statistic discard-bytes-ok "$vblk") - before)) $((2 * mib)) "bytes discarded"

	blkdiscard -f -z -o $((4 * mib)) -l $((2 * mib)) "/dev/$1"
	dd "if=/dev/$1" bs=1M skip=4 count=2 iflag=direct status=none | cmp -n $((2 * mib)) - /dev/zero
	dd "if=/dev/$1" bs=1M skip=6 count=1 iflag=direct status=none | tr -d '\1' | cmp - /dev/null
}

# comes_back DISK: after its driver left it
comes_back()
{
	local device driver=/sys/bus/virtio/drivers/virtio_blk
	device=$(device "$1")
	echo "$device" >$driver/unbind
	[ ! -e "/sys/block/$1" ] || fail "$1 is still there"
	echo "$device" >$driver/bind
	wait_for 10 test -b "/dev/$1"
	same "$(device "$1")" "$device"
	of_disk "$1" queue/io_poll 1
	reader "/dev/$1" 20
	poller -n 20 "/dev/$1" 4
	all_accounted "$1"
}

# carries DISK WHAT: all of that, a test each.
carries()
{
	check "$2: config space, both ways" from_config "$1"
	check "$2: verified data, and polling without interrupts" data "$1"
	check "$2: serial number, flush, discard, write zeroes" other_requests "$1"
	check "$2: unbound and bound again" comes_back "$1"
}
