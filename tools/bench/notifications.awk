# SPDX-License-Identifier: GPL-2.0-only
#
# From QEMU's log of virtio_blk_req_complete, virtio_notify and virtio_notify_irqfd,
# THREAD@SECONDS:EVENT vdev DEVICE ..., what follows for the device that completed
# most: one object. "sorted" is a file to sort in.
function add(gap) { gaps[device, notified[device]++] = gap }
match($1, /@[0-9.]+:/) {
	at = substr($1, RSTART + 1, RLENGTH - 2)
	# Seconds with all their digits are too many for a double.
	at = substr(at, length(at) - 10) * 1e6
	event = substr($1, RSTART + RLENGTH)
	device = $3
	if (event == "virtio_blk_req_complete") {
		completed[device]++
		last[device] = at
	} else if (device in last) {
		add((at - last[device] + 1e10) % 1e10)
		delete last[device]
	} else if (device in completed) {
		notified[device]++
	}
}
END {
	for (device in completed)
		if (completed[device] > completed[most])
			most = device
	for (i = 0; i < notified[most]; i++)
		if ((most, i) in gaps)
			print gaps[most, i] | "sort -n >" sorted
	close("sort -n >" sorted)
	while ((getline gap <sorted) > 0)
		list[n++] = gap
	printf "{\"requests\": %d, \"notified\": %d", completed[most], notified[most]
	if (n)
		printf ", \"p50_us\": %.1f, \"p99_us\": %.1f",
			list[int((n - 1) * 0.5)], list[int((n - 1) * 0.99)]
	print "}"
}