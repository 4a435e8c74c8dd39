#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Verified plain and polled I/O on every kind of ring: callbacks are turned on
# and off differently in each. Two vCPUs; the disks are those of suites.sh.
set -eu
# shellcheck source=selftests/guest/lib.sh
. /vblk/selftests/guest/lib.sh

# Feature bits, as /sys/bus/virtio/devices/*/features counts them.
INDIRECT=28 EVENT_IDX=29 PACKED=34

# feature DISK BIT: negotiated?
feature()
{
	cut -c$(($2 + 1)) "/sys/block/$1/device/features"
}

# expect DISK indirect|event_idx|packed VALUE: a test of the wrong ring is none.
expect()
{
	case $2 in
	packed) same "$(feature "$1" $PACKED)" "$3" "packed" ;;
	event_idx) same "$(feature "$1" $EVENT_IDX)" "$3" "event_idx" ;;
	indirect) same "$(feature "$1" $INDIRECT)" "$3" "indirect" ;;
	queues) same "$(wc -l <"$counters/$1")" "$3" "queues" ;;
	vectors) same "$(grep -c " $(device "$1")-req" /proc/interrupts || true)" \
		"$3" "vectors of its own" ;;
	esac
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

	mark "$disk"
	plain_and_polled 32M "--filename=/dev/$disk" --rw=randwrite --verify=crc32c \
		--bsrange=512-32k --size=3M --iodepth=32
	is "$(grown polled)" -ge 150 "polled requests"
	is "$(grown plain)" -ge 150 "plain requests"
	all_accounted "$disk"

	# Alone and at depth 1, a poller gets all of them.
	mark "$disk"
	poller -n 2000 "/dev/$disk" 1
	cat "$counters/$disk"
	is "$(grown irqs)" -le $((50 + 2 * $(grown stalls))) "interrupts"
	is "$(grown reaped_poll)" -ge 1960 "requests reaped by the poller"

	mark "$disk"
	reader "/dev/$disk" 200
	is "$(grown reaped_irq)" -ge 200 "requests reaped by interrupts"
	all_accounted "$disk"
}

check "split ring, event index, two queues" \
	ring vda packed 0 event_idx 1 indirect 1 queues 2 vectors 2
check "packed ring" ring vdb packed 1 event_idx 1
check "split ring without event index" ring vdc packed 0 event_idx 0
check "packed ring without event index" ring vdd packed 1 event_idx 0
check "INTx" ring vde packed 0 vectors 0
check "INTx, packed ring" ring vdf packed 1 vectors 0
check "INTx without event index" ring vdg event_idx 0 vectors 0
check "two queues share a vector" ring vdh vectors 0
check "no indirect descriptors" ring vdi indirect 0
check "no indirect descriptors, packed ring" ring vdj indirect 0 packed 1
check "a ring of 16" ring vdk
check "more queues than vCPUs" ring vdl queues 2
check "fewer queues than vCPUs" ring vdm queues 1
finish
