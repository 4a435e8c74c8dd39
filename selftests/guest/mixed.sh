#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Pollers and interrupts on different CPUs, and one queue: what they can do to
# each other. vda and vdb (2 ms) are null devices, vdc has a ring of 16.
set -eu
# shellcheck source=selftests/guest/lib.sh
. /vblk/selftests/guest/lib.sh
tracing=/sys/kernel/tracing

# A poller that takes what an interrupt announced makes that one spurious, and
# after 99,900 of 100,000 the kernel disables the vector for good.
spurious()
{
	local jobs=() job cpu irq unhandled

	mark "$1"
	for cpu in 0 1; do
		taskset -c $cpu poller -n 20000 "/dev/$1" 8 >"/tmp/poller.$cpu" &
		jobs+=($!)
		taskset -c $cpu reader "/dev/$1" 2000 >"/tmp/reader.$cpu" &
		jobs+=($!)
	done
	for job in "${jobs[@]}"; do
		wait "$job" || fail "a poller or a reader failed"
	done
	cat $counters/"$1"

	irq=$(awk -v name=" $(device "$1")-req" 'index($0, name) {
		sub(":", "", $1)
		print $1
	}' /proc/interrupts)
	unhandled=$(sed -n 's/^unhandled //p' "/proc/irq/$irq/spurious")
	is $(($(grown plain) + $(grown spins))) -ge 4000 "plain requests"
	is "$(grown polled)" -ge 40000 "polled requests"
	is "$(grown irqs_idle)" -le $((100 + $(grown irqs) / 4)) \
		"interrupts that found nothing"
	is "$unhandled" -le $((100 + $(grown interrupts) / 4)) "interrupts that nobody handled"
	all_accounted "$1"
}

# verified_mix DISK: plain and polled writes side by side, deeper than the ring.
# Its requests have at most 14 segments.
verified_mix()
{
	plain_and_polled 32M "--filename=/dev/$1" --rw=randwrite --verify=crc32c \
		--iodepth=64 --bsrange=4k-32k --size=12M
}

full_ring()
{
	mark vdc
	verified_mix vdc
	cat $counters/vdc
	is "$(grown ring_full)" -ge $((100 / slower)) "times that the ring was full"
	all_accounted vdc
}

# A burst ends with requests that found no room, and nobody comes after them who
# would have the core look for what it left lying.
bursts()
{
	local cpu depth

	mark vdc
	for depth in 20 32; do
		for cpu in 0 1; do
			timeout -s KILL $((120 * slower)) taskset -c $cpu poller -b $((1000 / slower)) /dev/vdc $depth || {
				cat $counters/vdc /sys/kernel/debug/block/vdc/hctx*/dispatch
				fail "depth $depth on CPU $cpu: a burst did not end"
			}
		done
	done
	is "$(grown ring_full)" -ge $((1000 / slower)) "times that the ring was full"
	all_accounted vdc
}

# The lock is held with interrupts disabled, and the kernel can tell who comes
# by in that state. That it does is seen from drivers that notify so: 9p does.
notified_without_lock()
{
	[ -e $tracing/kprobe_events ] || skip "this kernel has no kprobe events"
	echo 'p:vblk/notify vp_notify name=+0(+24(%di)):string' >$tracing/kprobe_events
	echo 20000 >$tracing/buffer_size_kb
	echo >$tracing/trace
	echo 1 >$tracing/events/vblk/notify/enable
	verified_mix vdc
	reader /dev/vda 100
	echo 0 >$tracing/events/vblk/notify/enable
	# CPU, flags, name; "d" is the flag in question.
	awk '/ notify: / { print $3, $NF }' $tracing/trace | sort | uniq -c >/tmp/notified
	echo >$tracing/kprobe_events
	echo 4 >$tracing/buffer_size_kb
	cat /tmp/notified

	grep -q ' d.* name="requests"' /tmp/notified ||
		fail "the control: 9p was not seen to notify with interrupts disabled"
	is "$(awk '/"req\./ { n += $1 } END { print n + 0 }' /tmp/notified)" -ge 100 \
		"notifications of ours"
	if grep '[dD].* name="req\.' /tmp/notified; then
		fail "notified with interrupts disabled, see above"
	fi
}

check "pollers and readers on two CPUs: no spurious interrupts" spurious vda
check "the same on a slow device" spurious vdb
check "a full ring: verified, and nobody waits for ever" full_ring
check "bursts deeper than the ring: each ends" bursts
check "the device is notified without the lock" notified_without_lock
finish
