#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The guest's part of a soak: guest.sh MINUTES SEED. Workers write and read back;
# events come one after the other. An event ends by itself, whatever it did.
set -eu
# shellcheck source=selftests/guest/lib.sh
. /vblk/selftests/guest/lib.sh
# shellcheck source=selftests/guest/mock/lib.sh
. /vblk/selftests/guest/mock/lib.sh

minutes=$1
seed=$2
RANDOM=$seed
driver=/sys/bus/virtio/drivers/virtio_blk
patience=60		# seconds that a worker may take for nothing at all

# one_of WORD...: sets choice
one_of()
{
	local n=$((RANDOM % $# + 1))
	choice=${!n}
}

# a_while: up to 0.4 s
a_while()
{
	sleep "0.$((RANDOM % 4))$((RANDOM % 10))"
}

# --- Workers --------------------------------------------------------------

# verifier DISK: writes and reads back, plain and polled, until it is enough.
verifier()
{
	local round=0
	until [ -e /tmp/enough ]; do
		round=$((round + 1))
		quiet_fio --ioengine=io_uring --filename="/dev/$1" --rw=randwrite \
			--bsrange=4k-16k --size=2M --iodepth=16 --verify=crc32c \
			--randseed=$((seed + round)) \
			--name=plain --offset=0 --fsync=32 \
			--name=polled --hipri=1 --offset=16M || {
			echo "$1: a round of verified writes failed" >>/tmp/failed
			return
		}
		echo $round >"/tmp/rounds.$1"
	done
}

# Reads a disk with a bad sector; errors come from there, and from nowhere else.
errors_seen()
{
	local errors=0
	until [ -e /tmp/enough ]; do
		if dd if=/dev/vdc of=/dev/null bs=4k skip=256 count=1 iflag=direct 2>/dev/null; then
			echo "vdc: the bad sector was read" >>/tmp/failed
		fi
		errors=$((errors + 1))
		echo $errors >/tmp/errors
		dd if=/dev/vdc of=/dev/null bs=4k skip=$((RANDOM % 256)) count=1 iflag=direct \
			2>/dev/null || [ ! -b /dev/vdc ] ||
			echo "vdc: a good sector was not read" >>/tmp/failed
		sleep 0.2
	done
}

# --- Events ---------------------------------------------------------------

stopped_poller()
{
	local job
	one_of vda vdb "$mock"
	poller "/dev/$choice" $((RANDOM % 64 + 1)) >/dev/null &
	job=$!
	wait_for 30 state $job T
	a_while
	one_of CONT KILL
	kill "-$choice" $job
	kill -CONT $job 2>/dev/null || true
	wait $job || true
}

frozen_poller()
{
	local job
	one_of vda vdb "$mock"
	poller -r "/dev/$choice" $((RANDOM % 64 + 1)) >/dev/null &
	job=$!
	mkdir -p /sys/fs/cgroup/soak
	echo $job >/sys/fs/cgroup/soak/cgroup.procs
	echo 1 >/sys/fs/cgroup/soak/cgroup.freeze
	a_while
	echo 0 >/sys/fs/cgroup/soak/cgroup.freeze
	kill -TERM $job
	wait $job || true
}

leaving_poller()
{
	one_of vda vdb "$mock"
	poller -x "/dev/$choice" $((RANDOM % 64 + 1))
}

scheduler()
{
	local disk
	one_of vda vdb "$mock"
	disk=$choice
	one_of none mq-deadline kyber
	echo "$choice" >"/sys/block/$disk/queue/scheduler" 2>/dev/null || true
}

depth()
{
	local disk
	one_of vda vdb "$mock"
	disk=$choice
	one_of 16 64 128
	echo "$choice" >"/sys/block/$disk/queue/nr_requests" 2>/dev/null || true
}

cache_type()
{
	one_of "write back" "write through"
	echo "$choice" >/sys/block/vda/cache_type
}

parameters()
{
	one_of num_request_queues poll_queues
	echo $((RANDOM % 3)) >"/sys/module/virtio_blk/parameters/$choice" 2>/dev/null || true
}

cpu_goes()
{
	[ -w /sys/devices/system/cpu/cpu1/online ] || return 0
	echo 0 >/sys/devices/system/cpu/cpu1/online
	a_while
	echo 1 >/sys/devices/system/cpu/cpu1/online
}

# The disk stands still, and goes on.
brake()
{
	qmp qom-set '{"path": "/objects/brake", "property": "limits", "value": {"iops-total": 1}}' >/dev/null
	a_while
	a_while
	qmp qom-set '{"path": "/objects/brake", "property": "limits", "value": {"iops-total": 0}}' >/dev/null
}

resize()
{
	change lame capacity=$(((40 + RANDOM % 24) * 2048)) notify
}

unbind()
{
	local name
	name=$(device vdc)
	echo "$name" >$driver/unbind
	a_while
	echo "$name" >$driver/bind
	wait_for 20 test -b /dev/vdc
}

plugged()
{
	qmp device_add '{"driver": "virtio-blk-pci", "id": "soak", "bus": "spare0", "drive": "spare"}' >/dev/null
	wait_for 20 eval "[ -e /sys/block/vd[e-z] ]"
	qmp device_del '{"id": "soak"}' >/dev/null
	wait_for 30 eval "! [ -e /sys/block/vd[e-z] ]"
}

wants_reset()
{
	one_of "stuck=1 says_so=1" "needs_reset"
	# shellcheck disable=SC2086	# words
	change lame $choice
}

pulled()
{
	add gone size=1
	a_while
	change gone gone=1
	remove gone
}

# --- The course of it -----------------------------------------------------

# happens EVENT SEED: false if it fails, or does not end
happens()
{
	local job end=$((SECONDS + patience))
	# shellcheck disable=SC2030	# a throw of its own
	(RANDOM=$2 && set -e && "$1") >/tmp/event 2>&1 &
	job=$!
	while kill -0 $job 2>/dev/null; do
		if [ $SECONDS -ge $end ]; then
			cat /tmp/event
			echo "$1 does not end:"
			what_hangs
			return 1
		fi
		sleep 0.05
	done
	wait $job || { cat /tmp/event; return 1; }
}

requests()
{
	echo $(($(counter vda plain) + $(counter vda polled) + $(counter vdb plain) +
		$(counter vdb polled) + $(counter "$mock" plain) + $(counter "$mock" polled)))
}

rounds()
{
	local file sum=0
	for file in /tmp/rounds.*; do
		[ ! -e "$file" ] || sum=$((sum + $(<"$file")))
	done
	echo $sum
}

report()
{
	echo "soak: $SECONDS of $((60 * minutes)) s, $events events, $(requests) requests," \
		"$(rounds) rounds verified, $(seen lame resets) resets," \
		"$(counter "$mock" returned) requests taken back, last: $event"
}

mountpoint -q /sys/fs/cgroup || mount -t cgroup2 cgroup2 /sys/fs/cgroup
add lame size=64 num_queues=2
mock=$(disk lame)
[ "$mock" ] || fail "no mock disk"
rm -f /tmp/enough /tmp/failed
workers=
for disk in vda vdb "$mock"; do
	verifier "$disk" &
	workers+=" $!"
done
errors_seen &
workers+=" $!"

all=(stopped_poller frozen_poller leaving_poller scheduler depth cache_type parameters
	cpu_goes brake resize unbind plugged wants_reset pulled)
events=0
event=none
SECONDS=0
next_report=20
moved=0
last=0
while [ $SECONDS -lt $((60 * minutes)) ] && [ ! -e /tmp/failed ]; do
	one_of "${all[@]}"
	event=$choice
	# shellcheck disable=SC2031
	happens "$event" "$RANDOM" || echo "the event $event failed" >>/tmp/failed
	events=$((events + 1))
	[ $SECONDS -lt $next_report ] || { report; next_report=$((SECONDS + 20)); }
	now=$(rounds)
	[ "$now" = "$last" ] || { last=$now; moved=$SECONDS; }
	[ $((SECONDS - moved)) -lt $patience ] ||
		{ what_hangs; echo "no worker got on for $patience s" >>/tmp/failed; }
done
touch /tmp/enough
end=$((SECONDS + patience))
for job in $workers; do
	while kill -0 "$job" 2>/dev/null; do
		[ $SECONDS -lt $end ] ||
			{ what_hangs; echo "a worker hangs" >>/tmp/failed; break; }
		sleep 0.2
	done
done
for disk in vda vdb "$mock"; do
	(all_accounted "$disk") || echo "$disk: see above" >>/tmp/failed
done
[ "$(seen lame violations)" = 0 ] || seen lame violation >>/tmp/failed
report
if [ -e /tmp/failed ]; then
	cat /tmp/failed
	exit 1
fi
echo "soak: passed: $((minutes)) min on $(uname -r), seed $seed: $events events, $(requests)" \
	"requests, $(rounds) rounds verified, $(counter "$mock" returned) requests taken back," \
	"$(cat /tmp/errors) injected errors seen, nothing hung, lost or wrong"
