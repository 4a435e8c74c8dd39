# SPDX-License-Identifier: GPL-2.0-only
#
# From results (rounds) to what tables and plots show: groups of a kernel and a
# guest, in them workloads, in them rows with medians and a verdict. The oracle
# stands here: what a row must show to count as polled.

def median: sort | length as $n
	| if $n == 0 or any(. == null) then null
	  elif $n % 2 == 1 then .[($n - 1) / 2]
	  else (.[$n / 2 - 1] + .[$n / 2]) / 2 end;

# group_by, but in the order of first appearance
def grouped(f): [to_entries | group_by(.value | f)[]] | sort_by(.[0].key)
	| map(map(.value));

# Synchronous I/O polls up to 5.18 only, whatever is asked for.
def sync_polls: [.kernel | scan("^([0-9]+)\\.([0-9]+)")[] | tonumber] < [5, 19];

# Submitters that may spin do not where that is in vain: only a fast disk and a
# CPU for everybody are a claim.
def may_spin: .params | test("sync_poll_us=[1-9]");
def spins: .engine == "pvsync2" and may_spin;

def claims_polling: if spins then .numjobs == 1 and (.disk // "null" | test("^(poll=[0-9]+:)?null$"))
	else .hipri
		and (.engine != "pvsync2" or sync_polls)
		and (.driver == "ours" or (.params | test("poll_queues=[1-9]")))
	end;

def reaped_share: (.reaped_poll + .reaped_irq + .reaped_guard) as $all
	| if .reaped_poll == null or $all == 0 then null else .reaped_poll / $all end;

# Why a row does not count as polled; nothing if it does.
def objections:
	(select(.io_poll != 1) | "io_poll is \(.io_poll)"),
	(select(.irqs == null) | "its interrupts are unknown"),
	(select(.irqs >= if .spins then 0.05 else 0.01 end) | "\(.irqs * 1000 | round / 1000) interrupts per I/O"),
	(select(.reaped != null and .reaped < 0.95) | "\(.reaped * 1000 | round / 10)% reaped by poll");

def row: . as $rounds | .[0]
	| claims_polling as $claims
	| {
		spins: spins,
		driver, params, hipri, rounds: ($rounds | length),
		iops: ($rounds | map(.iops) | median),
		low: ($rounds | map(.iops) | min),
		high: ($rounds | map(.iops) | max),
		lat_mean: ($rounds | map(.clat_mean_ns) | median),
		lat_p99: ($rounds | map(.clat_p99_ns) | median),
		cpu: ($rounds | map(.cpu_pct) | median),
		cpu_per_io: ($rounds | map(.cpu_ns_per_io) | median),
		bins: ($rounds | map(.lat_bins // {} | to_entries[]) | group_by(.key)
			| map({ns: (.[0].key | tonumber), reads: (map(.value) | add)})),
		irqs: ($rounds | map(.irqs_per_io) | median),
		kicks: ($rounds | map(.kicks_per_io) | median),
		reaped: ($rounds | map(reaped_share) | median),
		io_poll: ($rounds | map(.io_poll) | min),
		is_base: (.driver == "stock" and .params == "" and (.hipri | not))
	}
	| .objections = [objections]
	| .verdict = if $claims then
			if .objections == [] then "polled" else "NOT POLLED" end
		     elif .spins then "polled in part"
		     elif .objections == [] then "CONTROL POLLED"
		     elif .hipri then "control"
		     else "" end;

def workload: .[0] as $first
	| (group_by([.driver == "ours", .params, .hipri]) | map(row)) as $rows
	| ($rows | map(select(.is_base)) | .[0].iops) as $base
	| {
		engine: $first.engine, iodepth: $first.iodepth, batch: $first.batch,
		numjobs: $first.numjobs,
		overcommitted: ($first.host_cores <= ([$first.numjobs, $first.cpus] | min)),
		rows: ($rows | map(.ratio = if $base then .iops / $base else null end))
	};

def summary: grouped([.kernel, .disk, .cpus, .queues, .scheduler, .accel, .qemu])
	| map({
		kernel: .[0].kernel, disk: (.[0].disk // "null"), cpus: .[0].cpus, queues: .[0].queues,
		scheduler: .[0].scheduler, accel: .[0].accel, qemu: .[0].qemu,
		host_cores: .[0].host_cores,
		workloads: (grouped([.engine, .iodepth, .numjobs]) | map(workload))
	});

def plural($n; $thing): "\($n) \($thing)" + if $n == 1 then "" else "s" end;

def workload_name: "\(.engine), depth \(.iodepth)" +
	(if .batch > 1 then " in batches of \(.batch)" else "" end) +
	", " + plural(.numjobs; "job");

def row_name: [.driver, (.params | select(. != "")), (select(.hipri) | "hipri")] | join(" ");
