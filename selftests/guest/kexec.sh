#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The kernel is replaced by another one (kexec) under load, and that one powers
# off under load. vda and vdb are memory of the host, a request to vdc takes 500 ms,
# and vdd is the initramfs.
#
# The second kernel runs this suite, too, and knows by its command line that it
# is the second.
set -eu
# shellcheck source=selftests/guest/lib.sh
. /vblk/selftests/guest/lib.sh

# settled ARG...: fio on what the load leaves alone
settled()
{
	quiet_fio --name=settled --filename=/dev/vda --offset=16M --size=16M --bs=64k \
		--verify=crc32c "$@"
}

# loaded: returns once vda and vdb are being written to
loaded()
{
	local disk
	rm -f /tmp/enough
	for disk in vda vdb; do
		mark $disk
		verified_writes $disk &
		wait_for 60 grown_beyond plain 100
		wait_for 60 grown_beyond polled 100
	done
}

goes_over()
{
	cat /dev/vdd >/tmp/initrd
	settled --rw=write --do_verify=0 --end_fsync=1
	kexec -l "/boot/vmlinuz-$(uname -r)" /tmp/initrd \
		"$(cat /proc/cmdline) vblk.second"
	loaded
	poller -r /dev/vdc 8 >/dev/null &
	wait_for 60 has_in_flight vdc
	kexec -e
}

has_in_flight()
{
	[ "$(counter "$1" inflight_polled)" -gt 0 ]
}

data_is_there()
{
	settled --rw=read
}

if grep -q vblk.second /proc/cmdline; then
	check "what the first kernel wrote is there" data_is_there
	check "vda works in the second kernel" works vda
	check "vdb works in the second kernel" works vdb
	finish
	# Should this hang, the guest runs out of time.
	(loaded)
else
	check "another kernel starts under verified load" goes_over
	finish
fi
