#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Style: the kernel's checkpatch on every C file, shellcheck on every script,
# and rules of this project that a pattern can find.
set -eu
cd "$(dirname "$0")/../.."
. selftests/lib.sh
. tools/vm/lib.sh
test_timeout=1200

# Findings of checkpatch that do not apply: to a tree that is not the kernel's ...
ignored=FILE_PATH_CHANGES
# ... to compat, which has to ask for versions, and to make functions and
# initializers with macros, tightly packed ...
ignored_in_compat=$ignored,LINUX_VERSION_CODE,CONSTANT_COMPARISON,COMPLEX_MACRO
ignored_in_compat+=,MACRO_WITH_FLOW_CONTROL,MACRO_ARG_REUSE,MACRO_ARG_PRECEDENCE,LINE_SPACING,BIT_MACRO,CONST_STRUCT
# ... to trace events, which have a style of their own ...
ignored_in_trace=$ignored,OPEN_ENDED_LINE,PARENTHESIS_ALIGNMENT,COMPLEX_MACRO
# ... and to programs of user space, which lack the kernel's macros.
ignored_in_programs=$ignored_in_compat,ARRAY_SIZE,PREFER_DEFINED_ATTRIBUTE_MACRO
ignored_in_programs+=,AVOID_EXTERNS,NEW_TYPEDEFS,CAMELCASE,STATIC_CONST_CHAR_ARRAY,SPLIT_STRING
ignored_in_programs+=,VOLATILE,EMBEDDED_FUNCTION_NAME,PREFER_KERNEL_TYPES

# Files of the project, whether git knows them yet or not.
files()
{
	git ls-files --cached --others --exclude-standard | while read -r file; do
		[ ! -f "$file" ] || echo "$file"
	done
}

# The kernel's own, which Debian has in no package but its sources. Fetched by
# the package's version in the sysroot's release; kept outside the tree.
checkpatch=$cache/checkpatch/scripts/checkpatch.pl
get_checkpatch()
{
	local work deb

	[ ! -e "$checkpatch" ] || return 0
	echo "style: fetching the kernel's checkpatch" >&2
	as_root apt-get -qq update >&2 || true
	work=$(mktemp -d "${TMPDIR:-/tmp}/vblk-checkpatch.XXXXXX")
	(cd "$work" && apt-get -qq download "$(apt-cache search --names-only '^linux-source-6' |
		cut -d' ' -f1 | sort -V | head -n 1)") >&2
	deb=$(echo "$work"/linux-source-*.deb)
	mkdir -p "$work/tree" "$cache/checkpatch"
	dpkg-deb --fsys-tarfile "$deb" | tar -xO --wildcards './usr/src/linux-source-*.tar.*' |
		tar -xJ -C "$work/tree" --strip-components=1 --wildcards \
			'*/scripts/checkpatch.pl' '*/scripts/spelling.txt' \
			'*/scripts/const_structs.checkpatch'
	cp -r "$work/tree/scripts" "$cache/checkpatch/"
	rm -rf "$work"
	[ -e "$checkpatch" ]
}

# run_checkpatch TYPES FILE...: but for findings of these types
run_checkpatch()
{
	local types=$1
	shift
	# It leaves a file where it runs.
	(cd "$cache/checkpatch" &&
		perl "$checkpatch" --no-tree --terse --strict --no-summary \
			--max-line-length=100 --show-types --ignore "$types" --file "$@")
}

# c_style FOLDER TYPES
c_style()
{
	get_checkpatch || fail "the mirror has no kernel sources to take checkpatch from"
	# shellcheck disable=SC2046	# no spaces in our names
	run_checkpatch "$2" $(files | grep "^$1/.*\.[ch]\$" | sed "s|^|$root/|")
}

c_style_control()
{
	printf '// SPDX-License-Identifier: GPL-2.0-only\nint f( int a ){\n  return(a);}\n' \
		>"$test_log.c"
	refused run_checkpatch "$ignored_in_programs" "$test_log.c"
	rm "$test_log.c"
}

scripts()
{
	files | while read -r file; do
		case $(head -n 1 "$file" | tr -d '\0') in
		'#!'*sh) echo "$file" ;;
		*) case $file in *.sh) echo "$file" ;; esac ;;
		esac
	done
}

shell_style()
{
	local file
	# shellcheck disable=SC2046
	shellcheck -x -P SCRIPTDIR:. $(scripts)
	for file in $(scripts); do
		# What is sourced takes it from who sources it.
		[ "$(head -c 2 "$file")" = '#!' ] || continue
		grep -qE '^set -eu' "$file" || fail "$file has no set -eu"
	done
}

# matches PATTERN FILES...: prints them, with where; false if there are none
nowhere()
{
	local pattern=$1
	shift
	# shellcheck disable=SC2068
	! grep -nE "$pattern" $@ || fail "found, see above"
}

versions()
{
	nowhere 'LINUX_VERSION_CODE|KERNEL_VERSION\(' "$(files | grep -E '\.[ch]$' | grep -v '^include/compat/')"
}

only_the_governor()
{
	nowhere 'virtqueue_(en|dis)able_cb[a-z_]*\(q|virtqueue_(en|dis)able_cb[a-z_]*\(vq' \
		"$(files | grep '^drivers/.*\.c$' | grep -v /governor.c)"
}

places()
{
	nowhere '(^|[^a-z])/(home|work|root)/|(deb|security|ftp)\.debian\.org|npmjs' \
		"$(files | grep -vE '^(COPYING|selftests/static/style.sh)$')"
}

licences()
{
	local file
	for file in $(files | grep -E '\.[ch]$|Kbuild$|Makefile$') $(scripts); do
		head -n 2 "$file" | grep -q 'SPDX-License-Identifier: GPL-2.0' ||
			fail "$file names no licence in its first two lines"
	done
}

tools/deps static
# Before any test's time runs; the tests say if it fails.
get_checkpatch || true
check "the driver is clean under checkpatch" c_style drivers "$ignored"
check "compat is clean under checkpatch" c_style include/compat "$ignored_in_compat"
check "tracepoints are clean under checkpatch" c_style include/trace "$ignored_in_trace"
for folder in tools selftests; do
	check "$folder are clean under checkpatch" c_style $folder "$ignored_in_programs"
done
check "control: checkpatch finds bad style" c_style_control
check "scripts are clean under shellcheck" shell_style
check "no version check outside include/compat" versions
check "only the governor turns callbacks on and off" only_the_governor
check "no host, no folder of somebody's machine" places
check "every file names its licence" licences
finish
