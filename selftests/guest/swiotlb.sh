#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# All data goes through bounce buffers, as in a guest whose memory the host cannot
# read: they limit a segment's size, and there can be too few of them. The disks
# are those of suites.sh; vdc has none.
set -eu
# shellcheck source=selftests/guest/transport.sh
. /vblk/selftests/guest/transport.sh

events=/sys/kernel/tracing
largest=262144		# that a mapping can be

# traced DISK: buffers that were taken for it
traced()
{
	grep -c "dev_name: $(basename "$(readlink -f "/sys/block/$1/device/..")") " \
		$events/trace || true
}

# bounced DISK COMMAND...: the buffers that COMMAND took for DISK
bounced()
{
	local disk=$1 before
	shift
	before=$(traced "$disk")
	"$@" >/dev/null
	echo $(($(traced "$disk") - before))
}

# A request of 4 KiB has a header, data and a status. The event is turned on once:
# to patch the kernel takes a guest without KVM a second.
bounces()
{
	echo 1 >$events/events/swiotlb/swiotlb_bounced/enable
	is "$(bounced vda poller -n 100 /dev/vda 1)" -ge 300 "buffers of 100 polled requests"
	is "$(bounced vda reader /dev/vda 100)" -ge 300 "buffers of 100 plain requests"
	is "$(bounced vdb reader /dev/vdb 100)" -ge 300 "buffers with a packed ring"
	same "$(bounced vdc reader /dev/vdc 100)" 0 "buffers without the DMA API"
	echo 0 >$events/events/swiotlb/swiotlb_bounced/enable
}

used()
{
	cat /sys/kernel/debug/swiotlb/io_tlb_used
}

used_is()
{
	[ "$(used)" -le "$1" ]
}

limits()
{
	of_disk vda queue/max_segment_size $largest
	of_disk vdb queue/max_segment_size $largest
	of_disk vdc queue/max_segment_size 4294967295
}

# Memory of which a segment could be made that is too large.
huge_pages()
{
	local before
	before=$(used)
	echo 16 >/proc/sys/vm/nr_hugepages
	is "$(cat /proc/sys/vm/nr_hugepages)" -ge 4 "huge pages"
	mark "$1"
	plain "--filename=/dev/$1" --mem=shmhuge --rw=write --bs=1M --size=16M \
		--verify=crc32c --iodepth=1
	polled "--filename=/dev/$1" --mem=shmhuge --rw=write --bs=512k --size=16M \
		--verify=crc32c --iodepth=2
	all_accounted "$1"
	wait_for 10 used_is "$before"
}

# Twice as much at once as there are buffers; all is done all the same, and all
# buffers are given back. Not with a packed ring: there the virtio core answers EIO,
# and the device may then find a ring that makes no sense (stock's, too).
too_few()
{
	local before
	before=$(used)
	dmesg -C
	mark "$1"
	quiet_fio --ioengine=io_uring "--filename=/dev/$1" --rw=randwrite --bs=64k \
		--verify=crc32c --size=16M --iodepth=128 --iodepth_batch=128 \
		--name=plain --name=polled --stonewall --hipri=1 --offset=16M \
		--name=plain_beside --stonewall --offset=32M \
		--name=polled_beside --hipri=1 --offset=48M
	all_accounted "$1"
	dmesg | grep "swiotlb buffer is full"
	wait_for 10 used_is "$before"
}

check "a segment is no larger than a mapping" limits
check "data is bounced" bounces
check "huge pages" huge_pages vda
check "huge pages, packed ring" huge_pages vdb
check "more requests than buffers" too_few vda
carries vda "bounced"
carries vdb "bounced, packed ring"
finish
