#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What a disk looks like: names, numbers, serial, size, block sizes and limits,
# and where that may differ from the stock driver. The disks are those of
# suites.sh.
set -eu
# shellcheck source=selftests/guest/lib.sh
. /vblk/selftests/guest/lib.sh

# Attributes of a disk that differ from the stock driver's, on purpose:
#  io_poll, io_poll_delay	every disk polls
#  io_timeout			what is late is asked after
#  mq/				two contexts a queue
#  sync_poll_us, sync_poll_rt	synchronous I/O may poll, too
#  max_segments of vdd		a chain is never longer than the ring
# Those contexts also make the default scheduler another one (see schedulers), and
# with it queue/iosched/, nr_requests and async_depth. So they are compared under
# one scheduler.
deliberate='^[^ ]*/(queue/(io_poll|io_poll_delay|io_timeout)|mq/.*|sync_poll_(us|rt)) |^vdd/queue/max_segments '
#  nr_requests of vdd		it goes by the ring of 16 that vdd has
! kernel shares_depth || deliberate+='|^vdd/queue/nr_requests '

# attributes: of all disks, "DISK/PATH VALUE" a line.
attributes()
{
	local disk
	for disk in /sys/block/vd*; do
		cd -P "$disk"
		echo none >queue/scheduler
		find . -type f -readable ! -path './power/*' ! -path './trace/*' \
			! -path './integrity/*' ! -name stat ! -name inflight \
			! -name uevent ! -name diskseq ! -name 'events*' \
			-exec grep -sH '' {} + |
			sed "s|^\./|${disk##*/}/|; s/:/ /" | sort
		grep -v ^DISKSEQ uevent
	done
	stat -c '%T %n' /dev/vd*
}

same_as_stock()
{
	attributes | grep -vE "$deliberate" >/tmp/ours
	vblk-unload
	vblk-load stock
	attributes | grep -vE "$deliberate" >/tmp/stock
	vblk-unload
	vblk-load ours
	diff /tmp/stock /tmp/ours || fail "ours differ (>) from stock's (<)"
	is "$(wc -l </tmp/ours)" -ge 200 "attributes compared"
}

# default_scheduler DISK
default_scheduler()
{
	sed 's/.*\[\(.*\)\].*/\1/' "/sys/block/$1/queue/scheduler"
}

# The one of a disk with several contexts, although it has one queue.
schedulers()
{
	local disk
	vblk-unload
	vblk-load stock
	same "$(default_scheduler vda)" mq-deadline "stock's scheduler"
	vblk-unload
	vblk-load ours
	for disk in vda vdb vdc vdd vde vdf vdg vdh; do
		same "$(default_scheduler $disk)" none "scheduler of $disk"
	done
}

serial()
{
	same "$(cat "/sys/block/$1/serial")" "$2" "serial"
}

# le32 VALUE: four bytes, as escapes of printf
le32()
{
	printf '\\x%02x' $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24))
}

