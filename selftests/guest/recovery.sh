#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Devices that stop working, say that they want to be reset, or are pulled out
# (mock devices do): whatever was in flight ends, and right.
set -eu
# shellcheck source=selftests/guest/lib.sh
. /vblk/selftests/guest/lib.sh
# shellcheck source=selftests/guest/mock/lib.sh
. /vblk/selftests/guest/mock/lib.sh

driver=/sys/bus/virtio/drivers/virtio_blk
parameter=/sys/module/virtio_blk/parameters/fail_after

# Seconds that anything may take: several, by design, where a device is waited for, and
# who waits for one that is broken waits for ever.
bound=20

# add_disk NAME KEY=VALUE...: sets vdx. A request is asked after every second.
add_disk()
{
	add "$@" size=40
	vdx=$(disk "$1")
	[ "$vdx" ] || fail "no disk"
	asked_after 1000
	mark "$vdx"
}

# asked_after MS: requests of $vdx. The stock driver asks after none.
asked_after()
{
	[ "$VBLK_DRIVER" = stock ] || echo "$1" >"/sys/block/$vdx/queue/io_timeout"
}

# taken_back OPERATOR N
taken_back()
{
	[ "$VBLK_DRIVER" = stock ] || is "$(grown returned)" "$1" "$2" "requests taken back"
}

needs_fail_after()
{
	[ -e $parameter ] || skip "the driver has no fail_after"
}

# in_time COMMAND...: whatever comes of it, in seconds.
in_time()
{
	local status=0
	SECONDS=0
	"$@" || status=$?
	is $SECONDS -le $((bound * slower)) "seconds for: $*"
	return $status
}

# resets NAME N: so many, since it was there
resets()
{
	[ "$(seen "$1" resets)" -ge "$2" ]
}

idle()
{
	local before
	add_disk lame
	# It is asked after no more, and so not complained of.
	asked_after 30000
	before=$(seen lame resets)
	change lame needs_reset
	wait_for $bound resets lame $((before + 1))
	in_time reader "/dev/$vdx" 20
	works "$vdx"
	complained "\[$vdx\] .*needs a reset"
	same $(($(seen lame resets) - before)) 1 "resets"
	lawful lame
	remove lame
}

# Writes that are read back later, and more resets than a device, or a request, gets
# that does nothing between two of them.
loaded()
{
	local before times=8 job i polled plain
	add_disk lame "$@"
	rm -f /tmp/enough
	verified() {
		until [ -e /tmp/enough ]; do
			quiet_fio --ioengine=io_uring --filename="/dev/$vdx" --rw=randwrite \
				--bs=4k --size=2M --iodepth=16 --verify=crc32c \
				--name=plain --offset=0 --fsync=8 \
				--name=polled --hipri=1 --offset=8M || return
		done
	}
	verified &
	job=$!
	for ((i = 1; i <= times; i++)); do
		# Many times what a job has in flight: all of that is done.
		polled=$(grown polled)
		plain=$(grown plain)
		wait_for 20 grown_beyond polled $((polled + 100))
		wait_for 20 grown_beyond plain $((plain + 100))
		before=$(seen lame resets)
		change lame stuck=1 says_so=1
		wait_for $bound resets lame $((before + 1))
	done
	touch /tmp/enough
	wait $job
	taken_back -ge $times
	all_accounted "$vdx"
	works "$vdx"
	lawful lame
	remove lame
}

stopped_poller()
{
	local before
	add_disk lame
	change lame stuck=1
	stop_poller "$vdx" 16
	before=$(seen lame resets)
	change lame needs_reset
	wait_for $bound resets lame $((before + 1))
	in_time reader "/dev/$vdx" 20
	taken_back -eq 16
	continue_poller
	all_accounted "$vdx"
	lawful lame
	remove lame
}

# in_flight plain|polled N
in_flight()
{
	if [ "$VBLK_DRIVER" = stock ]; then
		sleep 0.5
		return
	fi
	[ "$(counter "$vdx" "inflight_$1")" -ge "$2" ]
}

# The poller is at work when the device is reset, as is a reader, and stops later.
guarded_again()
{
	local reads before
	add_disk lame
	poller -r "/dev/$vdx" 8 >/dev/null &
	poller=$!
	while :; do reader "/dev/$vdx" 100 >/dev/null; done &
	reads=$!
	for _ in 1 2 3; do
		mark "$vdx"
		wait_for 20 grown_beyond polled 100
		wait_for 20 grown_beyond plain 10
		before=$(seen lame resets)
		change lame stuck=1 says_so=1
		wait_for $bound resets lame $((before + 1))
	done
	kill $reads
	wait $reads || true
	asked_after 30000
	change lame stuck=1
	wait_for 20 in_flight polled 1
	kill -STOP $poller
	wait_for 10 state $poller T
	change lame stuck=0
	in_time reader "/dev/$vdx" 20
	kill -CONT $poller
	kill $poller
	wait $poller
	lawful lame
	remove lame
}

