#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Synchronous I/O polls where an administrator said so (sync_poll_us), and nothing
# else does. One vCPU, one queue; vda is fast, vdb takes 2 ms, vdc is memory.
set -eu
# shellcheck source=selftests/guest/lib.sh
. /vblk/selftests/guest/lib.sh

# spin DISK US
spin()
{
	echo "$2" >"/sys/block/$1/sync_poll_us"
}

sync_io()
{
	quiet_fio --name=sync --ioengine=pvsync2 --bs=4k "$@"
}

# sync_oracle REQUESTS: since mark, so many were waited for, and what was found by
# who submitted it needed no interrupt. How many that are depends on what else
# the machine does: the driver is to spin less where the device has no CPU.
sync_oracle()
{
	cat "$counters/$marked"
	is "$(grown spins_won)" -ge $(($1 / 20)) "requests found by their submitters"
	is "$(grown interrupts)" -le \
		$(($1 - $(grown spins_won) + $(grown spins_lost) + $1 / 50)) "interrupts"
	same $(($(grown spins_won) + $(grown spins_lost))) "$(grown spins)" "spins that ended"
}

# spinning DISK REQUESTS COMMAND...: what COMMAND submits is spun for. Up to five
# times, with what was learned forgotten: where the device has no CPU, the driver is
# right to spin less.
spinning()
{
	local disk=$1 requests=$2
	shift 2
	for _ in 1 2 3 4 5; do
		spin "$disk" 500
		mark "$disk"
		"$@"
		[ "$(grown spins_won)" -lt $((requests / 20)) ] || break
	done
	sync_oracle "$requests"
}

none_spins()
{
	same "$(grown spins)" 0 "spins"
}

off_at_first()
{
	same "$(cat /sys/block/vda/sync_poll_us)" 0 sync_poll_us
	mark vda
	sync_io --filename=/dev/vda --rw=randrw --number_ios=1000
	none_spins
	if (sync_oracle 1000); then
		fail "the oracle took sleepers for spinners"
	fi
}

# as_fast RW
as_fast()
{
	spinning vda 20000 sync_io --filename=/dev/vda --rw="$1" --number_ios=20000
	all_accounted vda
}

right_data()
{
	spin vdc 500
	mark vdc
	sync_io --filename=/dev/vdc --rw=randwrite --size=8M --verify=crc32c
	is "$(grown spins)" -ge 1 "spins"
	all_accounted vdc
}

# Neither reads nor writes, deep or not, and whatever flags they carry
not_asynchronous()
{
	local depth rw
	spin vda 500
	mark vda
	for depth in 1 32; do
		for rw in randread randwrite; do
			quiet_fio --name=aio --ioengine=libaio --filename=/dev/vda --rw=$rw \
				--bs=4k --iodepth=$depth --number_ios=2000
			plain --filename=/dev/vda --rw=$rw --bs=4k --iodepth=$depth \
				--number_ios=2000
		done
	done
	none_spins
	all_accounted vda
}

# The device mapper's bios are not the submitter's.
stacked()
{
	local name
	kernel flags_sync_reads || skip "nothing tells here that a clone is waited for"
	modprobe dm_mod
	name=$(linear stacked /dev/vdc)
	(spinning vdc 2000 sync_io --filename="/dev/$name" --rw=randread --number_ios=2000)
	linear stacked
}

# The kernel's own threads write these back.
not_in_kernel_threads()
{
	local before
	spin vdc 500
	mark vdc
	before=$(grown plain)
	dd if=/dev/urandom of=/dev/vdc bs=1M count=16 conv=fsync 2>/dev/null
	is "$(grown plain)" -gt "$before" "requests"
	none_spins
}

