# SPDX-License-Identifier: GPL-2.0-only
#
# From what tools/bench/guest left (all its objects, slurped) to the results:
# one object a timed run, with null for what a driver cannot tell. Round 0 is
# the untimed pass that counts kicks; it ends up in the rows of its cell.

def cell: [.kernel, .disk, .cpus, .queues, .scheduler, .driver, .params, .engine,
	   .hipri, .iodepth, .numjobs] | tojson;

def counted($key): if .after | has($key) then .after[$key] - .before[$key] else null end;

# The disk counts its reads itself: fio leaves those of its warm-up out.
def per_read($count): counted("reads") as $reads
	| if $count == null or $reads == 0 then null else $count / $reads end;

sort_by(.number)
| (map(select(.round == 0) | {key: cell, value: per_read(.kicked)}) | from_entries) as $kicked
| map(select(.round > 0)
| .fio.jobs[0] as $job
| $job.read as $read
| {
	kernel, disk, driver,
	params: (if .params == "-" then "" else .params | gsub(","; " ") end),
	accel, qemu, engine,
	hipri: (.hipri == 1),
	rw: "randread", bs: 4096,
	iodepth, batch, numjobs, cpus, queues, host_cores, scheduler, io_poll, round,
	iops: $read.iops,
	bw_bytes: $read.bw_bytes,
	# A synchronous engine has no submission that could be told apart.
	slat_mean_ns: (if .engine == "pvsync2" then null else $read.slat_ns.mean end),
	clat_mean_ns: $read.clat_ns.mean,
	clat_p50_ns: $read.clat_ns.percentile["50.000000"],
	clat_p99_ns: $read.clat_ns.percentile["99.000000"],
	clat_max_ns: $read.clat_ns.max,
	# How many reads took how long from submission on, where none waited for others.
	lat_bins: (if .iodepth == 1 then $read.lat_ns.bins else null end),
	cpu_pct: ($job.usr_cpu + $job.sys_cpu),
	cpu_ns_per_io: (if $read.total_ios == 0 then null else
		($job.usr_cpu + $job.sys_cpu) / 100 * $job.job_runtime * 1000000 / $read.total_ios
		+ per_read(counted("irq_ms") * 1000000) end),
	irqs_per_io: per_read(counted("irq_vectors")),
	kicks_per_io: (per_read(counted("kicks")) // $kicked[cell]),
	reaped_poll: counted("reaped_poll"),
	reaped_irq: counted("reaped_irq"),
	reaped_guard: counted("reaped_guard")
})
