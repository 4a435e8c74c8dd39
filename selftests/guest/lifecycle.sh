#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Disks come and go, under load and with stopped pollers. vda answers at once,
# vdb takes 800 ms.
set -eu
# shellcheck source=selftests/guest/lib.sh
. /vblk/selftests/guest/lib.sh

driver=/sys/bus/virtio/drivers/virtio_blk

# Seconds that a disk, or a CPU, may take to go. It is one or two where there is CPU
# time, and who waits for a stopped poller gets 30, the block layer's timeout, or all.
bound=20

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
	wait_for 60 grown_beyond polled 200
	wait_for 60 grown_beyond plain 20
}

end_load()
{
	# shellcheck disable=SC2086	# ids
	kill -KILL $load 2>/dev/null || true
	# shellcheck disable=SC2086	# ids
	wait $load 2>/dev/null || true
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

# The last one to close may be the kernel, for an io_uring whose owner ended.
closed()
{
	[ "$(</sys/module/virtio_blk/refcnt)" = 0 ]
}

# bind_again DISK: it comes back under its name, and works.
bind_again()
{
	wait_for 10 closed
	cat /tmp/unbound >$driver/bind
	wait_for 10 test -b "/dev/$1"
	reader "/dev/$1" 2
	poller -n 8 "/dev/$1" 4
	all_accounted "$1"
}

unbind_with_stopped_poller()
{
	local tries=0 poller_checks=

	stop_poller "$1" "$2"
	# What is fast may be found while it is submitted; and whatever takes 800 ms is
	# found by the guard before a busy host gets here.
	while [ "$1" = vdb ] && [ "$(counter "$1" inflight_polled)" = 0 ]; do
		tries=$((tries + 1))
		is $tries -lt 5 "attempts to have requests in flight"
		continue_poller
		stop_poller "$1" "$2"
	done
	unbind "$1"
	state "$poller" T || fail "the poller was not stopped"
	continue_poller
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
	wait_for 30 state $poller T
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

# Under plain and polled load of a disk that answers at once
cpu_cycles()
{
	local online=/sys/devices/system/cpu/cpu1/online

	[ -w $online ] || skip "CPU 1 cannot be taken offline"
	load_on vda
	for _ in 1 2 3; do
		SECONDS=0
		echo 0 >$online
		is $SECONDS -lt $bound "seconds to take a CPU offline"
		mark vda
		wait_for 60 grown_beyond polled 200
		wait_for 60 grown_beyond plain 20
		echo 1 >$online
	done
	end_load
	all_accounted vda
}

check "unbind while a stopped poller has 4 in flight" unbind_with_stopped_poller vdb 4
check "unbind while a stopped poller has 64 in flight" unbind_with_stopped_poller vdb 64
check "unbind while a stopped poller has 64 in flight, fast disk" \
	unbind_with_stopped_poller vda 64
check "unbind under plain and polled load" unbind_under_load vda
check "unbind under plain and polled load, slow disk" unbind_under_load vdb
check "a CPU goes offline with a stopped poller" cpu_offline
check "a CPU goes and comes back under plain and polled load" cpu_cycles
finish
