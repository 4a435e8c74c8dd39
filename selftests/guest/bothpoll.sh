#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A driver that polls and a device that polls need neither kicks nor interrupts.
set -eu
# shellcheck source=selftests/guest/lib.sh
. /vblk/selftests/guest/lib.sh
# shellcheck source=selftests/guest/device.sh
. /vblk/selftests/guest/device.sh

requests=100000
test_timeout=400

# warm: callbacks are off, as the first poller leaves them that nothing stalls.
# One that stalled may leave them on, and then the next one's first requests can
# be announced before it turns them off: the device is right to do that.
warm()
{
	mark "$disk"
	poller -n 1000 "/dev/$disk" 16 || fail "the poller failed"
	wait_for 10 quiet "$disk"
	[ $(($(grown stalls) + $(grown sleepers))) = 0 ]
}

# round: so many requests, of which all were polled for without a pause; false if
# the host was too busy to let poller and device run all the time.
round()
{
	local idle
	idle=$(control stats)
	warm || return 1
	before=$(control stats)
	mark "$disk"
	poller -n $requests "/dev/$disk" 16 || fail "the poller failed"
	after=$(control stats)
	cat "$counters/$disk"
	[ $(($(grown stalls) + $(grown sleepers))) = 0 ] &&
		[ "$(device_count wakeups "$after")" = "$(device_count wakeups "$idle")" ]
}

# more KEY: of the device's counters, in that round
more()
{
	echo $(($(device_count "$1" "$after") - $(device_count "$1" "$before")))
}

# silent FEATURES MOST: as many kicks and interrupts at the most
silent()
{
	local before after tries=1 packed=1 start=$SECONDS

	case $1 in *-packed*) packed= ;; esac
	control defaults
	[ ! "$1" ] || control features "$1"
	plug
	until round; do
		tries=$((tries + 1))
		if [ $tries -gt 5 ] || [ $((SECONDS - start)) -ge 120 ]; then
			# What that excuses, and not a driver that pauses by itself
			[ "$(grown polled)" -lt $requests ] || oracle $requests 16
			skip "the host is too busy to poll without a pause"
		fi
	done
	same $(($(grown cb_on) + $(grown cb_off))) 0 "callbacks turned on and off"
	is "$(more requests)" -ge $requests "requests"
	is "$(more kicks)" -le "$2" "kicks"
	is "$(more notified)" -le "$2" "notifications"
	is "$(grown interrupts)" -le "$2" "interrupts"
	same "$(device_count violations "$after")" 0 "violated rules"
	unplug
}

check "packed ring: no kick, no interrupt" silent "" 0
check "split ring without event index: no kick, no interrupt" silent -packed,-event_idx 0
check "split ring with event index: 2 at the most" silent -packed 2
finish
