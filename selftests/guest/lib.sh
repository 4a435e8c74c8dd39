# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the suites that run in a guest share: the driver's counters, interrupts,
# and programs that do I/O. To be sourced first; brings ../lib.sh.

# shellcheck source=selftests/lib.sh
. /vblk/selftests/lib.sh
export LC_ALL=C
PATH=/vblk/build/selftests/guest:$PATH
counters=/sys/kernel/debug/virtio_blk

# Without other programs where tests wait in a loop: to start one takes a guest
# without KVM tens of milliseconds.

# sum KEY: over all queues, of counters on standard input
sum()
{
	local line sum=0
	while IFS= read -r line; do
		if [[ " $line" =~ \ $1=([0-9]+) ]]; then
			sum=$((sum + BASH_REMATCH[1]))
		fi
	done
	echo $sum
}

# counter DISK KEY: the sum over the disk's queues.
counter()
{
	sum "$2" <"$counters/$1"
}

# device DISK: the virtio device, virtioN
device()
{
	basename "$(readlink -f "/sys/block/$1/device")"
}

# number DISK: N of QEMU's "diskN" and "vblkN"
number()
{
	local letters=abcdefghijklmnopqrstuvwxyz before
	before=${letters%%"${1#vd}"*}
	echo ${#before}
}

# feature DISK BIT: negotiated?
feature()
{
	cut -c$(($2 + 1)) "/sys/block/$1/device/features"
}

# interrupts DISK: that its vectors, or its line behind virtio-mmio, had, says the
# kernel. Not with INTx.
interrupts()
{
	awk -v device="$(device "$1")" 'index($0, " " device "-req") || $NF == device {
		for (i = 2; $i ~ /^[0-9]+$/; i++)
			sum += $i
	} END { print sum + 0 }' /proc/interrupts
}

# mark DISK, then grown KEY: by how much a counter has grown since; also
# "interrupts".
mark()
{
	marked=$1
	marked_us=${EPOCHREALTIME/./}
	marked_interrupts=$(interrupts "$1")
	marked_counters=$(<"$counters/$1")
}

grown()
{
	if [ "$1" = interrupts ]; then
		echo $(($(interrupts "$marked") - marked_interrupts))
	else
		echo $(($(counter "$marked" "$1") - $(sum "$1" <<<"$marked_counters")))
	fi
}

# ms_since_mark
ms_since_mark()
{
	echo $(((${EPOCHREALTIME/./} - marked_us) / 1000))
}

# grown_beyond KEY N
grown_beyond()
{
	[ "$(grown "$1")" -gt "$2" ]
}

# quiet DISK: nothing in flight?
quiet()
{
	[ "$(counter "$1" inflight_plain)" = 0 ] &&
		[ "$(counter "$1" inflight_polled)" = 0 ]
}

# all_accounted DISK: what was submitted was taken off the ring, once, or back.
all_accounted()
{
	local in out
	wait_for 10 quiet "$1"
	in=$(($(counter "$1" plain) + $(counter "$1" polled)))
	out=$(($(counter "$1" reaped_poll) + $(counter "$1" reaped_irq) +
	       $(counter "$1" reaped_guard) + $(counter "$1" reaped_timeout) +
	       $(counter "$1" reaped_other) + $(counter "$1" returned)))
	same $out $in "requests taken off the ring"
	same "$(counter "$1" kicks_core)" 0 "notifications with the lock held"
}

# state PID LETTERS: is it in one of these states (see ps)?
state()
{
	local stat
	stat=$(<"/proc/$1/stat") 2>/dev/null || return 1
	stat=${stat##*) }
	[[ $2 == *"${stat%% *}"* ]]
}

# value KEY FILE: of a program's key=value
value()
{
	sed -n "s/.*\\b$1=\\([0-9]*\\).*/\\1/p" "$2"
}

# What tests expect of some kernels and not of others: PROPERTY, and its lines.
declare -A kernels=(
	# polls for synchronous I/O, too (RWF_HIPRI; ignored since 5.19)
	[polls_sync]="5.10"
	# splits what is polled and too large; later ones send it unpolled, or try
	# for ever
	[splits_polled]="5.10"
	# io_poll can be turned off
	[writes_io_poll]="5.10"
	# leaves the last event index in the ring when callbacks go off, so that an
	# interrupt may come all the same
	[keeps_event_index]="5.10"
	# whose stock driver has num_request_queues and poll_queues
	[stock_polls]="6.1 6.12 7.2"
	# whose stock driver gives each disk as many requests as the first one has
	[shares_depth]="5.10"
	# polls through the device mapper
	[polls_stacked]="6.1 6.12 7.2"
	# erases securely, by limits of its own; or merges and cuts by discard's
	[secure_erase]="6.1 6.12 7.2"
	[erases_by_discard]="6.1"
	# has zoned virtio disks
	[zoned]="6.12 7.2"
	# whose virtio core hands resets by the bus to drivers
	[resets]="7.2"
	# can read back a hibernation image from a swap in use
	[resumes_from_used_swap]="6.12 7.2"
	# on which the mock device can make bios of its own
	[mock_bios]="6.1 6.12 7.2"
	# whose synchronous direct reads of a disk say so in a flag
	[flags_sync_reads]="6.1 6.12 7.2"
	# whose synchronous direct writes of a disk are dispatched by who submits them,
	# and not plugged until he sleeps
	[issues_writes]="6.12 7.2"
	# whose submitters dispatch what a scheduler has sorted
	[dispatches_scheduled]="6.12"
	# whose virtio core reads a descriptor again that the device may have changed
	[rereads_descriptors]="5.10"
)

# kernel PROPERTY: has this guest's it?
kernel()
{
	[ "${kernels[$1]-}" ] || fail "no line has the property '$1'"
	case " ${kernels[$1]} " in *" $VBLK_KERNEL "*) ;; *) return 1 ;; esac
}

