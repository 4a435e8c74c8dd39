# SPDX-License-Identifier: GPL-2.0-only
#
# From what tools/bench/guest left in guests that count instructions (2 ns of
# their time each, see tools/bench/run): what a read costs, a row a round.
# Each round has a short and a long run; their difference has no fio in it
# that starts or ends.

def busy_ns: ((.after.up_ms - .before.up_ms) - (.after.idle_ms - .before.idle_ms)) * 1000000;
def reads: .after.reads - .before.reads;

sort_by(.number)
| group_by([.kernel, .disk, .engine, .iodepth, .driver, .params, .round])
| map(select(length == 2) | . as [$short, $long] | $long | {
	kernel, disk, driver,
	params: (if .params == "-" then "" else .params | gsub(","; " ") end),
	accel, qemu, engine, hipri: false, rw: "randread", bs: 4096,
	iodepth, batch, numjobs, cpus, queues, host_cores, scheduler, io_poll, round,
	instructions_per_io:
		((($long | busy_ns) - ($short | busy_ns)) / (($long | reads) - ($short | reads)) / 2 | round)
})
