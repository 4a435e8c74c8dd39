#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Discard, write zeroes, the cache type: what is asked for reaches the device,
# in pieces that it takes, and nothing beside it is touched. vda and vdb are
# memory of the host; vdb takes 1 MiB at a time and keeps its cache.
set -eu
# shellcheck source=selftests/guest/lib.sh
. /vblk/selftests/guest/lib.sh

mib=1048576

# allocated N: bytes that diskN has on the host.
allocated()
{
	qmp query-named-block-nodes | awk -v RS='[{]"iops_rd"' -v node="\"disk$1-file\"" '
		index($0, node) && sub(/.*"actual-size": /, "") { print $0 + 0 }'
}

# fill DISK: 16 MiB that are nowhere zero, a copy in /tmp/filled
fill()
{
	tr '\0' '\1' </dev/urandom | dd bs=1M count=16 iflag=fullblock of=/tmp/filled status=none
	dd if=/tmp/filled of="/dev/$1" bs=1M oflag=direct status=none
}

# erased DISK FROM BYTES: these are zeroes, and the rest is as it was filled.
erased()
{
	dd if=/dev/zero of=/tmp/filled bs=4k seek=$(($2 / 4096)) count=$(($3 / 4096)) \
		conv=notrunc status=none
	dd if="/dev/$1" of=/tmp/found bs=1M count=16 iflag=direct status=none
	cmp /tmp/filled /tmp/found
}

discard()
{
	local before
	fill vda
	before=$(statistic discard-bytes-ok vblk0)
	blkdiscard -f -o $mib -l $((8 * mib)) /dev/vda
	same $(($(statistic discard-bytes-ok vblk0) - before)) $((8 * mib)) "bytes discarded"
	erased vda $mib $((8 * mib))
	is "$(allocated 0)" -le $((8 * mib)) "bytes left on the host"
}

discard_in_pieces()
{
	local before
	fill vdb
	before=$(statistic discard-nb-ok vblk1)
	same "$(cat /sys/block/vdb/queue/discard_max_bytes)" $mib "largest discard"
	blkdiscard -f -o $mib -l $((8 * mib)) /dev/vdb
	same $(($(statistic discard-nb-ok vblk1) - before)) 8 "discards"
	erased vdb $mib $((8 * mib))
}

# With the blocks kept, and given back. As data it would be several writes.
zeroes()
{
	local before kept
	fill vda
	before=$(statistic wr_operations vblk0)
	blkdiscard -f -z -o $((2 * mib)) -l $((4 * mib)) /dev/vda
	same $(($(statistic wr_operations vblk0) - before)) 1 "requests that write"
	erased vda $((2 * mib)) $((4 * mib))
	kept=$(allocated 0)
	fallocate -p -o $((8 * mib)) -l $((4 * mib)) /dev/vda
	erased vda $((8 * mib)) $((4 * mib))
	is "$(allocated 0)" -le $((kept - 4 * mib)) "bytes left on the host"
}

zeroes_in_pieces()
{
	local before
	fill vdb
	same "$(cat /sys/block/vdb/queue/write_zeroes_max_bytes)" $mib "most zeroes at once"
	before=$(statistic wr_operations vblk1)
	blkdiscard -f -z -o $mib -l $((8 * mib)) /dev/vdb
	same $(($(statistic wr_operations vblk1) - before)) 8 "requests that write"
	erased vdb $mib $((8 * mib))
}

# Discards on all sides of verified writes
discards_beside_writes()
{
	plain --filename=/dev/vda --offset=0 --size=16M --rw=randwrite --bs=4k \
		--iodepth=16 --verify=crc32c &
	while [ -d /proc/$! ]; do
		blkdiscard -f -o $((32 * mib)) -l $((16 * mib)) /dev/vda
	done
	wait $!
	all_accounted vda
}

no_secure_erase()
{
	refused blkdiscard -s /dev/vda
}

cache()
{
	local attributes=/sys/block/vda before
	same "$(cat $attributes/cache_type)" "write back"

	# What was written before the switch is durable after it.
	dd if=/dev/zero of=/dev/vda bs=4k count=16 oflag=direct status=none
	before=$(statistic flush_operations vblk0)
	echo "write through" >$attributes/cache_type
	same "$(cat $attributes/cache_type)" "write through"
	same "$(cat $attributes/queue/write_cache)" "write through"
	is "$(statistic flush_operations vblk0)" -gt "$before" "flushes by the switch"

	before=$(statistic flush_operations vblk0)
	dd if=/dev/zero of=/dev/vda bs=4k count=16 oflag=direct conv=fsync status=none
	echo "write back" >$attributes/cache_type
	same "$(cat $attributes/queue/write_cache)" "write back"
	dd if=/dev/zero of=/dev/vda bs=4k count=16 oflag=direct conv=fsync status=none
	is "$(statistic flush_operations vblk0)" -gt "$before" "flushes after the switch back"
}

cache_under_load()
{
	plain --filename=/dev/vda --rw=randwrite --bs=4k --iodepth=8 --fsync=8 \
		--size=4M --loops=2 --verify=crc32c &
	while [ -d /proc/$! ]; do
		echo "write through" >/sys/block/vda/cache_type
		echo "write back" >/sys/block/vda/cache_type
	done
	wait $!
	all_accounted vda
}

cache_refusals()
{
	refused sh -c 'echo "write around" >/sys/block/vda/cache_type'
	same "$(cat /sys/block/vda/cache_type)" "write back"
	same "$(stat -c %a /sys/block/vda/cache_type)" 644 "permissions"
	same "$(stat -c %a /sys/block/vdb/cache_type)" 444 "permissions without a choice"
}

check "discard" discard
check "discard: in pieces that the device takes" discard_in_pieces
check "write zeroes: blocks kept, and given back" zeroes
check "write zeroes: in pieces that the device takes" zeroes_in_pieces
check "discards beside verified writes" discards_beside_writes
check "secure erase: not where the device has none" no_secure_erase
check "cache type: switched, and nothing lost on the way" cache
check "cache type: switched under load" cache_under_load
check "cache type: what is refused" cache_refusals
finish
