#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Whatever pollers do, a plain reader of the same queue gets its data in time, and
# what was polled is completed. Two vCPUs, one queue: the pollers have CPU 1. vda
# and vdb take 2 ms, vdb has a ring of 16; vdc is memory. Stopped and busy pollers
# are in stalled.sh.
set -eu
# shellcheck source=selftests/guest/lib.sh
. /vblk/selftests/guest/lib.sh

groups=/sys/fs/cgroup

# start COMMAND...: on CPU 1, in the background. Sets job.
start()
{
	taskset -c 1 "$@" >/tmp/poller 2>&1 &
	job=$!
}

end()
{
	kill -TERM "$job" 2>/dev/null || true
	kill -CONT "$job" 2>/dev/null || true
	wait "$job" || fail "the poller failed: $(cat /tmp/poller)"
}

# polled_by_now N: so many at least since mark
polled_by_now()
{
	wait_for 20 grown_beyond polled "$1"
}

killed()
{
	mark vda
	start poller -r /dev/vda "$1"
	polled_by_now "$1"
	kill -KILL $job
	reads_in_time vda
	! wait $job || fail "the poller ended by itself"
	all_accounted vda
}

# The process is gone and its ring with it, while the device still has the requests.
leaving()
{
	mark vda
	(
		for _ in {1..30}; do
			poller -x /dev/vda "$1"
		done
	) &
	job=$!
	reads_in_time vda p95_us
	wait $job || fail "the poller failed"
	# The last ones may wait for room.
	polled_by_now $((30 * $1 - 1))
	all_accounted vda
}

# in_group NAME: a group of its own for $job
in_group()
{
	mountpoint -q $groups || mount -t cgroup2 cgroup2 $groups
	echo "+cpu" >$groups/cgroup.subtree_control 2>/dev/null || true
	mkdir -p "$groups/$1"
	echo "$job" >"$groups/$1/cgroup.procs"
}

out_of_group()
{
	wait_for 10 eval "[ ! -s $groups/$1/cgroup.procs ]"
	rmdir "$groups/$1"
}

frozen()
{
	local n
	mark vda
	start poller -r /dev/vda "$1"
	in_group frozen
	polled_by_now "$1"
	for n in 1 2 3; do
		echo 1 >$groups/frozen/cgroup.freeze
		wait_for 10 grep -q "frozen 1" $groups/frozen/cgroup.events
		reads_in_time vda
		echo 0 >$groups/frozen/cgroup.freeze
	done
	end
	out_of_group frozen
	all_accounted vda
}

throttled()
{
	mark vda
	start poller -r /dev/vda "$1"
	in_group slow
	[ -e $groups/slow/cpu.max ] || skip "this kernel does not throttle groups"
	polled_by_now "$1"
	echo "1000 100000" >$groups/slow/cpu.max
	reads_in_time vda
	is "$(sed -n 's/^nr_throttled //p' $groups/slow/cpu.stat)" -ge 1 "times that it was throttled"
	echo max >$groups/slow/cpu.max
	end
	out_of_group slow
	all_accounted vda
}

# Reaps every 5 ms: plain reads have a quarter of what they have alone, at least.
slow()
{
	local attempt alone
	for attempt in {1..10}; do
		taskset -c 0 reader /dev/vda $reads >/tmp/reader
		alone=$(value mean_us /tmp/reader)
		echo "attempt $attempt, alone: $(cat /tmp/reader)"
		mark vda
		start poller -s 5000 /dev/vda "$1"
		polled_by_now "$1"
		taskset -c 0 reader /dev/vda $reads >/tmp/reader
		echo "beside the poller: $(cat /tmp/reader)"
		end
		is "$(grown polled)" -ge $((2 * $1)) "polled requests"
		all_accounted vda
		if [ "$(value mean_us /tmp/reader)" -le $((4 * alone)) ] &&
		   [ "$(value p99_us /tmp/reader)" -le 15000 ]; then
			return 0
		fi
	done
	fail "the poller took more than three quarters, or reads took too long"
}

realtime()
{
	mark vda
	start chrt -f 50 poller -r /dev/vda "$1"
	polled_by_now 100
	reads_in_time vda p95_us
	end
	is "$(grown reaped_poll)" -ge 100 "requests reaped by the poller"
	all_accounted vda
}

# listens PID: it has a handler for SIGTERM by now.
listens()
{
	(((0x$(sed -n 's/^SigCgt:\s*//p' "/proc/$1/status") & 0x4000) != 0))
}

many()
{
	local n jobs=()
	mark vda
	for n in {1..8}; do
		poller -r /dev/vda 8 >"/tmp/poller.$n" &
		jobs+=($!)
	done
	polled_by_now 200
	reads_in_time vda p95_us
	for job in "${jobs[@]}"; do
		wait_for 20 listens "$job"
	done
	kill -TERM "${jobs[@]}"
	for job in "${jobs[@]}"; do
		wait "$job" || fail "a poller failed"
	done
	all_accounted vda
}

# Nothing but polled requests in the ring, and always more: each plain request has
# to be found room for.
full_ring()
{
	mark vdb
	start poller -r /dev/vdb 64
	polled_by_now 100
	for _ in 1 2 3 4; do
		reads=$(($1 / 4)) reads_in_time vdb p95_us
	done
	end
	is "$(grown ring_full)" -ge "$1" "times that the ring was full"
	all_accounted vdb
}

