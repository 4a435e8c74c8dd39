#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A kind of fault a test: what the driver promised when a device does that. The
# kinds are those of Documentation/vblkdev.md.
set -eu
# shellcheck source=selftests/hostile/lib.sh
. /vblk/selftests/hostile/lib.sh

# A driver with a timeout is told to be quick about it.
short_timeout()
{
	[ ! -w "/sys/block/$disk/queue/io_timeout" ] ||
		{ echo 1000 >"/sys/block/$disk/queue/io_timeout"; } 2>/dev/null || true
}

# Where the administrator wants errors rather than to wait
fail_after()
{
	local parameter=/sys/module/virtio_blk/parameters/fail_after
	[ ! -e $parameter ] || echo "$1" >$parameter
}

# --- It works all the same ------------------------------------------------

# unharmed SPEC: reads and writes go on, with the right data
unharmed()
{
	plug
	control fault "$1"
	expect ok read_all
	expect ok polled --filename="/dev/$disk" --rw=randrw --bs=4k --iodepth=16 \
		--offset=1m --size=512k --verify=crc32c
	expect ok plain --filename="/dev/$disk" --rw=randrw --bs=4k --iodepth=16 \
		--offset=1m --size=512k --verify=crc32c
	hit "${1%%[=@%,]*}"
	control clear
	expect ok read_all
}

# Of before the probe, too
unharmed_early()
{
	control fault "$1"
	plug
	expect ok read_all
	hit "$1"
}

# --- The request fails ----------------------------------------------------

# fails SPEC: that block alone, plain and polled
fails()
{
	plug
	control fault "$1,sector=80"
	expect error read_block 10
	expect error polled_read 10
	is "$(device_count "${1%%[=@%,]*}")" -ge 2 "times that it happened"
	expect ok read_block 9
	expect ok read_block 11
	expect ok polled_read 11
	control clear
	expect ok read_block 10
}

# --- The ring breaks ------------------------------------------------------

# packed FUNCTION [ARG...]: that test on a packed ring
packed()
{
	packed=1
	"$@"
}

# ring_breaks SPEC [SECONDS]: the request ends, in whatever way but with wrong data, and
# so does what comes after it; also when both queues are full of plain and polled ones,
# where the administrator wants errors after SECONDS
ring_breaks()
{
	local attempt
	queues=2
	plug
	short_timeout
	control fault "$1@1"
	expect "ok error" read_block 10
	hit "${1%%[=@%,]*}"
	expect ok read_block 11
	expect ok polled_read 12
	control clear

	for attempt in 1 2 3; do
		[ "$VBLK_DRIVER" = stock ] || mark "$disk"
		# So slow that all of them are in flight when it breaks, if the host lets them
		control fault late=200,count=64
		control fault "$1@24"
		fail_after "${2:-0}"
		expect "ok error" known_reads
		fail_after 0
		hit "${1%%[=@%,]*}"
		control clear
		[ "$VBLK_DRIVER" != stock ] || break
		echo "attempt $attempt: $(grown returned) requests taken back"
		[ "$(grown returned)" -lt 2 ] || break
	done
	[ "$VBLK_DRIVER" = stock ] || is "$(grown returned)" -ge 2 "requests taken back"
	expect ok read_all
}

swapped()
{
	plug
	short_timeout
	control fault "used-swapped@3"
	expect error known_read --iodepth=8
	hit used-swapped
	expect ok read_all
	expect ok known_read --iodepth=8
}

# --- Time -----------------------------------------------------------------

# late SPEC: the data comes, if later
late()
{
	plug
	control fault "$1"
	expect ok read_block 10
	expect ok polled_read 11
	hit "${1%%[=@%,]*}"
	control clear
	expect ok read_all
}

# never SPEC: the request ends all the same
never()
{
	plug
	short_timeout
	fail_after 2
	control fault "$1"
	expect "ok error" "${2:-read_block}" 10
	hit "${1%%[=@%,]*}"
	control clear
	fail_after 0
	expect ok read_block 11
}

busy()
{
	[ "$(counter "$disk" inflight_plain)" -ge 1 ]
}

