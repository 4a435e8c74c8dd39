#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Host-managed zones: reports, operations, writes, appends whose place is told,
# what devices run out of, and devices that lie about any of it.
set -eu
# shellcheck source=selftests/guest/lib.sh
. /vblk/selftests/guest/lib.sh
# shellcheck source=selftests/guest/mock/lib.sh
. /vblk/selftests/guest/mock/lib.sh

if ! kernel zoned; then
	check "zones" skip "this kernel has no zoned virtio disks"
	finish
	exit
fi

# Zones of 2 MiB, the last one smaller; the first two are conventional.
zoned=(model=1 zone_sectors=4096 zone_cap=3072 conv_zones=2 capacity=63488
	size=32 max_append_sectors=256 write_granularity=4096 blk_size=4096)
sectors=4096
first=$((2 * sectors))	# of the first zone to be written in sequence

# add_zoned NAME KEY=VALUE...: sets vdx.
add_zoned()
{
	local name=$1
	shift
	add "$name" features="$(features ZONED DISCARD)" "${zoned[@]}" "$@"
	vdx=$(disk "$name")
	[ "$vdx" ] || fail "no disk"
}

# as_reported NAME: each zone's line, from the ioctl, is what the device has.
as_reported()
{
	local n=0 start len cap wp type state
	blkzone report "/dev/$vdx" | sed -E 's/^ *start: (0x[0-9a-f]+), len (0x[0-9a-f]+), cap (0x[0-9a-f]+), wptr (0x[0-9a-f]+) .*zcond: *([0-9]+)\(.*type: ([0-9]+).*/\1 \2 \3 \4 \6 \5/' |
	while read -r start len cap wp type state; do
		echo $n $((start)) $((len)) $((cap)) $((wp)) "$type" "$state"
		n=$((n + 1))
	done >/tmp/reported
	# The write pointer of a full zone, and of a conventional one, says nothing.
	awk '$6 == 1 || $7 == 14 { $5 = "-" } { print }' "$mocks/$1/zones" >/tmp/expected
	awk '$6 == 1 || $7 == 14 { $5 = "-" } { print }' /tmp/reported >/tmp/found
	diff /tmp/expected /tmp/found
}

# zone_is NAME ZONE STATE WP: in the device
zone_is()
{
	same "$(awk -v n="$2" '$1 == n { print $7, $5 }' "$mocks/$1/zones")" "$3 $4" \
		"state and write pointer of zone $2"
}

limits()
{
	add_zoned zones max_open_zones=6 max_active_zones=8
	same "$(limit "$vdx" zoned)" host-managed
	same "$(limit "$vdx" chunk_sectors)" $sectors
	same "$(limit "$vdx" nr_zones)" 16
	same "$(limit "$vdx" zone_append_max_bytes)" $((256 * 512))
	same "$(limit "$vdx" zone_write_granularity)" 4096
	same "$(limit "$vdx" max_open_zones)" 6
	same "$(limit "$vdx" max_active_zones)" 8
	# Discard is not for these (5.2.5).
	same "$(seen zones driver_features)" "$(printf %#x "$(features ZONED)")" "features"
	lawful zones
	remove zones
}

operations()
{
	local length=$((sectors * 4))
	add_zoned zones
	as_reported zones
	dd if=/dev/zero of="/dev/$vdx" bs=64k count=3 seek=$((first / 128)) oflag=direct status=none
	zone_is zones 2 2 384
	blkzone open -o $((first + sectors)) -l $sectors "/dev/$vdx"
	zone_is zones 3 3 0
	blkzone close -o $first -l $sectors "/dev/$vdx"
	zone_is zones 2 4 384
	blkzone finish -o $((first + 2 * sectors)) -l $sectors "/dev/$vdx"
	zone_is zones 4 14 3072
	as_reported zones
	same "$(seen zones type18) $(seen zones type20) $(seen zones type22)" "1 1 1" \
		"opened, closed, finished"
	blkzone reset -o $first -l $length "/dev/$vdx"
	zone_is zones 2 1 0
	zone_is zones 4 1 0
	same "$(seen zones type24)" 4 "resets"
	as_reported zones
	lawful zones
	remove zones
}

# Of the whole disk: one request where no zone is conventional.
reset_all()
{
	add_zoned zones conv_zones=0
	dd if=/dev/zero of="/dev/$vdx" bs=64k count=3 oflag=direct status=none
	blkzone finish -o $sectors -l $sectors "/dev/$vdx"
	blkzone reset "/dev/$vdx"
	same "$(seen zones type26)" 1 "resets of all zones"
	same "$(seen zones type24)" 0 "resets of one"
	zone_is zones 0 1 0
	zone_is zones 1 1 0
	as_reported zones
	lawful zones
	remove zones
}