# Of a request that the disk's limits cut into pieces only the last one is waited
# for; the others would be on their way one by one.
pieces()
{
	local largest
	spin vda 1000
	largest=$(cat /sys/block/vda/queue/max_hw_sectors_kb)
	[ "$largest" -ge 4 ] || fail "max_hw_sectors_kb is $largest"
	echo 64 >/sys/block/vda/queue/max_sectors_kb
	mark vda
	sync_io --filename=/dev/vda --rw=read --bs=1M --number_ios=50
	cat $counters/vda
	is $(($(grown plain) + $(grown polled))) -ge 800 "pieces"
	is "$(grown spins)" -ge 1 "spins"
	is "$(grown spins)" -le 50 "spins"
}

# There a kernel thread dispatches, on most kernels.
with_scheduler()
{
	spin vda 500
	echo mq-deadline >/sys/block/vda/queue/scheduler
	mark vda
	sync_io --filename=/dev/vda --rw=randread --number_ios=1000
	echo none >/sys/block/vda/queue/scheduler
	kernel dispatches_scheduled || none_spins
	all_accounted vda
}

# It tries, learns that it is in vain, and hardly tries any more.
slow_device()
{
	spin vdb 50
	mark vdb
	sync_io --filename=/dev/vdb --rw=randread --number_ios=1000
	cat $counters/vdb
	is "$(grown spins)" -ge 1 "spins"
	# A CPU that is taken away before a spin begins may find the answer there.
	is "$(grown spins)" -le $((40 + 16 * $(grown spins_won))) "spins"
	is "$(grown spins)" -le 200 "spins"
	all_accounted vdb
}

# Two readers of one vCPU: whoever spins keeps the other one from running.
shared_cpu()
{
	local tried
	spin vda 500
	mark vda
	quiet_fio --name=a --ioengine=pvsync2 --filename=/dev/vda --rw=randread --bs=4k \
		--number_ios=5000 --numjobs=2
	cat $counters/vda
	tried=$(grown spins)
	is "$tried" -ge 1 "spins"
	# And the host may keep the CPU from whoever spins.
	is "$(grown spin_ns)" -le $((tried * 500000 * 2 + 4000000000)) "ns of spinning"
	all_accounted vda
}

with_files()
{
	local status
	spin vdc 500
	mkfs.ext4 -q -F /dev/vdc
	mkdir -p /tmp/vdc
	mount /dev/vdc /tmp/vdc
	# In "(...) || ...", what fails within would go unnoticed.
	set +e
	(set -e; "$@")
	status=$?
	set -e
	umount /tmp/vdc
	[ $status = 0 ] || exit $status
	e2fsck -fn /dev/vdc >/dev/null 2>&1 || fail "the file system is damaged"
	all_accounted vdc
}

# The direct I/O of files cannot be told from asynchronous; the task's class can.
by_class()
{
	local class
	sync_io --filename=/tmp/vdc/file --rw=write --size=8M --end_fsync=1
	for class in "0 --prioclass=1" "1 --prioclass=2"; do
		echo "${class%% *}" >/sys/block/vdc/sync_poll_rt
		mark vdc
		sync_io --filename=/tmp/vdc/file --rw=randread --size=8M --number_ios=1000 \
			"${class#* }"
		is "$(grown spins)" -le 10 "spins with ${class}"
	done
	echo 1 >/sys/block/vdc/sync_poll_rt
	spinning vdc 1000 sync_io --filename=/tmp/vdc/file --rw=randread --size=8M \
		--number_ios=1000 --prioclass=1
	for class in 1 0; do
		echo $class >/sys/block/vdc/sync_poll_rt
		mark vdc
		quiet_fio --name=aio --ioengine=libaio --filename=/tmp/vdc/file --rw=randread \
			--bs=4k --size=8M --iodepth=1 --number_ios=1000 --prioclass=1
		plain --filename=/tmp/vdc/file --rw=randread --bs=4k --size=8M \
			--number_ios=1000 --prioclass=1
		is "$(grown spins)" -le 10 "spins of asynchronous I/O"
	done
}

# A file system's metadata and what else it waits for
mounted()
{
	sync_io --filename=/tmp/vdc/other --rw=randwrite --size=4M --fsync=16 --verify=crc32c
}

