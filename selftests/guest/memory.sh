# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# For suites whose guest must do without the host's folders: to be sourced
# first. It starts the suite again with its root in memory and, then, gives the
# folders back. There the suite has these programs and no others.

if [ ! -e /in-memory ]; then
	suite=$(readlink -f "$0")
	root=/mnt
	programs="bash sh cat dd cmp head tr seq sleep grep sed awk mkdir rm fio touch
		mktemp wc readlink basename xargs tail dmesg stat cut mkswap swapon
		swapoff taskset sort env mount umount"

	mount -t tmpfs memory $root
	mkdir -p $root/{proc,sys,dev,tmp,run,bin,old,vblk/build/selftests}
	# shellcheck disable=SC2086	# words
	for program in $programs; do
		file=$(readlink -f "$(command -v $program)")
		cp "$file" "$root/bin/$program"
		ldd "$file" | grep -o '/[^ ]*'
	done | sort -u | while read -r lib; do
		mkdir -p "$root${lib%/*}"
		cp -L "$lib" "$root$lib"
	done
	cp -r /vblk/selftests $root/vblk/
	cp -r /vblk/build/selftests/guest $root/vblk/build/selftests/
	touch $root/in-memory
	cd $root
	pivot_root . old
	for dir in sys dev tmp run proc; do
		/bin/mount --move /old/$dir /$dir
	done
	exec /bin/env PATH=/bin bash "$suite"
fi

cd /
if [ -d /old/vblk ]; then
	umount -R /old
fi
