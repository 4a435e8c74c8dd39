# SPDX-License-Identifier: GPL-2.0-only
#
# The table of tools/bench/run --instructions.
include "summary";

def left($n): . + (" " * ([$n - length, 0] | max) // "");
def right($n): (" " * ([$n - length, 0] | max) // "") + .;

"Instructions per plain 4k read, CPU idle left out; medians\($partial)",
(grouped([.kernel, .disk, .scheduler, .qemu])[]
 | .[0] as $first
 | "",
   "== \($first.kernel), 1 vCPU, 1 queue, scheduler \($first.scheduler), disk \($first.disk // "null"); tcg with icount, QEMU \($first.qemu), \(plural($first.host_cores; "host core"))",
   (grouped([.engine, .iodepth])[]
    | (map(select(.driver == "stock") | .instructions_per_io) | median) as $base
    | (.[0] | workload_name),
      (group_by([.driver == "ours", .params])[]
       | (map(.instructions_per_io) | median) as $median
       | "  " + (.[0] | row_name | left(28)) + ($median | round | tostring | right(8))
	 + ("\(map(.instructions_per_io) | min)-\(map(.instructions_per_io) | max)" | right(16))
	 + (if $base then "   \($median / $base * 1000 | round / 1000) of stock's" else "" end)))),
"ok"
