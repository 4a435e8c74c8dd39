#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# mmio.sh with the registers of before VIRTIO 1.0, QEMU's default.
set -eu
modern=0
# shellcheck source=selftests/guest/mmio.sh
. /vblk/selftests/guest/mmio.sh
