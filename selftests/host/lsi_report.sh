#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What tools/lsi makes of what it measures: the report of a run of the probe, the plot,
# the table of the guest from canned runs and a canned trace; and its bad input. In a
# copy, whose results are its own.
set -eu
cd "$(dirname "$0")/../.."
. selftests/lib.sh
# Only against what hangs, on a machine that is busy.
test_timeout=600

work=$(mktemp -d "${TMPDIR:-/tmp}/vblk-lsi.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{tree,tmp,bin,proc}
cp -r tools "$work/tree/"
lsi=$work/tree/tools/lsi
results=$work/tree/build/results
export TMPDIR=$work/tmp PATH=$work/bin:$PATH

# says LINE COMMAND...: ends with status 2 and this line, and leaves nothing.
says()
{
	bad "^$1\$" "${@:2}"
	same "$(ls -A "$work/tmp")" "" "left behind"
}

# program NAME: a script of standard input
program()
{
	cat >"$work/bin/$1"
	chmod +x "$work/bin/$1"
}

# --- The probe's report ----------------------------------------------------------------

quick()
{
	"$lsi/run" --quick
	jq -e 'length == 12 and all(.qemu == "installed")' "$results/lsi-overlap.json"
	same "$(grep -cE '>(read|write|mixed)<' "$results/lsi-overlap.svg")" 6 "lines in the plot"
	same "$(ls -A "$work/tmp")" "" "left behind"
}

# A probe that says how it was called. It is newer than what make would make it of.
canned_probe()
{
	cat >"$work/tree/build/lsi/lsi-probe" <<-END
	#!/bin/bash
	echo "\$*" | sed 's|/[^ ]*/||' >>"$work/calls"
	echo '[{"rw": "write", "tags": 16, "latency_ms": 200, "seconds": 0.21, "queued": 16,
		"max_outstanding": 16, "qemu": "'"\$4"'"}]' >"\$2"
	END
}

both()
{
	canned_probe
	cp "$lsi/qemu/make" "$work/make"
	echo "echo $work/bin" >"$lsi/qemu/make"
	"$lsi/run" --mended --quick
	cp "$work/make" "$lsi/qemu/make"
	same "$(cat "$work/calls")" "--json overlap-installed --name installed
--json overlap-mended --name mended --strict" "calls"
	same "$(jq -c 'map(.qemu)' "$results/lsi-overlap.json")" '["installed","mended"]' "QEMUs"
	grep '>write (mended)<' "$results/lsi-overlap.svg"
}

# One that breaks off and says nothing of it
half_a_plot()
{
	local image=$results/lsi-overlap.svg
	cp "$image" "$work/image"
	program gnuplot <<-'END'
	#!/bin/bash
	image=$(sed -n "s/^set output '\(.*\)'/\1/p")
	echo "<svg>" >"$image"
	echo "no room" >&2
	END
	says "plot: gnuplot cannot draw .*json to .*svg" "$lsi/plot"
	rm "$work/bin/gnuplot"
	cmp "$image" "$work/image"
	same "$(ls "$results")" "$(printf '%s\n' lsi-overlap.json lsi-overlap.svg)" "left behind"
}

# --- The guest's -----------------------------------------------------------------------

# function_of_guest NAME: of the guest's half, whose /proc and /dev are here
function_of_guest()
{
	sed -n "/^$1()/,/^}/p" "$lsi/guest" | sed "s|/proc/|$work/proc/|g"
}

interrupts()
{
	printf '%s\n' '           CPU0       CPU1' \
		' 10:          1          2   IO-APIC  10-fasteoi   sym53c8xx' \
		' 24:         10          0   PCI-MSIX-0000:01:00.0   0-edge      virtio0-config' \
		' 25:         20          0   PCI-MSIX-0000:01:00.0   1-edge      virtio0-req.0' \
		' 26:        100          0   PCI-MSIX-0000:02:00.0   2-edge      virtio1-req_poll.1' \
		' 27:       1000          0   PCI-MSIX-0000:03:00.0   1-edge      virtio2-requests' \
		' 28:       2000          0   PCI-MSIX-0000:04:00.0   1-edge      virtio3-virtqueues' \
		' 29:        200          0   PCI-MSIX-0000:05:00.0   3-edge      virtio4-request' \
		' 30:        400          0   PCI-MSI-0000:06:00.0   0-edge      megasas0-msix0' \
		>"$work/proc/interrupts"
	echo 'cpu  1 2 3 40 5 6 7 8' >"$work/proc/stat"
	eval "$(function_of_guest counters)"
	same "$(counters | jq -c .)" '{"irqs":723,"cpu":64,"idle":45}' "counted"
}

# A monitor that says nothing
no_answer()
{
	{
		echo 'qmp=/sys/class/virtio-ports/null/name'
		function_of_guest mark
		echo 'mark sym53c8xx file write 16k'
	} >"$work/mark"
	local status=0
	bash -eu "$work/mark" 2>"$work/said" || status=$?
	same "$status: $(cat "$work/said")" "1: guest: QEMU's monitor does not answer"
}

