#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The package in a Debian system, without starting it: built by dkms, found
# before the stock module, in the initramfs; refused where it does not belong;
# and everything as before once it is removed. Each test goes on where the one
# before it ended.
#	selftests/host/dkms.sh [LINE [MODULES]]
# where MODULES is what initramfs-tools is to take: "list" is quickly made.
set -eu
cd "$(dirname "$0")/../.."
. selftests/lib.sh
. tools/vm/lib.sh
test_timeout=1200
line=${1-6.1}
modules=${2-list}

work=$(mktemp -d "${TMPDIR:-/tmp}/vblk-dkms.XXXXXX")
trap 'as_root rm -rf --one-file-system "$work"' EXIT
tools/deps vm host
deb=$(tools/install/deb)
status=0
sysroot=$(tools/vm/sysroot --system "$line") || status=$?
if [ $status = 77 ]; then
	check "the system is made" skip "the mirror has no release with kernel $line"
	finish
	exit
fi
[ $status = 0 ] || exit $status
hold_sysroot "$sysroot"
kernel=$(sysroot_kver "$sysroot")
stock=$(echo "$sysroot/lib/modules/$kernel/kernel/drivers/block"/virtio_blk.ko*)
ko=${stock##*/}			# which may be compressed
# Where the system keeps what is written to its /lib.
lib=$work/upper/usr/lib
[ -L "$sysroot/lib" ] || lib=$work/upper/lib
version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)

# there COMMAND...: in the system, with the project at /src.
there()
{
	in_overlay "$work" "$sysroot" "$root" env DEBIAN_FRONTEND=noninteractive "$@"
}

# says PATTERN COMMAND...: succeeds there, and says that in one line.
says()
{
	local pattern=$1
	shift
	there "$@" >"$work/said" 2>&1 || { cat "$work/said"; fail "failed: $*"; }
	cat "$work/said"
	same "$(grep -cE "$pattern" "$work/said")" 1 "lines that say '$pattern'"
}

# field NAME [KERNEL]: of the module that the kernel would load.
field()
{
	there modinfo -k "${2:-$kernel}" -F "$1" virtio_blk
}

# in_initramfs PATTERN [KERNEL]: how many files of it have such a name.
in_initramfs()
{
	there lsinitramfs "/boot/initrd.img-${2:-$kernel}" >"$work/list"
	grep -cE "$1" "$work/list" || true
}

# unpacked PATH: a file of the initramfs
unpacked()
{
	there bash -euc "unmkinitramfs /boot/initrd.img-$kernel /tmp/it
		cd /tmp/it/main 2>/dev/null || cd /tmp/it
		cat $1"
}

# unpack FILE.ko[.xz] TO
unpack()
{
	case $1 in
	*.xz) xz -dc "$1" ;;
	*) cat "$1" ;;
	esac >"$2"
}

# Kernels that it is not for: one has no headers, one no virtio_blk to replace,
# and one is too old.
other_kernels()
{
	# shellcheck disable=SC2016
	there bash -euc '
		modules=/lib/modules/$1
		add()
		{
			mkdir -p "/lib/modules/$1/kernel/drivers/block"
			cp "$modules"/modules.{builtin,order} "/lib/modules/$1/"
			cp "$modules"/kernel/drivers/block/virtio_blk.ko* "/lib/modules/$1/kernel/drivers/block/"
			depmod "$1"
		}
		headers()
		{
			cp -rs /usr/src/linux-headers-$kernel "/usr/src/linux-headers-$1"
			ln -s "/usr/src/linux-headers-$1" "/lib/modules/$1/build"
		}
		kernel=$1
		add 6.1.0-1-bare
		add 6.1.0-2-builtin
		headers 6.1.0-2-builtin
		add 5.4.0-1-amd64
		headers 5.4.0-1-amd64
		cd /usr/src/linux-headers-6.1.0-2-builtin
		sed "s/^CONFIG_VIRTIO_BLK=m/CONFIG_VIRTIO_BLK=y/" .config >config
		mv config .config
	' bash "$kernel"
}

