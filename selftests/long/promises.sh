#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What is promised of pollers, in full: as many reads, requests and seconds as the
# promises say, without and with submitters that spin (sync_poll_us). Two vCPUs, one
# queue: the pollers have CPU 1, whoever reads CPU 0. vda and vdb take 2 ms, vdb has a
# ring of 16; vdc answers at once.
set -eu
# shellcheck source=selftests/guest/lib.sh
. /vblk/selftests/guest/lib.sh

bound_us=$((20000 * slower))	# every plain read
driver=/sys/bus/virtio/drivers/virtio_blk

# read_from DISK COUNT
read_from()
{
	taskset -c 0 reader "/dev/$1" "$2" >/tmp/reader
	cat /tmp/reader
}

# us KEY: of these reads
us()
{
	value "$1_us" /tmp/reader
}

# stop DISK DEPTH: $job is a poller that is stopped with so many in flight.
stop()
{
	taskset -c 1 poller -c "/dev/$1" "$2" >/tmp/poller &
	job=$!
	wait_for 10 state "$job" T
}

go_on()
{
	kill -CONT "$job"
	wait "$job" || fail "the poller failed: $(cat /tmp/poller)"
}

# A busy host can delay a read in any driver: broken is who fails three times.
stopped()
{
	local attempt alone
	for attempt in 1 2 3; do
		echo "attempt $attempt"
		read_from vda 500
		alone=$(us p50)
		mark vda
		stop vda "$1"
		read_from vda 500
		go_on
		all_accounted vda
		if [ "$(us max)" -le $bound_us ] && [ "$(us p50)" -le $((alone * 3 / 2)) ]; then
			return 0
		fi
	done
	fail "a read took longer than $bound_us us, or half of them than 1.5 times as long as alone"
}

# busy DEPTH OPTION...: a poller that goes on for ever
busy()
{
	local depth=$1 attempt alone
	shift
	for attempt in 1 2 3; do
		echo "attempt $attempt"
		read_from vda 500
		alone=$(us mean)
		mark vda
		taskset -c 1 poller "$@" /dev/vda "$depth" >/tmp/poller &
		job=$!
		wait_for 20 grown_beyond polled "$depth"
		read_from vda 500
		kill -TERM "$job"
		wait "$job" || fail "the poller failed: $(cat /tmp/poller)"
		all_accounted vda
		if [ "$(us p99)" -le $((15000 * slower)) ] && [ "$(us mean)" -le $((4 * alone)) ]; then
			return 0
		fi
	done
	fail "p99 is above 15 ms, or less than a quarter was left"
}

full_ring()
{
	local attempt
	for attempt in 1 2 3; do
		echo "attempt $attempt"
		mark vdb
		taskset -c 1 poller -r /dev/vdb 64 >/tmp/poller &
		job=$!
		wait_for 20 grown_beyond polled 100
		read_from vdb "$1"
		kill -TERM "$job"
		wait "$job" || fail "the poller failed: $(cat /tmp/poller)"
		is "$(grown ring_full)" -ge "$1" "times that the ring was full"
		same "$(grown timeouts)" 0 "requests that timed out"
		all_accounted vdb
		[ "$(us p99)" -gt $bound_us ] || return 0
	done
	fail "p99 is above $bound_us us"
}

# in_time COMMAND...: while a poller is stopped with 64 in flight
in_time()
{
	stop vda 64
	SECONDS=0
	"$@"
	is $SECONDS -lt $((5 * slower)) "seconds for: $*"
	state "$job" T || fail "the poller was not stopped"
	kill -KILL "$job"
	! wait "$job"
}

# put FILE WORD
put()
{
	echo "$2" >"$1"
}

administered()
{
	local id
	in_time put /sys/block/vda/queue/scheduler mq-deadline
	in_time put /sys/block/vda/queue/scheduler none
	in_time put /sys/block/vda/queue/nr_requests 32
	in_time put /sys/block/vda/queue/nr_requests 128
	in_time put /sys/devices/system/cpu/cpu1/online 0
	put /sys/devices/system/cpu/cpu1/online 1
	all_accounted vda
	id=$(device vda)
	in_time put $driver/unbind "$id"
	wait_for 10 eval "[ \$(</sys/module/virtio_blk/refcnt) = 0 ]"
	put $driver/bind "$id"
	wait_for 10 test -b /dev/vda
	put /sys/block/vda/sync_poll_us "$spin"
	works vda
}

# After 99,900 of 100,000 interrupts for nothing the kernel turns a vector off.
unhandled()
{
	local irq cpu jobs=()
	mark vdc
	for cpu in 0 1; do
		taskset -c $cpu poller -n 450000 /dev/vdc 16 >"/tmp/poller.$cpu" &
		jobs+=($!)
		taskset -c $cpu reader /dev/vdc 50000 >"/tmp/reader.$cpu" &
		jobs+=($!)
	done
	for job in "${jobs[@]}"; do
		wait "$job" || fail "a poller or a reader failed"
	done
	irq=$(awk -v name=" $(device vdc)-req" 'index($0, name) { sub(":", "", $1); print $1 }' \
		/proc/interrupts)
	cat "/proc/irq/$irq/spurious" "$counters/vdc"
	is $(($(grown plain) + $(grown polled))) -ge 1000000 "requests"
	is "$(sed -n 's/^unhandled //p' "/proc/irq/$irq/spurious")" -le 1000 \
		"interrupts that nobody handled"
	all_accounted vdc
}

for spin in 0 50; do
	for disk in vda vdb vdc; do
		put /sys/block/$disk/sync_poll_us $spin
	done
	with="sync_poll_us=$spin"
	for depth in 1 4 64 256; do
		check "$with: stopped with $depth in flight: 500 reads in time, half as if alone" \
			stopped $depth
	done
	check "$with: always 64 in flight: reads keep a quarter, p99 15 ms" busy 64 -r
	check "$with: reaps every 5 ms, 64 in flight: the same" busy 64 -s 5000
	check "$with: a ring full of polled requests: 10,000 reads" full_ring 10000
	check "$with: stopped: scheduler, depth, CPU and disk can go" administered
	check "$with: a million requests, polled and plain: interrupts are handled" unhandled
done
finish