# quiet_fio ARG...: fio, of which nothing is heard but what went wrong.
quiet_fio()
{
	local status=0 log
	log=$(mktemp /tmp/fio.XXXXXX)
	fio --output="$log" --direct=1 --thread --verify_state_save=0 "$@" || status=$?
	[ $status = 0 ] || grep -vE '^ |^Run|^Disk|^$' "$log" || true
	rm -f "$log"
	return $status
}

# oracle REQUESTS DEPTH: since mark, so many were polled: by a poller, without
# interrupts, and without turning callbacks on and off. What an interrupt may
# still be for: a poller that was not there (a stall), that went to sleep, or a
# ring's index that wrapped. What is in flight then others reap; a stall lasts for
# 16 requests.
oracle()
{
	local excused toggles

	cat $counters/"$marked"
	same "$(cat "/sys/block/$marked/queue/io_poll")" 1 "io_poll"
	excused=$(($(grown stalls) + $(grown sleepers)))
	toggles=$(($(grown cb_on) + $(grown cb_off)))
	is "$(grown reaped_poll)" -ge $(($1 * 99 / 100 - ($2 + 16) * excused)) \
		"requests reaped by pollers"
	is "$(grown interrupts)" -le $(($1 / 100 + 16 * excused)) "interrupts"
	is $toggles -le $((4 + 2 * excused + 2 * $(grown plain))) "callbacks turned on and off"
	is "$(grown stalls)" -le $(($1 / 100)) "stalls"
	is "$(grown sleepers)" -le $(($1 / 20)) "sleepers"
}

# all_polled DISK REQUESTS COMMAND...: the oracle, for what COMMAND submits. Up to five
# times: a host that takes the CPU away all the time says nothing about polling.
all_polled()
{
	local disk=$1 requests=$2 depth=$3
	shift 3
	for _ in 1 2 3 4 5; do
		mark "$disk"
		"$@"
		# Nothing but these tells of such a host.
		if [ $(($(grown stalls) + $(grown sleepers))) = 0 ] ||
			(oracle "$requests" "$depth" >/dev/null); then
			break
		fi
	done
	oracle "$requests" "$depth"
}

# oracle_fails REQUESTS DEPTH: the control. The oracle must see what is not polled.
oracle_fails()
{
	: "${2:?}"
	if (oracle "$@"); then
		fail "the oracle took it for polled"
	fi
}

# plain ARG..., polled ARG...: fio without and with polling. On 5.10 the kernel
# also polls for synchronous I/O; sync_polled is that.
plain()
{
	quiet_fio --name=plain --ioengine=io_uring "$@"
}

# Its requests must fit the disk in one piece: since 6.1 the kernel can neither
# split what is polled nor tell io_uring so, which then tries for ever.
polled()
{
	quiet_fio --name=polled --ioengine=io_uring --hipri=1 "$@"
}

sync_polled()
{
	quiet_fio --name=sync_polled --ioengine=pvsync2 --hipri=1 "$@"
}

# plain_and_polled OFFSET ARG...: both at once, the polled one from OFFSET on.
plain_and_polled()
{
	local offset=$1
	shift
	quiet_fio --ioengine=io_uring "$@" \
		--name=plain --offset=0 --name=polled --hipri=1 --offset="$offset"
}

