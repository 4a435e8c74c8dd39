#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Somebody resets a device by its bus under load: the function alone (flr), by
# its power state, or all there is behind its port. vda and vdb are memory of the
# host, vdc takes 2 s.
set -eu
# shellcheck source=selftests/guest/lib.sh
. /vblk/selftests/guest/lib.sh

# pci DISK: its PCI function
pci()
{
	readlink -f "/sys/block/$1/device/.."
}

trace=/sys/kernel/tracing
echo 1 >$trace/events/virtio_blk/vblk_reset/enable

# reset METHOD DISK...: as the driver saw, it stopped, was reset, and went on.
# QEMU's ports do not say that their link is up again, so the kernel takes what is
# behind one for lost; it is not.
reset()
{
	local method=$1 disk
	shift
	for disk in "$@"; do
		echo "$method" >"$(pci "$disk")/reset_method"
		echo >$trace/trace
		echo 1 >"$(pci "$disk")/reset" || same "$method" bus
		same "$(grep -c vblk_reset: $trace/trace)" 2 "steps of the driver"
	done
}

knows_resets()
{
	kernel resets ||
		skip "the core does not know of resets: the rings are gone, requests wait for ever, as with the stock driver"
}

# resets_under_load TIMES METHOD
resets_under_load()
{
	knows_resets
	under_load "$1" reset "$2" vda vdb
}

# Reset while nobody takes what is in flight off the ring
stopped_poller()
{
	knows_resets
	stop_poller vdc 8 7
	reset flr vdc
	continue_poller
	all_accounted vdc
}

# cpus_of_vectors DISK
cpus_of_vectors()
{
	local irq name cpus=
	while read -r irq name; do
		[ "${name%.*}" != "$(device "$1")-req" ] ||
			cpus+=" $(<"/proc/irq/${irq%:}/smp_affinity_list")"
	done < <(awk '{ print $1, $NF }' /proc/interrupts)
	[ "$cpus" ] || fail "no vectors"
	echo "$cpus"
}

# The disk was flushed before, and forgets nothing that a flush promised.
idle()
{
	local before
	knows_resets
	dd if=/dev/urandom of=/tmp/random bs=64k count=16 status=none
	dd if=/tmp/random of=/dev/vda bs=64k oflag=direct conv=fsync status=none
	before=$(cpus_of_vectors vda)
	reset flr vda
	same "$(cpus_of_vectors vda)" "$before" "CPUs that interrupts go to"
	dd if=/dev/vda bs=64k count=16 iflag=direct status=none | cmp - /tmp/random
	works vda
}

check "a reset of an idle disk" idle
check "function-level resets under verified load, plain and polled" resets_under_load 10 flr
check "resets by power state under verified load" resets_under_load 10 pm
check "resets of the bus under verified load" resets_under_load 3 bus
check "a reset with a stopped poller's requests in flight" stopped_poller
finish
