#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# vblkstat on real disks: what it says about who polls and who does not, and
# whether the driver's counters are documented. One vCPU, one queue; vda answers
# at once, vdb takes 2 ms, vdc half a second.
set -eu
# shellcheck source=selftests/guest/lib.sh
. /vblk/selftests/guest/lib.sh
abi=/vblk/Documentation/ABI/debugfs-virtio_blk
manual=/vblk/tools/vblkstat/vblkstat.8

# during KEY COMMAND...: the report of a second while COMMAND, which does I/O on
# vda for some, makes KEY grow; in /tmp/report.
during()
{
	local key=$1 load
	shift
	mark vda
	"$@" --filename=/dev/vda --rw=randread --time_based --runtime=8 &
	load=$!
	wait_for 20 grown_beyond "$key" 20
	vblkstat -y -i 1 -c 1 vda >/tmp/report
	cat /tmp/report $counters/vda
	wait $load || fail "the load failed"
}

# says TEXT...: each at the beginning of a line of the report
says()
{
	local text
	for text in "$@"; do
		grep -q "^ *$text" /tmp/report || fail "does not say: $text"
	done
}

never_says()
{
	! grep "$1" /tmp/report || fail "it should not have said so"
}

polling()
{
	during polled polled --bs=4k "$@"
	grep -qx 'vda: polling' /tmp/report || fail "does not say that it is polling"
	never_says 'not ask\|scheduler\|split'
	# What the figures of the one row say: polled a second, and by whom
	awk '$1 == "vda" { exit !($5 > 20 && $6 > 50 && $9 < 0.5) }' /tmp/report ||
		fail "figures of something else"
}

sync_polling()
{
	kernel polls_sync || skip "this kernel polls for no synchronous I/O"
	during polled sync_polled --bs=4k
	says 'vda: polling'
}

plain_load()
{
	during plain plain --bs=4k
	says 'vda: not polling: all requests are plain' 'the application does not ask'
	never_says 'split\|scheduler'
}

scheduler()
{
	echo mq-deadline >/sys/block/vda/queue/scheduler
	during polled polled --bs=4k
	echo none >/sys/block/vda/queue/scheduler
	says 'vda: polling' 'the scheduler is mq-deadline'
}

# Of 2 MiB, they arrive in parts.
split()
{
	if kernel splits_polled; then
		during polled polled --bs=2M
		says 'vda: polling'
		never_says split
	else
		during plain polled --bs=2M
		says 'vda: not polling' 'requests of .* they are split' 'or the application'
	fi
}

# start_reports ARG...: vblkstat in the background
start_reports()
{
	: >/tmp/report	# what the last test left is none
	vblkstat "$@" >/tmp/report &
	reports=$!
}

# ended_reports: the background vblkstat goes, and what it said stays.
ended_reports()
{
	kill -TERM "$reports"
	wait "$reports" || fail "vblkstat ended with $?: $(cat /tmp/report)"
	grep -vE '^(vd.: )?idle|"verdict":"idle"' /tmp/report || true
}

# judged CODE...: has a report so far come to one of these verdicts?
judged()
{
	local code
	for code in "$@"; do
		! grep -q "\"verdict\":\"$code\"" /tmp/report || return 0
	done
	return 1
}

# stopped DISK TEXT CODE...: what it comes to when a poller of DISK stops. On an
# overloaded host the one look at the ring that submitting takes may find the
# requests done, or the device be slower than the guard: three attempts.
stopped()
{
	local disk=$1 text=$2 poller attempt lines
	shift 2
	for attempt in 1 2 3; do
		mark "$disk"
		start_reports --json -y -i 0.1 "$disk"
		wait_for 20 test -s /tmp/report
		poller -c "/dev/$disk" 4 >/tmp/poller &
		poller=$!
		wait_for 10 state $poller T
		wait_for 10 quiet "$disk"
		lines=$(wc -l </tmp/report)
		wait_for 20 reported $((lines + 2))
		ended_reports
		state $poller T || fail "the poller was not stopped"
		kill -CONT $poller
		wait $poller || fail "the poller failed: $(cat /tmp/poller)"
		echo "attempt $attempt: $(<"$counters/$disk")"
		if judged "$@" && grep -q "$text" /tmp/report; then
			return
		fi
	done
	fail "no verdict of $*, or no such words: $text"
}

# reported N: lines
reported()
{
	[ "$(wc -l </tmp/report)" -ge "$1" ]
}

# An interrupt may be faster than the guard, see stalled.sh.
stopped_fast()
{
	if kernel keeps_event_index; then
		stopped vdb 'polled requests are reaped by' stalled interrupted
	else
		stopped vdb 'polled requests are reaped by the guard: their poller is stopped' stalled
	fi
}

stopped_slow()
{
	stopped vdc 'polled requests wait: their poller is stopped' stalled
}

# came_back: is there something about vdb below "gone"?
came_back()
{
	sed '1,/^vdb: gone$/d' /tmp/report | grep -q '^vdb: '
}

