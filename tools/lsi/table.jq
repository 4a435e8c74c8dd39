# SPDX-License-Identifier: GPL-2.0-only
#
# From the rows of tools/lsi/run's guest: its table, a line each.

def median: sort | if length == 0 then null else .[(length - 1) / 2 | floor] end;
def fixed(digits): pow(10; digits) as $by | . * $by | round / $by | tostring
	| if digits == 0 then . else split(".") | .[0] + "." +
		(((.[1] // "") + "0000")[0:digits]) end;
def left(width): (. + " " * width)[0:width];
def right(width): " " * (width - length) + .;

def name: {sym53c8xx: "lsi53c895a", virtio_scsi: "virtio-scsi", stock: "virtio-blk, stock",
	ours: "virtio-blk, ours"}[.path];

# What one path, disk and size gave, in all rounds.
def column(f): map(f) | median;
def rate: .bw_bytes / 1e6;
def line: . as $rounds | .[0]
	| "  " + (.rw | left(7)) + (name | left(19))
	+ ($rounds | column(rate) | fixed(1) | right(9))
	+ ($rounds | (map(rate) | min | fixed(1)) + "-" + (map(rate) | max | fixed(1)) | right(15))
	+ ($rounds | column(.cpu_pct) | fixed(0) | right(7))
	+ ($rounds | column(.slat_mean_ns / 1e3) | fixed(1) | right(11))
	+ ($rounds | column(.clat_mean_ns / 1e6) | fixed(2) | right(11))
	+ ($rounds | column(.irqs_per_io) | fixed(3) | right(9));

# Writes by reads
def ratio($path; $disk; $bs): map(select(.path == $path and .disk == $disk and .bs == $bs))
	| (map(select(.rw == "write")) | column(rate)) / (map(select(.rw == "read")) | column(rate));

. as $rows | .[0] as $first
| "\($first.kernel), fio at depth 16, direct, random; medians of \(map(.round) | max + 1) rounds; "
	+ "\($first.accel), QEMU \($first.qemu), \($first.cores) host cores",
(([.[].disk] | unique)[] as $disk
	| ([$rows[].bs] | unique | sort_by(rtrimstr("k") | tonumber))[] as $bs
	| "",
	"== \($first.disks[$disk]), \($bs)",
	"  " + ("type" | left(7)) + ("interface" | left(19)) + ("MB/s" | right(9))
		+ ("spread" | right(15)) + ("CPU%" | right(7)) + ("submit us" | right(11))
		+ ("compl. ms" | right(11)) + ("irqs/IO" | right(9)),
	(("sym53c8xx", "stock", "ours", "virtio_scsi") as $path | ("write", "read") as $rw
		| $rows | map(select(.disk == $disk and .bs == $bs and .path == $path and .rw == $rw))
		| line),
	"  write/read: " + ([("sym53c8xx", "stock", "ours", "virtio_scsi") as $path
		| ({path: $path} | name) + " "
		+ ($rows | ratio($path; $disk; $bs) | fixed(2))] | join("; "))),
"",
"The seed of this bench, 2008, 16k on LVM: write/read 0.31 with QEMU as it was, 1.09 with queued writes."
