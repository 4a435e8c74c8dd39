#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The tests of host/dkms with the dkms of another release, which moves the stock
# module away and compresses ours, and with an initramfs of all modules.
set -eu
exec "$(dirname "$0")/../host/dkms.sh" 7.2 most
