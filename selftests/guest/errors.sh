#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The status that the device wrote is what the reader gets, polled or not; and
# modules that do not belong here are refused. Sector 2048 of vda is bad.
set -eu
# shellcheck source=selftests/guest/lib.sh
. /vblk/selftests/guest/lib.sh

bad=$((2048 * 512))

# eio HOW RW OFFSET: does fio see an I/O error there?
eio()
{
	if "$1" --filename=/dev/vda --rw="$2" --bs=4k --offset="$3" --size=4k >/tmp/eio 2>&1; then
		return 1
	fi
	cat /tmp/eio
	grep -q 'Input/output error' /tmp/eio || fail "another error than EIO"
}

reported()
{
	mark vda
	eio "$1" "$2" $bad || fail "no error for the bad sector"
	! eio "$1" "$2" $((bad - 4096)) || fail "an error for the sectors before"
	! eio "$1" "$2" $((bad + 4096)) || fail "an error for the sectors behind"
	case $1 in
	plain) same "$(grown polled)" 0 "polled requests" ;;
	*) is "$(grown polled)" -ge 3 "polled requests" ;;
	esac
	all_accounted vda
}

# Among others in flight, that one fails and no other.
one_of_many()
{
	local status=0
	mark vda
	poller -n 600 /dev/vda 64 >/tmp/poller || status=$?
	same $status 3 "the poller's status"
	same "$(cat /tmp/poller)" "reads=600 errors=1"
	is "$(grown polled)" -ge 600 "polled requests"
	all_accounted vda
}

check "a plain read of a bad sector" reported plain read
check "a plain write of a bad sector" reported plain write
check "a polled read of a bad sector" reported polled read
check "a polled write of a bad sector" reported polled write
check "a bad sector among 64 polled reads in flight" one_of_many
if kernel polls_sync; then
	check "a synchronous polled read of a bad sector" reported sync_polled read
fi

# --- Modules --------------------------------------------------------------

loaded_twice()
{
	local other
	for other in ours stock; do
		refused insmod /modules/$other/virtio_blk.ko >/tmp/insmod
		grep -q 'File exists' /tmp/insmod || fail "$other: $(cat /tmp/insmod)"
	done
	vblk-unload
	vblk-load stock
	refused insmod /modules/ours/virtio_blk.ko >/tmp/insmod
	grep -q 'File exists' /tmp/insmod || fail "$(cat /tmp/insmod)"
	vblk-unload
	vblk-load ours
}

other_kernel()
{
	local module

	for module in /vblk/build/modules/*/virtio_blk.ko; do
		case $(modinfo -F vermagic "$module") in "$(uname -r) "*) continue ;; esac
		vblk-unload
		refused insmod "$module" >/tmp/insmod
		dmesg >/tmp/log
		vblk-load ours
		grep -q 'Invalid module format' /tmp/insmod || fail "$(cat /tmp/insmod)"
		# Before it comes to versions, it may be the size of struct module.
		tail -n 20 /tmp/log | grep 'version magic\|disagrees about version\|this_module section size' ||
			fail "the log does not say why: $(tail -n 3 /tmp/log)"
		return 0
	done
	skip "no module for another kernel was built"
}

check "a second virtio_blk is refused" loaded_twice
check "a module for another kernel is refused" other_kernel
finish
