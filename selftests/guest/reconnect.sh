#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The device is killed under load and started again, several times: QEMU connects
# again, and every request that the driver waits for comes back, once, with the
# right data. The device completes out of order.
set -eu
# shellcheck source=selftests/guest/lib.sh
. /vblk/selftests/guest/lib.sh
# shellcheck source=selftests/guest/device.sh
. /vblk/selftests/guest/device.sh

crashes=3
# Of plugged devices: QEMU connects again, after so many seconds.
# shellcheck disable=SC2034	# for device.sh
reconnect=1

# served N: has this device, which counts from when it was started?
served()
{
	[ "$(device_count requests)" -ge "$1" ]
}

# kept_rules: as far as this device has seen, which forgets when it dies
kept_rules()
{
	local answer
	answer=$(control stats) || fail "the device does not answer: $answer"
	same "$(device_count violations "$answer")" 0 "violated rules: $answer"
}

# crash: and wait for the next device, which goes on where this one was.
crash()
{
	local pid
	kept_rules
	pid=$(device_count pid)
	is "$pid" -gt 0 "device"
	control crash >/dev/null || true
	wait_for 20 another_than "$pid"
	wait_for 20 served 1
	resumed=$((resumed + $(device_count resumed)))
}

# until_enough COMMAND...: again and again
until_enough()
{
	until [ -e /tmp/enough ]; do
		"$@" || return
	done
}

# under_load FUNCTION ARG...: which does I/O, all the time
under_load()
{
	local pid i resumed=0

	rm -f /tmp/enough
	until_enough "$@" &
	pid=$!
	for ((i = 0; i < crashes; i++)); do
		wait_for 30 served 300
		kill -0 $pid 2>/dev/null || fail "the load ended before the device was killed $crashes times"
		crash
	done
	# What was in flight, and what came after it
	wait_for 30 served 300
	touch /tmp/enough
	wait $pid
	is $resumed -ge 1 "requests that were in flight"
	all_accounted "$disk"
	kept_rules
}

# on PACKED FUNCTION ARG...: with a packed ring or a split one
on()
{
	local packed=$1
	shift
	plug
	under_load "$@"
	unplug
}

verified="--rw=randwrite --bs=4k --size=8m --iodepth=32 --verify=crc32c --verify_fatal=1"

plain_writes()
{
	# shellcheck disable=SC2086	# words
	plain --filename="/dev/$disk" $verified
}

polled_writes()
{
	# shellcheck disable=SC2086	# words
	polled --filename="/dev/$disk" $verified
}

check "plain writes, split ring" on "" plain_writes
check "polled writes, split ring" on "" polled_writes
check "plain writes, packed ring" on 1 plain_writes
check "polled writes, packed ring" on 1 polled_writes
finish
