#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# "make load" and "make unload": the driver is swapped there and back, and
# nothing is swapped while a disk is in use; what says so names the user. vda to
# vdc are memory of the host. Starts with the stock driver.
set -eu
# shellcheck source=selftests/guest/lib.sh
. /vblk/selftests/guest/lib.sh

# As much of the tree as these verbs need, with a module where a build puts it.
tree=/tmp/tree
mkdir -p $tree/tools $tree/drivers/block/virtio_blk
cp /vblk/Makefile $tree
cp /vblk/tools/swap $tree/tools
cp /modules/ours/virtio_blk.ko $tree/drivers/block/virtio_blk

# verb VERB [VARIABLE=VALUE]: of the Makefile; prints what it says.
verb()
{
	make -s -C $tree "$@" 2>&1
}

runs()
{
	local driver=stock
	[ ! -e /sys/module/virtio_blk/parameters/twin ] || driver=ours
	same "$driver" "$1" "driver that runs"
	same "$(cd /dev && echo vd?)" "vda vdb vdc" "disks"
	reader /dev/vdc 4
}

there_and_back()
{
	runs stock
	head -c 1M /dev/urandom >/tmp/data
	dd if=/tmp/data of=/dev/vdc bs=64k oflag=direct status=none
	same "$(verb load)" "our virtio_blk is loaded: 3 disks and partitions"
	runs ours
	cmp -n $((1 << 20)) /tmp/data /dev/vdc
	same "$(verb unload)" "stock virtio_blk is loaded"
	runs stock
	cmp -n $((1 << 20)) /tmp/data /dev/vdc
}

with_parameters()
{
	verb load PARAMS="queue_depth=32 twin=0"
	same "$(cat /sys/module/virtio_blk/parameters/queue_depth)" 32 "queue_depth"
	same "$(cat /sys/block/vda/queue/io_poll)" 0 "io_poll"
	# once more, over itself
	verb load
	same "$(cat /sys/block/vda/queue/io_poll)" 1 "io_poll"
	verb unload
}

# from_stock COMMAND...: begins with the stock driver, whatever came before.
from_stock()
{
	if [ -e /sys/module/virtio_blk/parameters/twin ]; then
		vblk-unload
		vblk-load stock
	fi
	"$@"
}

# refuses TEXT DRIVER: both verbs, whichever driver runs, and that one stays.
refuses()
{
	local said verb
	for verb in load unload; do
		said=$(refused verb $verb)
		echo "$said"
		[[ $said == *"swap: /dev/$1: release it first"* ]] ||
			fail "make $verb does not say that /dev/$1"
	done
	runs "$2"
}

# in_use USE: with the stock driver, and with ours.
in_use()
{
	local driver
	for driver in stock ours; do
		[ $driver = stock ] || verb load
		"$1" $driver
	done
	verb unload
}

open()
{
	sleep 1000 5</dev/vdb &
	wait_for 10 state $! S
	refuses "vdb is open in sleep (pid $!)" "$1"
	kill $!
	wait $! || true
}

mounted()
{
	mkfs.ext4 -q -F /dev/vda
	mkdir -p "/tmp/mount point"
	mount /dev/vda "/tmp/mount point"
	refuses "vda is mounted on /tmp/mount point" "$1"
	umount /dev/vda
}

swapped()
{
	mkswap /dev/vdb >/dev/null
	swapon /dev/vdb
	refuses "vdb is swap space" "$1"
	swapoff /dev/vdb
}

mapped()
{
	local mapper
	modprobe dm_mod
	mapper=$(linear swap /dev/vdb)
	refuses "vdb is part of $mapper" "$1"
	linear swap
}

# By the kernel alone: who that is cannot be told, but it is not swapped.
looped()
{
	local said
	modprobe loop
	losetup /dev/loop0 /dev/vdb
	said=$(refused verb load)
	[[ $said == *"virtio_blk is still in use"* ]] || fail "$said"
	runs "$1"
	losetup -d /dev/loop0
	wait_for 10 released
}

released()
{
	[ "$(</sys/module/virtio_blk/refcnt)" = 0 ]
}

# A module that does not load: the stock driver comes back.
fails()
{
	local said
	said=$(refused verb load PARAMS=queue_depth=many)
	[[ $said == *"does not load (see dmesg); the stock driver is back"* ]] || fail "$said"
	runs stock
}

other_kernel()
{
	local module said
	for module in /vblk/build/modules/*/virtio_blk.ko; do
		case $(modinfo -F vermagic "$module") in "$(uname -r) "*) continue ;; esac
		said=$(refused /vblk/tools/swap ours "$module")
		[[ $said == *"is built for kernel "*", this one is $(uname -r)"* ]] || fail "$said"
		runs stock
		return
	done
	skip "no module for another kernel was built"
}

# usage_error TEXT ARG...
usage_error()
{
	local text=$1 status=0
	shift
	/vblk/tools/swap "$@" >/tmp/said 2>&1 || status=$?
	same $status 2 "status of: swap $*"
	same "$(wc -l </tmp/said)" 1 "lines of: swap $*"
	grep -q "^swap: .*$text" /tmp/said || fail "swap $*: $(cat /tmp/said)"
}

bad_usage()
{
	usage_error usage
	usage_error usage theirs
	usage_error usage ours
	usage_error usage stock virtio_blk.ko
	usage_error 'is not built: run make first' ours /tmp/nowhere.ko
	echo 'not a module' >/tmp/broken.ko
	usage_error 'is not a module: run make first' ours /tmp/broken.ko
	runs stock
}

not_root()
{
	local said
	said=$(refused setpriv --reuid=65534 --clear-groups /vblk/tools/swap stock)
	[[ $said == *"only root"* ]] || fail "$said"
	runs stock
}

check "there and back" from_stock there_and_back
check "with parameters, and over itself" from_stock with_parameters
check "refused while a disk is open" from_stock in_use open
check "refused while a disk is mounted" from_stock in_use mounted
check "refused while a disk is swap space" from_stock in_use swapped
check "refused while a disk is part of another" from_stock in_use mapped
check "refused while a loop device has a disk" from_stock in_use looped
check "what does not load gives way to the stock driver" from_stock fails
check "a module for another kernel is refused" from_stock other_kernel
check "bad usage" from_stock bad_usage
check "refused without rights" from_stock not_root
finish
