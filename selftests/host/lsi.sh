#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# QEMU's lsi53c895a under tools/lsi: what the probe finds, that it finds faults,
# and that it ends in one line and leaves nothing when it cannot run. The probe
# is built with sanitizers.
set -eu
cd "$(dirname "$0")/../.."
. selftests/lib.sh

work=$(mktemp -d "${TMPDIR:-/tmp}/vblk-lsi.XXXXXX")
trap 'rm -rf "$work"' EXIT
probe=build/selftests/host/lsi-probe
results=build/results/lsi-overlap.json
# What a sanitizer found is none of the program's own statuses.
export ASAN_OPTIONS=exitcode=99 LSAN_OPTIONS=exitcode=99 UBSAN_OPTIONS=exitcode=99
# Where it would leave something
mkdir "$work/tmp"
export TMPDIR=$work/tmp

# --- What it measures ----------------------------------------------------------

# Its tests, as tests of this suite.
measure()
{
	local status=0
	mkdir -p "${results%/*}"
	rm -f "$results"
	"$probe" --json "$results" >"$work/found" || status=$?
	grep -v '^1\.\.' "$work/found"
	echo $status >"$work/status"
}

probe_ends()
{
	local failed=0
	! grep -q '^not ok' "$work/found" || failed=1
	same "$(cat "$work/status")" $failed "exit status"
	grep -q '^1\.\.' "$work/found"
}

rows()
{
	jq -e 'length == 12 and (map([.rw, .tags]) | unique | length) == 12' "$results"
	jq -e 'all(keys == ["latency_ms", "max_outstanding", "qemu", "queued", "rw",
		"seconds", "tags"])' "$results"
	jq -e 'all(.latency_ms == if .tags == 64 then 20 else 200 end)' "$results"
	jq -e 'all(.qemu == "installed" and .seconds * 1000 >= .latency_ms)' "$results"
	# A disk of fixed latency knows no other way to be as fast as that.
	jq -e 'all(.[]; .seconds * 1000 >= .latency_ms * .tags / .max_outstanding)' "$results"
}

# With --strict, what is expected to fail does; in a QEMU that is mended nothing is.
strict()
{
	local status=0 expected=0
	! grep -q 'order:.*# XFAIL' "$work/found" || expected=1
	"$probe" --strict order >"$work/strict" || status=$?
	cat "$work/strict"
	same $status $expected "exit status"
	same "$(grep -c XFAIL "$work/strict")" 0 "expected to fail"
}

# --- Faults that it has to find -------------------------------------------------

# finds FAULT PATTERN [OTHER]: the tests of these names fail in every mixture, and
# only they and those of the other name.
finds()
{
	local status=0 bad
	"$probe" --plant "$1" content >"$work/planted" || status=$?
	cat "$work/planted"
	same $status 1 "exit status"
	same "$(grep -c "^not ok - content: .*, 16 tags: $2\$" "$work/planted")" 3 "found in"
	bad=$(grep '^not ok' "$work/planted" | grep -cvE ": ($2|${3:-$2})\$" || true)
	same "$bad" 0 "other tests that failed"
}

own="the bytes are each tag's own"

# --- Bad input -------------------------------------------------------------------

# says LINE ARG...: ends with status 2 and this line, and leaves nothing.
says()
{
	local status=0 line=$1
	shift
	"$probe" "$@" >"$work/out" 2>"$work/said" || status=$?
	cat "$work/said"
	same $status 2 "exit status"
	same "$(wc -l <"$work/said")" 1 "lines"
	grep -qx "lsi-probe: $line" "$work/said" || fail "expected: $line"
	same "$(ls -A "$work/tmp")" "" "left behind"
}

# other_qemu FROM TO: makes one that has TO instead of FROM.
other_qemu()
{
	cat >"$work/qemu" <<-END
	#!/bin/bash
	exec qemu-system-x86_64 "\${@//$1/$2}"
	END
	chmod +x "$work/qemu"
}

wrong_calls()
{
	says "'--jsn' is unknown or lacks its value, see --help" --jsn
	says "'--json' is unknown or lacks its value, see --help" --json
	says "--plant nothing: direction, drop or swap" --plant nothing
	says "--name In\"stalled: small letters, digits, '.' and '-'" --name 'In"stalled'
	says "no test 'orders', see --help" orders
	"$probe" --help | grep -q '^usage: lsi-probe'
}

wrong_qemus()
{
	says "cannot start /nonexistent: install qemu-system-x86" --qemu /nonexistent
	says "true --version does not name a version of QEMU" --qemu true
	other_qemu lsi53c895a lsi53c777
	says "this QEMU has no lsi53c895a or no scsi-hd: install qemu-system-x86" \
		--qemu "$work/qemu" phases
	other_qemu lsi_queue_command lsi_queue_a_command
	says "this QEMU (.*) has no trace event lsi_queue_a_command" --qemu "$work/qemu" phases
	other_qemu -display -displai
	says "QEMU ended with status 1: .*displai.*" --qemu "$work/qemu" phases
}

no_place()
{
	says "cannot write $work/none/json: No such file or directory" \
		--json "$work/none/json" phases
	# What it writes first, and renames then
	ln -s /dev/full "$work/full.new"
	says "cannot write $work/full: No space left on device" --json "$work/full" phases
	same "$(ls "$work"/full*)" "" "left behind"
}

# has_qemu PID: sets $qemu
has_qemu()
{
	qemu=$(grep -l "^PPid:[[:space:]]*$1\$" /proc/[0-9]*/status 2>/dev/null | cut -d/ -f3)
	[ "$qemu" ] && grep -qa lsi53c895a "/proc/$qemu/cmdline"
}

gone()
{
	[ ! -e "/proc/$1" ] || grep -q '^State:.*Z' "/proc/$1/status"
}

# A shell starts background programs with SIGINT ignored.
interrupted()
{
	local signal status qemu
	for signal in INT TERM HUP KILL; do
		status=0
		env --default-signal=INT "$probe" --json "$work/none.json" overlap >/dev/null &
		wait_for 20 has_qemu $!
		kill -$signal $!
		wait $! || status=$?
		same $status $((128 + $(kill -l $signal))) "exit status on $signal"
		wait_for 5 gone "$qemu"
		same "$(find "$work" -name 'none*' -o -path "$work/tmp/*")" "" "left behind"
	done
}

# As a user builds it
builds()
{
	make -s --no-print-directory -C tools/lsi out="$work/out.d" \
		CFLAGS="-O2 -Wall -Wextra -Werror"
	"$work/out.d/lsi-probe" phases
}

measure
check "the probe runs to its end" probe_ends
check "lsi-overlap.json has a row for each mixture and number of tags" rows
check "--strict: no failure is expected" strict
check "a flipped direction is found" finds direction "data phases go their way" "$own"
check "a dropped tag is found" finds drop "all complete" "$own"
check "swapped data are found" finds swap "$own"
check "make lsi-probe: no warnings" builds
check "wrong calls" wrong_calls
check "a QEMU that is none, or lacks something" wrong_qemus
check "results that cannot be written" no_place
check "signals: no QEMU is left" interrupted
finish
