#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The whole machine goes back to a snapshot of itself, and then moves to another
# QEMU, under load. vda and vdb are images that can have snapshots; vdc takes
# 500 ms, so that always something is in flight there.
set -eu
# shellcheck source=selftests/guest/memory.sh
. /vblk/selftests/guest/memory.sh
# shellcheck source=selftests/guest/lib.sh
. /vblk/selftests/guest/lib.sh

# There and back: only QEMU remembers what was after the snapshot.
back()
{
	local devices='"tag": "then", "vmstate": "disk0", "devices": ["disk0", "disk1"]'
	local asked=""

	qmp snapshot-save "{\"job-id\": \"save\", $devices}"
	wait_for 60 concluded save
	if ! job load; then
		asked=1
		qmp snapshot-load "{\"job-id\": \"load\", $devices}"
	fi
	wait_for 60 concluded load
	[ ! "$asked" ] || fail "it did not go back"
}

# Only the socket of its monitor tells the other QEMU from this one: what
# query-migrate says of a snapshot is the same.
has_moved()
{
	local answer
	answer=$(qmp query-chardev) || return 1
	[[ $answer == *.standby* ]]
}

move()
{
	qmp migrate-set-parameters '{"max-bandwidth": 1073741824}'
	qmp migrate "{\"uri\": \"$VBLK_STANDBY\"}"
	wait_for 60 has_moved
}

# under_all_load COMMAND: under_load, and while slow polled requests are in flight
under_all_load()
{
	local poller

	mark vdc
	poller -r /dev/vdc 8 >/tmp/poller &
	poller=$!
	wait_for 10 grown_beyond polled 0
	under_load 1 "$1"
	kill -TERM $poller
	wait $poller
	same "$(value errors /tmp/poller)" 0 "errors"
	all_accounted vdc
}

check "back to a snapshot, under verified load" under_all_load back
check "to another QEMU, under verified load" under_all_load move
finish
