#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Disks come and go, under load and with stopped pollers, and the module with
# them. vda answers at once, vdb takes 200 ms.
set -eu
# shellcheck source=selftests/guest/lib.sh
. /vblk/selftests/guest/lib.sh

driver=/sys/bus/virtio/drivers/virtio_blk
bound=5		# seconds that a disk may take to go

# load_on DISK: pollers and readers until the disk goes; their ids in $load.
load_on()
{
	local cpu
	load=
	for cpu in 0 1; do
		taskset -c $cpu poller -r "/dev/$1" 8 >/dev/null 2>&1 &
		load+=" $!"
		taskset -c $cpu reader "/dev/$1" 100000000 >/dev/null 2>&1 &
		load+=" $!"
	done
	mark "$1"
	wait_for 10 grown_beyond polled 200
	wait_for 10 grown_beyond plain 20
}

end_load()
{
	# shellcheck disable=SC2086	# ids
	kill -KILL $load 2>/dev/null || true
	# shellcheck disable=SC2086	# ids
	wait $load 2>/dev/null || true
}

# leaves_nothing: after the module went.
leaves_nothing()
{
	[ ! -e $counters ] || fail "$counters is still there"
	[ ! -e $driver ] || fail "$driver is still there"
	! grep virtblk /proc/devices || fail "its major number is still there"
	! grep -E 'virtio[0-9]+-req(_poll)?\.' /proc/interrupts || fail "vectors are still there"
	! ls -d /sys/block/vd* 2>/dev/null || fail "disks are still there"
}

# kib KEY: of /proc/meminfo
kib()
{
	awk -v key="$1:" '$1 == key { print $2 }' /proc/meminfo
}

fifty_cycles()
{
	local cycle before after poller reader said
	vblk-unload
	for cycle in $(seq 50); do
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
		10) before=$(kib SUnreclaim) ;;
		50) after=$(kib SUnreclaim); leaves_nothing ;;
		esac
	done
	vblk-load ours
	echo "slabs: $before KiB after 10 cycles, $after KiB after 50"
	# The tags of one disk alone are half a MiB.
	is $((after - before)) -le 4096 "KiB more in slabs after 40 cycles"
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

# unbind DISK: in time.
unbind()
{
	SECONDS=0
	device "$1" >/tmp/unbound
	cat /tmp/unbound >$driver/unbind
	is $SECONDS -lt $bound "seconds to unbind"
	[ ! -e "/sys/block/$1" ] || fail "$1 is still there"
}

# bind_again DISK: it comes back under its name, and works.
bind_again()
{
	cat /tmp/unbound >$driver/bind
	wait_for 10 test -b "/dev/$1"
	reader "/dev/$1" 2
	poller -n 8 "/dev/$1" 4
	all_accounted "$1"
}

unbind_with_stopped_poller()
{
	local poller

	poller "/dev/$1" "$2" >/tmp/poller &
	poller=$!
	wait_for 10 state $poller T
	echo "in flight: $(counter "$1" inflight_polled)"
	unbind "$1"
	state $poller T || fail "the poller was not stopped"
	kill -CONT $poller
	wait $poller || fail "its reads failed: $(cat /tmp/poller)"
	cat /tmp/poller
	bind_again "$1"
}

unbind_under_load()
{
	load_on "$1"
	unbind "$1"
	end_load
	bind_again "$1"
}

# A CPU can go while pollers with requests in flight are stopped.
cpu_offline()
{
	local poller online=/sys/devices/system/cpu/cpu1/online

	[ -w $online ] || skip "CPU 1 cannot be taken offline"
	taskset -c 1 poller /dev/vdb 8 >/tmp/poller &
	poller=$!
	wait_for 10 state $poller T
	SECONDS=0
	echo 0 >$online
	is $SECONDS -lt $bound "seconds to take a CPU offline"
	kill -CONT $poller
	wait $poller || fail "its reads failed: $(cat /tmp/poller)"
	reader /dev/vdb 2
	echo 1 >$online
	poller -n 20 /dev/vda 4
	reader /dev/vda 20
	all_accounted vdb
}

# What the kernel says when something was not given back.
no_complaints()
{
	! dmesg | grep -iE 'leak|refcount|objects remaining|virtio_blk.*error|page allocation'
}

check "unbind while a stopped poller has 4 in flight" unbind_with_stopped_poller vdb 4
check "unbind while a stopped poller has 64 in flight" unbind_with_stopped_poller vdb 64
check "unbind while a stopped poller has 64 in flight, fast disk" \
	unbind_with_stopped_poller vda 64
check "unbind under plain and polled load" unbind_under_load vda
check "unbind under plain and polled load, slow disk" unbind_under_load vdb
check "a CPU goes offline with a stopped poller" cpu_offline
check "rmmod: refused while a disk is open, works after the close" module_in_use
test_timeout=300
check "fifty cycles of load, I/O to the last moment, unload" fifty_cycles
check "the kernel has nothing to complain about" no_complaints
finish
