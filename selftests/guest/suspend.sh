#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The machine is suspended and wakes up: for a while and to disk, under load, with
# stopped pollers. The file system of other guests does not survive that, so
# this suite moves to one in memory. vda and vdb are memory of the host,
# vdc takes 500 ms, vdd is for the swap, vde can be made to stand still.
set -eu

# shellcheck source=selftests/guest/memory.sh
. /vblk/selftests/guest/memory.sh
# shellcheck source=selftests/guest/lib.sh
. /vblk/selftests/guest/lib.sh
echo Y >/sys/module/printk/parameters/console_suspend

# slept COMMAND...: it suspends, and comes back having done so
slept()
{
	local before
	before=$(dmesg | grep -c 'PM: .*exit' || true)
	# In "$@ || ...", what fails within would go unnoticed.
	trap 'dmesg | tail -n 40; echo none >/sys/power/pm_test' EXIT
	"$@"
	trap - EXIT
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

# A poller that is stopped has requests in flight, which take half a second.
stopped_poller()
{
	stop_poller vdc 8 7
	slept as_far_as devices
	continue_poller
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

# The device is back in what it is without being told: caching.
cache_type()
{
	local type=/sys/block/vda/cache_type
	echo "write through" >$type
	slept as_far_as devices
	same "$(cat $type)" "write through"
	echo "write back" >$type
	slept as_far_as devices
	same "$(cat $type)" "write back"
}

mem()
{
	echo mem >/sys/power/state
}

# A CPU that goes offline waits for the requests that came from it, whoever has them.
not_while_silent()
{
	local pid
	mark vde
	throttle 1
	# Who waits for asynchronous I/O can be frozen.
	plain --filename=/dev/vde --rw=randread --bs=4k --iodepth=60 --number_ios=60 \
		--cpus_allowed=1 &
	pid=$!
	wait_for 20 grown_beyond plain 59
	echo processors >/sys/power/pm_test
	SECONDS=0
	refused mem
	echo none >/sys/power/pm_test
	is $SECONDS -le $((20 * slower)) "seconds until it was refused"
	dmesg | grep '\[vde\] cannot be suspended' || fail "not said in the log"
	works vda
	throttle 0
	wait $pid || fail "the reads failed"
	all_accounted vde
	slept as_far_as processors
}

# That often
times=$((slower > 1 ? 1 : 2))
check "devices suspend under verified load" under_load $times slept as_far_as devices
check "to RAM and back, under verified load" under_load $times slept as_far_as core
check "to disk and back, under verified load" under_load $times slept to_disk
check "with a stopped poller's requests in flight" stopped_poller
check "queues stay as many as at probe" queues_stay
check "the cache keeps its type" cache_type
check "not while a disk does not answer" not_while_silent
finish