# Two writes at once for a second, then one for another; reads, of a mark of their own
trace()
{
	cat <<-'END'
	7@1.000000:scsi_req_parsed target 0 lun 0 tag 9 command 42 dir 2 length 16384
	7@2.000000:handle_qmp_command mon 0x1 req: {"execute": "query-name", "id": "run sym53c8xx file write 16k"}
	7@3.000000:scsi_req_parsed target 0 lun 0 tag 1 command 42 dir 2 length 16384
	7@3.000000:scsi_req_parsed target 0 lun 0 tag 2 command 42 dir 2 length 16384
	7@3.500000:scsi_req_parsed target 0 lun 0 tag 3 command 40 dir 1 length 16384
	7@3.500000:blk_co_pwritev blk 0x1 bs 0x2 offset 0 bytes 16384 flags 0x0
	7@3.500000:blk_co_pwritev blk 0x1 bs 0x2 offset 16384 bytes 8192 flags 0x0
	7@4.000000:scsi_req_dequeue target 0 lun 0 tag 1
	7@5.000000:scsi_req_dequeue target 0 lun 0 tag 2
	7@6.000000:handle_qmp_command mon 0x1 req: {"execute": "query-name", "id": "run stock fixed read 64k"}
	7@7.000000:virtio_blk_handle_read vdev 0x1 req 0xa sector 0 nsectors 128
	7@7.100000:blk_co_preadv blk 0x1 bs 0x2 offset 0 bytes 65536 flags 0x0
	7@8.000000:virtio_blk_req_complete vdev 0x1 req 0xa status 0
	END
}

traced()
{
	trace | awk -v qemu=installed -f "$lsi/trace.awk" >"$work/traced"
	cat "$work/traced"
	same "$(jq -c '[.on, .path, .disk, .rw, .bs, .max, .mean, .request_bytes]' "$work/traced")" \
		'["installed","sym53c8xx","file","write","16k",2,1.5,12288]
["installed","stock","fixed","read","64k",1,1,65536]' "traced"
}

# ran ROUND RW MB/S: what the guest leaves of a run
ran()
{
	printf '{"on": "installed", "path": "sym53c8xx", "disk": "file", "rw": "%s", "bs": "16k",
		"round": %s, "before": {"irqs": 100, "cpu": 1000, "idle": 500},
		"after": {"irqs": 350, "cpu": 1200, "idle": 550}, "fio": {"jobs": [{"%s": {"iops": 1,
		"bw_bytes": %s000000, "total_ios": 1000, "slat_ns": {"mean": 25000},
		"clat_ns": {"mean": 3500000, "max": 9, "percentile": {"50.000000": 1, "99.000000": 2}}}}]}}\n' \
		"$2" "$1" "$2" "$3"
}

# Medians of three rounds, least and most, a ratio, and what was not traced
table()
{
	local about
	about='{"kernel": "6.1.0", "accel": "tcg", "qemu": "7.2", "cores": "2", "cpus": "1",
		"disks": {"file": "a file", "fixed": "a disk"}}'
	trace | awk -v qemu=installed -f "$lsi/trace.awk" >"$work/traced"
	{
		ran 0 write 3; ran 1 write 1; ran 2 write 2
		ran 0 read 4; ran 1 read 8; ran 2 read 5
	} | jq -s --argjson about "$about" --slurpfile traced "$work/traced" -f "$lsi/rows.jq" \
		>"$work/rows"
	jq -r -f "$lsi/table.jq" "$work/rows" >"$work/table"
	cat "$work/table"
	same "$(awk '$2 == "lsi53c895a" && $1 == "write"' "$work/table" | tr -s ' ')" \
		" write lsi53c895a 2.0 1.0-3.0 75 25.0 3.50 0.250 2 1.5 12" "writes"
	same "$(awk '$2 == "lsi53c895a" && $1 == "read"' "$work/table" | tr -s ' ')" \
		" read lsi53c895a 5.0 4.0-8.0 75 25.0 3.50 0.250 - - -" "reads"
	grep '^  write/read: lsi53c895a 0.40$' "$work/table"
	grep '^== a file, 16k$' "$work/table"
}

# --- Bad input -------------------------------------------------------------------------

wrong_calls()
{
	says "lsi: unknown argument '--fast', see --help" "$lsi/run" --fast
	says "lsi: LSI_SIZES=16: such as '16k 64k'" env LSI_SIZES=16 "$lsi/run"
	says "lsi: cannot make a folder in /nonexistent: set LSI_DIR=" \
		env LSI_DIR=/nonexistent "$lsi/run"
	says "plot: no arguments: .*" "$lsi/plot" all
}

# A full disk, as far as run can see; it never comes to a guest.
no_room()
{
	canned_probe
	program dd <<-'END'
	#!/bin/bash
	echo "dd: error writing 'lsi': No space left on device" >&2
	exit 1
	END
}

no_event()
{
	no_room
	sed -i '1a # event no_such_event' "$lsi/trace.awk"
	says "lsi: the installed QEMU has no trace event no_such_event" "$lsi/run"
	sed -i 2d "$lsi/trace.awk"
}

full_disk()
{
	no_room
	says "lsi: no room for disks of 256 MiB in $work/tmp/.*: set LSI_DIR=" "$lsi/run"
	rm "$work/bin/dd"
}

# Beyond a test's time, on a machine that has none of it.
tools/deps host bench
check "make lsi LSI_QUICK=1: a report and its plot" quick
check "make lsi-qemu: all tests in both" both
check "a plot that cannot be written leaves the one before" half_a_plot
check "interrupts are those of disks" interrupts
check "a run that cannot be marked in the trace ends the guest's half" no_answer
check "the trace: commands outstanding, requests" traced
check "the guest's table" table
check "wrong calls" wrong_calls
check "a trace event that QEMU does not have" no_event
check "a full disk" full_disk
finish
