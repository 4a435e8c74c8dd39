#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The fuzzers, VBLK_FUZZ_MINUTES each: what they find in the device is a crash, a
# report of ASan or UBSan, or an input that takes it longer than ten seconds. Their
# corpora grow in build/fuzz; what they start from is written by seeds.
set -eu
cd "$(dirname "$0")/../.."
# shellcheck source=selftests/lib.sh
. selftests/lib.sh

minutes=${VBLK_FUZZ_MINUTES-10}
# shellcheck disable=SC2034	# of lib.sh
test_timeout=$((minutes * 60 + 120))
programs=build/selftests/fuzz
dir=build/fuzz
rm -rf $dir/seeds
mkdir -p $dir/seeds
selftests/fuzz/seeds $dir/seeds

# reaches NAME FUNCTION: from the seeds alone
reaches()
{
	"$programs/vblkdev_$1" -runs=0 -print_coverage=1 "$dir/seeds/$1" >$dir/coverage 2>&1 ||
		fail "$(grep -v 'COVERED' $dir/coverage | tail -n 20)"
	grep -E "^COVERED_FUNC: .* $2 " $dir/coverage || fail "the seeds do not lead to $2()"
}

# lasts NAME LENGTH: inputs up to so many bytes
lasts()
{
	mkdir -p "$dir/$1"
	"$programs/vblkdev_$1" -max_total_time=$((minutes * 60)) -max_len="$2" -timeout=10 \
		-rss_limit_mb=1024 -print_final_stats=1 "-artifact_prefix=$dir/$1-" \
		"$dir/$1" "$dir/seeds/$1" >"$dir/$1.log" 2>&1 || {
		grep -a -A 16 -E 'ERROR: |runtime error: ' "$dir/$1.log" | head -n 30
		grep -a 'Test unit written to' "$dir/$1.log" || true
		fail "it ended; the log is $dir/$1.log, and $programs/vblkdev_$1 INPUT repeats it"
	}
	grep -E 'DONE|number_of_executed_units' "$dir/$1.log"
}

check "messages: the seeds start a queue" reaches protocol ring_burst
check "rings: the seeds have requests that are done" reaches ring request_begin
check "messages: $minutes minutes" lasts protocol 8192
check "rings: $minutes minutes" lasts ring 32769
finish
