#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Behind virtio-mmio: one interrupt for all queues, which comes with callbacks
# off, too. Once more by mmio_legacy.sh. The disks are those of suites.sh.
set -eu
# shellcheck source=selftests/guest/transport.sh
. /vblk/selftests/guest/transport.sh

modern=${modern-1}

# negotiated DISK PACKED
negotiated()
{
	readlink -f "/sys/block/$1/device" | grep '/LNRO0005:'
	same "$(feature "$1" $VERSION_1)" "$modern" "VERSION_1"
	same "$(feature "$1" $PACKED)" "$2" "packed"
	same "$(wc -l <"$counters/$1")" "$VBLK_CPUS" "queues of $VBLK_QUEUES"
}

registers()
{
	negotiated vda 0
	[ "$modern" = 0 ] || negotiated vdb 1
}

check "virtio-mmio: the registers that the suite is about" registers
carries vda "virtio-mmio"
[ "$modern" = 0 ] || carries vdb "virtio-mmio, packed ring"
finish
