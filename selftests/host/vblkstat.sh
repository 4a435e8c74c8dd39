#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# vblkstat on captured trees: figures, verdicts, disks that come and go, input
# that is damaged, and what it does without rights. It is built with sanitizers.
set -eu
cd "$(dirname "$0")/../.."
. selftests/lib.sh
# Only against what hangs: the bounds within are for a machine that is busy.
test_timeout=600

work=$(mktemp -d "${TMPDIR:-/tmp}/vblk-stat.XXXXXX")
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
tree=$work/tree
counters=$tree/sys/kernel/debug/virtio_blk
parameters=$tree/sys/module/virtio_blk/parameters

# Nobody may have no way to the project's folder.
cp build/selftests/host/vblkstat "$work/vblkstat"
# What a sanitizer found is none of the program's own statuses.
export ASAN_OPTIONS=exitcode=99 LSAN_OPTIONS=exitcode=99 UBSAN_OPTIONS=exitcode=99

stat()
{
	"$work/vblkstat" --root "$tree" "$@"
}

# json FILTER ARG...: of the one report
json()
{
	local filter=$1
	shift
	stat --json "$@" | jq -er "$filter"
}

# --- Trees ------------------------------------------------------------------

new_tree()
{
	rm -rf "$tree"
	mkdir -p "$counters" "$parameters"
	echo Y >"$parameters/twin"
}

