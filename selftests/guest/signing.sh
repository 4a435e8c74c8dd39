#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Signatures, where the kernel insists on them (module.sig_enforce=1, as under
# Secure Boot). The key that ours is signed with here is in nobody's keyring, so
# the module must be refused with it, too, but for another reason. That it loads
# once the key is enrolled takes firmware, which these guests lack.
set -eu
# shellcheck source=selftests/guest/lib.sh
. /vblk/selftests/guest/lib.sh

keys=/vblk/build/selftests/guest
sign_file=/lib/modules/$(uname -r)/build/scripts/sign-file

# refused_for REASON MODULE: by the kernel, which says so in its log.
refused_for()
{
	dmesg --clear
	refused insmod "$2"
	dmesg
	dmesg | grep -q "$1" || fail "the kernel does not say '$1'"
	[ ! -e /sys/module/virtio_blk ] || fail "it is loaded all the same"
}

enforced()
{
	same "$(cat /sys/module/module/parameters/sig_enforce)" Y sig_enforce
}

unsigned()
{
	same "$(modinfo -F sig_id /modules/ours/virtio_blk.ko)" "" "signature"
	refused_for 'Loading of unsigned module is rejected' /modules/ours/virtio_blk.ko
}

unknown_key()
{
	cp /modules/ours/virtio_blk.ko /tmp/signed.ko
	$sign_file sha256 $keys/signing.key $keys/signing.der /tmp/signed.ko
	same "$(modinfo -F signer /tmp/signed.ko)" "virtio_blk selftests" signer
	refused_for 'Loading of module with unavailable key is rejected' /tmp/signed.ko
}

# A byte in the middle of the kernel's own.
tampered()
{
	cp /modules/stock/virtio_blk.ko /tmp/tampered.ko
	printf 'X' | dd of=/tmp/tampered.ko bs=1 seek=5000 conv=notrunc status=none
	refused cmp /modules/stock/virtio_blk.ko /tmp/tampered.ko
	refused insmod /tmp/tampered.ko | grep 'Key was rejected' ||
		fail "not refused for its signature"
}

stock()
{
	local module
	for module in $(tac /modules/stock/virtio_blk.ko.depends); do
		modprobe "$module"
	done
	insmod /modules/stock/virtio_blk.ko
	rmmod virtio_blk
}

check "the kernel insists on signatures" enforced
check "ours is refused without a signature" unsigned
check "ours is refused with a key that is not enrolled" unknown_key
check "a changed byte is noticed" tampered
check "control: the stock module loads" stock
finish