# Neither scheduler may strand a request that it holds back for the other kind.
schedulers()
{
	local scheduler before
	before=$(sed 's/.*\[\(.*\)\].*/\1/' /sys/block/vda/queue/scheduler)
	for scheduler in mq-deadline kyber bfq none; do
		case $scheduler in
		kyber|bfq)
			modprobe -q $scheduler-iosched || {
				echo "$scheduler: not in this kernel"
				continue
			}
		esac
		echo "$scheduler:"
		echo $scheduler >/sys/block/vda/queue/scheduler
		mark vda
		start poller -r /dev/vda 16
		polled_by_now 50
		# While it runs, too
		echo $scheduler >/sys/block/vda/queue/scheduler
		taskset -c 0 reader /dev/vda 50
		end
		start poller /dev/vda 16
		wait_for 10 state $job T
		taskset -c 0 reader /dev/vda 50
		end
		all_accounted vda
	done
	echo "$before" >/sys/block/vda/queue/scheduler
}

# Polled reads between plain ones, of which the scheduler makes one request: those
# polled are not freed as what a poller reaps (before 6.3 the kernel warns of that).
merged()
{
	local merges merges_now=0 tries=0
	echo mq-deadline >/sys/block/vdb/queue/scheduler
	read -r _ merges _ </sys/block/vdb/stat
	mark vdb
	# How many meet in the scheduler is chance.
	until [ $((merges_now - merges)) -ge 50 ]; do
		tries=$((tries + 1))
		is $tries -le 10 "tries; requests merged: $((merges_now - merges))"
		quiet_fio --ioengine=io_uring --filename=/dev/vdb --rw=read:4k --bs=4k \
			--size=4M --iodepth=32 --name=plain --name=polled --hipri=1 --offset=4k
		read -r _ merges_now _ </sys/block/vdb/stat
	done
	echo none >/sys/block/vdb/queue/scheduler
	all_accounted vdb
	! dmesg | grep 'WARNING: .* bio_put' || fail "see above"
}

# so_many N: requests of either kind since mark()
so_many()
{
	[ $(($(grown plain) + $(grown polled))) -ge "$1" ]
}

# Larger than a request may be: the block layer splits them, and sends the parts plain
# or, on 5.10, polled.
split()
{
	local size
	for size in 1M 2M; do
		mark vda
		polled --filename=/dev/vda --rw=randread --bs=$size --size=64M --iodepth=8 \
			--time_based --runtime=3 &
		job=$!
		wait_for 20 so_many 10
		reads_in_time vda p95_us
		wait $job || fail "the poller failed"
		all_accounted vda
	done
}

# A kernel thread submits and polls.
sqpoll()
{
	mark vda
	polled --filename=/dev/vda --rw=randread --bs=4k --iodepth=8 --sqthread_poll=1 \
		--time_based --runtime=2 &
	job=$!
	polled_by_now 100
	reads_in_time vda
	wait $job || fail "the poller failed"
	all_accounted vda
}

# With O_DSYNC each write is followed by a flush, which is not polled.
filesystem()
{
	"make_$1"
	mkdir -p /tmp/fs
	mount /dev/vdc /tmp/fs
	mark vdc
	plain_and_polled 8M --filename=/tmp/fs/file --rw=randwrite --bsrange=4k-64k --size=8M \
		--iodepth=16 --verify=crc32c --fallocate=none
	polled --filename=/tmp/fs/dsync --rw=randwrite --bs=4k --size=2M --iodepth=8 \
		--sync=dsync --verify=crc32c
	is "$(grown polled)" -ge 500 "polled requests"
	cksum /tmp/fs/* >/tmp/sums
	umount /tmp/fs
	"check_$1"
	mount /dev/vdc /tmp/fs
	cksum /tmp/fs/* | cmp - /tmp/sums
	umount /tmp/fs
	all_accounted vdc
}

make_ext4()
{
	mkfs.ext4 -q -F /dev/vdc
}

check_ext4()
{
	fsck.ext4 -fn /dev/vdc >/tmp/fsck 2>&1 || fail "$(cat /tmp/fsck)"
}

# The host made it; guests have no mkfs.xfs.
make_xfs()
{
	blkdiscard /dev/vdc
	zstd -qdc /vblk/build/selftests/guest/xfs.zst |
		dd of=/dev/vdc bs=1M iflag=fullblock conv=sparse,fsync status=none
}

# The kernel does, of each block that it reads.
check_xfs()
{
	! dmesg | grep 'XFS (vdc): .*[Cc]orrupt' || fail "see above"
}

for depth in 1 64; do
	check "killed with $depth in flight: plain reads in time" killed $depth
	check "exits with $depth in flight, again and again" leaving $depth
	check "frozen with $depth in flight" frozen $depth
done
check "throttled to 1 % of a CPU, 64 in flight" throttled 64
for depth in 1 64; do
	check "reaps every 5 ms, $depth in flight: plain reads keep a quarter" slow $depth
done
check "real-time, 16 in flight" realtime 16
check "eight pollers on two CPUs" many
check "a ring full of polled requests: 2,000 plain reads" full_ring 2000
check "with each scheduler" schedulers
check "merged with plain ones" merged
check "larger than a request may be" split
check "a kernel thread that polls (SQPOLL)" sqpoll
check "on ext4, and with O_DSYNC" filesystem ext4
check "on xfs, and with O_DSYNC" filesystem xfs
finish