# table [TYPE START SECTORS]...: a sector with a partition table of up to four
table()
{
	local entries=""
	while [ $# -gt 0 ]; do
		entries+="\\0\\0\\0\\0$(printf '\\x%02x' "$1")\\0\\0\\0$(le32 "$2")$(le32 "$3")"
		shift 3
	done
	{
		head -c 446 /dev/zero
		printf %b "$entries"
		head -c 64 /dev/zero
	} | head -c 510
	printf '\x55\xaa'
}

# fifteen_partitions: three, and eleven in the fourth, which counts, too
fifteen_partitions()
{
	local n
	table 131 2048 2048 131 4096 2048 131 6144 2048 5 8192 $((11 * 2048))
	head -c $((8191 * 512)) /dev/zero
	for n in $(seq 0 10); do
		# Its own sectors are counted from here, the next one from the first.
		if [ "$n" -lt 10 ]; then
			table 131 1 1024 5 $(((n + 1) * 2048)) 2048
		else
			table 131 1 1024
		fi
		head -c $((2047 * 512)) /dev/zero
	done
}

minors()
{
	local disk n=0 part
	for disk in vda vdb vdc; do
		same "$(cut -d: -f2 /sys/block/$disk/dev)" $((16 * n)) "minor of $disk"
		n=$((n + 1))
	done
	fifteen_partitions | dd of=/dev/vdb bs=1M oflag=direct iflag=fullblock status=none
	blockdev --rereadpt /dev/vdb
	for part in $(seq 15); do
		same "$(cut -d: -f2 "/sys/block/vdb/vdb$part/dev")" $((16 + part)) \
			"minor of vdb$part"
	done
	same "$(cat /sys/block/vdb/vdb15/start /sys/block/vdb/vdb15/size | xargs)" "28673 1024"
	reader /dev/vdb15 20
	dd if=/dev/zero of=/dev/vdb bs=512 count=1 oflag=direct status=none
	blockdev --rereadpt /dev/vdb
	! ls -d /sys/block/vdb/vdb* 2>/dev/null || fail "partitions are left"
}

# The table that a disk has is read when it appears.
partition_table()
{
	table 131 2048 2048 | dd of=/dev/vda bs=512 oflag=direct iflag=fullblock status=none
	vblk-unload
	vblk-load ours
	same "$(cat /sys/block/vda/vda1/start /sys/block/vda/vda1/size | xargs)" "2048 2048"
	[ -b /dev/vda1 ] || fail "no /dev/vda1"
}

blocks()
{
	same "$(cat "/sys/block/$1/queue/$2")" "$3" "$2"
}

block_sizes()
{
	blocks vda logical_block_size 512
	blocks vde logical_block_size 4096
	blocks vde physical_block_size 4096
	refused dd if=/dev/vde of=/dev/null bs=512 count=1 iflag=direct
	reader /dev/vde 20
	blocks vdf logical_block_size 512
	blocks vdf physical_block_size 8192
	blocks vdf minimum_io_size 16384
	blocks vdf optimal_io_size 65536
	# A ring of 16 takes no more, although this device speaks of 126.
	blocks vdd max_segments 14
}

read_only()
{
	same "$(cat /sys/block/vdg/ro)" 1 "ro"
	same "$(cat /sys/block/vda/ro)" 0 "ro"
	reader /dev/vdg 20
	refused dd if=/dev/zero of=/dev/vdg bs=4k count=1 oflag=direct
}

write_cache()
{
	blocks vda write_cache "write back"
	blocks vdc write_cache "write through"
}

size()
{
	[ "$(cat "/sys/block/$1/size")" = "$2" ]
}

empty()
{
	size vdh 0 || fail "vdh is not empty"
	dd if=/dev/vdh of=/tmp/empty bs=4k count=1 iflag=direct status=none
	same "$(stat -c %s /tmp/empty)" 0 "bytes read"
	refused dd if=/dev/zero of=/dev/vdh bs=4k count=1 oflag=direct
}

resize()
{
	size vda $((64 * 2048)) || fail "not 64 MiB to begin with"
	qmp block_resize '{"node-name": "disk0", "size": 100663296}'
	wait_for 10 size vda $((96 * 2048))
	# to its new end, and not beyond it
	dd if=/dev/zero of=/dev/vda bs=1M seek=95 count=1 oflag=direct status=none
	refused dd if=/dev/zero of=/dev/vda bs=1M seek=96 count=1 oflag=direct
	qmp block_resize '{"node-name": "disk0", "size": 0}'
	wait_for 10 size vda 0
	# it may be empty when it appears, too, and grow then
	vblk-unload
	vblk-load ours
	size vda 0 || fail "vda is not empty"
	qmp block_resize '{"node-name": "disk0", "size": 67108864}'
	wait_for 10 size vda $((64 * 2048))
	reader /dev/vda 20
	poller -n 20 /dev/vda 4
	all_accounted vda
	dmesg | grep '\[vda\] capacity changed from 0 to 131072'
}

# The log names every disk once, with what it is.
log()
{
	local disk
	for disk in vda vdb vdc vdd vde vdf vdg vdh; do
		dmesg | grep "virtio_blk virtio[0-9]*: \[$disk\]" || fail "$disk is not in the log"
	done
}

check "the log names the disks" log
check "minors are 16 apart, and there are 15 partitions" minors
check "a partition table is read" partition_table
check "serial: of 5" serial vda vblk0
check "serial: of 19" serial vdb abcdefghijklmnopqrs
check "serial: of 20, without a terminator" serial vdc abcdefghijklmnopqrst
check "serial: of 21, which the device cuts" serial vdd abcdefghijklmnopqrst
check "serial: none" serial vde ""
check "block sizes and topology" block_sizes
check "a read-only disk" read_only
check "write cache" write_cache
check "a disk of size 0" empty
check "the default scheduler is none" schedulers
check "attributes are the stock driver's" same_as_stock
check "size changes, to 0 and from it" resize
finish