# dead: every request ends with an error, and so does what comes later.
dead()
{
	refused in_time reader "/dev/$vdx" 1
	refused in_time poller -n 8 "/dev/$vdx" 4
	dmesg | grep "\[$vdx\] could not be set up again" || fail "not said in the log"
}

# given_up RESETS KEY=VALUE...
given_up()
{
	local before times=$1
	shift
	add_disk lame
	before=$(seen lame resets)
	change lame says_so=1 "$@"
	dead
	same $(($(seen lame resets) - before)) "$times" "resets"
	lawful lame
	in_time remove lame
	add_disk fresh
	works "$vdx"
	remove fresh
}

one_read()
{
	reader "/dev/$vdx" 1
}

one_poll()
{
	poller -n 1 "/dev/$vdx" 1
}

# What had been in flight for long enough ends with an error, and the rest goes on.
fails_after()
{
	needs_fail_after
	add_disk slow
	echo 2 >$parameter
	change slow stuck=1
	refused in_time "$@"
	echo 0 >$parameter
	in_time reader "/dev/$vdx" 20
	works "$vdx"
	dmesg_has "\[$vdx\] .*fail_after= seconds: resetting" || fail "not said in the log"
	lawful slow
	remove slow
}

never_fails()
{
	local pid
	add_disk slow
	change slow stuck=1
	reader "/dev/$vdx" 1 &
	pid=$!
	wait_for 30 grown_beyond timeouts 2
	kill -0 $pid || fail "it ended"
	change slow needs_reset
	in_time wait $pid || fail "it failed"
	remove slow
}

out_of_range()
{
	local value
	needs_fail_after
	dmesg --clear
	for value in -1 86401 4294967296 soon; do
		{ refused eval "echo $value >$parameter"; } 2>/dev/null
		same "$(cat $parameter)" 0 "fail_after"
	done
	same "$(dmesg | grep -c 'fail_after must be 0 (never) to 86400 seconds')" 4 "lines in the log"
}

cache_type()
{
	local before
	add_disk cached features="$(features CONFIG_WCE)" writeback=1
	echo "write through" >"/sys/block/$vdx/cache_type"
	before=$(seen cached resets)
	change cached needs_reset
	wait_for $bound resets cached $((before + 1))
	in_time reader "/dev/$vdx" 1
	same "$(seen cached writeback)" 0 "writeback"
	echo "write back" >"/sys/block/$vdx/cache_type"
	same "$(seen cached writeback)" 1 "writeback"
	lawful cached
	remove cached
}

dmesg_has()
{
	dmesg | grep -q "$1"
}

# pulled DISK-NAME: its requests in flight end with errors, and it goes.
pulled()
{
	local jobs=() cpu
	add_disk gone
	for cpu in 0 1; do
		taskset -c $cpu poller -r "/dev/$vdx" 8 >/dev/null 2>&1 &
		jobs+=($!)
		taskset -c $cpu reader "/dev/$vdx" 100000000 >/dev/null 2>&1 &
		jobs+=($!)
	done
	wait_for 20 grown_beyond polled 100
	wait_for 20 grown_beyond plain 20
	change gone stuck=100
	stop_poller "$vdx" 16
	change gone gone=1
	in_time remove gone
	[ ! -e "/sys/block/$vdx" ] || fail "$vdx is still there"
	kill -CONT "$poller"
	kill -KILL "${jobs[@]}" 2>/dev/null || true
	! wait "$poller" || fail "a poller that was stopped had no errors"
	cat /tmp/poller
}

# Nobody removes it: whoever asks after a request finds that it is not there any more.
gone_unnoticed()
{
	local pid
	add_disk gone
	change gone stuck=100
	reader "/dev/$vdx" 1 &
	pid=$!
	wait_for 20 in_flight plain 1
	change gone gone=1
	in_time eval "! wait $pid" || fail "the read had no error"
	refused in_time reader "/dev/$vdx" 1
	in_time remove gone
}

# With a file system on it that is written to
pulled_mounted()
{
	local job
	add_disk gone
	mkfs.ext4 -q "/dev/$vdx"
	mkdir -p /tmp/mnt
	mount "/dev/$vdx" /tmp/mnt
	(while dd if=/dev/zero of=/tmp/mnt/file bs=64k count=32 conv=fsync 2>/dev/null; do :; done) &
	job=$!
	wait_for 60 grown_beyond plain 100
	change gone gone=1
	in_time remove gone
	in_time wait $job
	in_time umount /tmp/mnt
}

