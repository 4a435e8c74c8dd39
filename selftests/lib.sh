# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What every suite uses, on the host and in a guest: to report tests, to wait
# for states. A suite calls "check NAME FUNCTION [ARG...]" for each of its tests
# and "finish" at its end; selftests/run numbers the tests of all suites.

# How many times longer anything may take here: in guests with a debug kernel
# (tools/vm/run), where every bound about time is multiplied by it.
slower=${VBLK_SLOWER:-1}

# What a test printed, for the report should it fail.
test_log=$(mktemp "${TMPDIR:-/tmp}/vblk-test.XXXXXX")
tests_run=0
hung=

# check NAME FUNCTION [ARG...]: one test. FUNCTION runs in a shell of its own
# with -e: its first failing command, or fail, fails it; skip skips it. What it
# leaves running is killed. A test has $test_timeout seconds, and after one that
# hung nothing is tried any more, unless $outlives_hangs.
check()
{
	local name=$1 status=0 start=$SECONDS job watchdog
	shift

	tests_run=$((tests_run + 1))
	if [ "$hung" ]; then
		echo "not ok - $name"
		echo "# not tried after '$hung' hung"
		return
	fi
	echo "  $name" >&2
	set -m		# a process group for each of the two
	(
		set -e
		"$@"
	) </dev/null >"$test_log" 2>&1 &
	job=$!
	(
		sleep $((${test_timeout:-300} * slower))
		{
			what_hangs
			echo "still running after $((${test_timeout:-300} * slower)) s"
		} >>"$test_log" 2>&1
		touch "$test_log.hung"
		kill -KILL -- -$job
	) </dev/null >/dev/null 2>&1 &
	watchdog=$!
	set +m
	wait $job || status=$?
	kill -KILL -- -$watchdog 2>/dev/null || true
	wait $watchdog 2>/dev/null || true
	kill -KILL -- -$job 2>/dev/null || true
	if [ -e "$test_log.hung" ]; then
		[ "${outlives_hangs-}" ] || hung=$name
		rm "$test_log.hung"
	fi
	[ $((SECONDS - start)) -lt 5 ] || echo "    $((SECONDS - start)) s" >&2

	case $status in
	0) echo "ok - $name" ;;
	77) echo "ok - $name # SKIP $(tail -n 1 "$test_log")" ;;
	*) echo "not ok - $name"
	   tail -n 40 "$test_log" | sed 's/^/# /' ;;
	esac
}

# finish: the suite's plan; without it the runner knows that the suite broke off.
finish()
{
	rm -f "$test_log"
	echo "1..$tests_run"
	[ ! "$hung" ] || exit 1
}

fail()
{
	echo "$*"
	exit 1
}

skip()
{
	echo "$*"
	exit 77
}

# what_hangs: the tasks that sleep uninterruptibly, and where.
what_hangs()
{
	local dir

	for dir in /proc/[0-9]*; do
		grep -q '^State:.*[DT] (' "$dir/status" 2>/dev/null || continue
		echo "$(cat "$dir/comm") $(grep '^State' "$dir/status"):"
		cat "$dir/stack" 2>/dev/null || true
	done
}

# is A OP B [WHAT]: a comparison of integers that says what it compared.
is()
{
	test "$1" "$2" "$3" || fail "${4:+$4: }expected $1 $2 $3"
}

# same GOT EXPECTED [WHAT]
same()
{
	[ "$1" = "$2" ] || fail "${3:+$3: }got '$1', expected '$2'"
}

# refused COMMAND...: must fail; prints what it said.
refused()
{
	! "$@" 2>&1 || fail "succeeded: $*"
}

# bad PATTERN COMMAND...: fails with status 2 and one line that matches.
bad()
{
	local pattern=$1 status=0 said
	shift
	said=$(timeout 60 "$@" 2>&1 >/dev/null </dev/null) || status=$?
	echo "$said"
	same "$status" 2 "exit status"
	same "$(echo "$said" | wc -l)" 1 "lines of complaint"
	[[ $said =~ $pattern ]] || fail "does not say '$pattern'"
}

# wait_for SECONDS COMMAND...: until COMMAND is true; times $slower.
wait_for()
{
	local seconds=$(($1 * slower))
	local end=$((SECONDS + seconds))
	shift
	until "$@"; do
		[ $SECONDS -le $end ] || fail "after $seconds s still not: $*"
		sleep 0.01
	done
}
