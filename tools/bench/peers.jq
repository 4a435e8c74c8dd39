# SPDX-License-Identifier: GPL-2.0-only
#
# The table of tools/bench/peers, in Markdown: $runs are the results of
# tools/bench/run on each disk, $notify the notifications. Below it vblkdev's speed as
# a multiple of that of the fastest other, and of the fastest that is not in QEMU's main
# loop either: the medians' and, in brackets, the rounds'.
include "summary";

def fixed($digits): if . == null then "-" else
	pow(10; $digits) as $scale | . * $scale | round / $scale | tostring end;

def names: {
	"mainloop:null": "QEMU, main loop", "nopoll:null": "QEMU, iothread",
	"null": "QEMU, polling iothread", "qsd:null": "qemu-storage-daemon",
	"vblkdev:--backend null": "vblkdev", "vblkdev:--backend null --poll": "vblkdev --poll"
};

def is_ours: startswith("vblkdev");

def has_own_thread: startswith("mainloop:") | not;

# From results: of one disk and kind of reads, its IOPS by round
def rounds_of($disk; $depth; $hipri):
	map(select(.disk == $disk and .iodepth == $depth and .hipri == $hipri))
	| sort_by(.round) | map(.iops);

# "0.98 (0.93 to 1.03), of NAME"
def against_best($disk; $depth; $hipri; others): . as $all
	| rounds_of($disk; $depth; $hipri) as $own
	| (map(.disk) | unique | map(select((is_ours | not) and others))
	   | map({disk: ., iops: (. as $other | $all | rounds_of($other; $depth; $hipri))})
	   | max_by(.iops | median)) as $best
	| [$own, $best.iops] | transpose | map(.[0] / .[1])
	| "\(($own | median) / ($best.iops | median) | fixed(2)) (\(min | fixed(2)) to \(max | fixed(2))), \(names[$best.disk])";

($runs[0] | summary) as $groups
| $groups[0] as $first
| "\($first.kernel), \(plural($first.cpus; "vCPU")), \($first.accel), QEMU \($first.qemu), \(plural($first.host_cores; "host core")); 4k random reads, medians of \(plural($first.workloads[0].rows[0].rounds; "round"))",
  "",
  "| depth | device | IOPS | p99 us | polled: IOPS | p99 us | notifications per request | last completion to notification, us: median | p99 |",
  "|---|---|---|---|---|---|---|---|---|",
  (($groups | map(.workloads[].iodepth) | unique[]) as $depth
   | $groups[] as $group
   | [$group.workloads[] | select(.iodepth == $depth) | .rows[]] as $rows
   | ($rows | map(select(.hipri | not)) | .[0]) as $plain
   | ($rows | map(select(.hipri)) | .[0]) as $polled
   | ($notify[0] | map(select(.disk == $group.disk and .depth == $depth)) | .[0]) as $seen
   | "| \($depth) | \(names[$group.disk]) | \($plain.iops | fixed(0)) | \($plain.lat_p99 / 1000 | fixed(0)) | \($polled.iops | fixed(0)) | \($polled.lat_p99 / 1000 | fixed(0)) | \($seen.notified / $seen.requests | fixed(3)) | \($seen.p50_us | fixed(1)) | \($seen.p99_us | fixed(1)) |"),
  "",
  "| depth | device | plain reads: IOPS to those of the fastest other, and which | the same, to those with a thread of their own | polled reads, to the fastest other |",
  "|---|---|---|---|---|",
  (($groups | map(.workloads[].iodepth) | unique[]) as $depth
   | ($groups[].disk | select(is_ours)) as $disk
   | "| \($depth) | \(names[$disk]) | \($runs[0] | against_best($disk; $depth; false; true)) | \($runs[0] | against_best($disk; $depth; false; has_own_thread)) | \($runs[0] | against_best($disk; $depth; true; true)) |")
