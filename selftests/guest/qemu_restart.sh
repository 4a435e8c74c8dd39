#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# QEMU is killed under load and started again, while the device lives on: what the
# first guest's flushes acknowledged, the second one reads. Runs on the host, on
# which it starts guests with the kernel $VBLK_KERNEL.
set -eu
cd "$(dirname "$0")/../.."
# shellcheck source=selftests/lib.sh
. selftests/lib.sh
make -s -C tools/vblkdev >&2

work=$(mktemp -d "${TMPDIR:-/tmp}/vblk-restart.XXXXXX")
trap 'rm -rf "$work"' EXIT
test_timeout=900	# three guests
durable=/vblk/build/selftests/guest/durable

# guest COMMAND...: $disk is what it has of the device.
guest()
{
	tools/vm/run --kernel "$VBLK_KERNEL" --cpus 2 --disk "$disk" -- "$@"
}

# qemu_of PID: the process below PID that is QEMU
qemu_of()
{
	local pid
	for pid in $(pgrep -P "$1"); do
		case $(cat "/proc/$pid/comm" 2>/dev/null) in
		qemu-system*) echo "$pid" ;;
		*) qemu_of "$pid" ;;
		esac
	done
}

# last N: the last generation that writer N was told is durable, or 0
last()
{
	awk -v "writer=$1" '$1 == writer && NF == 2 { last = $2 } END { print last + 0 }' "$work/acked"
}

acknowledged()
{
	local writer
	for writer in 0 1 2 3; do
		[ "$(last $writer)" -ge "$1" ] || return 1
	done
}

# stats KEY: of the connection that ended last; the device prints them then.
stats()
{
	tail -n 1 "$work/stats" | sed -n "s/.*\"$1\": \([0-9]*\).*/\1/p"
}

printed()
{
	[ "$(wc -l <"$work/stats")" -ge "$1" ]
}

# The last line of an acknowledgement may be cut off, but not be wrong: who is
# killed has written it whole or not.
killed_qemu()
{
	local run qemu
	: >"$work/acked"
	guest $durable /dev/vda >"$work/acked" 2>"$work/guest.log" &
	run=$!
	wait_for 300 acknowledged 200
	qemu=$(qemu_of $run)
	[ "$qemu" ] || fail "no QEMU below $run"
	kill -KILL "$qemu"
	! wait $run || fail "the guest ended by itself"
}

# restarted BACKEND PROPERTIES
restarted()
{
	local device connection
	disk=vhost-user:$work/disk$2
	build/vblkdev/vblkdev --socket "$work/disk" --backend "$1" --latency uniform:1ms-5ms \
		--queues 2 --stats >"$work/stats" 2>"$work/device.log" &
	device=$!
	wait_for 30 test -S "$work/disk"
	# Twice: what the second one writes over the first one's is as safe.
	for connection in 1 2; do
		killed_qemu
		wait_for 30 printed $connection
		is "$(stats flushes)" -ge 100 "flushes"
		same "$(stats violations)" 0 "violated rules"
		kill -0 $device || fail "the device did not survive: $(cat "$work/device.log")"
	done
	guest $durable -v /dev/vda "$(last 0)" "$(last 1)" "$(last 2)" "$(last 3)"
	kill $device
	wait $device
}

truncate -s 64M "$work/file"
check "split ring, memory: nothing is lost" restarted ram:64M ""
check "packed ring, file: nothing is lost" restarted "file:$work/file" ,packed=on
finish
