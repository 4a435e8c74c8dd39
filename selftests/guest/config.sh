#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Config space, status and rings of mock devices that lie: each lie is one line
# in the log and no disk, or a disk without what was lied about. Whatever it
# was, the device can be used again when it has come to its senses.
set -eu
# shellcheck source=selftests/guest/lib.sh
. /vblk/selftests/guest/lib.sh
# shellcheck source=selftests/guest/mock/lib.sh
. /vblk/selftests/guest/mock/lib.sh

# without PATTERN FILE VALUE FEATURE... -- KEY=VALUE...: a disk, and a limit of
# its queue that was not believed
without()
{
	local pattern=$1 file=$2 value=$3 vdx
	shift 3
	add_liar "$@"
	vdx=$(disk liar)
	[ "$vdx" ] || fail "no disk"
	if [ "$pattern" ]; then
		complained "$pattern"
	else
		same "$(complaints)" ""
	fi
	same "$(limit "$vdx" "$file")" "$value" "$file"
	reader "/dev/$vdx" 4
	lawful liar
	remove liar
}

writeback()
{
	local vdx byte
	for byte in 2 3 127 128 255; do
		add cache features="$(features CONFIG_WCE)" writeback=$byte
		vdx=$(disk cache)
		same "$(cat "/sys/block/$vdx/cache_type")" "write back" "byte $byte"
		same "$(limit "$vdx" write_cache)" "write back" "byte $byte"
		change cache writeback=0 notify
		same "$(cat "/sys/block/$vdx/cache_type")" "write through"
		echo "write back" >"/sys/block/$vdx/cache_type"
		same "$(seen cache writeback)" 1
		lawful cache
		remove cache
	done
}

# capacity_is DISK SECTORS
capacity_is()
{
	[ "$(cat "/sys/block/$1/size")" = "$2" ]
}

has_complained()
{
	[ "$(complaints)" ]
}

capacity_later()
{
	local vdx beyond=$((1 << 54))
	add liar
	vdx=$(disk liar)
	change liar capacity=$beyond notify
	wait_for 10 has_complained
	complained "new capacity of $beyond sectors ignored: .*63 bits"
	capacity_is "$vdx" 32768 || fail "the capacity was taken"
	change liar capacity=16384 notify
	wait_for 10 capacity_is "$vdx" 16384
	change liar capacity=32768 notify
	wait_for 10 capacity_is "$vdx" 32768
	lawful liar
	remove liar
}

# Up and down under load: what is beyond the end fails, and the rest goes on. What was
# within it when it was submitted may get there later.
capacity_storm()
{
	local vdx i load before
	add liar
	vdx=$(disk liar)
	mark "$vdx"
	fio --name=storm --output=/tmp/fio --ioengine=io_uring "--filename=/dev/$vdx" \
		--rw=randread --direct=1 --bs=4k --iodepth=8 --size=16M --time_based \
		--runtime=$((200 * slower)) --continue_on_error=io --thread &
	load=$!
	wait_for 20 grown_beyond plain 50
	before=$(grown plain)
	for ((i = 0; i < 200; i++)); do
		change liar capacity=$((i % 2 ? 32768 : 8)) notify
	done
	until grown_beyond plain $((before + 200)); do
		change liar capacity=8 notify
		change liar capacity=32768 notify
		kill -0 $load 2>/dev/null || fail "the load ended: $(cat /tmp/fio)"
	done
	kill -TERM $load
	wait $load || true
	grep -q 'errors *: total=[1-9]' /tmp/fio || fail "nothing beyond the end failed: $(cat /tmp/fio)"
	change liar capacity=32768 notify
	wait_for 10 capacity_is "$vdx" 32768
	reader "/dev/$vdx" 4
	all_accounted "$vdx"
	remove liar
}

# A capacity that changes while it is read: the generation tells (C7).
torn()
{
	add torn tear=3
	same "$(cat "/sys/block/$(disk torn)/size")" 32768 "capacity"
	lawful torn
	remove torn
}

reset_late()
{
	local vdx
	add slow reset_late=300
	vdx=$(disk slow)
	reader "/dev/$vdx" 4
	seen slow device >/sys/bus/virtio/drivers/virtio_blk/unbind
	rebind slow
	[ "$(disk slow)" ] || fail "no disk"
	lawful slow
	remove slow
}

