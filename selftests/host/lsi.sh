#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# QEMU's lsi53c895a under tools/lsi: what the probe finds, that it finds faults,
# and that it ends in one line and leaves nothing when it cannot run. The probe
# is built with sanitizers.
set -eu
cd "$(dirname "$0")/../.."
. selftests/lib.sh
# Only against what hangs, on a machine that is busy.
test_timeout=600

work=$(mktemp -d "${TMPDIR:-/tmp}/vblk-lsi.XXXXXX")
trap 'rm -rf "$work"' EXIT
probe=build/selftests/host/lsi-probe
results=$work/overlap.json
# What a sanitizer found is none of the program's own statuses.
export ASAN_OPTIONS=exitcode=99 LSAN_OPTIONS=exitcode=99 UBSAN_OPTIONS=exitcode=99
# Where it would leave something
mkdir "$work/tmp"
export TMPDIR=$work/tmp

# --- What it measures ----------------------------------------------------------

# Its tests, as tests of this suite. Where "make lsi" has not left its report, what
# was found is one.
measure()
{
	local status=0 report=build/results/lsi-overlap.json
	timeout -k 5 1200 "$probe" --json "$results" >"$work/found" || status=$?
	if [ ! -e $report ] && [ -e "$results" ]; then
		mkdir -p "${report%/*}"
		cp "$results" $report
	fi
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
	local line=$1
	shift
	bad "^lsi-probe: $line\$" "$probe" "$@"
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
	says "--patience 0: 1 to 3600 seconds" --patience 0
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
	# shellcheck disable=SC2016	# of that script
	sed -i '2i [ "$1" = --version ] || echo "another warning" >&2' "$work/qemu"
	says "this QEMU (.*) has no trace event lsi_queue_a_command" --qemu "$work/qemu" phases
	other_qemu -display -displai
	says "QEMU ended with status 1: .*displai.*" --qemu "$work/qemu" phases
}

# It never answers; or not any more.
silent()
{
	local status=0 qemu
	cat >"$work/qemu" <<-END
	#!/bin/bash
	case "\$*" in
	--version) exec qemu-system-x86_64 "\$@" ;;
	*) exec sleep 600 ;;
	esac
	END
	chmod +x "$work/qemu"
	says "QEMU has not answered for 1 s" --qemu "$work/qemu" --patience 1 phases
	# The same QEMU for some seconds
	"$probe" --patience 15 overlap >"$work/silent" &
	wait_for 60 grep -qs '^ok' "$work/silent"
	wait_for 30 has_qemu $!
	kill -STOP "$qemu"
	wait $! || status=$?
	cat "$work/silent"
	same $status 1 "exit status"
	grep -A 1 '^not ok - QEMU goes on to the end' "$work/silent" |
		grep 'has not answered for 15 s'
	wait_for 30 gone "$qemu"
}

no_place()
{
	local status=0
	says "cannot write $work/none/json: No such file or directory" \
		--json "$work/none/json" phases
	# What it writes first, and renames then
	ln -s /dev/full "$work/full.new"
	says "cannot write $work/full: No space left on device" --json "$work/full" phases
	same "$(ls "$work"/full*)" "" "left behind"
	"$probe" --help >/dev/full 2>"$work/said" || status=$?
	same "$status: $(cat "$work/said")" "2: lsi-probe: cannot write to standard output"
}

# builds_not LINE: tools/lsi/qemu/make ends with this line, and leaves nothing. Its
# archive is one that has what is in $work/archive, and is asked by $work/bin/apt-get.
builds_not()
{
	local status=0
	PATH=$work/bin:$PATH XDG_CACHE_HOME=$work/cache tools/lsi/qemu/make \
		>"$work/out" 2>"$work/said" || status=$?
	cat "$work/said"
	same $status 2 "exit status"
	same "$(grep -vc '^lsi-qemu: fetching' "$work/said")" 1 "lines"
	grep -qx "lsi-qemu: $1" "$work/said" || fail "expected: $1"
	same "$(find "$work/cache" -type f ! -name .lock)" "" "left behind"
}

