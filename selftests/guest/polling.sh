#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A disk polls with no configuration, and polling is without interrupts and
# without touching callbacks. One vCPU, one queue.
set -eu
# shellcheck source=selftests/guest/lib.sh
. /vblk/selftests/guest/lib.sh

requests=$((100000 / slower))

# guard_is_slow: since mark(), it has fired at most every 5 ms, and beside a plain
# request a few times more.
guard_is_slow()
{
	local ms
	ms=$(ms_since_mark)
	echo "the guard fired $(grown guard_fired) times in $ms ms"
	is "$(grown guard_fired)" -le $((ms / 5 + 10 + 10 * $(grown plain))) "firings"
}

# hundred_thousand HOW DEPTH ARG...
hundred_thousand()
{
	local how=$1 depth=$2
	shift 2
	all_polled vda $requests "$depth" \
		"$how" "--iodepth=$depth" --filename=/dev/vda --rw=randread --bs=4k --number_ios=$requests "$@"
	guard_is_slow
	all_accounted vda
}

control_plain()
{
	mark vda
	plain --filename=/dev/vda --rw=randread --bs=4k --number_ios=2000
	oracle_fails 2000 1
}

control_no_twin()
{
	vblk-unload
	vblk-load ours twin=0
	mark vda
	same "$(cat /sys/block/vda/queue/io_poll)" 0 "io_poll"
	# What else would fail the oracle, with io_poll out of the way.
	polled --filename=/dev/vda --rw=randread --bs=4k --number_ios=2000 || true
	same "$(grown reaped_poll)" 0 "requests reaped by a poller"
	oracle_fails 2000 1
}

with_twin_again()
{
	vblk-unload
	vblk-load ours
}

# Callbacks are left alone until somebody polls, stay off while nobody needs
# them, and come back with the first plain request.
lazy()
{
	# Until there is no stall: its end may be beyond a poller's.
	for _ in 1 2 3 4 5; do
		reader /dev/vda 10
		mark vda
		grep -q callbacks=on $counters/vda || fail "off before anybody polled"
		poller -n 100 /dev/vda 1
		poller -n 100 /dev/vda 1
		[ "$(grown stalls)" != 0 ] || break
	done
	same "$(grown stalls)" 0 "stalls"
	grep -q callbacks=off $counters/vda || fail "on after polling"
	same "$(grown cb_off) $(grown cb_on)" "1 0" "turned off, by the first poller, and on"

	mark vda
	reader /dev/vda 10
	grep -q callbacks=on $counters/vda || fail "off after plain reads"
	same "$(grown cb_on)" 1 "turned on by plain reads"
	same "$(grown reaped_irq)" 10 "requests reaped by interrupts"
	all_accounted vda
}

# Where the kernel lets a synchronous poller go, because others want its CPU,
# an interrupt is promised to it.
sleepers()
{
	local hog

	kernel polls_sync || skip "this kernel polls for no synchronous I/O"
	mark vda
	while :; do :; done &
	hog=$!
	sync_polled --filename=/dev/vda --rw=randread --bs=4k --time_based --runtime=8
	kill $hog
	cat $counters/vda
	is "$(grown sleepers)" -ge 1 "sleepers"
	is "$(grown cb_on)" -ge $(($(grown sleepers) + $(grown stalls))) \
		"times that callbacks were turned on"
	is "$(grown reaped_irq)" -ge 1 "requests reaped by interrupts"
	all_accounted vda
}

check "callbacks: lazily off, and on again for plain reads" lazy
check "io_uring, depth 1: polled without interrupts" hundred_thousand polled 1
check "io_uring, depth 32: polled without interrupts" \
	hundred_thousand polled 32 --iodepth_batch_submit=16 --iodepth_batch_complete_min=1
if kernel polls_sync; then
	check "pvsync2: polled without interrupts" hundred_thousand sync_polled 1
fi
check "a poller that gives up its CPU is promised an interrupt" sleepers
check "control: the oracle fails plain reads" control_plain
check "control: the oracle fails twin=0" control_no_twin
check "polls again with twin contexts" with_twin_again
finish