installs()
{
	other_kernels
	there bash -c "echo options virtio_blk queue_depth=64 >/etc/modprobe.d/disk.conf
		sed -i s/^MODULES=.*/MODULES=$modules/ /etc/initramfs-tools/initramfs.conf
		[ $modules != list ] || echo virtio_blk >>/etc/initramfs-tools/modules"
	says "^Building initial module .*${kernel//+/[+]}" apt-get install -y "/src/${deb#"$root/"}"
	there dkms status
	same "$(there dkms status | grep -c installed)" 1 "kernels with it"
}

precedence()
{
	same "$(field filename)" "/lib/modules/$kernel/updates/dkms/$ko" "the file"
	same "$(there modprobe -S "$kernel" -R virtio:d00000002v00001AF4)" virtio_blk "what a disk asks for"
	there modprobe -S "$kernel" -D virtio_blk | tail -n 1 | tee "$work/insmod"
	grep -q "updates/dkms/$ko queue_depth=64" "$work/insmod" ||
		fail "not ours, or not with the options of modprobe.d"
}

like_stock()
{
	local key
	for key in name alias vermagic depends; do
		same "$(field $key)" "$(modinfo -F $key "$stock")" "$key"
	done
	same "$(field license)" GPL license
	same "$(field version)" "$version" version
	# Each parameter of stock's.
	modinfo -F parm "$stock" | cut -d: -f1 | sort >"$work/stock"
	field parm | cut -d: -f1 | sort >"$work/ours"
	same "$(comm -23 "$work/stock" "$work/ours")" "" "parameters missing"
}

initramfs()
{
	same "$(in_initramfs "/updates/dkms/virtio_blk\.ko")" 1 "ours"
	same "$(in_initramfs "/kernel/drivers/block/virtio_blk\.ko")" 0 "stock's among the modules"
	same "$(in_initramfs "/lib/virtio-blk-stock/virtio_blk.ko$")" 1 "stock's for an emergency"
	same "$(in_initramfs "modprobe.d/disk.conf$")" 1 "the options"
	unpacked "usr/lib/modules/*/updates/dkms/$ko" | cmp - "$lib/modules/$kernel/updates/dkms/$ko"
	unpacked usr/lib/virtio-blk-stock/virtio_blk.ko | cmp - "$work/stock.ko"
	unpacked scripts/init-premount/ORDER | grep virtio-blk-stock
}