# The last CPU that submits to a queue goes while the device has a request of it. The
# kernel waits for that with CPU hotplug locked, and recovery must not need the lock.
cpu_goes()
{
	local pid online=/sys/devices/system/cpu/cpu1/online
	[ "$VBLK_DRIVER" = ours ] || skip "with a device that does not answer, the CPU never goes"
	queues=2
	plug
	short_timeout
	fail_after 2
	control fault never,op=read
	taskset -c 1 dd if="/dev/$disk" of=/dev/null bs=4k count=1 iflag=direct &
	pid=$!
	wait_for 10 busy
	SECONDS=0
	echo 0 | tee $online >/dev/null
	is $SECONDS -le $((20 * slower)) "seconds to take the CPU offline"
	! wait $pid || fail "the read had no error"
	echo 1 >$online
	hit never
	control clear
	fail_after 0
	expect ok read_block 11
}

# Somebody resets it by the bus meanwhile: what it had is submitted once more.
reset_by_bus()
{
	local pid function
	kernel resets || skip "the core tells no driver of resets by the bus"
	plug
	[ "$VBLK_DRIVER" = stock ] || mark "$disk"
	control fault never@1
	read_block 10 &
	pid=$!
	wait_for 10 eval "! nothing_hangs"
	function=$(readlink -f "/sys/block/$disk/device/..")
	echo flr >"$function/reset_method"
	SECONDS=0
	outcome eval "echo 1 >$function/reset"
	same $outcome ok
	is $SECONDS -le $((10 * slower)) "seconds for the reset"
	wait $pid || fail "the read failed"
	hit never
	[ "$VBLK_DRIVER" = stock ] || is "$(grown returned)" -ge 1 "requests taken back"
	expect ok known_reads
}

# The interrupt that was lost announced what is in the ring
irq_lost()
{
	plug
	short_timeout
	control fault irq-lost@1
	expect ok read_block 10
	control fault irq-lost@1
	expect ok read_block 11
	hit irq-lost
	if [ "$VBLK_DRIVER" != stock ]; then
		is "$(counter "$disk" irqs_lost)" -ge 2 "lost interrupts that were counted"
		same "$(dmesg | grep -c "\[$disk\] .* no interrupt announced")" 1 \
			"lines in the log"
	fi
	expect ok read_all
}

kick_lost()
{
	plug
	short_timeout
	control fault kick-lost@1
	expect ok read_block 10
	hit kick-lost
	expect ok read_all
}

# named: in the log, with what one needs to find it on the host
named()
{
	plug
	short_timeout
	control fault late=4000,op=read
	expect ok read_block 10
	hit late
	[ "$VBLK_DRIVER" = stock ] ||
		dmesg | grep "\[$disk\] queue .*has had tag .*READ, sector 80, 8 sectors.* for [1-9]" ||
		fail "the log does not name it"
	control clear
	expect ok read_all
}

# The driver does not even want to be notified then; whatever it wants, it is not.
irq_lost_polled()
{
	local before after
	plug
	before=$(control stats)
	control fault irq-lost
	expect ok polled --filename="/dev/$disk" --rw=randread --bs=4k --iodepth=4 --size=512k
	after=$(control stats)
	same "$(device_count notified "$after")" "$(device_count notified "$before")" \
		"notifications"
	is $(($(device_count reads "$after") - $(device_count reads "$before"))) -ge 128 "reads"
}

# Data that did not come: nobody can know, and the rest of the disk is right
data_missing()
{
	plug
	control fault data-missing,sector=80
	expect ok dd "if=/dev/$disk" of=/dev/null bs=4k skip=10 count=1 iflag=direct
	hit data-missing
	expect ok read_block 9
	expect ok polled_read 11
	control clear
	expect ok read_all
}

# --- The connection -------------------------------------------------------

# QEMU connects again and hands on what was in flight: a pause, and nothing else
disconnected()
{
	# shellcheck disable=SC2034	# of device.sh
	reconnect=1
	plug
	control fault disconnect@20
	expect ok "$1" --filename="/dev/$disk" --rw=randrw --bs=4k --iodepth=16 \
		--offset=1m --size=512k --verify=crc32c
	hit disconnect
	expect ok read_all
}

# Nobody connects again. Whoever wants errors rather than to wait gets them, for
# what is in flight and for what comes later.
hung_up()
{
	plug
	short_timeout
	fail_after 1
	control fault disconnect@1,op=read
	expect error read_block 10
	hit disconnect
	expect error "$1" 11
	fail_after 0
}

# --- Capacity -------------------------------------------------------------

