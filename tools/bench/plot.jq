# SPDX-License-Identifier: GPL-2.0-only
#
# What tools/bench/plot draws, from results: gnuplot's commands with their data.
# A panel a group, in it a cluster a workload, a bar a row: IOPS over those of
# stock's interrupts, with the spread.
include "summary";
include "kinds";

def two: . * 100 | round | tostring | ("00" + .)[-([length, 3] | max):] | .[:-2] + "." + .[-2:];

def bars: [.workloads | to_entries[] | .key as $cluster | .value.rows as $rows
	| ($rows[] | select(.is_base) | .iops) as $base
	| ($rows | length) as $count
	| $rows | to_entries[] | .key as $i | .value
	| {kind: kind, x: ($cluster + ($i - ($count - 1) / 2) * 0.17),
	   y: (.iops / $base), low: (.low / $base), high: (.high / $base), verdict}];

def tics: [.workloads | to_entries[]
	| "\"\(.value.engine)\\ndepth \(.value.iodepth)\(if .value.numjobs > 1 then "\\n\(.value.numjobs) jobs" else "" end)\" \(.key)"]
	| join(", ");

def panel($top):
	"$rows << END",
	(.[] | "\(.kind) \(.x) \(.y) \(.low) \(.high) \(if .verdict == "NOT POLLED" then "not-polled" else "\(.y | two)x" end)"),
	"END",
	"plot 1 with lines lc rgb '#404040' dt 2 notitle, \\",
	([kinds | to_entries[]
	  | "$rows using ($1 == \(.key) ? $2 : NaN):3:(0.155) with boxes lc rgb '\(.value.color)' fs solid title '\(.value.name)'"]
	 | join(", \\\n")) + ", \\",
	"$rows using 2:4:(0):($5-$4) with vectors nohead lw 1.5 lc rgb '#303030' notitle, \\",
	"$rows using 2:5:6 with labels rotate by 90 left offset 0,0.4 font ',9' notitle";

summary
| map(select(any(.workloads[].rows[]; .is_base))
      | .workloads |= map(select(any(.rows[]; .is_base))))
| select(. != [])
| (map(bars | map(.high) | max) | max) as $top
| "set multiplot layout \((length + 1) / 2 | floor),\([length, 2] | min) " +
  "title \"4k random reads: IOPS relative to stock's interrupts (\(.[0].accel), QEMU \(.[0].qemu), \(plural(.[0].host_cores; "host core")))\" font ',14'",
  "set yrange [0:\($top * 1.22)]",
  "set grid ytics lc rgb '#dddddd'",
  "set border 3 lc rgb '#808080'",
  "set tics nomirror textcolor rgb '#202020'",
  "set bmargin 4",
  "set key top right samplen 1 spacing 1.1 font ',10'",
  (to_entries[] | .key as $panel | .value
   | "set title \"\(.kernel), \(plural(.cpus; "vCPU")), \(plural(.queues; "queue"))\(if .disk != "null" then ", \(.disk | gsub("[\"\\\\]"; " "))" else "" end)\"",
     "set xtics (\(tics))",
     "set xrange [-0.6:\((.workloads | length) - 0.4)]",
     (if $panel == 0 then empty else "unset key" end),
     (bars | panel($top))),
  "unset multiplot"
