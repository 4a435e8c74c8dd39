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
test_timeout=90

# A driver that hits a BUG() ends one test and not the guest; tools/vm/run sees
# the report all the same.
echo 0 >/proc/sys/kernel/panic_on_oops

# reports: of the kernel's own faults
reports()
{
	dmesg | grep -cE 'BUG: |kernel BUG at |WARNING: CPU|nobody cared|Oops|general protection' || true
}

wanted()
{
	# shellcheck disable=SC2053	# a pattern
	[[ $1 == ${ONLY:-*} ]]
}

# hostile NAME FUNCTION [ARG...]: one test, and its device taken away. With a
# pattern in ONLY, only tests of such names.
hostile()
{
	local before
	wanted "$1" || return 0
	before=$(reports)
	rm -f $disk_file
	# shellcheck disable=SC2317	# called by check
	with_reports()
	{
		"$@"
		same "$(reports)" "$before" "reports of the kernel"
	}
	name=$1
	shift
	check "$name" with_reports "$@"
	[ ! "${VERBOSE-}" ] || echo "    at $SECONDS s" >&2
	take_away >&2 || true
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

# The first MiB of the disk is this.
pattern=/tmp/pattern
make_pattern()
{
	plug
	head -c 1M /dev/urandom >$pattern
	dd if=$pattern of="/dev/$disk" bs=64k oflag=direct status=none
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

# expect "OUTCOME..." COMMAND...: it ends in one of these ways
expect()
{
	local allowed=$1
	shift
	outcome "$@"
	cat /tmp/outcome
	! grep -q 'wrong data' /tmp/outcome || fail "$*: wrong data"
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

no_violations()
{
	local answer
	answer=$(control stats)
	same "$(device_count violations "$answer")" 0 "violated rules: $answer"
}
