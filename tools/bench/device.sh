# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The devices at vhost-user sockets that tools/bench/run starts for a guest. To
# be sourced by it.
# shellcheck disable=SC2154,SC2034	# its variables

device_pid=

# check_device SPEC
check_device()
{
	case $1 in
	qsd:null) ;;
	qsd:file:*) [ -f "${1#qsd:file:}" ] || die "--disk $1: no such file" ;;
	qsd:*) die "--disk $1: qsd:null or qsd:file:PATH" ;;
	esac
}

# What QEMU gives its own virtio disks; vhost-user ones have 128 by default.
ring_size=256

# start_device SPEC QUEUES: makes it the disk $disk of tools/vm/run.
start_device()
{
	local socket=$work/device tries=0 node

	disk=$1
	case $1 in
	vblkdev:*)
		# shellcheck disable=SC2086	# arguments are words
		"$root/build/vblkdev/vblkdev" --socket "$socket" --queues "$2" \
			--queue-size $ring_size ${1#*:} 2>"$work/device.log" 9>&- & ;;
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
