#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The module comes and goes, and leaves nothing behind.
set -eu
# shellcheck source=selftests/guest/lib.sh
. /vblk/selftests/guest/lib.sh

# Of the module, once it went.
leaves_nothing()
{
	[ ! -e $counters ] || fail "$counters is still there"
	[ ! -e /sys/bus/virtio/drivers/virtio_blk ] || fail "the driver is still there"
	! grep virtblk /proc/devices || fail "its major number is still there"
	! grep -E 'virtio[0-9]+-req(_poll)?\.' /proc/interrupts || fail "vectors are still there"
	! ls -d /sys/block/vd* 2>/dev/null || fail "disks are still there"
}

# Open is in use, closed is not.
module_in_use()
{
	exec 5</dev/vda
	refused rmmod virtio_blk
	exec 5<&-
	rmmod virtio_blk
	leaves_nothing
	vblk-load ours
}

# kib KEY: of /proc/meminfo
kib()
{
	awk -v key="$1:" '$1 == key { print $2 }' /proc/meminfo
}

# Slabs have grown to what they are for after a fifth of the cycles.
cycles=$((slower > 1 ? 15 : 50))
many_cycles()
{
	local cycle before after poller reader said
	vblk-unload
	for cycle in $(seq $cycles); do
		insmod /modules/ours/virtio_blk.ko
		poller -r /dev/vda 8 >/dev/null 2>&1 &
		poller=$!
		reader /dev/vda 100000000 >/dev/null &
		reader=$!
		mark vda
		wait_for 30 grown_beyond polled 50
		wait_for 30 grown_beyond plain 5
		said=$(refused rmmod virtio_blk)
		[[ $said == *"in use"* ]] || fail "cycle $cycle: $said"
		kill -KILL $poller $reader
		wait $poller $reader 2>/dev/null || true
		vblk-unload
		case $cycle in
		1) leaves_nothing ;;
		$((cycles / 5))) before=$(kib SUnreclaim) ;;
		"$cycles") after=$(kib SUnreclaim); leaves_nothing ;;
		esac
	done
	vblk-load ours
	echo "slabs: $before KiB after $((cycles / 5)) cycles, $after KiB after $cycles"
	# The tags of one disk alone are half a MiB.
	is $((after - before)) -le 4096 "KiB more in slabs"
}

# What the kernel says when something was not given back.
no_complaints()
{
	! dmesg | grep -iE 'leak|refcount|objects remaining|virtio_blk.*error|page allocation'
}

check "rmmod: refused while a disk is open, works after the close" module_in_use
test_timeout=1500
check "$cycles cycles of load, I/O to the last moment, unload" many_cycles
check "the kernel has nothing to complain about" no_complaints
finish