capacity_flips()
{
	local sectors
	# What is under way when the disk shrinks is beyond its end.
	excused=B7
	plug
	sectors=$(cat "/sys/block/$disk/size")
	control fault "capacity-flip%2"
	expect "ok error" plain --filename="/dev/$disk" --rw=randread --bs=4k --iodepth=8 \
		--size=32m --io_size=8m
	hit capacity-flip
	control clear
	control config "capacity=$sectors"
	wait_for 10 grep -qx "$sectors" "/sys/block/$disk/size"
	expect ok read_all
}

capacity_grows_beyond_belief()
{
	local sectors
	plug
	sectors=$(cat "/sys/block/$disk/size")
	log_from=$(dmesg | wc -l)
	control config capacity=0xffffffffffffffff
	wait_for 10 logged 'capacity'
	same "$(cat "/sys/block/$disk/size")" "$sectors" "size"
	expect ok read_all
}

# --- Config space ---------------------------------------------------------

logged()
{
	dmesg | tail -n +"$((log_from + 1))" | grep "virtio_blk.*$1"
}

# refused_config ASSIGNMENT PATTERN: no disk, and the log says why
refused_config()
{
	log_from=$(dmesg | wc -l)
	control config "$1"
	plug_device
	if ! (wait_for 20 logged "$2"); then
		! disk_came || fail "there is a disk, $disk"
		fail "no disk, and nothing in the log"
	fi
	sleep 0.2
	! disk_came || fail "there is a disk, $disk"
}