bad_status()
{
	local vdx status
	add bad
	vdx=$(disk bad)
	for status in 1 2 3 6 127 255; do
		change bad fail_type=0 fail_status=$status
		refused reader "/dev/$vdx" 1
		refused poller -n 1 "/dev/$vdx" 1
	done
	change bad fail_status=0 lie=no-status
	refused reader "/dev/$vdx" 1
	refused poller -n 1 "/dev/$vdx" 1
	change bad lie=none
	reader "/dev/$vdx" 1
	all_accounted "$vdx"
	remove bad
}

# queues_of DISK: the stock driver's are all contexts, and no more.
queues_of()
{
	if [ "$VBLK_DRIVER" = stock ]; then
		find "/sys/block/$1/mq" -mindepth 1 -maxdepth 1 | wc -l
	else
		wc -l <"$counters/$1"
	fi
}

queues()
{
	local vdx
	add many num_queues=65535
	vdx=$(disk many)
	same "$(queues_of "$vdx")" "$VBLK_CPUS" "queues"
	lawful many
	remove many
}

check "capacity beyond 63 bits" \
	no_disk "no disk: the capacity in bytes exceeds 63 bits" capacity=32768 \
	-- capacity=$((1 << 54))
check "capacity of all ones" \
	no_disk "no disk: the capacity" capacity=32768 -- capacity=0xffffffffffffffff
for size in 0 3 256 1000 8192 0xffffffff; do
	check "blk_size $size" no_disk "no disk: blk_size is no power of two" \
		blk_size=512 -- blk_size=$size
done
check "seg_max 0" no_disk "no disk: seg_max is 0" seg_max=126 -- seg_max=0
check "seg_max of all ones: bounded by the ring" \
	without "" max_segments 126 -- seg_max=0xffffffff
check "size_max 0: none" without "" max_segment_size 4294967295 SIZE_MAX -- size_max=0
for size in 1 4095; do
	check "size_max $size" no_disk "no disk: size_max is below the page size" \
		size_max=65536 SIZE_MAX -- size_max=$size
done
check "num_queues 0" no_disk "no disk: num_queues is 0" num_queues=1 -- num_queues=0
check "num_queues 65535: as many as CPUs" queues
check "num_queues of queues that are not there" \
	no_disk "queues could not be set up" "num_queues=1" -- num_queues=2 vqs=1
check "a ring of two" no_disk "a ring of 2 cannot hold" "ring=128" -- ring=2
check "physical_block_exp 200" without physical_block_exp physical_block_size 512 \
	TOPOLOGY -- physical_block_exp=200
check "alignment_offset beyond a physical block" without alignment_offset \
	physical_block_size 4096 TOPOLOGY -- physical_block_exp=3 alignment_offset=8
check "min_io_size beyond 64 MiB" without min_io_size minimum_io_size 4096 \
	TOPOLOGY -- blk_size=4096 min_io_size=65535
check "opt_io_size of all ones" without opt_io_size optimal_io_size 0 \
	TOPOLOGY -- opt_io_size=0xffffffff
check "discard_sector_alignment that wraps" without discard_sector_alignment \
	discard_max_bytes 0 DISCARD -- discard_sector_alignment=0x800000 \
	max_discard_sectors=1024 max_discard_seg=1
check "discard_sector_alignment of no whole blocks" without discard_sector_alignment \
	discard_max_bytes 0 DISCARD -- blk_size=4096 discard_sector_alignment=9 \
	max_discard_sectors=1024 max_discard_seg=1
check "max_discard_seg 0: one" without "" max_discard_segments 1 DISCARD -- \
	discard_sector_alignment=1 max_discard_sectors=1024 max_discard_seg=0
check "secure erase without a limit" without "secure_erase limits" discard_max_bytes 0 \
	SECURE_ERASE -- max_secure_erase_sectors=0
check "secure_erase_sector_alignment that wraps" without "secure_erase limits" \
	discard_max_bytes 0 SECURE_ERASE -- max_secure_erase_sectors=1024 \
	secure_erase_sector_alignment=0x800000
check "secure_erase_sector_alignment beside that of discard" \
	without secure_erase_sector_alignment discard_granularity 4096 DISCARD SECURE_ERASE \
	-- max_secure_erase_sectors=1024 secure_erase_sector_alignment=12 \
	discard_sector_alignment=8 max_discard_sectors=1024 max_discard_seg=1
check "writeback of 2 to 255" writeback
check "capacity changed to more than 63 bits" capacity_later
check "capacity up and down under load" capacity_storm
check "capacity torn while it is read" torn
check "a reset that takes its time" reset_late
check "status: bad ones, and none" bad_status
finish