# In order only; the zone's end is that of its capacity.
writes()
{
	add_zoned zones
	refused dd if=/dev/zero of="/dev/$vdx" bs=4k count=1 seek=$((first / 8 + 1)) oflag=direct
	# After a failure the kernel wants to hear where the zone stands.
	as_reported zones
	dd if=/dev/zero of="/dev/$vdx" bs=512k count=3 seek=$((first / 1024)) oflag=direct status=none
	zone_is zones 2 14 3072
	refused dd if=/dev/zero of="/dev/$vdx" bs=4k count=1 seek=$((first / 8)) oflag=direct
	refused dd if=/dev/zero of="/dev/$vdx" bs=4k count=1 seek=$(((first + 3072) / 8)) oflag=direct
	dd if=/dev/zero of="/dev/$vdx" bs=4k count=1 seek=7 oflag=direct status=none
	lawful zones
	remove zones
}

# verified plain|polled: fio knows zones.
verified()
{
	add_zoned zones
	"$1" "--filename=/dev/$vdx" --zonemode=zbd --offset=$((first * 512)) --size=8M \
		--rw=write --bs=16k --iodepth=8 --verify=crc32c --max_open_zones=4
	all_accounted "$vdx"
	as_reported zones
	lawful zones
	remove zones
}

# call WORDS...: prints the answer
call()
{
	echo "$*" >$mocks/call && cat $mocks/call
}

# Where the data went is told, and is there.
appends()
{
	local i
	add_zoned zones
	for i in 0 1 2 3 4 5; do
		same "$(call append "/dev/$vdx" $first 16 "$1")" $((first + i * 16)) "sector"
	done
	same "$(seen zones type15)" 6 "appends"
	zone_is zones 2 2 96
	same "$(dd if="/dev/$vdx" bs=4k skip=$((first / 8)) count=13 iflag=direct status=none |
		LC_ALL=C tr -d '\245' | wc -c)" 4096 "bytes that were not written"
	# After the kernel was told where the first went, it knows where to go on.
	dd if=/dev/zero of="/dev/$vdx" bs=4k count=1 seek=$(((first + 96) / 8)) oflag=direct status=none
	refused call append "/dev/$vdx" 0 16 "$1"
	refused call append "/dev/$vdx" $((first + 8)) 16 "$1"
	if [ "$1" = polled ]; then
		is "$(counter "$vdx" polled)" -ge 6 "polled requests"
	fi
	all_accounted "$vdx"
	lawful zones
	remove zones
}

append_lies()
{
	local lie
	add_zoned liar
	for lie in before after across wrap; do
		dmesg --clear
		change liar lie=append-$lie
		refused call append "/dev/$vdx" $first 16 plain
		complained "an append to the zone at sector $first cannot have gone to sector [0-9]*"
		refused call append "/dev/$vdx" $first 16 polled
	done
	change liar lie=none
	call append "/dev/$vdx" $((first + sectors)) 16 polled
	all_accounted "$vdx"
	lawful liar
	remove liar
}

# Each status has its own error, and no line in the log of the driver.
resources()
{
	local i
	add_zoned zones max_open_zones=2 max_active_zones=3
	for i in 2 3; do
		blkzone open -o $((i * sectors)) -l $sectors "/dev/$vdx"
	done
	refused blkzone open -o $((4 * sectors)) -l $sectors "/dev/$vdx" |
		grep -q "Too many references" || fail "not the error for too many open zones"
	for i in 2 3 4; do
		blkzone close -o $((2 * sectors)) -l $((2 * sectors)) "/dev/$vdx" || true
		dd if=/dev/zero of="/dev/$vdx" bs=4k count=1 seek=$((i * sectors / 8)) \
			oflag=direct status=none
	done
	refused blkzone open -o $((5 * sectors)) -l $sectors "/dev/$vdx" |
		grep -q "Value too large" || fail "not the error for too many active zones"
	same "$(complaints)" ""
	lawful zones
	remove zones
}

# bad_report LIE PATTERN: neither at probe nor later
bad_report()
{
	no_disk "$2" lie=none ZONED -- "${zoned[@]}" lie="$1" lie_zone=3
	add_zoned liar lie_zone=3
	change liar lie="$1"
	refused blkzone report "/dev/$vdx"
	complained "$2"
	change liar lie=none
	as_reported liar
	lawful liar
	remove liar
}

