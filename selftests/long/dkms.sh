#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The tests of host/dkms with the dkms of other releases, and with an initramfs of
# all modules: that of 5.10 does not sign, that of 7.2 moves the stock module
# away and compresses ours.
set -eu -o pipefail
for line in 5.10 7.2; do
	"$(dirname "$0")/../host/dkms.sh" $line most | sed "s/^\(not \)\?ok - /&$line: /"
done
