# SPDX-License-Identifier: GPL-2.0-only
#
# From what tools/lsi/guest left: rows of results. A figure that was not taken is
# null. $about has what is the same for all of them, $traced what a pass with traces
# saw of them.

map((.fio.jobs[0][.rw]) as $io
| . as $run
| ($traced | map(select([.on, .path, .disk, .rw, .bs] ==
	($run | [.on, .path, .disk, .rw, .bs]))) | first) as $trace
| {
	kernel: $about.kernel, driver: .path, params: null, accel: $about.accel,
	qemu: $about.qemu, engine: "libaio", hipri: 0, rw: .rw, bs: .bs, iodepth: 16,
	numjobs: 1, cpus: ($about.cpus | tonumber), queues: 1, round: .round,
	iops: $io.iops, bw_bytes: $io.bw_bytes,
	slat_mean_ns: $io.slat_ns.mean, clat_mean_ns: $io.clat_ns.mean,
	clat_p50_ns: $io.clat_ns.percentile["50.000000"],
	clat_p99_ns: $io.clat_ns.percentile["99.000000"], clat_max_ns: $io.clat_ns.max,
	cpu_pct: (100 * (1 - (.after.idle - .before.idle) / (.after.cpu - .before.cpu))),
	irqs_per_io: ((.after.irqs - .before.irqs) / $io.total_ios),
	kicks_per_io: null, reaped_poll: null, reaped_irq: null, reaped_guard: null,
	on: .on, outstanding_max: $trace.max, outstanding_mean: $trace.mean,
	request_bytes: $trace.request_bytes,
	path: .path, disk: .disk, disks: $about.disks, cores: $about.cores
})
