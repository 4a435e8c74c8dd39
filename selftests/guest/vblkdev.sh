#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What the driver does as a device of our own sees it: every rule of the VIRTIO
# specification that a device can check, and its notifications by exact counts.
set -eu
# shellcheck source=selftests/guest/lib.sh
. /vblk/selftests/guest/lib.sh
# shellcheck source=selftests/guest/device.sh
. /vblk/selftests/guest/device.sh

# with_device FEATURES FUNCTION [ARG...]: one test, on a device that offers these;
# its ring is packed if it may be
with_device()
{
	local features=$1 packed=1
	shift
	case $features in *-packed*) packed= ;; esac
	control defaults
	[ ! "$features" ] || control features "$features"
	plug
	offered "$features"
	"$@"
	unplug
}

# offered FEATURES: what is not is not used, either.
offered()
{
	local feature
	local -A bits=([indirect]=28 [event_idx]=29 [packed]=34 [seg_max]=2)
	for feature in "${!bits[@]}"; do
		case ,$1, in
		*",-$feature,"*) same "$(feature "$disk" "${bits[$feature]}")" 0 "$feature" ;;
		*) same "$(feature "$disk" "${bits[$feature]}")" 1 "$feature" ;;
		esac
	done
}

violated_rules()
{
	local answer
	answer=$(control stats)
	echo "$answer"
	same "$(device_count violations "$answer")" 0 "violated rules"
}

all_sorts()
{
	local sizes="--bssplit=512/20:4k/40:64k/30:1m/10 --size=16m"
	# shellcheck disable=SC2086	# words
	plain --filename="/dev/$disk" --rw=randrw $sizes --iodepth=32 --verify=crc32c --fsync=16
	polled --filename="/dev/$disk" --rw=randrw --bs=4k --size=4m --iodepth=32 --verify=crc32c
	plain_and_polled 32m --filename="/dev/$disk" --rw=randread --bs=4k --size=4m --iodepth=64
	cat "/sys/block/$disk/serial"
	blkdiscard "/dev/$disk"
	blkdiscard -z -l 1M "/dev/$disk"
	is "$(device_count requests)" -ge 2000 "requests"
	is "$(device_count flushes)" -ge 1 "flushes"
	violated_rules
}

# The last sector and what lies behind it
to_the_end()
{
	local sectors
	sectors=$(cat "/sys/block/$disk/size")
	dd if="/dev/$disk" of=/dev/null bs=512 skip=$((sectors - 1)) iflag=direct status=none
	refused dd if=/dev/zero of="/dev/$disk" bs=512 seek="$sectors" count=1 oflag=direct
	violated_rules
}

# Segments in pieces of a page, as many as there can be: never a chain longer
# than the ring.
scattered()
{
	fio --name=scattered --output=/tmp/fio --filename="/dev/$disk" --direct=1 --rw=randwrite \
		--ioengine=libaio --bs=1m --size=32m --iodepth=8 --iomem=malloc --verify=crc32c
	violated_rules
}

# Both count the same kicks; the device one more, with which QEMU starts it.
kicks_agree()
{
	local kicks
	plain --filename="/dev/$disk" --rw=randread --bs=4k --size=8m --iodepth=16
	all_accounted "$disk"
	kicks=$(device_count kicks)
	is $((kicks - $(counter "$disk" kicks))) -ge 0 "kicks that only the device saw"
	is $((kicks - $(counter "$disk" kicks))) -le 1 "kicks that only the device saw"
}

large()
{
	[ "$(cat "/sys/block/$disk/size")" -gt 4096 ]
}

# The control: a violation is seen. The driver believed the old limits when the disk
# was plugged in, and may learn of a new capacity before it reads there.
violation_is_seen()
{
	local tries=0
	is "$(device_count violations)" -eq 0 "violations"
	until [ "$(device_count violations)" -ge 1 ]; do
		tries=$((tries + 1))
		is $tries -le 10 "tries without a violation"
		control defaults
		wait_for 10 large
		control config "seg_max=1"
		control config "capacity=1024"
		dd if="/dev/$disk" of=/dev/null bs=1M count=1 skip=1 iflag=direct || true
		plain --filename="/dev/$disk" --rw=read --bs=64k --size=512k || true
	done
}

# Who unplugs a disk does not wait for its pollers.
unplug_with_stopped_poller()
{
	local poller
	control defaults
	plug
	# A second each
	control fault late=1000,op=read
	poller "/dev/$disk" 16 >/tmp/poller &
	poller=$!
	wait_for 30 state $poller T
	is "$(counter "$disk" inflight_polled)" -ge 1 "polled requests in flight"
	SECONDS=0
	unplug || fail "it does not go"
	is $SECONDS -le $((10 * slower)) "seconds to unplug"
	state $poller T || fail "the poller was not stopped"
	kill -CONT $poller
	wait $poller || fail "its reads failed: $(cat /tmp/poller)"
	control defaults
}

check "rules: split ring" with_device -packed all_sorts
check "rules: packed ring" with_device "" all_sorts
check "rules: without event index" with_device -packed,-event_idx all_sorts
check "rules: without indirect descriptors" with_device -packed,-indirect all_sorts
check "rules: packed, without indirect descriptors" with_device -indirect all_sorts
check "rules: the disk's end" with_device "" to_the_end
check "rules: many segments" with_device -packed,-seg_max scattered
check "driver and device count the same kicks" with_device -packed kicks_agree
check "unplugged while a stopped poller has requests in flight" unplug_with_stopped_poller
check "control: a violation is seen" with_device -packed violation_is_seen
finish
