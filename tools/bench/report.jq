# SPDX-License-Identifier: GPL-2.0-only
#
# The table of tools/bench/report, from results. Its last line says for the
# caller whether the rows are what they claim: "ok" or "failed".
include "summary";

def spaces($n): if $n > 0 then " " * $n else "" end;
def left($n): . + spaces($n - length);
def right($n): spaces($n - length) + .;

def fixed($digits): if . == null then "-" else
	pow(10; $digits) as $scale
	| (. * $scale | round | tostring) as $all
	| (if $digits == 0 then $all else
		((("0" * ($digits + 1 - ($all | length))) // "") + $all) as $all
		| $all[:-$digits] + "." + $all[-$digits:]
	   end) end;

def thousands: if . == null then "-" else
	round | tostring | [while(length > 0; .[:-3])] | map(.[-3:]) | reverse | join(",") end;

def times: if . == null then "-" else fixed(2) + "x" end;
def microseconds: if . == null then "-" else . / 1000 | fixed(if . < 100 then 1 else 0 end) end;
def percent: if . == null then "-" else . * 100 | fixed(1) + "%" end;

def line($name; $iops; $spread; $ratio; $mean; $p99; $cpu; $each; $irqs; $kicks; $reaped; $verdict):
	("  " + ($name | left(28)) + ($iops | right(8)) + ($spread | right(17)) + ($ratio | right(9))
	+ ($mean | right(9)) + ($p99 | right(9)) + ($cpu | right(6)) + ($each | right(8)) + ($irqs | right(9))
	+ ($kicks | right(9)) + ($reaped | right(9)) + "  " + $verdict)
	| sub(" +$"; "");

def row_line: line(row_name; .iops | thousands; "\(.low | thousands)-\(.high | thousands)";
	.ratio | times; .lat_mean | microseconds; .lat_p99 | microseconds; .cpu | fixed(0); .cpu_per_io | microseconds;
	.irqs | fixed(4); .kicks | fixed(3); .reaped | percent; .verdict);

def workload_lines: workload_name + (if .overcommitted then
		"  (overcommitted: no host core is left for the device)" else "" end),
	(.rows[] | row_line);

# --- What was seen, in words ---

def short_name: "\(.engine) depth \(.iodepth)" +
	if .numjobs > 1 then ", " + plural(.numjobs; "job") else "" end;

# A sentence of ratios of the rows that $these select to those that $those do.
def compared($what; these; those):
	[.workloads[]
	 | ([.rows[] | select(those)] | .[0].iops) as $base
	 | short_name as $name
	 | .rows[] | select(these) | select($base)
	 | "\(.iops / $base | times) (\($name))"]
	| select(length > 0) | "\($what): " + join(", ") + ".";

def sentences:
	([.workloads[].rows[] | select(.driver == "ours" and .params == "" and .verdict == "polled")
	    | .irqs] | max) as $irqs
	| (compared("Polled with no configuration, against stock's interrupts";
		.driver == "ours" and .params == "" and .verdict == "polled"; .is_base)
	   | rtrimstr(".") + "; at most \($irqs | fixed(4)) interrupts per I/O."),
	  compared("Polled with no configuration, against stock's dedicated poll queue";
		.driver == "ours" and .params == "" and .verdict == "polled";
		.driver == "stock" and .verdict == "polled"),
	  compared("Synchronous I/O with sync_poll_us, against stock"; .spins; .is_base),
	  compared("Asynchronous I/O with sync_poll_us, against stock"; may_spin and (.spins | not); .is_base),
	  compared("Plain I/O, against stock";
		.driver == "ours" and (.hipri or may_spin | not); .is_base),
	  ([.workloads[] | short_name as $name | .rows[] | select(.verdict == "control")
	    | "\(row_name) (\($name))"]
	   | select(length > 0) | "Asked to poll and took interrupts, as it must be: " + join(", ") + "."),
	  ([.workloads[].rows[] | select(.low > 0) | .high / .low] | max
	   | select(. >= 2)
	   | "The rounds of a row lie up to \(fixed(1))x apart: this machine was probably busy with something else, and the ratios say little."),
	  (.workloads[] | short_name as $name | .rows[]
	   | if .verdict == "NOT POLLED" then
		"NOT POLLED: \(row_name) (\($name)): \(.objections | join(", "))."
	     elif .verdict == "CONTROL POLLED" then
		"CONTROL POLLED: \(row_name) (\($name)) passes the oracle, so the oracle proves nothing."
	     else empty end);

def group_lines:
	"",
	  "== \(.kernel), \(plural(.cpus; "vCPU")), \(plural(.queues; "queue")), scheduler \(.scheduler)\(if .disk != "null" then ", disk \(.disk)" else "" end); " +
	  "\(.accel), QEMU \(.qemu), \(plural(.host_cores; "host core"))",
	  "",
	  line("driver"; "IOPS"; "spread"; "to stock"; "mean us"; "p99 us"; "CPU%"; "us/IO"; "irqs/IO"; "kicks/IO"; "by poll"; ""),
	  (.workloads[] | workload_lines),
	  "",
	  sentences;

# Where there were several disks: each row on each, and to the first.
def disk_lines: map(select(.disk) | . as $group | .workloads[] | . as $workload | .rows[]
	| {disk: $group.disk, iops, lat_p99,
	   what: "\($group.kernel), \($group.cpus)x\($group.queues), \($workload | short_name), \(row_name)"})
	| select(map(.disk) | unique | length > 1)
	| "", "== The same row on each disk: IOPS, to the first, p99 us",
	  (grouped(.what)[] | .[0].iops as $first
	   | "", .[0].what,
	     (.[] | "  " + (.disk | left(44)) + (.iops | thousands | right(10))
		    + ((if $first then .iops / $first else null end) | times | right(9))
		    + (.lat_p99 | microseconds | right(9))));

summary as $groups
| ([$groups[].workloads[].rows[].rounds] | unique) as $rounds
| "4k random reads, O_DIRECT; medians of \(if $rounds | length == 1 then plural($rounds[0]; "round") else "\($rounds[0]) to \($rounds[-1]) rounds" end)\($partial)",
  ($groups[] | group_lines),
  ($groups | disk_lines),
  (if any($groups[].workloads[].rows[];
	  .verdict == "CONTROL POLLED" or (.verdict == "NOT POLLED" and .driver == "ours"))
   then "failed" else "ok" end)
