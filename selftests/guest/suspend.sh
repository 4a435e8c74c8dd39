#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The machine is suspended and wakes up: for a while and to disk, under load, with
# stopped pollers. The file system of other guests does not survive that, so
# this suite first moves to one in memory. vda and vdb are memory of the host,
# vdc takes 500 ms, vdd is for the swap.
set -eu

if [ ! -e /in-memory ]; then
	root=/run/root
	mkdir -p $root/{proc,sys,dev,tmp,run,bin,vblk/build/selftests}
	programs="bash sh cat dd cmp head tr seq sleep grep sed awk mkdir rm fio touch
		mktemp wc readlink basename xargs tail dmesg stat cut mkswap swapon
		swapoff taskset sort env"
	# shellcheck disable=SC2086	# words
	for program in $programs; do
		file=$(readlink -f "$(command -v $program)")
		cp "$file" "$root/bin/$program"
		ldd "$file" | grep -o '/[^ ]*'
	done | sort -u | while read -r lib; do
		mkdir -p "$root${lib%/*}"
		cp -L "$lib" "$root$lib"
	done
	cp -r /vblk/selftests $root/vblk/
	cp -r /vblk/build/selftests/guest $root/vblk/build/selftests/
	for dir in proc sys dev tmp run; do
		mount --rbind /$dir $root/$dir
	done
	touch $root/in-memory
	exec chroot $root /bin/env PATH=/bin bash /vblk/selftests/guest/suspend.sh
fi

cd /
# shellcheck source=selftests/guest/lib.sh
. /vblk/selftests/guest/lib.sh
echo Y >/sys/module/printk/parameters/console_suspend

# slept COMMAND...: it suspends, and comes back having done so
slept()
{
	local before
	before=$(dmesg | grep -c 'PM: .*exit' || true)
	"$@" || { dmesg | tail -n 40; return 1; }
	is "$(dmesg | grep -c 'PM: .*exit')" -gt "$before" "times that the machine slept"
}

# As far as LEVEL (see the kernel's basic-pm-debugging.rst) and back: with
# "core", everything but the sleep itself. That is the firmware's, and a kernel
# that QEMU started directly does not come back from it.
as_far_as()
{
	echo "$1" >/sys/power/pm_test
	echo "${2:-mem}" >/sys/power/state
	echo none >/sys/power/pm_test
}

# The image goes to the swap and is taken back at once. Before 6.12 the kernel
# cannot open a swap in use for that; the image is made and dropped there.
to_disk()
{
	if ! kernel resumes_from_used_swap; then
		as_far_as core disk
		return
	fi
	mkswap /dev/vdd >/dev/null
	swapon /dev/vdd
	cat /sys/block/vdd/dev >/sys/power/resume
	echo test_resume >/sys/power/disk
	echo disk >/sys/power/state
	swapoff /dev/vdd
}

# works DISK: plain and polled I/O, and it polls
works()
{
	reader "/dev/$1" 20
	mark "$1"
	poller -n 4000 "/dev/$1" 8
	oracle 4000
	all_accounted "$1"
}

# under_load COMMAND...: verified writes, plain and polled, go on through it.
under_load()
{
	local disk jobs="" sleeps=0
	for disk in vda vdb; do
		plain_and_polled 48M --filename=/dev/$disk --rw=randwrite --bs=4k --size=16M \
			--iodepth=16 --verify=crc32c --loops=3 &
		jobs+=" $!"
	done
	sleep 1
	# shellcheck disable=SC2086	# ids
	while [ $sleeps -lt 2 ]; do
		kill -0 $jobs 2>/dev/null || fail "the load ended before its time"
		slept "$@"
		sleeps=$((sleeps + 1))
	done
	# shellcheck disable=SC2086	# ids
	wait $jobs
	works vda
	works vdb
}

# A poller that is stopped has requests in flight, which take half a second.
stopped_poller()
{
	local poller
	poller /dev/vdc 8 >/tmp/poller &
	poller=$!
	wait_for 10 state $poller T
	slept as_far_as devices
	kill -CONT $poller
	wait $poller
	same "$(value errors /tmp/poller)" 0 "errors"
	all_accounted vdc
}

# What the parameters say by now is for disks to come.
queues_stay()
{
	local before
	before=$(wc -l <$counters/vda)
	echo 1 >/sys/module/virtio_blk/parameters/num_request_queues
	echo 1 >/sys/module/virtio_blk/parameters/poll_queues
	slept as_far_as devices
	echo 0 >/sys/module/virtio_blk/parameters/num_request_queues
	echo 0 >/sys/module/virtio_blk/parameters/poll_queues
	same "$(wc -l <$counters/vda)" "$before" "queues"
	works vda
}

check "devices suspend under verified load" under_load as_far_as devices
check "to RAM and back, under verified load" under_load as_far_as core
check "to disk and back, under verified load" under_load to_disk
check "with a stopped poller's requests in flight" stopped_poller
check "queues stay as many as at probe" queues_stay
finish
