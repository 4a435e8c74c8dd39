# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Disks that tools/vm/run does not have by itself: devices at vhost-user sockets,
# which are started for a guest, and QEMU's own in other threads. To be sourced.
# shellcheck disable=SC2154,SC2034	# its variables

device_pid=

# check_device SPEC
check_device()
{
	case $1 in
	qsd:null) ;;
	qsd:file:*) [ -f "${1#qsd:file:}" ] || die "--disk $1: no such file" ;;
	qsd:*) die "--disk $1: qsd:null or qsd:file:PATH" ;;
	mainloop:?*|nopoll:?*) ;;
	mainloop:|nopoll:) die "--disk $1: which disk?" ;;
	poll=*)
		[[ $1 =~ ^poll=[1-9][0-9]{0,8}:. ]] ||
			die "--disk $1: poll=NANOSECONDS:DISK, from 1 nanosecond on" ;;
	esac
}

# What QEMU gives its own virtio disks; vhost-user ones have 128 by default.
ring_size=256

# start_device SPEC QUEUES: makes it the disk $disk of tools/vm/run, which needs
# $disk_qemu from QEMU.
start_device()
{
	local socket=$work/device tries=0 node

	disk=$1
	disk_qemu=
	case $1 in
	mainloop:*)
		disk=${1#*:},iothread=
		return ;;
	poll=*)
		disk=${1#*:},iothread=poll
		disk_qemu=${1%%:*}
		disk_qemu="-object iothread,id=poll,poll-max-ns=${disk_qemu#poll=}"
		return ;;
	nopoll:*)
		disk=${1#*:},iothread=nopoll
		disk_qemu="-object iothread,id=nopoll,poll-max-ns=0"
		return ;;
	vblkdev:*)
		# shellcheck disable=SC2086	# arguments are words
		"$root/build/vblkdev/vblkdev" --socket "$socket" --queues "$2" --stats \
			--queue-size $ring_size ${1#*:} 9>&- \
			>"$work/device.stats" 2>"$work/device.log" & ;;
	qsd:*)
		case $1 in
		qsd:null) node=driver=null-co,node-name=disk,size=$((1 << 30)),read-zeroes=on ;;
		*) node=driver=file,node-name=disk,filename=${1#qsd:file:},aio=native,cache.direct=on ;;
		esac
		qemu-storage-daemon --object iothread,id=thread --blockdev "$node" \
			--export "vhost-user-blk,id=export,node-name=disk,writable=on,num-queues=$2,iothread=thread,addr.type=unix,addr.path=$socket" \
			2>"$work/device.log" 9>&- & ;;
	*) return ;;
	esac
	device_pid=$!
	disk="vhost-user:$socket,queue-size=$ring_size"
	until [ -S "$socket" ]; do
		tries=$((tries + 1))
		if [ $tries -gt 100 ] || ! kill -0 $device_pid 2>/dev/null; then
			cat "$work/device.log" >&2
			die "--disk $1: the device does not start, see above"
		fi
		sleep 0.05
	done
}

# end_device: of a vhost-user disk
end_device()
{
	[ "$device_pid" ] || return 0
	kill "$device_pid" 2>/dev/null || true
	wait "$device_pid" 2>/dev/null || true
	device_pid=
}
