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
# Built here, from Debian's sources of these lines.
debug_flavours="debug kcsan"
debug_lines="6.1 7.2"

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
	case " $kernel_flavours $debug_flavours " in
	*" $2 "*) ;;
	*) die "unknown flavour '$2': one of $kernel_flavours $debug_flavours" ;;
	esac
	! is_debug "$2" || case " $debug_lines " in
	*" $1 "*) ;;
	*) die "no $2 kernel of the line $1: of $debug_lines" ;;
	esac
}

# is_debug FLAVOUR: one that is built here?
is_debug()
{
	[ "$1" ] && [[ " $debug_flavours " == *" $1 "* ]]
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

# What runs in a mount namespace of its own, with a sysroot, a folder that is to
# be its /src, and a command: nothing is left mounted, whatever happens. objtool
# reads /proc, the compiler writes to /tmp.
# shellcheck disable=SC2016
enter='
	sysroot=$1
	mount --bind "$2" "$sysroot/src"
	mount -t proc proc "$sysroot/proc"
	mount --bind /dev "$sysroot/dev"
	mount -t tmpfs tmpfs "$sysroot/tmp"
	shift 2
	exec chroot "$sysroot" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin \
		LC_ALL=C HOME=/tmp "$@"
'

# in_sysroot SYSROOT DIR COMMAND...: runs it there, with DIR as /src.
in_sysroot()
{
	as_root unshare --mount --propagation private sh -euc "$enter" sh "$@"
}

# in_overlay CHANGES SYSROOT DIR COMMAND...: like in_sysroot, but what is written
# goes to the folder CHANGES, below upper/.
in_overlay()
{
	mkdir -p "$1"/upper "$1"/work "$1"/merged
	# shellcheck disable=SC2016
	as_root unshare --mount --propagation private sh -euc '
		changes=$1
		mount -t overlay overlay "$changes/merged" \
			-o "lowerdir=$2,upperdir=$changes/upper,workdir=$changes/work"
		shift 2
		set -- "$changes/merged" "$@"
	'"$enter" sh "$@"
}

# pick_accel WISH: kvm or tcg. Where the CPU has no virtualization, /dev/kvm is
# not even looked at.
pick_accel()
{
	case $1 in
	tcg) echo tcg ;;
	auto|kvm)
		if grep -qwE '^flags.*(vmx|svm)' /proc/cpuinfo && { : <>/dev/kvm; } 2>/dev/null; then
			echo kvm
		elif [ "$1" = kvm ]; then
			die "--accel kvm: this machine has no usable KVM"
		else
			echo tcg
		fi ;;
	*) die "unknown accelerator '$1': auto, kvm or tcg" ;;
	esac
}

# shellcheck source-path=SCRIPTDIR source=reports.sh
. "$root/tools/vm/reports.sh"
