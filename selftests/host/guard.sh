#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What the guard costs a polled request, in instructions, which unlike its time do
# not depend on the machine: the governor as it is, and one without it.
set -eu
cd "$(dirname "$0")/../.."
. selftests/lib.sh
# Only against what hangs, on a machine that is busy.
test_timeout=600
driver=drivers/block/virtio_blk
work=$(mktemp -d "${TMPDIR:-/tmp}/vblk-guard.XXXXXX")
trap 'rm -rf "$work"' EXIT

# What a polled 4k read takes in all where that is least: on 6.1 with io_uring at
# depth 32 in batches of 16, counted with icount, fio's part and waiting included.
# Alone, and plain, one takes about 6,000.
read=3000

cat >"$work/cycles.c" <<'END'
#include "model.h"

int main(int argc, char **argv)
{
	int i;

	start(false);
	for (i = 0; i < atoi(argv[1]); i++) {
		use(submit(VBLK_POLLED));
		poll();
		if (argc > 2) {
			q->gov.guard.pending = false;
			q->gov.guard.function(&q->gov.guard);
		}
	}
	return q->stats.reaped[VBLK_REAP_POLL] != (u64)i;
}
END

mkdir "$work/src"
sed -e '/^\tgov_arm(q);$/d' \
	-e '/^\tgov->poller = true;$/d' \
	-e '/^\tgov_end_stall(gov);$/d' \
	-e '/if (gov->stalled && !--gov->stall_left)$/,+1d' \
	-e 's/ && !gov->stalled && / \&\& /' \
	-e '/^static void gov_arm/,/^}$/d' \
	$driver/governor.c >"$work/src/governor.c"

# build NAME DIRECTORY: from the governor in there
build()
{
	gcc -std=gnu11 -O2 -DNDEBUG -include selftests/host/shim.h -I"$2" \
		-Ibuild/selftests/host/shim -Iselftests/host -I$driver \
		-o "$work/$1" "$work/cycles.c"
}

# instructions NAME TIMES [ARG]: of all of it
instructions()
{
	local out
	out=$(valgrind --tool=callgrind --callgrind-out-file=/dev/null "$work/$1" \
		"${@:2}" 2>&1) || fail "$out"
	sed -n 's/.*Collected : //p' <<<"$out"
}

# each NAME [ARG]: in a request's life
each()
{
	echo $((($(instructions "$1" 2000 "${@:2}") - $(instructions "$1" 1000 "${@:2}")) / 1000))
}

costs_a_request()
{
	local with without fires
	! grep -nE 'gov_arm\(|gov->poller = true|!gov->stalled|gov->stall_left\)|^	gov_end_stall\(gov' \
		"$work/src/governor.c" || fail "the guard is not all out of it"
	build with $driver
	build without "$work/src"
	with=$(each with)
	without=$(each without)
	fires=$(($(each with fires) - with))
	echo "a polled request: $with with the guard, $without without; a firing: $fires" >&3
	[ "$with" -gt "$without" ] || fail "without the guard nothing is saved: $with, $without"
	[ $((50 * (with - without))) -le $read ] || fail "$((with - without)) of $read"
}

exec 3>&2
check "a polled request pays at most 2 % for it" costs_a_request
finish