# line QUEUE KEY=VALUE...: a line of counters; those not given are 0.
line()
{
	local pair key text="queue=$1"
	local -A given=([callbacks]=on [polls]=twin)
	shift
	for pair in "$@"; do
		given[${pair%%=*}]=${pair#*=}
	done
	for key in plain polled reaped_poll reaped_irq reaped_guard reaped_other \
		kicks kicks_saved kicks_core ring_full irqs irqs_idle cb_on cb_off \
		guard_fired stalls sleepers timeouts returned inflight_plain inflight_polled callbacks \
		polls; do
		text+=" $key=${given[$key]:-0}"
	done
	echo "$text"
}

# disk NAME: its attributes; its counters are standard input.
disk()
{
	local queue=$tree/sys/block/$1/queue
	mkdir -p "$queue"
	echo 1 >"$queue/io_poll"
	echo "[none] mq-deadline" >"$queue/scheduler"
	echo 1280 >"$queue/max_sectors_kb"
	echo 254 >"$queue/max_segments"
	printf '%8d' 100 0 800 5 0 0 0 0 0 0 0 >"$tree/sys/block/$1/stat"
	counts "$1"
}

# counts NAME: the same of its counters alone, at once for who reads them meanwhile
counts()
{
	cat >"$work/counters"
	mv "$work/counters" "$counters/$1"
}

attribute()
{
	echo "$2" >"$tree/sys/block/vda/$1"
}

# --- Figures ----------------------------------------------------------------

figures()
{
	local row
	new_tree
	{
		line 0 plain=100 polled=300 reaped_poll=200 reaped_irq=150 \
			reaped_guard=30 reaped_other=20 kicks=99 kicks_core=1 irqs=40 \
			guard_fired=7 stalls=3 inflight_plain=4 inflight_polled=5
		line 1 plain=100 callbacks=off polls=dedicated
	} | disk vda
	stat
	row=$(stat | awk '$2 == "0" { $1 = $1; print }')
	same "$row" "vda 0 twin 100 300 50.0 37.5 7.5 0.1000 0.250 3 7 on 4+5"
	row=$(stat | awk '$2 == "1" { $1 = $1; print }')
	same "$row" "vda 1 only 100 0 - - - - 0.000 0 0 off 0+0"
	row=$(stat | awk '$2 == "all" { $1 = $1; print }')
	same "$row" "vda all some 200 300 50.0 37.5 7.5 0.1000 0.200 3 7 +/- 4+5"
	same "$(json '.disks[0].total | [.plain, .poll_pct, .other_pct, .stalls, .callbacks, .polls, .plain_per_s] | map(tostring) | join(" ")')" \
		"200 50 5 3 both some null"
}

# columns_fit: each row ends its columns where the headings end theirs, before
# the last two, and is not too wide.
columns_fit()
{
	stat >"$work/table"
	cat "$work/table"
	awk '
	function ends(   i, text) {
		text = ""
		for (i = 3; i < 93; i++)
			if (substr($0, i, 1) != " " && substr($0, i + 1, 1) == " ")
				text = text " " i
		return text
	}
	/: / || /^ / { next }
	length > 100 { print "too wide: " $0; bad = 1 }
	NF != 14 { print NF " columns: " $0; bad = 1 }
	NR == 1 { edge = index($0, " CB") }
	index($0, $13 " ") && substr($0, edge, 1) != " " { print "shifted: " $0; bad = 1 }
	END { exit bad }' "$work/table"
}

huge()
{
	local max=18446744073709551615
	new_tree
	{
		line 0 plain=$max polled=$max reaped_poll=$max reaped_irq=$max \
			reaped_guard=$max reaped_other=$max kicks=$max irqs=$max \
			guard_fired=$max stalls=$max inflight_polled=1024 inflight_plain=1023
		line 65534 plain=1 polled=$max reaped_poll=99999 stalls=999999
	} | disk vda
	line 0 plain=9999999 polled=99999999 reaped_poll=1 reaped_irq=999999 stalls=1000000 |
		disk vdaaa
	columns_fit
	same "$(stat --json | grep -o '"polled":[0-9]*' | sort -u | xargs)" \
		'polled:18446744073709551615 polled:99999999' "sums"
	json '.disks[0].total.poll_pct <= 100' >/dev/null
}

# Rows of a disk in its place: vdz before vdaa.
order()
{
	local name
	new_tree
	for name in vdaa vdb vda vdz; do
		line 0 | disk $name
	done
	same "$(json '[.disks[].disk] | join(" ")')" "vda vdb vdz vdaa"
	same "$(json '[.disks[].disk] | join(" ")' /dev/vdz vda)" "vda vdz"
}

# An older driver has no polls=, a newer one has keys that nobody knows.
other_drivers()
{
	new_tree
	line 0 plain=5 reaped_irq=5 | sed 's/ polls=.*//; s/ stalls=0//; s/$/ discards=7 x=y/' |
		disk vda
	stat
	same "$(stat | awk '$2 == "0" { print $3, $4, $11 }')" "- 5 -"
	same "$(json '.disks[0].queues[0] | [.polls, .stalls, .plain] | map(tostring) | join(" ")')" \
		"null null 5"
	# A total of what some queues lack is not known.
	{
		line 0 stalls=4
		line 1 plain=5 reaped_irq=5 | sed 's/ stalls=0//; s/ polls=twin//'
	} | disk vda
	same "$(json '.disks[0].total | [.polls, .stalls, .plain] | map(tostring) | join(" ")')" \
		"null null 5"
}

# --- Verdicts -----------------------------------------------------------------

# verdict CODE "REASON..."
verdict()
{
	same "$(json '.disks[0] | [.verdict] + [.reasons[].code] | join(" ")')" "$1${2:+ $2}"
	# And in words, for people.
	stat | grep -q '^vda: [a-z]'
	same "$(stat | grep -c '^  [a-z]')" "$(wc -w <<<"$2")" "lines of reasons"
}

# one KEY=VALUE...: vda with one queue
one()
{
	new_tree
	line 0 "$@" | disk vda
}

verdicts()
{
	one
	verdict idle ""
	one polled=1000 reaped_poll=999 plain=5
	verdict polling ""
	one polled=1000 reaped_poll=1000 plain=1000 reaped_irq=1000
	verdict mixed ""
	stat | grep -q '50% of all'
	one polled=1000 reaped_poll=1000 stalls=2
	verdict polling "stalls"
	one polled=4 reaped_guard=4 stalls=1 plain=200 reaped_irq=200
	verdict stalled "stalls"
	stat | grep -q '^vda: polled requests are reaped by the guard: their poller is stopped$'
	one polled=4 reaped_irq=4 stalls=1
	verdict stalled "stalls"
	one polled=4 inflight_polled=4 callbacks=on stalls=1
	verdict stalled "stalls"
	one inflight_polled=4 callbacks=on
	verdict stalled ""
	one polled=4 inflight_polled=4 callbacks=off
	verdict waiting ""
	one polled=8 inflight_polled=4 callbacks=off reaped_poll=4
	verdict polling ""
	# There is no interrupt to turn on.
	one polled=4 inflight_polled=4 callbacks=off polls=dedicated stalls=9
	verdict stalled "stalls"
	one polled=1000 reaped_poll=300 reaped_irq=700 sleepers=600
	verdict interrupted "sleepers"
	one polled=1000 reaped_poll=300 reaped_irq=700
	verdict interrupted "late"
	one plain=1000 reaped_irq=1000
	verdict plain "not-asked"
	one plain=1000 reaped_irq=999 timeouts=3 returned=1
	verdict plain "not-asked timeouts reset"
	stat | grep -q 'than queue/io_timeout: 3 '
	stat | grep -q 'took back from the device: 1 '
	one timeouts=1
	verdict idle "timeouts"
}

schedulers()
{
	one polled=1000 reaped_poll=1000
	attribute queue/scheduler "none [mq-deadline] kyber"
	verdict polling scheduler
	stat | grep -q 'scheduler is mq-deadline.*echo none >/sys/block/vda/queue/scheduler'
	attribute queue/scheduler "none"
	verdict polling ""
	attribute queue/scheduler '["; rm]'
	verdict polling ""
	rm "$tree/sys/block/vda/queue/scheduler"
	verdict polling ""
}

# A request of 1300 KiB is one of 1016 and one of 284: 650 on average.
splits()
{
	one plain=1000 reaped_irq=1000
	attribute stat "1000 0 1300000 0 0 0 0"
	verdict plain "split not-asked"
	stat | grep -q '650 KiB on average: beyond 1016 KiB'
	attribute stat "500 0 650000 0 500 0 650000"
	verdict plain "split not-asked"
	attribute stat "1000 0 256000 0 0 0 0"
	verdict plain "not-asked"
	attribute queue/max_sectors_kb 128
	verdict plain "split not-asked"
	one polled=1000 reaped_poll=1000 plain=1000 reaped_irq=1000
	attribute stat "1000 0 1300000 0 0 0 0"
	verdict mixed "split"
	mkdir -p "$tree/proc/sys/kernel"
	echo 5.10.0-46-amd64 >"$tree/proc/sys/kernel/osrelease"
	verdict mixed ""
	echo 6.1.0-56-amd64 >"$tree/proc/sys/kernel/osrelease"
	verdict mixed "split"
	attribute queue/max_sectors_kb 0
	attribute queue/max_segments 0
	verdict mixed ""
}

cannot_poll()
{
	one plain=9 reaped_irq=9 polls=no
	attribute queue/io_poll 0
	verdict cannot io-poll-off
	echo N >"$parameters/twin"
	verdict cannot no-twin
	echo Y >"$parameters/twin"
	mkdir "$tree/proc"
	echo "root=/dev/vda1 elfcorehdr=0x1000000 quiet" >"$tree/proc/cmdline"
	verdict cannot kdump
	echo "root=/dev/vda1" >"$tree/proc/cmdline"
	verdict cannot io-poll-off
	touch "$tree/proc/vmcore"
	verdict cannot kdump
	# Another kernel, that was told so by hand.
	one plain=9 reaped_irq=9
	attribute queue/io_poll 0
	verdict cannot io-poll-off
	stat | grep -q 'echo 1 >/sys/block/vda/queue/io_poll'
}

stock()
{
	new_tree
	rm -r "$counters" "$parameters/twin"
	mkdir -p "$tree"/sys/block/{vda,vdb,sda}/queue "$tree/sys/block/vdb/device"
	ln -s ../../../bus/virtio/drivers/somebody "$tree/sys/block/vdb/device/driver"
	same "$(stat)" "vda: the stock driver runs it and counts nothing: load ours (make load)"
	verdict stock ""
	same "$(json '.disks[0] | "\(.driver) \(.total) \(.queues | length)"')" "stock null 0"
	# The same where it has no module but is built in.
	rm -r "$tree/sys/module"
	verdict stock ""
	# Ours, but not this one.
	one
	rm "$counters/vda"
	same "$(json '.disks[0] | "\(.driver) \(.verdict)"')" "ours unknown"
}

# documented: each word of JSON is in the man page.
documented()
{
	local word words
	# What the program can say, and the names it uses.
	words=$(sed -nE 's/.*(say|because)\(v, "([a-z-]+)".*/\2/p' tools/vblkstat/why.c | sort -u)
	is "$(wc -w <<<"$words")" -ge 16 "codes"
	one plain=1
	words+=" $(json '[.. | objects | keys[]] | unique | .[]' | grep -v '^code$')"
	is "$(wc -w <<<"$words")" -ge 55 "words"
	for word in $words; do
		grep -qw -- "$word" tools/vblkstat/vblkstat.8 || fail "not in the man page: $word"
	done
}

# --- Over time ---------------------------------------------------------------

# watch ARG...: in the background, its lines in $work/lines.
watch()
{
	: >"$work/lines"
	# A shell starts background programs with SIGINT ignored.
	env "--${sigint:-default}-signal=INT" "$work/vblkstat" --root "$tree" --json \
		-i 1 "$@" > >(exec cat >"$work/lines") 2>"$work/said" &
	watched=$!
}

# reported N: so many reports have come through
reported()
{
	[ "$(wc -l <"$work/lines" 2>/dev/null)" -ge "$1" ]
}

# shown: what was changed is in a report, whichever, and another one came after it
shown()
{
	local n
	n=$(wc -l <"$work/lines")
	# The next may have been begun before.
	wait_for 60 reported $((n + 3))
}

# unwatch: ends it
unwatch()
{
	kill -INT "$watched"
	wait "$watched" || fail "ended with $?: $(cat "$work/said")"
	cat "$work/lines"
}

# report N|$ FILTER
report()
{
	sed -n "$1p" "$work/lines" | jq -er "$2"
}

# history FILTER: what it gives of each report, but for repetitions
history()
{
	jq -r "$1" "$work/lines" | uniq | xargs
}

rates()
{
	local n
	one plain=1000 polled=1000 reaped_poll=1000 guard_fired=50
	watch
	wait_for 60 reported 1
	line 0 plain=1500 polled=9000 reaped_poll=8000 reaped_guard=1000 guard_fired=250 | counts vda
	shown
	unwatch
	report 1 '.seconds == null and .disks[0].total.plain == 1000'
	n=$(jq -r '.disks[0].total.plain == 500' "$work/lines" | grep -n true | cut -d: -f1)
	same "$(wc -w <<<"$n")" 1 "reports of the change"
	report "$n" '.seconds >= 1 and .seconds < 60'
	report "$n" '.disks[0].queues[0] | .plain == 500 and .polled == 8000 and .poll_pct == 87.5 and .guard_pct == 12.5'
	report "$n" '(.disks[0].total.polled_per_s * .seconds - 8000 | fabs) < 8'
	report "$n" '(.disks[0].total.guard_fired_per_s * .seconds - 200 | fabs) < 1'
	report $ '.disks[0] | .total.polled == 0 and .total.poll_pct == null and .verdict == "idle"'
	same "$(history '.disks[0].restarted')" false "restarted"
}

# What was sent in one period and reaped in the next
late_verdicts()
{
	one polled=100 reaped_poll=100
	watch -i 0.2
	wait_for 60 reported 1
	line 0 polled=104 reaped_poll=100 inflight_polled=4 callbacks=off | counts vda
	shown
	line 0 polled=104 reaped_poll=100 reaped_guard=4 stalls=1 | counts vda
	shown
	unwatch
	same "$(history '.disks[0].verdict | select(. != "idle")')" "polling waiting stalled"
}

no_first()
{
	one plain=1000 reaped_irq=1000
	same "$("$work/vblkstat" --root "$tree" --json -y -i 0.1 -c 2 | jq -r .disks[0].total.plain | xargs)" \
		"0 0" "requests in two reports"
}

restart()
{
	{
		line 0 plain=1000 reaped_irq=1000
		line 1 plain=1000 reaped_irq=1000
	} | disk vda
	line 0 plain=1000 reaped_irq=1000 | disk vdb
	watch -i 0.2
	wait_for 60 reported 1
	{
		line 0 plain=30 reaped_irq=30
		line 1 plain=2000 reaped_irq=2000
	} | counts vda
	shown
	{
		line 0 plain=30 reaped_irq=30
		line 1 plain=2000 reaped_irq=2000
		line 2 plain=50 reaped_irq=50
	} | counts vda
	shown
	unwatch
	same "$(jq -r '.disks[0] | select(.restarted) | .total.plain' "$work/lines" | xargs)" \
		"2030 2080" "requests where it restarted"
	same "$(history '.disks[0].total.plain | select(. != 0)')" "2000 2030 2080" "requests"
	same "$(history '.disks[1].restarted')" false "the other restarted"
	same "$(history '.disks[1].total.plain')" "1000 0" "requests of the other"
}

come_and_go()
{
	new_tree
	line 0 plain=1 | disk vda
	line 0 plain=1 | disk vdb
	watch -i 0.2
	wait_for 60 reported 1
	# Each at once, and the counters last: without them it would be of another driver.
	mv "$tree/sys/block/vdb" "$work/vdb"
	rm "$counters/vdb"
	line 0 plain=7 reaped_irq=7 | counts vdc
	shown
	same "$(report $ '[.disks[].disk] | join(" ")')" "vda vdc" "disks"
	mv "$tree/sys" "$work/sys"
	shown
	unwatch
	same "$(history 'select(.gone != []) | .gone[0]' | cut -d' ' -f1)" vdb "gone first"
	same "$(history '.disks[] | select(.disk == "vdc") | .total.plain')" "7 0" "requests of vdc"
	report $ '.disks == [] and .gone == []'
	same "$(jq -r '.gone[]' "$work/lines" | sort | xargs)" "vda vdb vdc" "gone, each once"

	# In words
	one
	line 0 | disk vdb
	: >"$work/lines"
	"$work/vblkstat" --root "$tree" -i 0.2 > >(exec cat >"$work/lines") &
	watched=$!
	wait_for 60 reported 2
	rm -r "$tree/sys/block/vdb"
	rm "$counters/vdb"
	wait_for 60 grep -qx 'vdb: gone' "$work/lines"
	kill -TERM "$watched"
	wait $watched
}

# Whatever was made is there when it ends, also while it waits.
signals()
{
	local signal
	one plain=1
	for signal in INT TERM; do
		watch -i 100
		wait_for 60 reported 1
		kill -$signal $watched
		wait $watched || fail "ended with $? on $signal"
		jq -e . "$work/lines" >/dev/null
		[ ! -s "$work/said" ] || fail "it said: $(cat "$work/said")"
	done
	# Who had it ignored is not ended by it.
	sigint=ignore watch -i 0.2
	wait_for 60 reported 1
	kill -INT "$watched"
	wait_for 60 reported 4
	kill -TERM "$watched"
	wait $watched
}

full_output()
{
	local status=0
	one
	stat >/dev/full 2>"$work/said" || status=$?
	same $status 1 "exit status"
	same "$(cat "$work/said")" "vblkstat: cannot write the report: No space left on device"
}

# --- Damage ------------------------------------------------------------------

malformed()
{
	new_tree
	{
		line 0 plain=5 reaped_irq=5 | sed 's/polled=0/polled=many/; s/ irqs=0/ irqs=-1/'
		echo "plain=7 no queue"
		echo "queue=x plain=8"
		echo
		echo "= == queue= =5 queue"
		line 0 plain=9		# again
		line 2 | sed 's/kicks=0/kicks=18446744073709551616/; s/ stalls=0/ stalls=0x10/'
		line 1			# not in order
		printf 'queue=3\tplain=11\r\nqueue=4 plain=12'
	} | disk vda
	stat
	same "$(json '[.disks[0].queues[] | "\(.queue):\(.plain)"] | join(" ")')" "0:5 2:0 3:11 4:12"
	same "$(json '.disks[0].queues | "\(.[0].polled) \(.[0].irqs) \(.[1].kicks) \(.[1].stalls)"')" \
		"null null null null"
	: | disk vda
	verdict unknown ""
	printf '\0\0\n\377\376queue=1' | disk vda
	verdict unknown ""
	head -c 100000 /dev/zero | tr '\0' 'q' | disk vda
	verdict unknown ""
	seq -f 'queue=%.0f plain=1' 0 65534 | disk vda
	same "$(json '.disks[0].total | "\(.queues) \(.plain)"')" "65535 65535"
}

# Files of other kinds, where files are expected.
odd_files()
{
	one plain=1
	rm "$tree/sys/block/vda/stat" "$tree/sys/block/vda/queue/io_poll" "$parameters/twin"
	mkfifo "$tree/sys/block/vda/stat" "$parameters/twin" "$counters/vdb"
	mkdir "$tree/sys/block/vda/queue/io_poll" "$counters/vdc"
	ln -s vdd "$counters/vdd"
	line 0 >"$counters/bad\"name"
	line 0 >"$counters/$(printf 'v%.0s' {1..40})"
	timeout 60 "$work/vblkstat" --root "$tree"
	same "$(json '[.disks[].disk] | join(" ")')" "vda"
}

# fuzz ROUNDS: 200 disks a round, of which each has a few bytes changed.
fuzz()
{
	local round n i good text at bytes=$'=\t "\\%\x01\x7f\xff-0aq.'
	RANDOM=1
	good=$(line 0 plain=12 polled=34 reaped_poll=46 callbacks=off
		line 1 plain=999 polled=18446744073709551615 polls=no)
	for ((round = 0; round < $1; round++)); do
		new_tree
		mkdir -p "$tree"/sys/block/vd{0..199}/queue
		for ((n = 0; n < 200; n++)); do
			text=$good
			for ((i = RANDOM % 8; i >= 0; i--)); do
				at=$((RANDOM % ${#text}))
				case $((RANDOM % 4)) in
				0) text=${text:0:at}${text:at+1+RANDOM%30} ;;
				1) text=${text:0:at}$((RANDOM * RANDOM * RANDOM))${text:at} ;;
				2) text=${text:0:at}$'\n'${text:at+1} ;;
				3) text=${text:0:at}${bytes:RANDOM%${#bytes}:1}${text:at+1} ;;
				esac
			done
			echo "$text" >"$counters/vd$n"
			echo "${text:0:RANDOM%40}" >"$tree/sys/block/vd$n/stat"
			echo "[${text:RANDOM%99:40}" >"$tree/sys/block/vd$n/queue/scheduler"
		done
		same "$(json '.disks | length')" 200 "disks"
		stat >"$work/table"
		# Half of the files change under it.
		watch -c 2
		wait_for 60 reported 1
		for ((n = 0; n < 200; n += 2)); do
			echo "$good" >"$counters/vd$n"
		done
		wait "$watched" || fail "ended with $?: $(cat "$work/said")"
		wait_for 30 reported 2
		jq -e '.disks | length == 200' "$work/lines" >/dev/null
	done
}

# --- Without rights, and wrong calls -------------------------------------------

# says STATUS LINE COMMAND...
says()
{
	local status=0 expected=$1 said=$2
	shift 2
	"$@" >"$work/out" 2>"$work/said" || status=$?
	same $status "$expected" "exit status of $*"
	same "$(cat "$work/said")" "vblkstat: $said"
	[ ! -s "$work/out" ] || fail "also printed: $(cat "$work/out")"
}

# as_nobody COMMAND...
as_nobody()
{
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
	else
		"$@"
	fi
}

no_rights()
{
	one
	chmod 0 "$tree/sys/kernel/debug"
	says 1 "not allowed to read /sys/kernel/debug: run it as root" \
		as_nobody "$work/vblkstat" --root "$tree"
	says 1 "not allowed to read /sys/kernel/debug: run it as root" \
		as_nobody "$work/vblkstat" --root "$tree" --json -i 1 vda
	# The stock driver counts nothing that one could be kept from.
	rm "$parameters/twin"
	as_nobody "$work/vblkstat" --root "$tree" | grep '^vda: the stock driver'
	chmod 755 "$tree/sys/kernel/debug"
	chmod 0 "$counters/vda"
	says 1 "not allowed to read /sys/kernel/debug/virtio_blk: run it as root" \
		as_nobody "$work/vblkstat" --root "$tree"
}

not_mounted()
{
	one
	rm -r "$counters"
	says 1 "no /sys/kernel/debug/virtio_blk: mount debugfs (mount -t debugfs none /sys/kernel/debug)" stat
	rm -r "$tree/sys"
	says 1 "no virtio disk" stat
}

wrong_calls()
{
	one
	says 1 "no virtio disk vdb: name disks of lsblk, not partitions" stat vda vdb
	says 2 "unknown option -x, see --help" stat -yx
	says 2 "unknown option --jsom, see --help" stat --jsom
	says 2 "unknown option --json=1, see --help" stat --json=1
	says 2 "-c needs a value, see --help" stat -i 1 -c
	for seconds in 0 -1 1e3 0x10 nan inf . 1.2.3 1s 99999 "" 0.05; do
		says 2 "-i needs a number of seconds from 0.1 to 86400, not '$seconds'" \
			stat -i "$seconds"
	done
	for count in 0 -1 many 1.5 99999999999999999999 ""; do
		says 2 "-c needs a number from 1 on, not '$count'" stat -i 1 -c "$count"
	done
	says 2 "-c and -y need an interval: add -i SECONDS" stat -c 3
	says 2 "-c and -y need an interval: add -i SECONDS" stat -y
	says 2 "--root /nonexistent: No such file or directory" \
		"$work/vblkstat" --root /nonexistent
	for name in ../vda . .. "" /dev/ /dev/../vda vda/; do
		says 2 "'${name#/dev/}' is no name of a disk: vda, or /dev/vda" stat "$name"
	done
	stat --help | grep -q '^usage: vblkstat'
}

# As a user builds it
builds()
{
	make -s --no-print-directory -C tools/vblkstat out="$work/out.d" \
		CFLAGS="-O2 -Wall -Wextra -Werror"
	one
	"$work/out.d/vblkstat" --root "$tree" | grep -q '^vda: idle'
}

check "make vblkstat: no warnings" builds
check "figures: rows of queues and their total" figures
check "huge counters keep to their columns" huge
check "disks in their order, and by name" order
check "older and newer drivers" other_drivers
check "verdicts" verdicts
check "a scheduler in the way" schedulers
check "requests that are split" splits
check "disks that cannot poll" cannot_poll
check "the stock driver" stock
check "each word of JSON is in the man page" documented
check "rates: what was added between two reports" rates
check "verdicts on requests that take long" late_verdicts
check "-y: no first report" no_first
check "counters that restart" restart
check "disks that come and go" come_and_go
check "signals: a clean end, and nothing lost" signals
check "output that cannot be written" full_output
check "malformed counters" malformed
check "files that are none" odd_files
check "fuzzed counters" fuzz 5
check "without rights" no_rights
check "without debugfs" not_mounted
check "wrong calls" wrong_calls
finish
