#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A PCI device of each generation, and those that want to be reached through the
# DMA API. The disks are those of suites.sh.
set -eu
# shellcheck source=selftests/guest/transport.sh
. /vblk/selftests/guest/transport.sh

# negotiated DISK ID VERSION_1 ACCESS_PLATFORM PACKED: a test of the wrong
# device is none.
negotiated()
{
	same "$(cat "/sys/block/$1/device/../device")" "$2" "PCI device"
	same "$(feature "$1" $VERSION_1)" "$3" "VERSION_1"
	same "$(feature "$1" $ACCESS_PLATFORM)" "$4" "ACCESS_PLATFORM"
	same "$(feature "$1" $PACKED)" "$5" "packed"
}

generations()
{
	negotiated vda 0x1001 0 0 0
	negotiated vdb 0x1001 0 0 0
	negotiated vdc 0x1001 1 0 0
	negotiated vdd 0x1001 1 0 1
	negotiated vde 0x1042 1 1 0
	negotiated vdf 0x1042 1 1 1
}

check "they are the devices that the names say" generations
carries vda "legacy"
carries vdb "legacy, no any_layout"
carries vdc "transitional"
carries vdd "transitional, packed ring"
carries vde "modern, through the DMA API"
carries vdf "modern, through the DMA API, packed ring"
finish