# unsign MODULE: splits its signature off, into $work/content and $work/pkcs7. It
# is the PKCS#7 before 12 bytes, the last 4 of which are its size, and 28 more.
unsign()
{
	local size total
	total=$(stat -c %s "$1")
	same "$(tail -c 28 "$1")" "~Module signature appended~" "the end of the module"
	size=$((16#$(tail -c 32 "$1" | head -c 4 | od -An -tx1 | tr -d ' ')))
	head -c $((total - size - 40)) "$1" >"$work/content"
	tail -c $((size + 40)) "$1" | head -c $size >"$work/pkcs7"
}

verified()
{
	openssl x509 -inform DER -in "$work/upper/var/lib/dkms/mok.pub" -out "$work/mok.pem"
	openssl cms -verify -binary -inform DER -in "$work/pkcs7" -content "$work/content" \
		-certfile "$work/mok.pem" -nointern -noverify -out /dev/null
}

signed()
{
	case $(there dkms --version) in
	dkms[-:]2.*) skip "this version of dkms does not sign" ;;
	esac
	there modinfo -k "$kernel" virtio_blk | grep -i '^sig' | head -n 4
	same "$(field sig_id)" "PKCS#7" "sig_id"
	unpack "$lib/modules/$kernel/updates/dkms/$ko" "$work/ours.ko"
	unsign "$work/ours.ko"
	verified
	printf X | dd of="$work/content" bs=1 seek=5000 conv=notrunc status=none
	refused verified
}

# not_for KERNEL STATUSES PATTERN: dkms refuses so, saying why, and stock's stays.
# To dkms, 77 is to skip a kernel, and was 9 before version 3.
not_for()
{
	local status=0
	there dkms install -m virtio-blk-poll -v "$version" -k "$1" >"$work/said" 2>&1 || status=$?
	cat "$work/said"
	[[ " $2 " == *" $status "* ]] || fail "dkms' status is $status, not $2"
	same "$(grep -cE "$3" "$work/said")" 1 "lines that say '$3'"
	same "$(field filename "$1")" "/lib/modules/$1/kernel/drivers/block/$ko" "the module of $1"
}

# As its package does.
later_kernel()
{
	local later=6.1.0-99-amd64
	there bash -euc "
		cp -r /lib/modules/$kernel /lib/modules/$later
		rm -r /lib/modules/$later/updates
		cp /lib/modules/6.1.0-1-bare/kernel/drivers/block/$ko /lib/modules/$later/kernel/drivers/block/
		cp -p /boot/vmlinuz-$kernel /boot/vmlinuz-$later
		cp -p /boot/config-$kernel /boot/config-$later
		depmod $later
		export DEB_MAINT_PARAMS=configure
		run-parts --arg=$later --arg=/boot/vmlinuz-$later /etc/kernel/postinst.d"
	same "$(field filename $later)" "/lib/modules/$later/updates/dkms/$ko" "the module of $later"
	same "$(in_initramfs "/updates/dkms/virtio_blk\.ko" $later)" 1 "ours in its initramfs"
}

# On a machine that runs on it.
removed()
{
	# shellcheck disable=SC2016
	there bash -euc 'mkdir -p /sys/module/virtio_blk/parameters
		touch /sys/module/virtio_blk/parameters/twin
		uname=$(command -v uname)
		mv $uname $uname.real
		printf "#!/bin/sh\n[ \"\$*\" = -r ] && echo '"$kernel"' || exec uname.real \"\$@\"\n" >$uname
		chmod +x $uname'
	says 'keeps the removed driver until the next boot' apt-get remove -y virtio-blk-poll-dkms
}

given_back()
{
	local each
	for each in "$@"; do
		same "$(field filename "$each")" "/lib/modules/$each/kernel/drivers/block/$ko" \
			"the module of $each"
		same "$(in_initramfs "/kernel/drivers/block/virtio_blk\.ko" "$each")" 1 "stock's in its initramfs"
		same "$(in_initramfs "updates|stock" "$each")" 0 "what is left of ours in its initramfs"
	done
	there bash -c "! find /usr/src /var/lib/dkms /lib/modules -name '*virtio-blk-poll*' -o -path '*updates/dkms/*' | grep ." ||
		fail "left over, see above"
}

from_source()
{
	there rm -r /lib/modules/6.1.0-99-amd64 /boot/initrd.img-6.1.0-99-amd64
	says "uses the new driver from the next boot on" make -C /src install
	same "$(field filename)" "/lib/modules/$kernel/updates/dkms/$ko" "the file"
	same "$(in_initramfs "/updates/dkms/virtio_blk\.ko")" 1 "ours"
	same "$(in_initramfs "/virtio-blk-stock/virtio_blk.ko$")" 1 "stock's for an emergency"
	says 'keeps the removed driver until the next boot' make -C /src uninstall
	given_back "$kernel"
}

unpack "$stock" "$work/stock.ko"
check "the package installs, beside kernels that it is not for" installs
check "it takes precedence, with the options of modprobe.d" precedence
check "it looks like the stock module" like_stock
check "it is in the initramfs, stock's aside" initramfs
check "it is signed with the machine's key; tampering is noticed" signed
check "a kernel without headers keeps stock's" not_for 6.1.0-1-bare '1 21' 'headers for kernel .* cannot be found'
check "a kernel with virtio_blk built in is refused" not_for 6.1.0-2-builtin '77 9' 'built into kernel'
check "an unsupported kernel is refused" not_for 5.4.0-1-amd64 '77 9' 'BUILD_EXCLUSIVE'
check "a later kernel gets it with its initramfs" later_kernel
check "it can be removed while in use" removed
check "everything is as before" given_back "$kernel" 6.1.0-99-amd64
check "make install and uninstall do the same" from_source
finish
