#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Pollers that went away with requests in flight: whoever else uses the queue
# must not wait for them. One vCPU, one queue. vda answers at once, vdb takes
# 2 ms, vdc 200 ms.
set -eu
# shellcheck source=selftests/guest/lib.sh
. /vblk/selftests/guest/lib.sh

# Where an interrupt may come all the same, it may be faster than the guard.
stalled()
{
	if kernel keeps_event_index; then
		is $(($(grown stalls) + $(grown reaped_irq))) -ge 1 "stalls or interrupts"
	else
		is "$(grown stalls)" -ge 1 "stalls"
	fi
}

stopped_poller()
{
	# A stall of before ends.
	poller -n 20 /dev/vdb 1
	stop_poller vdb "$1" $(($1 - 1))
	reads_in_time vdb
	stalled
	is "$(grown polled)" -ge "$1" "polled requests"
	is "$(grown reaped_poll)" -lt "$1" "requests reaped by a poller"
	continue_poller
	all_accounted vdb
}

# It stops again and again, each time with new requests in flight.
stopping_poller()
{
	mark vdb
	poller -a /dev/vdb "$1" >/tmp/poller &
	poller=$!
	wait_for 20 grown_beyond polled 0
	reads_in_time vdb
	wait_for 20 grown_beyond stalls 4
	kill -TERM $poller
	kill -CONT $poller
	wait $poller || fail "the poller failed: $(cat /tmp/poller)"
	all_accounted vdb
}

# Polling all the time, it does not keep others from the disk: they have at
# least a quarter of what they have alone.
busy_poller()
{
	local attempt alone
	for attempt in {1..10}; do
		reader /dev/vdb $reads >/tmp/reader
		alone=$(value mean_us /tmp/reader)
		echo "attempt $attempt, alone: $(cat /tmp/reader)"
		mark vdb
		poller -r /dev/vdb "$1" >/tmp/poller &
		poller=$!
		reader /dev/vdb $reads >/tmp/reader
		echo "beside the poller: $(cat /tmp/reader)"
		kill -TERM $poller
		wait $poller || fail "the poller failed: $(cat /tmp/poller)"
		all_accounted vdb
		# A debug kernel takes longer to submit so much than the guard waits.
		if [ "$(grown reaped_poll)" -ge $((slower > 1 ? 0 : reads)) ] &&
		   [ "$(value mean_us /tmp/reader)" -le $((4 * alone)) ] &&
		   [ "$(value p95_us /tmp/reader)" -le $bound_us ]; then
			return 0
		fi
	done
	fail "the poller got nothing or more than three quarters, or reads took too long"
}

# The block layer waits for the requests of a stopped poller, and no driver is
# told: here with a new number of requests.
freeze()
{
	mark vdc
	stop_poller vdc 4
	SECONDS=0
	echo 64 >/sys/block/vdc/queue/nr_requests
	is $SECONDS -lt $((5 * slower)) "seconds to freeze the queue"
	same "$(cat /sys/block/vdc/queue/nr_requests)" 64
	state "$poller" T || fail "the poller was not stopped"
	stalled
	continue_poller
	all_accounted vdc
}

# After a stall the next poller is one like any other.
after_a_stall()
{
	stop_poller vda 4
	wait_for 5 quiet vda
	continue_poller
	mark vda
	poller -n 20000 /dev/vda 1
	cat $counters/vda
	is "$(grown stalls)" -le 200 "stalls"
	is "$(grown interrupts)" -le $((200 + 16 * $(grown stalls))) "interrupts"
	all_accounted vda
}

for depth in 1 4 64 256; do
	check "stopped poller with $depth in flight: plain reads in time" stopped_poller $depth
done
for depth in 1 64; do
	check "poller that stops all the time, $depth in flight: plain reads in time" \
		stopping_poller $depth
done
for depth in 1 64; do
	check "poller that never stops, $depth in flight: plain reads go on" \
		busy_poller $depth
done
check "stopped poller with 4 in flight: the queue can be frozen" freeze
check "after a stall polling goes on without interrupts" after_a_stall
finish