# fake PROGRAM: makes one, of standard input, that goes on to the real one.
fake()
{
	mkdir -p "$work/bin"
	{ echo '#!/bin/bash'; cat; echo "exec $(PATH=/usr/sbin:/usr/bin:/sbin:/bin command -v "$1") \"\$@\""; } \
		>"$work/bin/$1"
	chmod +x "$work/bin/$1"
}

no_sources()
{
	tools/deps lsi-qemu
	fake apt-get <<-'END'
	case "$*" in
	indextargets*) echo "deb-src nowhere"; exit ;;
	*update*) exit 0 ;;
	*source*) echo "E: Unable to find a source package for qemu"; exit 100 ;;
	esac
	END
	builds_not "the archive has no source package .*: upgrade qemu-system-x86"
	fake apt-get <<-'END'
	case "$*" in
	indextargets*) echo "deb-src nowhere"; exit ;;
	*update*) exit 0 ;;
	*source*) echo "Get: qemu"; echo "E: Failed to fetch it"; echo more; exit 100 ;;
	esac
	END
	builds_not "cannot fetch the sources of .*: E: Failed to fetch it"
	fake apt-get <<-'END'
	case "$*" in
	indextargets*) echo "deb-src nowhere"; exit ;;
	*update*) echo "E: nobody is there"; exit 100 ;;
	esac
	END
	builds_not "cannot read the archive's sources: E: nobody is there"
	fake apt-get <<<'exit 0'
	builds_not "apt on this machine knows no Debian archive"
	fake dpkg-query <<<'case "$*" in *source*) exit 1 ;; esac'
	builds_not "QEMU is not installed from a Debian package: install qemu-system-x86"
}

# Sources that the semantic patch is not for
other_sources()
{
	fake apt-get <<-'END'
	case "$*" in
	indextargets*) echo "deb-src nowhere"; exit ;;
	*update*) exit 0 ;;
	*source*) touch other.dsc; exit 0 ;;
	esac
	END
	fake dpkg-source <<-'END'
	mkdir -p source/hw/scsi
	echo 'int lsi;' >source/hw/scsi/lsi53c895a.c
	exit 0
	END
	builds_not "hw/scsi/lsi53c895a.c of .* is another than .*/queue-writes.cocci is for"
	fake dpkg-source <<-'END'
	for line in {1..20}; do echo "unpacking"; done
	echo "tar: No space left on device"
	exit 2
	END
	builds_not "cannot unpack .*: tar: No space left on device"
	rm -rf "$work/cache"
	mkdir "$work/cache"
	ln -s /dev/null "$work/cache/vblk"
	builds_not "cannot make the folder $work/cache/vblk/qemu"
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
		env --default-signal=INT,HUP "$probe" --json "$work/none.json" overlap >/dev/null &
		wait_for 60 has_qemu $!
		kill -$signal $!
		wait $! || status=$?
		same $status $((128 + $(kill -l $signal))) "exit status on $signal"
		wait_for 30 gone "$qemu"
		same "$(find "$work" -name 'none*' -o -path "$work/tmp/*")" "" "left behind"
	done
}

manual()
{
	local word words
	words=$("$probe" --help | grep -oE -- '--[a-z]+'; "$probe" --help | sed -n 's/^all): \(.*\)\.$/\1/p')
	is "$(wc -w <<<"$words")" -ge 13 "words"
	for word in $words; do
		sed 's/^\.It Fl -/--/' tools/lsi/lsi-probe.1 | grep -qw -- "$word" ||
			fail "not in the man page: $word"
	done
}

# As a user builds it
builds()
{
	make -s --no-print-directory -C tools/lsi out="$work/out.d" \
		CFLAGS="-O2 -Wall -Wextra -Werror"
	"$work/out.d/lsi-probe" phases
}

# Beyond a test's time, on a machine that has none of it; the test says if it fails.
tools/deps lsi-qemu || true
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
check "a QEMU that does not answer" silent
check "results that cannot be written" no_place
check "signals: no QEMU is left" interrupted
check "make lsi-qemu: no sources to build from" no_sources
rm -f "$work/bin/dpkg-query"
check "make lsi-qemu: other sources than the patch is for" other_sources
check "the manual has every option and test" manual
finish
