# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# For suites whose guest must do without the host's folders: to be sourced
# first. It starts the suite again with its root in memory and, then, gives the
# folders back. There the suite has these programs, $more_programs and no others.

if [ ! -e /in-memory ]; then
	suite=$(readlink -f "$0")
	root=/mnt
	programs="bash sh cat dd cmp head tr seq sleep grep sed awk mkdir rm fio touch
		mktemp wc readlink basename xargs tail dmesg stat cut mkswap swapon
		swapoff taskset sort env mount umount ${more_programs-}"

	mount -t tmpfs memory $root
	mkdir -p $root/{proc,sys,dev,tmp,run,bin,old,vblk/build/selftests}
	files=$(for program in $programs; do command -v "$program"; done)
	# shellcheck disable=SC2086	# words
	cp -L $files $root/bin
	# shellcheck disable=SC2046,SC2086	# words
	cp -L --parents $(ldd $files |
		awk '$2 == "=>" { print $3 } $1 ~ "^/" && $2 ~ "^\\(" { print $1 }' |
		sort -u) $root
	cp -r /vblk/selftests $root/vblk/
	cp -r /vblk/build/selftests/guest $root/vblk/build/selftests/
	touch $root/in-memory
	cd $root || exit
	pivot_root . old
	for dir in sys dev tmp run proc; do
		/bin/mount --move /old/$dir /$dir
	done
	exec /bin/env PATH=/bin bash "$suite" "$@"
fi

cd /
if [ -d /old/vblk ]; then
	umount -R /old
fi
