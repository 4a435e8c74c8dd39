# SPDX-License-Identifier: GPL-2.0-only
#
# From the trace of a guest, with timestamps: a line of JSON for each run that the
# guest has marked, about its direction. Outstanding are commands from when the
# adapter's model has them to their end, and the mean is over the time in which there
# are any; requests are what leaves for the disk.
#
# event handle_qmp_command		the guest's marks
# event scsi_req_parsed			a command on its way, of SCSI
# event scsi_req_dequeue		and its end
# event virtio_blk_handle_read		of virtio-blk
# event virtio_blk_handle_write
# event virtio_blk_req_complete
# event blk_co_preadv			a request to the disk
# event blk_co_pwritev

# Of 6, 10 and 16 bytes
BEGIN {
	does[8] = does[40] = does[136] = "read"
	does[10] = does[42] = does[138] = "write"
}

function advance()
{
	if (outstanding) {
		area += outstanding * (now - since)
		busy += now - since
	}
	since = now
}

function begin(tag)
{
	if (tag in out)
		return
	out[tag] = 1
	advance()
	if (++outstanding > most)
		most = outstanding
}

function end(tag)
{
	if (!(tag in out))
		return
	delete out[tag]
	advance()
	outstanding--
}

function report(    tag)
{
	if (path != "" && busy)
		printf "{\"on\": \"%s\", \"path\": \"%s\", \"disk\": \"%s\", \"rw\": \"%s\", " \
			"\"bs\": \"%s\", \"max\": %d, \"mean\": %.3f, \"request_bytes\": %.0f}\n",
			qemu, path, disk, rw, bs, most, area / busy,
			requests ? bytes / requests : 0
	for (tag in out)
		delete out[tag]
	since = area = busy = outstanding = most = requests = bytes = 0
}

# field NAME: what stands behind it
function field(name,    i)
{
	for (i = 2; i < NF; i++)
		if ($i == name)
			return $(i + 1)
	return ""
}

# PID@SECONDS:event
{
	if (split($1, head, /[@:]/) < 3)
		next
	now = head[2]
	event = head[3]
}

event == "handle_qmp_command" && /"run / {
	report()
	sub(/.*"run /, "")
	sub(/".*/, "")
	split($0, word, " ")
	path = word[1]
	disk = word[2]
	rw = word[3]
	bs = word[4]
	next
}

event == "scsi_req_parsed" && does[field("command")] == rw {
	begin(field("target") " " field("tag"))
}
event == "scsi_req_dequeue" { end(field("target") " " field("tag")) }
event == "virtio_blk_handle_" rw { begin(field("req")) }
event == "virtio_blk_req_complete" { end(field("req")) }
(event == "blk_co_preadv" && rw == "read") || (event == "blk_co_pwritev" && rw == "write") {
	requests++
	bytes += field("bytes")
}

END { report() }
