# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the suites on mock devices share (see main.c). To be sourced after
# ../lib.sh. Devices are called by the names that tests give them.

mocks=/sys/kernel/debug/vblk_mock

# VIRTIO 1.3, 5.2.3 and 6
declare -A bits=([SIZE_MAX]=1 [SEG_MAX]=2 [RO]=5 [BLK_SIZE]=6 [FLUSH]=9 [TOPOLOGY]=10
	[CONFIG_WCE]=11 [MQ]=12 [DISCARD]=13 [WRITE_ZEROES]=14 [SECURE_ERASE]=16
	[ZONED]=17 [INDIRECT]=28 [EVENT_IDX]=29 [VERSION_1]=32)

# features FEATURE...: their mask, besides those that every device has here
features()
{
	local name mask=0
	for name in VERSION_1 EVENT_IDX INDIRECT SEG_MAX BLK_SIZE FLUSH MQ "$@"; do
		mask=$((mask | 1 << bits[$name]))
	done
	echo $mask
}

# add NAME KEY=VALUE...: in place of one that a test has left behind, which may have
# requests in flight that keep the driver from letting it go
add()
{
	if [ -e "$mocks/$1" ]; then
		change "$1" stuck=0
		remove "$1"
	fi
	dmesg --clear
	store "name=$*" $mocks/add
}

# change NAME KEY=VALUE... [notify|needs_reset]
change()
{
	local name=$1
	shift
	echo "$*" >"$mocks/$name/set"
}

# store VALUE FILE: by a process of its own; where that never comes back, a test can
# still end.
store()
{
	(echo "$1" >"$2")
}

# remove NAME
remove()
{
	store "$1" $mocks/remove
}

# seen NAME KEY: what the device saw; 0 where nothing
seen()
{
	local line
	while IFS= read -r line; do
		if [ "${line%%=*}" = "$2" ]; then
			echo "${line#*=}"
			return
		fi
	done <"$mocks/$1/seen"
	echo 0
}

# disk NAME: vdX, or nothing
disk()
{
	local dir
	for dir in "/sys/bus/virtio/devices/$(seen "$1" device)"/block/*; do
		[ ! -e "$dir" ] || echo "${dir##*/}"
	done
}

# rebind NAME: the driver tries again.
rebind()
{
	seen "$1" device >/sys/bus/virtio/drivers/virtio_blk/bind
}

# lawful NAME: the driver did nothing to it that the specification forbids.
lawful()
{
	same "$(seen "$1" violation)" "" "violation"
	same "$(seen "$1" unknown)" 0 "requests of unknown types"
}

# complaints: the driver's own warnings and errors since the last device came
complaints()
{
	dmesg --level=err,warn | sed -nE 's/.*virtio_blk( virtio[0-9]+)?: //p' |
		grep -vE '^probe (of|with driver) ' || true
}

# complained PATTERN: in one line
complained()
{
	local lines
	lines=$(complaints)
	same "$(echo "$lines" | wc -l)" 1 "lines in the log ($lines)"
	[[ $lines =~ $1 ]] || fail "the log has '$lines', not '$1'"
}

# limit DISK FILE: of its queue
limit()
{
	cat "/sys/block/$1/queue/$2"
}

# add_liar FEATURE... -- KEY=VALUE...
add_liar()
{
	local names=()
	while [ "$1" != -- ]; do
		names+=("$1")
		shift
	done
	shift
	add liar features="$(features ${names[@]+"${names[@]}"})" "$@"
}

# no_disk PATTERN GOOD FEATURE... -- KEY=VALUE...: with these the driver wants no
# disk, and says why; with GOOD it takes the device again, after a reset.
no_disk()
{
	local pattern=$1 good=$2 vdx status
	shift 2
	add_liar "$@"
	same "$(disk liar)" "" "disk"
	complained "$pattern"
	status=$(seen liar status)
	same $((0x${status##*,} & 0x80)) $((0x80)) "FAILED in the last status of $status"
	change liar "$good"
	rebind liar
	vdx=$(disk liar)
	[ "$vdx" ] || fail "no disk when it was honest"
	reader "/dev/$vdx" 4
	lawful liar
	remove liar
}

# For the table of selftests/hostile
echo "# kernel $(uname -r)"

# The stock driver, run as a comparison, counts nothing, and polls no queue of these:
# what is left is whether I/O ends, and how.
if [ "$VBLK_DRIVER" = stock ]; then
	mark() { :; }
	grown() { echo 0; }
	grown_beyond() { sleep 0.5; }
	all_accounted() { :; }
	works() { reader "/dev/$1" 20; }
	stop_poller()
	{
		reader "/dev/$1" 1 >/tmp/poller &
		# shellcheck disable=SC2034	# of suites
		poller=$!
	}
	# What hangs does so until the device is set free (see add), and a BUG ends one
	# test and not the guest.
	# shellcheck disable=SC2034	# of ../../lib.sh
	test_timeout=40 outlives_hangs=1
	echo 0 >/proc/sys/kernel/hung_task_timeout_secs
	echo 0 >/proc/sys/kernel/panic_on_oops
fi

[ -e $mocks ] || insmod /modules/vblk_mock.ko