# One zone at a time is slow and lawful; more than there is room for is not read.
odd_report()
{
	add_zoned odd lie="$1"
	as_reported odd
	same "$(complaints)" ""
	lawful odd
	remove odd
}

# The report is larger than any request: 65536 zones.
many_zones()
{
	add_zoned many size=64 capacity=131072 zone_sectors=2 zone_cap=0 blk_size=512 \
		write_granularity=512 max_append_sectors=2 ring=2048 seg_max=2046
	same "$(limit "$vdx" nr_zones)" 65536
	lawful many
	remove many
}

# Host-aware disks, and those with no zones, are plain ones (B5).
plain_models()
{
	local model
	for model in 0 2; do
		add_zoned plain model=$model discard_sector_alignment=8 max_discard_sectors=1024
		same "$(limit "$vdx" zoned)" none
		is "$(limit "$vdx" discard_max_bytes)" -gt 0 "discard"
		dd if=/dev/zero of="/dev/$vdx" bs=4k count=1 oflag=direct status=none
		lawful plain
		remove plain
	done
}

# A legacy device's zones are left alone: 5.2.6 has their byte order as the guest's.
legacy()
{
	add_zoned old features=$(($(features ZONED DISCARD) & ~(1 << bits[VERSION_1])))
	same "$(limit "$vdx" zoned)" none
	remove old
}

# size_is SECTORS
size_is()
{
	[ "$(cat "/sys/block/$vdx/size")" = "$1" ]
}

# zones_are N
zones_are()
{
	[ "$(limit "$vdx" nr_zones)" = "$1" ]
}

# The disk changes its size, and its zones with it.
resize()
{
	add_zoned zones capacity=32768
	same "$(limit "$vdx" nr_zones)" 8
	dd if=/dev/zero of="/dev/$vdx" bs=64k count=3 seek=$((first / 128)) oflag=direct status=none
	change zones capacity=63488 notify
	wait_for 10 size_is 63488
	wait_for 10 zones_are 16
	dd if=/dev/zero of="/dev/$vdx" bs=64k count=3 seek=$((12 * sectors / 128)) oflag=direct status=none
	zone_is zones 12 2 384
	same "$(call append "/dev/$vdx" $((13 * sectors)) 16 polled)" $((13 * sectors))
	blkzone reset -o $((12 * sectors)) -l $sectors "/dev/$vdx"
	change zones capacity=16384 notify
	wait_for 10 size_is 16384
	wait_for 10 zones_are 4
	dd if=/dev/zero of="/dev/$vdx" bs=64k count=3 seek=$(((first + 384) / 128)) oflag=direct status=none
	lawful zones
	remove zones
}

# bad_config PATTERN KEY=VALUE
bad_config()
{
	local key=${2%%=*} setting good
	for setting in "${zoned[@]}"; do
		[ "${setting%%=*}" != "$key" ] || good=$setting
	done
	no_disk "$1" "$good" ZONED -- "${zoned[@]}" "$2"
}

check "limits, and no discard" limits
check "reports; open, close, finish and reset" operations
check "reset of all zones" reset_all
check "writes: in order only" writes
check "verified writes" verified plain
check "append: the sector is told" appends plain
check "append: the sector is told to pollers" appends polled
check "append: a sector that cannot be" append_lies
check "too many open or active zones" resources
check "many zones" many_zones
check "a report of a zone at a time" odd_report report-few
check "a report of more zones than there is room for" odd_report report-many
for lie in start:start cap-0:capacity cap:capacity "wp:write pointer" "wp-low:write pointer" \
	type:type state:state conv:state; do
	check "a zone's false ${lie#*:} (${lie%%:*})" bad_report "zone-${lie%%:*}" \
		"report on the zone at sector 12288 cannot be true: ${lie#*:}"
done
check "a report of no zone" bad_report report-empty "the device reports no zone from sector 0 on"
check "a change of size" resize
check "models without zones of ours" plain_models
check "zones of a legacy device" legacy
check "a model that is unknown" bad_config "no disk: the zone model is unknown" model=3
for size in 0 3000 4; do
	check "zone_sectors $size" bad_config "no disk: zone_sectors is no power of two" zone_sectors=$size
done
for size in 0 511 3072 0x80000000; do
	check "write_granularity $size" bad_config "no disk: write_granularity" write_granularity=$size
done
check "max_append_sectors 0" bad_config "no disk: max_append_sectors" max_append_sectors=0
finish
