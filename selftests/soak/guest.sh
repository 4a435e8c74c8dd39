#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The guest's part of a soak: guest.sh MINUTES SEED. Workers write and read back;
# events (events.sh) come one after the other. One of them resets the machine: then
# this starts again, and first compares the disks with what the lives before it said
# was durable. That is in the record, a file of the host which outlives all of them;
# the port "vblk.record" appends to it.
set -eu

minutes=$1
seed=$2

if [ ! -e /in-memory ]; then
	cp /share/record /tmp/record
	insmod /modules/vblk_mock.ko
	modprobe -aq mq-deadline kyber-iosched bfq || true
	# shellcheck disable=SC2034	# of memory.sh
	more_programs="date dirname mountpoint mv uname"
fi
# What suspends the machine or takes it to a snapshot needs it.
# shellcheck source=selftests/guest/memory.sh
. /vblk/selftests/guest/memory.sh
# shellcheck source=selftests/guest/lib.sh
. /vblk/selftests/guest/lib.sh
# shellcheck source=selftests/guest/mock/lib.sh
. /vblk/selftests/guest/mock/lib.sh
# shellcheck source=selftests/guest/device.sh
. /vblk/selftests/guest/device.sh
# shellcheck source=selftests/soak/events.sh
. /vblk/selftests/soak/events.sh
# shellcheck disable=SC2034	# of device.sh: QEMU connects again, after a second
reconnect=1

patience=$((120 * slower))	# seconds that anything may take

# --- The record -----------------------------------------------------------

exec 5>"/dev/$(basename "$(dirname "$(grep -lx vblk.record /sys/class/virtio-ports/*/name)")")"

# tell WORD...: the record, and the host, which does what is asked for there
tell()
{
	echo "$*" >&5
}

# went_wrong KIND TEXT...: KIND is hung, lost (or wrong data), or other
went_wrong()
{
	echo "$*" >>/tmp/failed
}

# of_record KEY: the last number of the lines "KEY DISK", or 0
of_record()
{
	sed -n "s/^$1 //p" /tmp/record | tail -n 1 | grep . || echo 0
}

# durable DISK: the last round that was
durable()
{
	local start acked
	start=$(of_record "start $1")
	acked=$(of_record "acked $1")
	echo $((acked > start ? acked : start))
}