# stop_poller DISK DEPTH [FOUND]: $poller is stopped, DEPTH reads after mark() and
# before it has found more than FOUND of them (default: any number). On a busy host it
# may need a few attempts: to submit is a look at the ring, too. It compares what it
# read with what it reads then, unless poller_checks is empty.
poller_checks=-c
stop_poller()
{
	local tries=0
	while :; do
		mark "$1"
		poller $poller_checks "/dev/$1" "$2" >/tmp/poller &
		poller=$!
		wait_for 30 state $poller T
		[ "$(grown reaped_poll)" -gt "${3:-$2}" ] || return 0
		tries=$((tries + 1))
		is $tries -lt 5 "attempts to stop a poller in time"
		continue_poller
	done
}

# The promise for a plain read, of a device that takes 2 ms
bound_us=$((20000 * slower))
reads=200

# reads_in_time DISK [p95_us]: plain ones, on CPU 0. All of them, or where CPUs have
# more to do than they can 19 of 20. A busy host can delay reads in any driver, for a
# while; broken is who cannot do it in ten attempts. A request that waited until its
# timeout is broken, too: that ends what it waited for.
reads_in_time()
{
	local attempt
	for attempt in {1..10}; do
		taskset -c 0 reader "/dev/$1" $reads >/tmp/reader
		echo "attempt $attempt: $(cat /tmp/reader)"
		same "$(counter "$1" timeouts)" 0 "requests that timed out"
		[ "$(value "${2:-max_us}" /tmp/reader)" -gt $bound_us ] || return 0
	done
	fail "reads took longer than $bound_us us"
}

# The stopped one goes on and finds its reads done, with the right data.
continue_poller()
{
	kill -CONT "$poller"
	wait "$poller" || fail "the poller failed: $(cat /tmp/poller)"
}

# works DISK: plain and polled I/O, and it polls
works()
{
	reader "/dev/$1" 20
	all_polled "$1" 4000 8 poller -n 4000 "/dev/$1" 8
	all_accounted "$1"
}

# verified_writes DISK: plain and polled, until /tmp/enough, and right
verified_writes()
{
	until [ -e /tmp/enough ]; do
		plain_and_polled 48M --filename="/dev/$1" --rw=randwrite --bs=4k --size=4M \
			--iodepth=16 --verify=crc32c --loops=2
	done
}

# under_load TIMES COMMAND...: COMMAND so often while vda and vdb are written to;
# nothing is lost, and everything works afterwards.
under_load()
{
	local disk job jobs="" left=$1
	shift

	rm -f /tmp/enough
	for disk in vda vdb; do
		mark $disk
		verified_writes $disk &
		jobs+=" $!"
		wait_for 60 grown_beyond plain 100
		wait_for 60 grown_beyond polled 100
	done
	while [ "$left" -gt 0 ]; do
		"$@"
		left=$((left - 1))
	done
	touch /tmp/enough
	for job in $jobs; do
		wait "$job"
	done
	works vda
	works vdb
}

# qmp COMMAND [ARGUMENTS]: to QEMU, over the port that leads to its monitor (see
# suites.sh); prints the answer.
qmp()
{
	local port answer
	port=$(grep -l '^vblk\.qmp$' /sys/class/virtio-ports/*/name)
	exec 7<>"/dev/$(basename "${port%/name}")"
	# An error, but the first time.
	echo '{"execute": "qmp_capabilities"}' >&7
	echo "{\"execute\": \"$1\"${2:+, \"arguments\": $2}, \"id\": \"guest\"}" >&7
	while IFS= read -r -t 10 answer <&7; do
		case $answer in *'"id": "guest"'*) break ;; esac
	done
	exec 7>&-
	echo "$answer"
	case $answer in *'"return"'*) ;; *) return 1 ;; esac
}

# throttle N: requests a second that the host lets through its throttle group "brake";
# 0: any number
throttle()
{
	qmp qom-set "{\"path\": \"/objects/brake\", \"property\": \"limits\",
		\"value\": {\"iops-total\": $1, \"iops-total-max\": $1}}" >/dev/null
}

# job NAME: what QEMU knows of it
job()
{
	qmp query-jobs | tr '{' '\n' | grep "\"id\": \"$1\""
}

# concluded NAME: is that job done? An error fails the test.
concluded()
{
	local job
	job=$(job "$1") || return 1
	case $job in
	*'"error"'*) fail "$job" ;;
	*'"status": "concluded"'*) ;;
	*) return 1 ;;
	esac
}

# statistic KEY DISK: of vblkN, from the counters of QEMU and of its file (discard-*).
statistic()
{
	qmp query-blockstats | awk -v RS='"device": ""' -v qdev="[/\"]$2[/\"]" -v key="\"$1\": " '
	# Of the nodes below, which have the same key, some count nothing.
	$0 ~ qdev {
		most = 0
		while (match($0, key "[0-9]+")) {
			value = substr($0, RSTART + length(key), RLENGTH - length(key)) + 0
			most = value > most ? value : most
			$0 = substr($0, RSTART + RLENGTH)
		}
		printf "%.0f\n", most
	}'
}
