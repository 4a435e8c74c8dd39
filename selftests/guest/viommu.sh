#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Behind an IOMMU of the guest, which translates all that the device reaches. The
# disks are those of suites.sh.
set -eu
# shellcheck source=selftests/guest/transport.sh
. /vblk/selftests/guest/transport.sh

# translated DISK PACKED
translated()
{
	same "$(feature "$1" $ACCESS_PLATFORM)" 1 "ACCESS_PLATFORM"
	same "$(feature "$1" $PACKED)" "$2" "packed"
	grep -x 'DMA\(-FQ\)\?' "/sys/block/$1/device/../iommu_group/type"
}

no_faults()
{
	! dmesg | grep 'DMAR:.*[Ff]ault' || fail "the IOMMU has refused something"
}

translations()
{
	translated vda 0
	translated vdb 1
}

check "an IOMMU translates" translations
carries vda "IOMMU"
carries vdb "IOMMU, packed ring, the device keeps translations (ATS)"
check "the IOMMU reports no faults" no_faults
finish