# total KEY: of this life, and of those before
total()
{
	local now=0
	[ ! -e "/tmp/sum.$1" ] || now=$(<"/tmp/sum.$1")
	echo $((now + $(sed -n "s/^sum .*\\b$1=\\([0-9]*\\).*/\\1/p" /tmp/record | awk '
		{ sum += $1 } END { print sum + 0 }')))
}

# sums: what the next life is to know of this one
sums()
{
	local file
	count_up
	for file in /tmp/sum.*; do
		echo -n "${file#/tmp/sum.}=$(<"$file") "
	done
}

# --- Workers --------------------------------------------------------------

# verifier DISK: writes and reads back, plain, polled, and waiting for each, until it is
# enough.
verifier()
{
	local round=0 status
	until [ -e /tmp/enough ]; do
		round=$((round + 1))
		status=0
		quiet_fio --ioengine=io_uring --filename="/dev/$1" --rw=randwrite \
			--bsrange=4k-16k --size=2M --iodepth=16 --verify=crc32c \
			--randseed=$((seed + round)) \
			--name=plain --offset=0 --fsync=32 \
			--name=polled --hipri=1 --offset=16M \
			--name=waiting --ioengine=pvsync2 --offset=24M --size=512k \
			>"/tmp/fio.$1" 2>&1 || status=$?
		if [ $status != 0 ]; then
			went_wrong lost "a round of verified writes to $1: $(head -n 5 "/tmp/fio.$1")"
			return
		fi
		put "/tmp/rounds.$1" $round
	done
}

# keep_journal DISK: beyond what the record knows of, from a round that writes all
keep_journal()
{
	local first
	first=$(($(durable "$1") + 2))
	echo $first >"/tmp/journal-first.$1"
	journal write "/dev/$1" "$seed" $first "/tmp/journal.$1" >&5 2>"/tmp/journal-errors.$1" &
	echo $! >"/tmp/journal-id.$1"
	wait $! || went_wrong lost "the journal of $1: $(<"/tmp/journal-errors.$1")"
}

# Reads a disk with a bad sector; errors come from there, and from nowhere else, but
# when the disk was taken away meanwhile.
errors_seen()
{
	local errors=0 unbound
	until [ -e /tmp/enough ]; do
		unbound=$(cat /tmp/unbound 2>/dev/null || true)
		if dd if=/dev/vdc of=/dev/null bs=4k skip=256 count=1 iflag=direct 2>/dev/null; then
			went_wrong lost "vdc: the bad sector was read"
		elif [ -b /dev/vdc ]; then
			errors=$((errors + 1))
			put /tmp/bad_sectors $errors
		fi
		dd if=/dev/vdc of=/dev/null bs=4k skip=$((RANDOM % 256)) count=1 iflag=direct \
			2>/dev/null || [ "$unbound" != "$(cat /tmp/unbound 2>/dev/null || true)" ] ||
			[ "$unbound" = now ] || went_wrong lost "vdc: a good sector was not read"
		sleep 0.2
	done
}

# round_of DISK: the last one that its journal has made durable, or 0
round_of()
{
	local round=0
	[ ! -s "/tmp/journal.$1" ] || round=$(<"/tmp/journal.$1")
	echo "$round"
}

# new_round DISK ROUND: has its journal got on?
new_round()
{
	[ "$(round_of "$1")" -gt "$2" ]
}

# journals_go_on: each of them has something new on its disk, and said so.
journals_go_on()
{
	local disk
	for disk in vda vdb; do
		wait_for 100 new_round $disk "$(round_of $disk)"
	done
}

# look_back DISK: whether it has what the last life promised
look_back()
{
	local start
	start=$(of_record "start $1")
	[ "$start" != 0 ] || fail "$1: no journal in the record"
	journal check "/dev/$1" "$seed" "$start" "$(durable "$1")" 2>&1 || return
	add_to kept $(($(durable "$1") - start + 1))
}

# close_journal DISK: and whether all of it is there
close_journal()
{
	kill -TERM "$(<"/tmp/journal-id.$1")" || true
	wait_for 100 eval "! [ -e /proc/$(<"/tmp/journal-id.$1") ]"
	journal check "/dev/$1" "$seed" "$(<"/tmp/journal-first.$1")" "$(round_of "$1")" 2>&1
}

# --- The course of it -----------------------------------------------------

# happens EVENT SEED: false if it fails, or does not end
happens()
{
	local job end=$((SECONDS + patience)) status=0
	# shellcheck disable=SC2030	# a throw of its own
	(RANDOM=$2 && set -e && "$1") >/tmp/event 2>&1 &
	job=$!
	while kill -0 $job 2>/dev/null; do
		if [ $SECONDS -ge $end ]; then
			tail -n 20 /tmp/event
			what_hangs
			went_wrong hung "the event $1 does not end"
			return
		fi
		sleep 0.05
	done
	wait $job || status=$?
	[ $status = 0 ] || { tail -n 20 /tmp/event; went_wrong "$(kind_of_failure)" "the event $1 failed"; }
}

# By what the event said
kind_of_failure()
{
	if grep -q 'still not:' /tmp/event; then
		echo hung
	elif grep -qE 'verify|was never written|was durable|the load failed|status of the load' \
		/tmp/event; then
		echo lost
	else
		echo other
	fi
}

rounds()
{
	local file sum=0
	for file in /tmp/rounds.*; do
		[ ! -e "$file" ] || sum=$((sum + $(<"$file")))
	done
	echo $sum
}

# count_up: what is not counted where it happens
count_up()
{
	local disk sum=0 spins=0
	for disk in vda vdb "$mock"; do
		sum=$((sum + $(counter "$disk" plain) + $(counter "$disk" polled)))
		spins=$((spins + $(counter "$disk" spins)))
	done
	add_to requests $((sum - counted_requests))
	counted_requests=$sum
	add_to spins $((spins - counted_spins))
	counted_spins=$spins
	sum=$(counter "$mock" returned)
	add_to returned $((sum - counted_returned))
	counted_returned=$sum
	rounds >/tmp/sum.rounds
	echo $events >/tmp/sum.events
	cat /tmp/bad_sectors >/tmp/sum.bad_sectors 2>/dev/null || true
}

# Every request that came into a ring is in it, or came off once: of each queue the
# driver's numbers fit together at any time.
rings_right()
{
	local disk
	for disk in vda vdb "$mock"; do
		awk -v disk="$disk" '{
			for (i = 1; i <= NF; i++) {
				split($i, field, "=")
				n[field[1]] = field[2]
			}
			came = n["plain"] + n["polled"]
			went = n["reaped_poll"] + n["reaped_irq"] + n["reaped_guard"] \
				+ n["reaped_timeout"] + n["reaped_other"] + n["returned"]
			if (came != went + n["inflight_plain"] + n["inflight_polled"]) {
				print disk ": " $0
				exit 1
			}
		}' "$counters/$disk" || return 1
	done
}

# all_get_on: true if every verifier has ended a round since the last time, or has not
# had its patience's worth of seconds yet
all_get_on()
{
	local disk now
	for disk in vda vdb "$mock"; do
		now=$(cat "/tmp/rounds.$disk" 2>/dev/null || echo 0)
		if [ "$now" != "${last[$disk]-none}" ]; then
			last[$disk]=$now
			moved[$disk]=$SECONDS
		fi
		[ $((SECONDS - moved[$disk])) -lt $patience ] || return 1
	done
}

report()
{
	count_up
	echo "soak: $(($(date +%s) - began)) of $((60 * minutes)) s, life $life," \
		"$(total events) events, $(total requests) requests," \
		"$(total rounds) rounds verified, last: $event"
}

# over: the time; SECONDS alone does not tell, which a snapshot takes back.
over()
{
	[ "$(date +%s)" -ge $((began + 60 * minutes)) ]
}

begin_life()
{
	local disk
	life=$(($(grep -c '^life ' /tmp/record || true) + 1))
	began=$(sed -n 's/^life 1 //p' /tmp/record | grep . || date +%s)
	tell "life $life $(date +%s)"
	[ $life -gt 1 ] || return 0
	awk '/^life / { reset = 0 } /^reset/ { reset = 1 } END { exit !reset }' /tmp/record ||
		went_wrong other "the machine started again by itself"
	for disk in vda vdb; do
		(look_back $disk) || went_wrong lost "$disk after a reset of the machine"
	done
}

all=(stopped_poller frozen_poller leaving_poller scheduler depth cache_type parameters
	spinning cpu_goes suspend brake stop_and_cont back resize unbind plugged wants_reset pulled
	bad_device bad_device broken_ring errors killed_device power_cut)
rm -f /tmp/enough /tmp/failed
counted_requests=0
counted_spins=0
counted_returned=0
events=0
event=none
mountpoint -q /sys/fs/cgroup || mount -t cgroup2 cgroup2 /sys/fs/cgroup
echo Y >/sys/module/printk/parameters/console_suspend
[ ! -w /sys/module/suspend/parameters/pm_test_delay ] ||
	echo 1 >/sys/module/suspend/parameters/pm_test_delay
begin_life
add lame size=64 num_queues=2
mock=$(disk lame)
[ "$mock" ] || fail "no mock disk"
RANDOM=$((seed + life))
for disk in vda "$mock"; do
	echo 50 >"/sys/block/$disk/sync_poll_us"
done
workers=
for disk in vda vdb "$mock"; do
	verifier "$disk" &
	workers+=" $!"
	[ "$disk" != "$mock" ] || continue
	keep_journal "$disk" &
	workers+=" $!"
done
errors_seen &
workers+=" $!"

(journals_go_on) || went_wrong hung "the journals do not begin"

SECONDS=0
next_report=20
declare -A moved last
# A life has some events before it may end; to begin one takes long.
while ! over && [ ! -e /tmp/failed ]; do
	one_of "${all[@]}"
	[ $events -lt 6 ] || [ $((RANDOM % 8)) != 0 ] || choice=system_reset
	event=$choice
	events=$((events + 1))
	[ "$event" != system_reset ] || report
	# shellcheck disable=SC2031
	happens "$event" "$RANDOM"
	[ $SECONDS -lt $next_report ] || { report; next_report=$((SECONDS + 20)); }
	rings_right || went_wrong lost "requests, after the event $event: see above"
	[ "$(seen lame violations)" = 0 ] || went_wrong other "$(seen lame violation)"
	all_get_on || { what_hangs; went_wrong hung "a worker did not get on for $patience s"; }
done
touch /tmp/enough
for disk in vda vdb; do
	(close_journal $disk) || went_wrong lost "$disk at the end"
done
end=$((SECONDS + patience))
for job in $workers; do
	while kill -0 "$job" 2>/dev/null; do
		[ $SECONDS -lt $end ] || { what_hangs; went_wrong hung "a worker"; break; }
		sleep 0.2
	done
done
for disk in vda vdb "$mock"; do
	(all_accounted "$disk") || went_wrong lost "$disk: see above"
done
report
[ "$(total spins)" -gt 0 ] || went_wrong other "nobody looked for its requests itself"
hung=$(grep -c '^hung' /tmp/failed 2>/dev/null) || true
lost=$(grep -c '^lost' /tmp/failed 2>/dev/null) || true
cat <<END
soak: $minutes min on $(uname -r), commit $COMMIT, seed $seed, QEMU $VBLK_QEMU, $VBLK_ACCEL
soak: $(total events) events; the machine was reset $((life - 1)) times and went back to a snapshot $(total journeys) times
soak: $(total requests) requests, $(total returned) of them taken back from a mock device and done again
soak: $(total spins) requests looked for by who waited for them
soak: $(total rounds) rounds of writes read back and right; $(total kept) durable rounds looked for after resets of the machine
soak: $(($(total injected) + $(total bad_sectors))) errors injected, each was seen; $(total faults) other faults of devices
soak: devices without power lost $(total cut) sectors
END
if [ -e /tmp/failed ]; then
	cat /tmp/failed
	echo "soak: FAILED: ${hung:-0} hung, ${lost:-0} lost or wrong, $(grep -c '^other' /tmp/failed || true) other"
	exit 1
fi
echo "soak: passed: 0 hung, 0 lost or wrong, and all that had been flushed is there"
