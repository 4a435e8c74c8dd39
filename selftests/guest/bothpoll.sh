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

# silent FEATURES MOST: as many kicks and interrupts at the most
silent()
{
	local before after key

	control defaults
	[ ! "$1" ] || control features "$1"
	plug
	# What comes before the first poller needs them.
	poller -n 1000 "/dev/$disk" 16
	wait_for 10 quiet "$disk"
	before=$(control stats)
	mark "$disk"
	poller -n $requests "/dev/$disk" 16
	after=$(control stats)
	echo "$before"
	echo "$after"
	is $(($(device_count requests "$after") - $(device_count requests "$before"))) -ge $requests \
		"requests"
	for key in kicks notified; do
		is $(($(device_count $key "$after") - $(device_count $key "$before"))) -le "$2" $key
	done
	is "$(grown interrupts)" -le "$2" "interrupts"
	same "$(device_count violations "$after")" 0 "violated rules"
	unplug
}

check "packed ring: no kick, no interrupt" silent "" 0
check "split ring without event index: no kick, no interrupt" silent -packed,-event_idx 0
check "split ring with event index: 2 at the most" silent -packed 2
finish