# Whoever spins does not keep a plain request from completing, nor a polled one.
beside_others()
{
	local job
	spin vda 500
	mark vda
	poller -r /dev/vda 4 >/tmp/poller &
	job=$!
	sync_io --filename=/dev/vda --rw=randread --number_ios=2000
	plain --filename=/dev/vda --rw=randread --bs=4k --iodepth=8 --number_ios=2000
	kill $job
	wait $job || fail "the poller failed: $(cat /tmp/poller)"
	cat $counters/vda
	all_accounted vda
}

beside_stopped_poller()
{
	spin vdb 1000
	stop_poller vdb 16
	reads_in_time vdb
	continue_poller
	all_accounted vdb
}

# Changed all the time, while requests are in flight
changes()
{
	local job n
	sync_io --filename=/dev/vdc --rw=randwrite --size=8M --verify=crc32c --loops=3 &
	job=$!
	for n in 0 1000 50 1 0 200; do
		spin vdc $n
		sleep 0.2
	done
	while kill -0 $job 2>/dev/null; do
		spin vdc 0
		spin vdc 500
	done
	wait $job
	all_accounted vdc
}

# Unbound while it spins; the reader gets errors, and ends.
unbound()
{
	local job name
	spin vda 1000
	name=$(device vda)
	mark vda
	reader /dev/vda 10000000 >/dev/null 2>&1 &
	job=$!
	wait_for 60 grown_beyond spins 10
	echo "$name" >/sys/bus/virtio/drivers/virtio_blk/unbind
	if wait $job; then
		fail "the reader got all that it wanted"
	fi
	echo "$name" >/sys/bus/virtio/drivers/virtio_blk/bind
	wait_for 20 test -b /dev/vda
	reader /dev/vda 10
}

# has_range VALUE FILE: VALUE is refused, and the log says what is not
has_range()
{
	dmesg --clear
	if echo "$1" >"$2" 2>/dev/null; then
		fail "$2 took $1"
	fi
	dmesg | grep -q "sync_poll_us must be 0 (off) to 1000" ||
		fail "the log does not have the range"
}

out_of_range()
{
	local file
	for file in /sys/block/vda/sync_poll_us /sys/module/virtio_blk/parameters/sync_poll_us; do
		echo 7 >$file
		has_range 1001 $file
		has_range -1 $file
		has_range 4294967296 $file
		has_range many $file
		same "$(cat $file)" 7 "$file"
		echo 0 >$file
	done
}

default_of_new_disks()
{
	vblk-unload
	vblk-load ours sync_poll_us=100
	same "$(cat /sys/block/vda/sync_poll_us)" 100 sync_poll_us
	mark vda
	sync_io --filename=/dev/vda --rw=randread --number_ios=2000
	is "$(grown spins)" -ge 1 "spins"
	vblk-unload
	vblk-load ours
	same "$(cat /sys/block/vda/sync_poll_us)" 0 sync_poll_us
}

check "off at first" off_at_first
check "reads of a disk are found by who submitted them" as_fast randread
if kernel issues_writes; then
	check "writes, too" as_fast randwrite
fi
check "and have the right data" right_data
check "through the device mapper" stacked
check "never for asynchronous I/O" not_asynchronous
check "never in kernel threads" not_in_kernel_threads
check "of a request's pieces only for the last" pieces
check "never for a kernel thread that dispatches (scheduler)" with_scheduler
check "a slow device is not spun for" slow_device
check "two submitters on one CPU" shared_cpu
check "files: by the class of the task's I/O" with_files by_class
check "a file system" with_files mounted
check "beside pollers and interrupts" beside_others
check "beside a stopped poller" beside_stopped_poller
check "changed while requests are in flight" changes
check "unbound while submitters spin" unbound
check "what is out of range is refused" out_of_range
check "the parameter is for new disks" default_of_new_disks
finish
