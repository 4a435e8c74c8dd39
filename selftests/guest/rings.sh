#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Verified I/O on every kind of ring, plain, polled and both at once: callbacks are
# turned on and off differently in each. Two vCPUs; the disks are those of
# suites.sh.
set -eu
# shellcheck source=selftests/guest/lib.sh
. /vblk/selftests/guest/lib.sh

# Feature bits, as /sys/bus/virtio/devices/*/features counts them.
INDIRECT=28 EVENT_IDX=29 PACKED=34

# expect DISK WHAT VALUE: a test of the wrong ring is none.
expect()
{
	case $2 in
	packed) same "$(feature "$1" $PACKED)" "$3" "packed" ;;
	event_idx) same "$(feature "$1" $EVENT_IDX)" "$3" "event_idx" ;;
	indirect) same "$(feature "$1" $INDIRECT)" "$3" "indirect" ;;
	vectors) same "$(grep -c " $(device "$1")-req" /proc/interrupts || true)" \
		"$3" "vectors of its own" ;;
	# by the driver, and by the device
	queues) same "$(wc -l <"$counters/$1")" "$3" "queues" ;;
	offered) same "$(of_device "$1" num-queues)" "$3" "queues of the device" ;;
	size) same "$(dmesg | sed -n "s/.*\[$1\] .* queues of \([0-9]*\),.*/\1/p")" "$3" "size"
	      same "$(of_device "$1" queue-size)" "$3" "size that was asked for" ;;
	*) fail "what is '$2'?" ;;
	esac
}

# of_device DISK PROPERTY: as QEMU has it
of_device()
{
	qmp qom-get "{\"path\": \"/machine/peripheral/vblk$(number "$1")\", \"property\": \"$2\"}" |
		sed 's/.*"return": \([0-9]*\).*/\1/'
}

# ring DISK [WHAT VALUE]...
ring()
{
	local disk=$1
	shift
	while [ $# -gt 0 ]; do
		expect "$disk" "$1" "$2"
		shift 2
	done

	# Alone, alone, and then both at once
	mark "$disk"
	quiet_fio --ioengine=io_uring "--filename=/dev/$disk" --rw=randwrite \
		--verify=crc32c --bsrange=512-32k --size=1M --iodepth=32 \
		--name=plain --name=polled --stonewall --hipri=1 --offset=8M \
		--name=plain_beside --stonewall --offset=16M \
		--name=polled_beside --hipri=1 --offset=24M
	is "$(grown polled)" -ge 150 "polled requests"
	is "$(grown plain)" -ge 150 "plain requests"
	all_accounted "$disk"

	# Alone and at depth 1, a poller gets all of them.
	mark "$disk"
	poller -n 2000 "/dev/$disk" 1
	cat "$counters/$disk"
	is "$(grown stalls)" -le 40 "stalls"
	is "$(grown irqs)" -le $((50 + 16 * $(grown stalls))) "interrupts"
	is "$(grown reaped_poll)" -ge $((1960 - 16 * $(grown stalls))) \
		"requests reaped by the poller"

	mark "$disk"
	reader "/dev/$disk" 200
	is "$(grown reaped_irq)" -ge 200 "requests reaped by interrupts"
	all_accounted "$disk"
}

check "split ring, event index, two queues" \
	ring vda packed 0 event_idx 1 indirect 1 size 256 queues 2 vectors 2
check "packed ring" ring vdb packed 1 event_idx 1 queues 2
check "split ring without event index" ring vdc packed 0 event_idx 0 queues 2
check "packed ring without event index" ring vdd packed 1 event_idx 0 queues 2
check "INTx" ring vde packed 0 vectors 0 queues 2
check "INTx, packed ring" ring vdf packed 1 vectors 0 queues 2
check "INTx without event index" ring vdg event_idx 0 vectors 0 queues 2
check "two queues share a vector" ring vdh vectors 0 queues 2
check "no indirect descriptors" ring vdi indirect 0 queues 2
check "no indirect descriptors, packed ring" ring vdj indirect 0 packed 1 queues 2
check "a ring of 16" ring vdk size 16 queues 2
check "more queues than vCPUs" ring vdl offered 4 queues 2
check "fewer queues than vCPUs" ring vdm offered 1 queues 1
finish
