# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# For suites against a device that does what no device should. Each test plugs in
# a device of its own and says what the driver promised; whatever came of it, the
# next test has a new one.

# shellcheck source=selftests/guest/lib.sh
. /vblk/selftests/guest/lib.sh
# shellcheck source=selftests/guest/device.sh
. /vblk/selftests/guest/device.sh
# shellcheck source=tools/vm/reports.sh
. /vblk/tools/vm/reports.sh
test_timeout=90

# A driver that hits a BUG() ends one test and not the guest; tools/vm/run sees
# the report all the same.
echo 0 >/proc/sys/kernel/panic_on_oops

# What hangs with the stock driver is found out here (see outcome), and would be
# reported in one of the next tests.
[ "$VBLK_DRIVER" = ours ] || echo 0 >/proc/sys/kernel/hung_task_timeout_secs

# For the table
echo "# kernel $(uname -r)"

# reports: of the kernel's own faults, since the test began
reports()
{
	dmesg >/tmp/dmesg
	reports_in /tmp/dmesg
}

# verdict: at the end of a test, however it ended: the kernel has reported no fault of
# its own, and the driver has kept the rules but those in $excused.
verdict()
{
	local status=$? found
	found=$(reports)
	[ ! "$found" ] || fail "reports of the kernel: $found"
	[ $status = 77 ] || no_violations
	exit $status
}

# hostile NAME FUNCTION [ARG...]: one test, and its device taken away.
hostile()
{
	dmesg --clear
	rm -f $disk_file
	# shellcheck disable=SC2317	# called by check
	with_verdict()
	{
		trap verdict EXIT
		"$@"
		[ "$VBLK_DRIVER" = stock ] || goes
	}
	name=$1
	shift
	check "$name" with_verdict "$@"
	take_away >&2 || true
}

# goes: what the device did does not keep the disk from being unplugged.
goes()
{
	[ -e $disk_file ] || return 0
	no_violations
	control defaults
	control release
	wait_for 3 nothing_hangs
	unplug || fail "the disk does not go"
}

# What hangs may be released; what still does keeps its device, for to unplug that
# would hang, too, and nothing could be plugged in after it.
take_away()
{
	control defaults
	control release
	[ -e $plugs_file ] || return 0
	if ! (wait_for 3 nothing_hangs); then
		burn_port
		control disconnect
	elif ! (unplug); then
		echo "the device does not go; it is cut off"
		burn_port
		control disconnect
	fi >/dev/null 2>&1
}

# What the block layer waits for. A process that was killed may be gone while its
# request is not.
nothing_hangs()
{
	local reads writes
	[ -e $disk_file ] || return 0
	read -r reads writes <"/sys/block/$(<$disk_file)/inflight" || return 0
	[ "$reads $writes" = "0 0" ]
}

# outcome COMMAND...: sets outcome to ok, error or hang; its output is in
# /tmp/outcome. It hangs if it waits for the disk, and for 10 s nothing completes;
# a busy host takes its time to start a program. What hangs is left behind.
outcome()
{
	local pid now last='' end=0
	"$@" >/tmp/outcome 2>&1 &
	pid=$!
	while kill -0 $pid 2>/dev/null; do
		now=idle
		nothing_hangs || now=$(awk "{ print \$1, \$5 }" "/sys/block/$disk/stat")
		if [ "$now" != "$last" ] || [ "$now" = idle ]; then
			last=$now
			end=$((SECONDS + 10 * slower))
		elif [ $SECONDS -gt $end ]; then
			outcome=hang
			return
		fi
		sleep 0.02
	done
	outcome=ok
	wait $pid || outcome=error
}

# The first MiB of the disk is this; its third and fourth fio knows by heart.
pattern=/tmp/pattern
make_pattern()
{
	plug
	head -c 1M /dev/urandom >$pattern
	dd if=$pattern of="/dev/$disk" bs=64k oflag=direct status=none
	plain --filename="/dev/$disk" --rw=write --bs=4k --iodepth=16 --offset=2m --size=2m \
		--verify=crc32c --do_verify=0
	sync
}

# read_block N: of 4 KiB, and compares
read_block()
{
	dd if="/dev/$disk" of=/tmp/block bs=4k skip="$1" count=1 iflag=direct status=none ||
		return 1
	dd if=$pattern bs=4k skip="$1" count=1 status=none | cmp - /tmp/block ||
		fail "wrong data in block $1"
}

read_all()
{
	dd if="/dev/$disk" of=/tmp/block bs=64k count=16 iflag=direct status=none || return 1
	cmp $pattern /tmp/block || fail "wrong data"
}

polled_read()
{
	polled --filename="/dev/$disk" --rw=read --bs=4k --offset=$(($1 * 4096)) --size=4k
}

# known_read ARG..., known_reads: from what fio knows, verified; 16 plain and 16 polled
# ones at a time
known_read()
{
	plain --filename="/dev/$disk" --rw=read --bs=4k --offset=2m --size=1m \
		--verify=crc32c "$@"
}

known_reads()
{
	quiet_fio --ioengine=io_uring --filename="/dev/$disk" --rw=randread --bs=4k \
		--size=1m --io_size=128k --iodepth=16 --verify=crc32c \
		--name=plain --offset=2m --name=polled --hipri=1 --offset=3m
}

# expect "OUTCOME..." COMMAND...: it ends in one of these ways, and not with data that is
# wrong (which fio says in words of its own)
expect()
{
	local allowed=$1
	shift
	outcome "$@"
	cat /tmp/outcome
	! grep -qE 'wrong data|verify: |verify failed' /tmp/outcome || fail "$*: wrong data"
	case " $allowed " in
	*" $outcome "*) ;;
	*) [ $outcome != hang ] || what_hangs
	   fail "$*: $outcome, promised: $allowed" ;;
	esac
}

# hit KIND: the fault did happen.
hit()
{
	is "$(device_count "$1")" -ge 1 "times that $1 happened"
}

# no_violations: of rules, but those in $excused
excused=
no_violations()
{
	local answer rule violations
	answer=$(control stats) || fail "the device does not answer: $answer"
	violations=$(device_count violations "$answer")
	for rule in $excused; do
		violations=$((violations - $(device_count "$rule" "$answer")))
	done
	same "$violations" 0 "violated rules: $answer"
}
