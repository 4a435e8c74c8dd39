# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
#
# What sysroot, module and run share: messages, the kernel lines and their
# flavours, the places of cached and built files. To be sourced.

# Exit statuses: 2 is a wrong call or a machine that cannot do it, 77 is a
# line whose Debian release is no longer on the mirror (tests skip it).
EX_USAGE=2
EX_GONE=77

me=${0##*/}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/vblk

kernel_lines="5.10 6.1 6.12 7.2"
kernel_flavours="cloud rt"

note()
{
	echo "$me: $*" >&2
}

die()
{
	note "$*"
	exit "$EX_USAGE"
}

# check_kernel LINE FLAVOUR: refuses what does not exist.
check_kernel()
{
	case " $kernel_lines " in
	*" $1 "*) ;;
	*) die "unknown kernel line '$1': one of $kernel_lines" ;;
	esac
	[ "$2" ] || return 0
	case " $kernel_flavours " in
	*" $2 "*) ;;
	*) die "unknown flavour '$2': one of $kernel_flavours" ;;
	esac
}

# as_root COMMAND...: chroots and mounts need it, the guests do not.
as_root()
{
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "needs root for ${1##*/}, and there is no sudo"
	fi
}

# hash_of FILE...: one name for the contents (and paths) of files and, with
# standard input, for words.
hash_of()
{
	{ sha256sum "$@"; cat; } | sha256sum | cut -c1-32
}

# sysroot_kver SYSROOT: the release of its one kernel.
sysroot_kver()
{
	local dir
	for dir in "$1"/usr/lib/modules/*/modules.dep "$1"/lib/modules/*/modules.dep; do
		[ -e "$dir" ] || continue
		basename "${dir%/modules.dep}"
		return
	done
	die "$1 holds no kernel: remove it, it will be made again"
}

# hold_sysroot SYSROOT: keeps it from being replaced while this script, or what
# it has started, runs.
hold_sysroot()
{
	exec 8<"$1/.recipe"
	flock -s 8
}

# in_sysroot SYSROOT DIR COMMAND...: runs it there, with DIR as /src. In a mount
# namespace of its own: nothing is left mounted, whatever happens. objtool reads
# /proc, the compiler writes to /tmp.
in_sysroot()
{
	# shellcheck disable=SC2016
	as_root unshare --mount --propagation private sh -euc '
		sysroot=$1
		mount --bind "$2" "$sysroot/src"
		mount -t proc proc "$sysroot/proc"
		mount --bind /dev "$sysroot/dev"
		mount -t tmpfs tmpfs "$sysroot/tmp"
		shift 2
		exec chroot "$sysroot" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin \
			LC_ALL=C HOME=/tmp "$@"
	' sh "$@"
}
