#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The tracepoints say what happens: requests in and out of the ring, by whom,
# and why callbacks went on and off. vda answers at once, vdb takes 500 ms.
set -eu
# shellcheck source=selftests/guest/lib.sh
. /vblk/selftests/guest/lib.sh

tracing=/sys/kernel/tracing
events=$tracing/events/virtio_blk

# traced COMMAND...: what it made of events is in /tmp/trace.
traced()
{
	echo >$tracing/trace
	echo 1 >$events/enable
	"$@"
	echo 0 >$events/enable
	grep vblk_ $tracing/trace | sed 's/.*: \(vblk_[a-z]*:\)/\1/' >/tmp/trace
}

# events PATTERN: how many there were
events()
{
	grep -cE "^vblk_$1" /tmp/trace || true
}

named()
{
	same "$(cd $events && echo vblk_*)" \
		"vblk_callbacks vblk_reap vblk_reset vblk_stall vblk_submit"
}

requests()
{
	mark vda
	traced poller -n 500 /dev/vda 4
	same "$(events 'submit: .* polled op=0 sector=[0-9]+ sectors=8$')" \
		"$(grown polled)" "polled reads added"
	same "$(events 'reap: .* polled by=poll status=0$')" "$(grown reaped_poll)" \
		"polled reads reaped"
	same "$(events 'submit: ')" "$(events 'reap: ')" "in and out"
	same "$(events "submit: $(tr : , </sys/block/vda/dev) q0 ")" \
		"$(events 'submit: ')" "events of this disk"

	traced reader /dev/vda 50
	same "$(events 'reap: .* plain by=irq status=0$')" 50 "plain reads reaped"
}

callbacks()
{
	# Until there is no stall, of which the end may be beyond the poller's.
	for _ in 1 2 3 4 5; do
		reader /dev/vda 2		# on, to begin with
		mark vda
		traced poller -n 100 /dev/vda 4
		[ "$(grown stalls)" != 0 ] || break
	done
	is "$(events 'callbacks: .* off reason=polled-added$')" -ge 1 "off"
	same "$(events 'callbacks: .* off')" "$(grown cb_off)" "off in all"
	same "$(events 'callbacks: .* on')" "$(grown cb_on)" "on in all"
	mark vda
	traced reader /dev/vda 1
	same "$(events 'callbacks: .* on reason=plain-added$')" "$(grown cb_on)"
	same "$(grown cb_on)" 1 "on again, once"
}

stalled()
{
	mark vdb
	poller /dev/vdb 4 >/tmp/poller &
	wait_for 10 grown_beyond stalls 0
	wait_for 10 quiet vdb
	wait_for 10 state $! T
	kill -CONT $!
	wait $!
}

stall()
{
	reader /dev/vdb 1
	traced stalled
	is "$(events 'stall: .* plain=0 polled=4$')" -ge 1 "stalls"
	is "$(events 'callbacks: .* on reason=stall$')" -ge 1 "on by the guard"
	same "$(events 'reap: .* polled by=(irq|guard) status=0$')" 4 "reaped without a poller"
}

check "their names" named
check "requests, and who reaped them" requests
check "callbacks, and why" callbacks
check "a stall" stall
finish
