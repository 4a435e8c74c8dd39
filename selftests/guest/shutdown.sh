#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The machine restarts under load. The kernel resets the devices then, and nobody may
# set them up again: what they write afterwards goes to the next kernel's memory.
# Runs on the host, on which it starts a guest with the kernel $VBLK_KERNEL.
set -eu
cd "$(dirname "$0")/../.."
# shellcheck source=selftests/lib.sh
. selftests/lib.sh

# Until polled requests are under way; then LINUX_REBOOT_CMD_RESTART (reboot(2)).
# shellcheck disable=SC2016	# for the guest's shell
restart='
	disk=$(cd /sys/block && echo vd*)
	counters=/sys/kernel/debug/virtio_blk/$disk
	fio --name=load --filename="/dev/$disk" --direct=1 --rw=randread --bs=4k \
		--ioengine=io_uring --hipri=1 --iodepth=16 --time_based --runtime=60 >/dev/null &
	until [ "$(sed -n "s/.* polled=\([0-9]*\) .*/\1/p" "$counters" | sort -n | tail -n 1)" -gt 1000 ]; do
		sleep 0.1
	done
	cat "$counters" >/dev/kmsg
	perl -e "syscall(169, 0xfee1dead, 672274793, 0x01234567, 0)"'

# What the console of a guest that restarts says; QEMU ends with it.
restarts()
{
	local out console status=0
	out=$(tools/vm/run --kernel "$VBLK_KERNEL" --cpus 2 --queues 2 --disk null \
		--append loglevel=7 -- sh -c "$restart" 2>&1) || status=$?
	console=$(grep -o '/[^ ]*/console' <<<"$out" | tail -n 1)
	same $status 128 "status of a guest that went: $out"
	grep -a 'polled=[1-9]' "$console"
	grep -a 'reboot: Restarting' "$console" || fail "it did not restart"
	if grep -a 'resetting it\|set up again' "$console"; then
		fail "a device was set up again"
	fi
	rm -r "$(dirname "$console")"
}

check "a restart under polled load leaves devices reset" restarts
finish
