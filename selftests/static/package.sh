#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The Debian package: what is in it, and what lintian says to it. That it works
# is for host/dkms and long/rootdisk.
set -eu
cd "$(dirname "$0")/../.."
. selftests/lib.sh
test_timeout=1200

version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)
deb=build/deb/virtio-blk-poll-dkms_${version}_all.deb

is_made()
{
	tools/install/deb
	[ -e "$deb" ] || fail "no $deb"
}

# With another version in the changelog nothing is made.
versions()
{
	local said
	same "$(dpkg-parsechangelog -S Version)" "$version" "version in debian/changelog"
	same "$(dpkg-deb -f "$deb" Version)" "$version" "version of the package"
	cp -r build/deb/source "$work/other"
	sed -i "1s/$version/99/" "$work/other/debian/changelog"
	said=$(cd "$work/other" && refused env -u MAKEFLAGS make -f debian/rules override_dh_install)
	[[ $said == *"dkms.conf says version $version, debian/changelog 99"* ]] || fail "$said"
}

# Each source, and that much else.
contents()
{
	local file expected
	expected=$({
		tools/install/sources | sed "s|^|./usr/src/virtio-blk-poll-$version/|"
		echo ./usr/share/initramfs-tools/hooks/virtio-blk-poll
		echo ./usr/share/initramfs-tools/scripts/init-premount/virtio-blk-stock
		for file in ABI/debugfs-virtio_blk.gz ABI/sysfs-virtio_blk admin-guide.md.gz design.md.gz changelog.gz copyright; do
			echo "./usr/share/doc/virtio-blk-poll-dkms/$file"
		done
	} | sort)
	diff <(dpkg-deb --fsys-tarfile "$deb" | tar -t | grep -v '/$' | sort) \
		<(echo "$expected") || fail "not what it should hold, see above"
	dpkg-deb --fsys-tarfile "$deb" | tar -tv | grep -q '^-rwxr-xr-x root/root .*tools/install/dkms-hook$' ||
		fail "the hook of dkms cannot be run"
}

lintian_clean()
{
	local said
	said=$(lintian --allow-root --fail-on none --display-info --pedantic "$@" 2>&1) || true
	echo "$said"
	[ ! "$said" ]
}

# Without a description and a changelog.
lintian_control()
{
	dpkg-deb -R "$deb" "$work/bad"
	sed -i '/^ /d' "$work/bad/DEBIAN/control"
	rm -r "$work/bad/usr/share/doc"
	dpkg-deb -b "$work/bad" "$work/bad.deb"
	refused lintian_clean "$work/bad.deb"
}

work=$(mktemp -d "${TMPDIR:-/tmp}/vblk-package.XXXXXX")
trap 'rm -rf "$work"' EXIT
tools/deps static deb
check "the package is made" is_made
check "one version everywhere" versions
check "it holds the sources and what installs them" contents
check "lintian finds nothing" lintian_clean build/deb/*.changes
check "control: lintian finds a bad package" lintian_control
finish
