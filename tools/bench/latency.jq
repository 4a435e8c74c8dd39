# SPDX-License-Identifier: GPL-2.0-only
#
# The second plot of tools/bench/plot, from results: how long reads took that were
# alone. A panel a group, a curve a row. Nothing where no row knows.
include "summary";
include "kinds";

def per_decade: 12;

# How many per cent of the reads took about as long: points of a curve.
def points: (map(.reads) | add) as $all
	| map(.bin = (.ns | if . < 1 then 1 else . end | log10 * per_decade | floor))
	| group_by(.bin)
	| map({bin: .[0].bin, percent: ((map(.reads) | add) * 100 / $all)})
	| . as $known
	| [range($known[0].bin - 1; $known[-1].bin + 2)]
	| map(. as $bin | {us: (pow(10; ($bin + 0.5) / per_decade) / 1000),
			   percent: ([$known[] | select(.bin == $bin) | .percent][0] // 0)});

def curves: [.workloads[] | select(.iodepth == 1 and .numjobs == 1) | .engine as $engine
	| .rows[] | select(.bins != []) | {kind: kind, engine: $engine, cpu_per_io, points: (.bins | points)}];

def title: "\(kinds[.kind].name), \(.engine)" +
	if .cpu_per_io then ": \(.cpu_per_io / 1000 | round) us of CPU" else "" end;

def panel:
	(to_entries[] | "$curve\(.key) << END", (.value.points[] | "\(.us) \(.percent)"), "END"),
	"plot " + (to_entries
		| map("$curve\(.key) with histeps lw 2 lc rgb '\(kinds[.value.kind].color)' " +
		      "dt \(if .value.engine == "io_uring" then 1 else 2 end) title \"\(.value | title)\"")
		| join(", \\\n"));

summary
| map({group: ., curves: curves} | select(.curves != []))
| select(. != [])
| "set multiplot layout \((length + 1) / 2 | floor),\([length, 2] | min) " +
  "title \"4k random reads, one at a time: share of them by how long they took, and the guest's CPU time for each (\(.[0].group.accel), QEMU \(.[0].group.qemu), \(plural(.[0].group.host_cores; "host core")))\" font ',13'",
  "set logscale x",
  "set xlabel 'microseconds'",
  "set ylabel 'per cent'",
  "set yrange [0:*]",
  "set grid xtics ytics lc rgb '#dddddd'",
  "set border 3 lc rgb '#808080'",
  "set tics nomirror textcolor rgb '#202020'",
  "set key top right samplen 2 spacing 1.1 font ',9'",
  (.[] | "set title \"\(.group.kernel), \(plural(.group.cpus; "vCPU")), \(plural(.group.queues; "queue"))\(if .group.disk != "null" then ", \(.group.disk | gsub("[\"\\\\]"; " "))" else "" end)\"",
	 (.curves | panel)),
  "unset multiplot"
