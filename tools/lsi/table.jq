# SPDX-License-Identifier: GPL-2.0-only
#
# From the rows of tools/lsi/run's guest: its table, a line each.

def median: sort | if length == 0 then null else .[(length - 1) / 2 | floor] end;
def fixed(digits): pow(10; digits) as $by | . * $by | round / $by | tostring
	| if digits == 0 then . else split(".") | .[0] + "." +
		(((.[1] // "") + "0000")[0:digits]) end;
def shown(digits): if . == null then "-" else fixed(digits) end;
def left(width): (. + " " * width)[0:width];
def right(width): " " * (width - length) + .;

def name: {sym53c8xx: "lsi53c895a", virtio_scsi: "virtio-scsi", megaraid_sas: "megasas",
	stock: "virtio-blk, stock", ours: "virtio-blk, ours"}[.path]
	+ if .on == "mended" then " (mended)" else "" end;
def paths: [["installed", "sym53c8xx"], ["mended", "sym53c8xx"], ["installed", "stock"],
	["mended", "stock"], ["installed", "ours"], ["installed", "virtio_scsi"],
	["installed", "megaraid_sas"]][] | {on: .[0], path: .[1]};
def from($path): map(select(.on == $path.on and .path == $path.path));

# What one path, disk and size gave, in all rounds.
def column(f): map(f) | median;
def rate: .bw_bytes / 1e6;
def line: . as $rounds | .[0]
	| "  " + (.rw | left(7)) + (name | left(27))
	+ ($rounds | column(rate) | fixed(1) | right(9))
	+ ($rounds | (map(rate) | min | fixed(1)) + "-" + (map(rate) | max | fixed(1)) | right(15))
	+ ($rounds | column(.cpu_pct) | fixed(0) | right(7))
	+ ($rounds | column(.slat_mean_ns / 1e3) | fixed(1) | right(11))
	+ ($rounds | column(.clat_mean_ns / 1e6) | fixed(2) | right(11))
	+ ($rounds | column(.irqs_per_io) | fixed(3) | right(9))
	+ (.outstanding_max | shown(0) | right(8)) + (.outstanding_mean | shown(1) | right(7))
	+ (.request_bytes | if . then . / 1024 else . end | shown(0) | right(8));

# Writes by reads
def ratio($disk; $bs): map(select(.disk == $disk and .bs == $bs))
	| (map(select(.rw == "write")) | column(rate)) / (map(select(.rw == "read")) | column(rate));

. as $rows | .[0] as $first
| "\($first.kernel), fio at depth 16, direct, random; medians of \(map(.round) | max + 1) rounds; "
	+ "\($first.accel), QEMU \($first.qemu), \($first.cores) host cores",
(([.[].disk] | unique)[] as $disk
	| ([$rows[].bs] | unique | sort_by(rtrimstr("k") | tonumber))[] as $bs
	| "",
	"== \($first.disks[$disk]), \($bs)",
	"  " + ("type" | left(7)) + ("interface" | left(27)) + ("MB/s" | right(9))
		+ ("spread" | right(15)) + ("CPU%" | right(7)) + ("submit us" | right(11))
		+ ("compl. ms" | right(11)) + ("irqs/IO" | right(9)) + ("out" | right(8))
		+ ("mean" | right(7)) + ("KiB/req" | right(8)),
	(paths as $path | ("write", "read") as $rw
		| $rows | from($path) | map(select(.disk == $disk and .bs == $bs and .rw == $rw))
		| select(length > 0) | line),
	"  write/read: " + ([paths as $path | ($rows | from($path)) | select(length > 0)
		| ($path | name) + " " + (ratio($disk; $bs) | fixed(2))] | join("; "))),
"",
"In 2008, when this was found, on another host (16k, LVM): write/read 0.31 with QEMU as it was, 1.09 with queued writes."