come_and_go()
{
	local dev driver=/sys/bus/virtio/drivers/virtio_blk
	start_reports -i 0.5 vda vdb
	wait_for 20 grep -q '^vdb: ' /tmp/report
	dev=$(device vdb)
	echo "$dev" >$driver/unbind
	wait_for 20 grep -qx 'vdb: gone' /tmp/report
	echo "$dev" >$driver/bind
	wait_for 20 came_back
	ended_reports
}

reload()
{
	reader /dev/vda 500
	start_reports -i 10 -c 2 vda
	wait_for 20 grep -q '^vda: ' /tmp/report
	vblk-unload
	vblk-load ours
	wait $reports || fail "vblkstat ended with $?"
	cat /tmp/report
	says 'its counters restarted'
}

cannot_poll()
{
	vblk-unload
	vblk-load ours twin=0
	vblkstat >/tmp/report
	vblk-unload
	vblk-load ours
	cat /tmp/report
	says 'vda: not polling: this disk cannot' 'the driver was loaded with twin=N'
}

io_poll_off()
{
	kernel writes_io_poll || skip "this kernel takes no 0 for io_poll"
	echo 0 >/sys/block/vda/queue/io_poll
	vblkstat vda >/tmp/report
	echo 1 >/sys/block/vda/queue/io_poll
	cat /tmp/report
	says 'vda: not polling: this disk cannot' 'queue/io_poll'
}

stock()
{
	vblk-unload
	vblk-load stock
	vblkstat >/tmp/report
	setpriv --reuid=65534 --clear-groups vblkstat >/tmp/report.nobody
	vblk-unload
	vblk-load ours
	cat /tmp/report
	same "$(grep -c '^vd[abc]: the stock driver runs it' /tmp/report)" 3 "disks"
	cmp /tmp/report /tmp/report.nobody
}

# fails TEXT COMMAND...: with status 1 and a line that says so
fails()
{
	local text=$1 status=0
	shift
	"$@" >/tmp/report 2>&1 || status=$?
	cat /tmp/report
	same "$status $(wc -l </tmp/report)" "1 1" "exit status, lines"
	says ".*$text"
}

no_rights()
{
	fails 'not allowed to read /sys/kernel/debug: run it as root' \
		setpriv --reuid=65534 --clear-groups vblkstat
	fails 'mount debugfs' unshare -m sh -c 'umount -l /sys/kernel/debug; exec vblkstat'
}

# What the man page has one do, on disks that rest.
captured()
{
	sed -n '/^\.Bd/,/^\.Ed/{ /^\./d; s/\\e/\\/; p }' $manual >/tmp/capture
	grep -q 'cp -r' /tmp/capture || fail "no such commands in the man page"
	cat /tmp/capture
	sh -e /tmp/capture
	vblkstat --json | sed 's/"time":[0-9.]*//' >/tmp/live
	vblkstat --json --root /tmp/tree | sed 's/"time":[0-9.]*//' >/tmp/captured
	diff /tmp/live /tmp/captured
	grep -q '"disk":"vdc"' /tmp/captured || fail "nothing was captured"
}

# Keys: those in the tables of the ABI file, and those of the driver.
documented_keys()
{
	awk '/=====/ { rules++; next }
	     rules % 2 && /^\t\t[a-z_]+  / { print $1 }' $abi | sort
}

driver_keys()
{
	tr ' ' '\n' <$counters/vda | sed 's/=.*//' | sort -u
}

keys_documented()
{
	driver_keys >/tmp/keys
	is "$(wc -l </tmp/keys)" -ge 20 "keys"
	documented_keys >/tmp/documented
	same "$(comm -23 /tmp/keys /tmp/documented | xargs)" "" "keys that are not documented"
}

keys_exist()
{
	driver_keys >/tmp/keys
	grep -qx polls /tmp/keys || skip "this driver does not print polls="
	documented_keys >/tmp/documented
	same "$(comm -13 /tmp/keys /tmp/documented | xargs)" "" "keys that the driver lacks"
}

polls()
{
	driver_keys | grep -qx polls || skip "this driver does not print polls="
	same "$(vblkstat vda | awk '$1 == "vda" { print $3 }')" twin
	vblk-unload
	vblk-load ours twin=0
	same "$(vblkstat vda | awk '$1 == "vda" { print $3 }')" no
	vblk-unload
	vblk-load ours
}

check "each counter is documented" keys_documented
check "each documented counter exists" keys_exist
check "whether a queue polls" polls
check "a captured tree is read as the original" captured
check "io_uring with hipri, depth 1: polling" polling
check "io_uring with hipri, depth 32: polling" polling --iodepth=32 \
	--iodepth_batch_submit=16 --iodepth_batch_complete_min=1
check "pvsync2 with hipri: polling" sync_polling
check "io_uring without hipri: the application does not ask" plain_load
check "scheduler mq-deadline: it is named" scheduler
check "I/O that is split" split
check "a stopped poller: the guard reaps" stopped_fast
check "a stopped poller: its requests wait" stopped_slow
check "a disk that goes and comes back" come_and_go
check "a driver that is reloaded" reload
check "twin=0: it cannot poll" cannot_poll
check "io_poll set to 0" io_poll_off
check "the stock driver" stock
check "without rights, and without debugfs" no_rights
finish