# believed ASSIGNMENT [ATTRIBUTE EXPECTED]: a disk that works
believed()
{
	control config "$1"
	plug
	expect ok read_all
	expect ok polled_read 10
	[ $# = 1 ] || same "$(cat "/sys/block/$disk/queue/$2")" "$3" "$2"
}

# Reading ahead is bounded by what the disk says of itself
read_ahead()
{
	believed opt_io_size=0xffffffff
	is "$(cat "/sys/block/$disk/queue/read_ahead_kb")" -le $((1 << 18)) "KiB read ahead"
}

writeback_byte()
{
	believed "writeback=$1"
	expect "ok error" cat "/sys/block/$disk/queue/write_cache"
	if [ -e "/sys/block/$disk/cache_type" ]; then
		expect "ok error" cat "/sys/block/$disk/cache_type"
	fi
}

# Discards, if the driver has them, must not hang or hit a WARN
discards()
{
	believed "$1"
	expect "ok error" blkdiscard -o $((2 << 20)) -l $((1 << 20)) "/dev/$disk"
	expect "ok error" blkdiscard -z -o $((2 << 20)) -l $((1 << 20)) "/dev/$disk"
	expect ok read_all
}

beyond_the_backend()
{
	control config capacity=$((256 * 2048))
	plug
	expect ok read_all
	expect error dd if="/dev/$disk" of=/dev/null bs=4k skip=$((100 * 256)) count=1 iflag=direct
}

empty_disk()
{
	control config capacity=0
	plug
	same "$(cat "/sys/block/$disk/size")" 0 "size"
	control config capacity=131072
	wait_for 10 grep -qx 131072 "/sys/block/$disk/size"
	expect ok read_all
}

hostile "a device without faults" make_pattern

hostile "used-len-zero: a length of 0 harms nothing" unharmed used-len-zero
hostile "used-len-huge: an absurd length harms nothing" unharmed used-len-huge
hostile "used-order: any order will do" unharmed used-order
hostile "header-scribble: the header is not looked at again" unharmed header-scribble
hostile "avail-scribble: the available ring is not looked at again" unharmed avail-scribble
if kernel rereads_descriptors; then
	hostile "desc-scribble: descriptors are not looked at again" \
		skip "this kernel's virtio core does"
else
	hostile "desc-scribble: descriptors are not looked at again" unharmed desc-scribble
fi
hostile "irq-spurious: a notification of nothing harms nothing" unharmed irq-spurious%20
hostile "irq-storm: nor do many" unharmed irq-storm=200%1
hostile "irq-unwanted: nor one that was suppressed" unharmed irq-unwanted
hostile "irq-early: nor one before the first request" unharmed_early irq-early
hostile "irq-late: a late notification is waited for" late irq-late=300000
hostile "irq-lost: a poller needs none" irq_lost_polled

hostile "status=1: an error" fails status=1
hostile "status=2: not supported is an error" fails status=2
hostile "status=3: an unknown status is an error" fails status=3
hostile "status=127: an unknown status is an error" fails status=127
hostile "status=255: an unknown status is an error" fails status=255
hostile "status-unwritten: no status is an error" fails status-unwritten
hostile "data-half: half of the data is an error" fails data-half
hostile "late: a late completion is waited for" late late=500,op=read
hostile "late: a very late one is named, and waited for" named
hostile "capacity-flip: sizes that come and go end well" capacity_flips
hostile "capacity: a change to an impossible size is not believed" capacity_grows_beyond_belief

hostile "used-id: an id beyond the ring ends what is in flight" ring_breaks used-id
hostile "used-id: so with a packed ring" packed ring_breaks used-id
hostile "used-id-wide: an id of 17 bits ends what is in flight" ring_breaks used-id-wide
hostile "used-id-free: an id not in flight ends what is" ring_breaks used-id-free
hostile "used-id-free: so with a packed ring" packed ring_breaks used-id-free
hostile "used-twice: nothing hangs" ring_breaks used-twice
hostile "used-twice: so with a packed ring" packed ring_breaks used-twice
hostile "used-idx-jump: nothing hangs" ring_breaks used-idx-jump
hostile "used-idx-jump: so with a packed ring" packed ring_breaks used-idx-jump
# What comes next is announced where the driver has been already: as if it never came.
hostile "used-idx-back: nothing hangs" ring_breaks used-idx-back 2
hostile "used-swapped: one of two fails, and no data is wrong" swapped
hostile "used-swapped: so with a packed ring" packed swapped
hostile "never: a request that never completes ends" never never,op=read
hostile "never: so does a polled one" never never,op=read polled_read
hostile "stop-after: a device that stops ends what is in flight" never stop-after=0
hostile "stop-after: so much of it" never stop-after=20 known_reads
hostile "never: meanwhile its CPU may go offline" cpu_goes
hostile "never: it may be reset by the bus" reset_by_bus
hostile "irq-lost: what a lost interrupt announced is found" irq_lost
hostile "kick-lost: what a lost kick announced is done" kick_lost

hostile "data-missing: nobody notices, and nothing else suffers" data_missing
hostile "disconnect: a pause, if QEMU connects again" disconnected plain
hostile "disconnect: so for who polls" disconnected polled
hostile "disconnect: for good, what is in flight fails, and a later read" hung_up read_block
hostile "disconnect: for good, and a later polled read" hung_up polled_read

hostile "blk_size=0: no disk" refused_config blk_size=0 blk_size
hostile "blk_size=3: no disk" refused_config blk_size=3 blk_size
hostile "blk_size=8192: no disk" refused_config blk_size=8192 blk_size
hostile "blk_size=2G: no disk" refused_config blk_size=0x80000000 blk_size
hostile "seg_max=0: no disk" refused_config seg_max=0 seg_max
hostile "seg_max=4G: not more than fits the ring" believed seg_max=0xffffffff max_segments 126
hostile "size_max=0: none" believed size_max=0 max_segment_size 4294967295
hostile "size_max=512: no disk" refused_config size_max=512 size_max
hostile "capacity=2^55: no disk" refused_config capacity=0x80000000000000 capacity
hostile "capacity=2^64-1: no disk" refused_config capacity=0xffffffffffffffff capacity
hostile "capacity=0: an empty disk, which may grow" empty_disk
hostile "capacity: what is beyond the device's end is an error" beyond_the_backend
hostile "physical_block_exp=200: not believed" \
	believed physical_block_exp=200 physical_block_size 512
hostile "alignment_offset=255: not believed" \
	believed alignment_offset=255 ../alignment_offset 0
hostile "min_io_size=65535: believed or not, it works" believed min_io_size=65535
hostile "opt_io_size=4G: does not make the guest read ahead gigabytes" read_ahead
hostile "discard_sector_alignment=0x800000: no WARN" discards discard_sector_alignment=0x800000
hostile "max_discard_seg=0: no WARN" discards max_discard_seg=0
hostile "max_discard_seg=256, max_write_zeroes_seg=0: no WARN" \
	discards max_discard_seg=256,max_write_zeroes_seg=0
# Last: after a BUG no disk comes any more.
hostile "writeback=2: reading the cache's type is no BUG" writeback_byte 2
hostile "writeback=255: reading the cache's type is no BUG" writeback_byte 255
finish
