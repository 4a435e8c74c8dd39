# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The guest's side of tools/vblkdev/guest: to plug the device in and out, and to
# control it. To be sourced after lib.sh. What tests change is kept in files,
# since each runs in a shell of its own.

plugs=20	# ports that tools/vblkdev/guest has
plugs_file=/tmp/plugs
port_file=/tmp/plug-port
disk_file=/tmp/plugged-disk

# control COMMAND [SPEC]: prints the device's answer; false if it is an error. With
# $control_port of another device than VBLKDEV_SOCKET's.
control()
{
	local port answer
	port=$(grep -lx "${control_port:-vblk.control}" /sys/class/virtio-ports/*/name)
	exec 6<>"/dev/$(basename "${port%/name}")"
	echo "{\"cmd\": \"$1\"${2:+, \"spec\": \"$2\"}}" >&6
	IFS= read -r -t 10 answer <&6 || answer="no answer"
	exec 6>&-
	echo "$answer"
	case $answer in *'"ok": true'*) ;; *) return 1 ;; esac
}

# device_count KEY [ANSWER]: of its counters, rules and faults; 0 if not there
device_count()
{
	local answer=${2-$(control stats)}
	if [[ $answer =~ \"$1\":\ (\{\"count\":\ )?([0-9]+) ]]; then
		echo "${BASH_REMATCH[2]}"
	else
		echo 0
	fi
}

connected()
{
	[[ $(control stats) == *'"connected": true'* ]]
}

# another_than PID: is it another device, and connected?
another_than()
{
	local answer
	answer=$(control stats) && [[ $answer == *'"connected": true'* ]] &&
		[ "$(device_count pid "$answer")" != "$1" ]
}

not_connected()
{
	! connected
}

disks()
{
	local dir names=
	for dir in /sys/block/vd*; do
		[ ! -e "$dir" ] || names+=" ${dir##*/} "
	done
	echo "$names"
}

# free_port: the next of those whose device was not left behind; false if all were
free_port()
{
	local port tries
	port=$(cat $port_file 2>/dev/null || echo 0)
	for ((tries = 0; tries < plugs; tries++)); do
		port=$(((port + 1) % plugs))
		[ -e "/tmp/burnt-$port" ] || break
	done
	echo "$port"
	[ ! -e "/tmp/burnt-$port" ]
}

# burn_port: the device of now stays
burn_port()
{
	touch "/tmp/burnt-$(cat $port_file)"
}

# plug_device: the next one, with $properties; its disk is not waited for. Rings
# are split unless $packed: QEMU hands on no more than it was told to.
plug_device()
{
	local n port
	# A test that failed may have left its own.
	not_connected || control disconnect
	n=$(($(cat $plugs_file 2>/dev/null || echo 0) + 1))
	echo $n >$plugs_file
	port=$(free_port) || fail "all ports have devices that do not go"
	echo "$port" >$port_file
	disks_before=$(disks)
	qmp chardev-add "{\"id\": \"socket$n\", \"backend\": {\"type\": \"socket\", \"data\":
		{\"server\": false, ${reconnect:+\"reconnect\": $reconnect,} \"addr\":
		{\"type\": \"unix\", \"data\": {\"path\": \"$VBLKDEV_SOCKET\"}}}}}"
	qmp device_add "{\"driver\": \"vhost-user-blk-pci\", \"id\": \"plugged$n\",
		\"bus\": \"plug$port\", \"chardev\": \"socket$n\",
		\"num-queues\": ${queues:-1}, \"queue-size\": 128${packed:+, \"packed\": true}${properties:+, $properties}}"
}

disk_came()
{
	local name
	for name in $(disks); do
		case $disks_before in *" $name "*) continue ;; esac
		disk=$name
		echo "$disk" >$disk_file
		return
	done
	return 1
}

# plug: and wait for its disk, $disk.
plug()
{
	plug_device
	wait_for 20 disk_came
	wait_for 20 test -b "/dev/$disk"
	# The last thing that a probe makes
	[ "$VBLK_DRIVER" = stock ] || wait_for 20 test -e "/sys/kernel/debug/virtio_blk/$disk"
	# VIRTIO_F_RING_PACKED, the driver's word for it
	same "$(cut -c 35 "/sys/block/$disk/device/features")" "${packed:-0}" "packed ring"
}

device_gone()
{
	! qmp qom-get "{\"path\": \"/machine/peripheral/plugged$1\", \"property\": \"type\"}"
}

# unplug: and wait until nothing of it is left; false if it does not go.
unplug()
{
	local n tries=0
	n=$(cat $plugs_file)
	qmp device_del "{\"id\": \"plugged$n\"}" || true
	until device_gone "$n"; do
		tries=$((tries + 1))
		[ $tries -lt 100 ] || return 1
		sleep 0.05
	done >/dev/null
	qmp chardev-remove "{\"id\": \"socket$n\"}"
	wait_for 5 not_connected
}
