# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What happens during a soak (see guest.sh), an event a function. An event ends by
# itself and puts everything back; what it must find it says with fail. Each runs in
# a shell of its own, seeded.
# shellcheck disable=SC2154	# seed, mock and disk: of guest.sh and device.sh

driver=/sys/bus/virtio/drivers/virtio_blk
fail_after=/sys/module/virtio_blk/parameters/fail_after

# one_of WORD...: sets choice
one_of()
{
	local n=$((RANDOM % $# + 1))
	choice=${!n}
}

# a_while: up to 0.4 s
a_while()
{
	sleep "0.$((RANDOM % 4))$((RANDOM % 10))"
}

# put FILE NUMBER: others read it at any time
put()
{
	echo "$2" >"/tmp/.new.$BASHPID"
	mv "/tmp/.new.$BASHPID" "$1"
}

# add_to KEY N: to what this life of the machine counts
add_to()
{
	local before=0
	[ ! -e "/tmp/sum.$1" ] || before=$(<"/tmp/sum.$1")
	put "/tmp/sum.$1" $((before + $2))
}

# --- Pollers, and what administrators do ----------------------------------

stopped_poller()
{
	local job
	one_of vda vdb "$mock"
	poller "/dev/$choice" $((RANDOM % 64 + 1)) >/dev/null &
	job=$!
	wait_for 60 state $job T
	a_while
	one_of CONT KILL
	kill "-$choice" $job
	kill -CONT $job 2>/dev/null || true
	wait $job || true
}

frozen_poller()
{
	local job
	one_of vda vdb "$mock"
	poller -r "/dev/$choice" $((RANDOM % 64 + 1)) >/dev/null &
	job=$!
	mkdir -p /sys/fs/cgroup/soak
	echo $job >/sys/fs/cgroup/soak/cgroup.procs
	echo 1 >/sys/fs/cgroup/soak/cgroup.freeze
	a_while
	echo 0 >/sys/fs/cgroup/soak/cgroup.freeze
	kill -TERM $job
	wait $job || true
}

leaving_poller()
{
	one_of vda vdb "$mock"
	poller -x "/dev/$choice" $((RANDOM % 64 + 1))
}

scheduler()
{
	local disk
	one_of vda vdb "$mock"
	disk=$choice
	one_of none mq-deadline kyber bfq
	echo "$choice" >"/sys/block/$disk/queue/scheduler" 2>/dev/null || true
}

depth()
{
	local disk
	one_of vda vdb "$mock"
	disk=$choice
	one_of 16 64 128
	echo "$choice" >"/sys/block/$disk/queue/nr_requests" 2>/dev/null || true
}

cache_type()
{
	one_of "write back" "write through"
	echo "$choice" >/sys/block/vda/cache_type
}

parameters()
{
	one_of num_request_queues poll_queues
	echo $((RANDOM % 3)) >"/sys/module/virtio_blk/parameters/$choice" 2>/dev/null || true
}

# Who waits for his requests may look for them, or may not any more.
spinning()
{
	local disk
	one_of vda vdb "$mock"
	disk=$choice
	one_of 0 50 1000
	echo "$choice" >"/sys/block/$disk/sync_poll_us"
	one_of 0 1
	echo "$choice" >"/sys/block/$disk/sync_poll_rt"
}

cpu_goes()
{
	[ -w /sys/devices/system/cpu/cpu1/online ] || return 0
	echo 0 >/sys/devices/system/cpu/cpu1/online
	a_while
	echo 1 >/sys/devices/system/cpu/cpu1/online
}

# As far as the devices, and back
suspend()
{
	local before
	before=$(dmesg | grep -c 'PM: .*exit' || true)
	echo devices >/sys/power/pm_test
	echo mem >/sys/power/state
	echo none >/sys/power/pm_test
	is "$(dmesg | grep -c 'PM: .*exit')" -gt "$before" "times that the machine slept"
}

# --- What the host does ---------------------------------------------------

# The disk stands still, and goes on.
brake()
{
	throttle 1
	a_while
	a_while
	throttle 0
}

resize()
{
	change lame capacity=$(((40 + RANDOM % 24) * 2048)) notify
}

unbind()
{
	local name
	name=$(device vdc)
	echo now >/tmp/unbound
	echo "$name" >$driver/unbind
	a_while
	echo "$name" >$driver/bind
	wait_for 60 test -b /dev/vdc
	echo "$RANDOM times" >/tmp/unbound
}

# used DISK COMMAND...: while it is polled and read from. Who uses it ends when it goes.
used()
{
	local disk=$1 jobs=()
	shift
	poller -r "/dev/$disk" $((RANDOM % 16 + 1)) >/dev/null 2>&1 &
	jobs+=($!)
	reader "/dev/$disk" 100000000 >/dev/null 2>&1 &
	jobs+=($!)
	a_while
	"$@"
	kill "${jobs[@]}" 2>/dev/null || true
	wait "${jobs[@]}" || true
}

# The host gives the plugged disk another size, and takes it away.
resized_and_unplugged()
{
	local sectors=$(((16 + RANDOM % 48) * 2048))
	qmp block_resize "{\"node-name\": \"spare\", \"size\": $((sectors * 512))}" >/dev/null
	wait_for 60 eval "[ \$(cat /sys/block/vd[e-z]/size) = $sectors ]"
	unplugged
}

unplugged()
{
	qmp device_del '{"id": "soak"}' >/dev/null
	wait_for 60 eval "! [ -e /sys/block/vd[e-z] ]"
}

plugged()
{
	qmp device_add '{"driver": "virtio-blk-pci", "id": "soak", "bus": "spare0", "drive": "spare"}' >/dev/null
	wait_for 60 eval "[ -b /dev/vd[e-z] ]"
	used "$(basename /dev/vd[e-z])" resized_and_unplugged
}

# times_stopped: that the host did so, it says
times_stopped()
{
	local answer
	answer=$(qmp qom-get '{"path": "/objects/stops", "property": "limits"}')
	[[ $answer =~ \"iops-total\":\ ([0-9]+) ]] && echo "${BASH_REMATCH[1]}"
}

stopped_again()
{
	[ "$(times_stopped)" -gt "$1" ]
}

# The whole machine stands still. Who is to let it go on is on the host.
stop_and_cont()
{
	local before
	before=$(times_stopped)
	tell "stop 0.$((RANDOM % 9 + 1))"
	wait_for 60 stopped_again "$before"
}

# The whole machine goes back to where it was, its disks too. What the journals
# said in between never was; before anything else happens they say what is.
back()
{
	local devices='"tag": "then", "devices": ["disk0", "image"]' asked="" disk

	qmp snapshot-save "{\"job-id\": \"save\", \"vmstate\": \"disk0\", $devices}" >/dev/null
	wait_for 100 concluded save
	if ! job load >/dev/null; then
		asked=1
		a_while
		a_while
		qmp snapshot-load "{\"job-id\": \"load\", \"vmstate\": \"disk0\", $devices}" >/dev/null
	fi
	wait_for 100 concluded load
	[ ! "$asked" ] || fail "it did not go back"
	qmp snapshot-delete "{\"job-id\": \"delete\", $devices}" >/dev/null
	wait_for 100 concluded delete
	for job in save load delete; do
		qmp job-dismiss "{\"id\": \"$job\"}" >/dev/null
	done
	add_to journeys 1
	journals_go_on
}

# workers_go_on: each verifier gets through another round.
workers_go_on()
{
	local disk
	for disk in vda vdb "$mock"; do
		wait_for "$patience" eval "[ \$(cat /tmp/rounds.$disk 2>/dev/null || echo 0) -gt \
			$(cat "/tmp/rounds.$disk" 2>/dev/null || echo 0) ]"
	done
}

# The machine is reset, in the middle of whatever. Does not return.
system_reset()
{
	journals_go_on
	workers_go_on
	a_while
	tell "sum $(sums)"
	tell reset
	# Nobody will read the answer, which the next life must not take for its own.
	local port
	port=$(grep -lx vblk.qmp /sys/class/virtio-ports/*/name)
	printf '{"execute": "%s"}\n' qmp_capabilities system_reset >"/dev/$(basename "${port%/name}")"
	sleep 100
	fail "the machine was not reset"
}

# --- A mock device --------------------------------------------------------

reset_again()
{
	[ "$(seen lame resets)" -gt "$1" ]
}

wants_reset()
{
	local before
	before=$(seen lame resets)
	one_of "stuck=1 says_so=1" "needs_reset"
	# shellcheck disable=SC2086	# words
	change lame $choice
	wait_for 60 reset_again "$before"
}

gone()
{
	change gone gone=1
	remove gone
}

pulled()
{
	add gone size=1
	wait_for 60 test -b "/dev/$(disk gone)"
	used "$(disk gone)" gone
}

# --- A device of our own, and what goes wrong with it ---------------------

# load_device: verified I/O on the plugged disk; says in /tmp/load what went wrong
load_device()
{
	quiet_fio --ioengine=io_uring --filename="/dev/$disk" --rw=randwrite --bs=4k \
		--size=1M --iodepth=16 --verify=crc32c \
		--name=plain --offset=0 --fsync=32 --name=polled --hipri=1 --offset=16M \
		>/tmp/load 2>&1
}

plug_in()
{
	control defaults >/dev/null
	plug >/dev/null
	echo 1000 >"/sys/block/$disk/queue/io_timeout"
}

# plug_out: when nothing is left to be done
plug_out()
{
	local answer
	all_accounted "$disk"
	answer=$(control stats)
	add_to requests "$(device_count requests "$answer")"
	[ "${1-}" ] || same "$(device_count violations "$answer")" 0 "violated rules: $answer"
	unplug >/dev/null || fail "the device does not go"
}

# happened JOB KIND: or it is too late for that
happened()
{
	[ "$(device_count "$2")" -gt 0 ] || ! kill -0 "$1" 2>/dev/null || state "$1" Z
}

# Nothing of this may be noticed; what is not given back is, after a while.
bad_device()
{
	local kind job status=0
	# shellcheck disable=SC2046	# words
	one_of used-len-zero used-len-huge used-order header-scribble avail-scribble \
		$(kernel rereads_descriptors || echo desc-scribble) \
		irq-spurious%20 irq-storm=50%1 irq-unwanted irq-late=2000%20 late=50%2 \
		irq-lost@100 kick-lost@20 never@50 stop-after=50 disconnect@200
	echo "fault $choice"
	kind=${choice%%[=@%]*}
	plug_in
	control fault "$choice" >/dev/null
	load_device &
	job=$!
	wait_for 60 happened $job "$kind"
	case $kind in
	never|stop-after) a_while; control clear >/dev/null; control release >/dev/null ;;
	esac
	wait $job || status=$?
	cat /tmp/load
	same $status 0 "status of the load"
	add_to faults "$(device_count "$kind")"
	control defaults >/dev/null
	load_device || fail "afterwards: $(cat /tmp/load)"
	plug_out
}

# What is in flight may fail when the ring breaks, but nothing is wrong, and the
# device works afterwards. Of two entries that the device takes back nobody can know,
# so a request has a time; a short one would be too short for slow hosts.
broken_ring()
{
	local status=0
	one_of used-id used-id-wide used-id-free used-twice used-idx-jump used-idx-back
	echo "fault $choice"
	plug_in
	echo 20 >$fail_after
	control fault "$choice@$((RANDOM % 200 + 1))" >/dev/null
	load_device || status=$?
	echo 0 >$fail_after
	cat /tmp/load
	! grep -q 'verify' /tmp/load || fail "data is wrong"
	add_to faults "$(device_count "$choice")"
	control defaults >/dev/null
	load_device || fail "afterwards: $(cat /tmp/load)"
	plug_out lawless
}

# As many errors are seen as there were
errors()
{
	local injected
	one_of status=1 status=3 status=255 data-half status-unwritten
	echo "fault $choice"
	plug_in
	control fault "$choice%10,op=read" >/dev/null
	fio --output=/tmp/errors.json --output-format=json --direct=1 --thread \
		--ioengine=io_uring --filename="/dev/$disk" --rw=randread --bs=4k --size=1M \
		--iodepth=1 --continue_on_error=all \
		--name=plain --name=polled --hipri=1 || true
	injected=$(device_count "${choice%%=*}")
	same "$(awk -F'[:,]' '/"total_err"/ { sum += $2 } END { print sum + 0 }' /tmp/errors.json)" \
		"$injected" "errors seen"
	add_to injected "$injected"
	control defaults >/dev/null
	load_device || fail "afterwards: $(cat /tmp/load)"
	plug_out
}

# The device dies, and another one goes on where it was.
killed_device()
{
	local pid job
	plug_in
	pid=$(device_count pid)
	load_device &
	job=$!
	a_while
	control crash >/dev/null || true
	wait_for 60 another_than "$pid"
	wait $job || fail "the load failed: $(cat /tmp/load)"
	add_to faults 1
	plug_out
}

# The device loses what was not flushed, and nothing else.
power_cut()
{
	local writer answer start acked
	# shellcheck disable=SC2034	# for device.sh
	control_port=vblk.volatile VBLKDEV_SOCKET=$VBLKDEV_VOLATILE
	plug_in
	journal write "/dev/$disk" "$seed" 1 /tmp/power >/tmp/power.log &
	writer=$!
	wait_for 60 grep -q 'acked .* 20$' /tmp/power.log
	a_while
	kill -KILL $writer
	wait $writer || true
	wait_for 10 quiet "$disk"
	# Beyond the journal, and never flushed: of so many sectors some are lost.
	dd if=/dev/zero of="/dev/$disk" bs=64k seek=768 count=16 oflag=direct 2>/dev/null
	answer=$(control power-cut)
	[[ $answer =~ \"lost\":\ ([1-9][0-9]*) ]] || fail "$answer"
	add_to cut "${BASH_REMATCH[1]}"
	start=$(sed -n 's/^start .* //p' /tmp/power.log)
	acked=$(sed -n 's/^acked .* //p' /tmp/power.log | tail -n 1)
	journal check "/dev/$disk" "$seed" "$start" "$acked"
	plug_out
}