# unbound KEY=VALUE...: from a device that does nothing any more
unbound()
{
	local pid
	add_disk lame
	change lame stuck=100 "$@"
	reader "/dev/$vdx" 1 &
	pid=$!
	stop_poller "$vdx" 16
	in_time store "$(seen lame device)" $driver/unbind
	in_time eval "! wait $pid" || fail "the read had no error"
	kill -KILL "$poller"
	lawful lame
	remove lame
}

# Unbound, or pulled out, with a new capacity that nobody has looked at yet.
unbound_resized()
{
	local i
	for ((i = 1; i <= 20; i++)); do
		add_disk lame
		stop_poller "$vdx" 16
		change lame capacity=$((32768 + i)) notify
		[ $((i % 2)) = 0 ] || in_time store "$(seen lame device)" $driver/unbind
		in_time remove lame
		kill -KILL "$poller" 2>/dev/null || [ "$VBLK_DRIVER" = stock ]
	done
}

# not_suspended [gone]: with a device that does nothing any more; what it has is done
# when it is back, or ends with an error if it goes.
not_suspended()
{
	local pid sectors
	add_disk lame
	change lame stuck=100
	reader "/dev/$vdx" 1 &
	pid=$!
	stop_poller "$vdx" 16
	wait_for 20 in_flight plain 1
	refused in_time store suspend $mocks/lame/power
	dmesg_has "\[$vdx\] cannot be suspended: it has requests" ||
		fail "not said in the log"
	taken_back -eq 0
	if [ "${1-}" ]; then
		in_time remove lame
		in_time eval "! wait $pid" || fail "the read had no error"
		kill -KILL "$poller"
		return
	fi
	change lame stuck=0
	in_time wait $pid
	continue_poller
	# It is heard of changes still, and can be suspended now.
	for sectors in 16384 81920; do
		change lame capacity=$sectors notify
		wait_for 10 grep -qx $sectors "/sys/block/$vdx/size"
	done
	in_time store suspend $mocks/lame/power
	in_time store resume $mocks/lame/power
	works "$vdx"
	lawful lame
	remove lame
}

# The core lets a failure be known to the device, which is reset once more for that.
not_resumed()
{
	add_disk lame
	in_time store suspend $mocks/lame/power
	change lame vqs=0
	refused in_time store resume $mocks/lame/power
	dead
	in_time remove lame
	! dmesg | grep -A5 'WARNING:' || fail "see above"
}

# As where the core could not even try to resume it the first time
suspended_twice()
{
	local pid
	add_disk lame
	in_time store suspend $mocks/lame/power
	in_time store suspend $mocks/lame/power
	# Now something waits for it.
	reader "/dev/$vdx" 1 &
	pid=$!
	sleep 0.2
	refused in_time store suspend $mocks/lame/power
	in_time store resume $mocks/lame/power
	in_time wait $pid
	in_time reader "/dev/$vdx" 20
	works "$vdx"
	lawful lame
	in_time remove lame
}

check "asks for a reset: it is reset and goes on" idle
check "asks for it under load: nothing is lost" loaded num_queues=2
check "asks for it under load, without event index: nothing is lost" \
	loaded features=$(($(features) & ~(1 << bits[EVENT_IDX])))
check "asks for it while a poller is stopped: nobody waits" stopped_poller
check "asks for it while a poller runs, which stops later" guarded_again
check "asks for it all the time: it is given up" given_up 4 stuck=100
check "has no queues after a reset: it is given up" given_up 2 stuck=1 vqs=0
check "does not answer: it is asked after, and nothing fails" never_fails
check "does not answer, fail_after=2: the read fails" fails_after one_read
check "does not answer, fail_after=2: a polled read fails" fails_after one_poll
check "fail_after out of range is refused" out_of_range
check "a reset does not change the cache's type" cache_type
check "pulled out under load, with a stopped poller: in seconds" pulled
check "gone, and nobody removes it: errors" gone_unnoticed
check "pulled out from below a file system: in seconds" pulled_mounted
check "unbound from a device that does not answer" unbound
check "unbound or pulled out while it is resized" unbound_resized
check "unbound from a device that wants to be reset" unbound says_so=1
check "suspended twice, and once resumed" suspended_twice
check "suspended, and cannot be resumed: errors" not_resumed
# Last: the stock driver never lets such a device go.
check "cannot be suspended while it does not answer: in seconds, and nothing fails" not_suspended
check "cannot be suspended while it does not answer, and removed" not_suspended gone
finish
