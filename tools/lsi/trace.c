// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads the log of trace events: "event arguments", a line each, in the order in
 * which they happened. No event tells the end of a request to the disk: for a
 * read it is when its data are there; for a write it is when the disk's model
 * asks for more of its data, or takes the command off its list.
 */
#define _GNU_SOURCE
#include "trace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "qemu.h"

enum event { QUEUED, RESELECTED, DISK_READ, DISK_WRITE, READ_END, WRITE_STEP, COMMAND_END,
	QUEUE_ERROR, EVENTS };

const char *const trace_events[] = {
	[QUEUED] = "lsi_queue_command",
	[RESELECTED] = "lsi_reselect",
	[DISK_READ] = "blk_co_preadv",
	[DISK_WRITE] = "blk_co_pwritev",
	[READ_END] = "scsi_disk_read_complete",
	[WRITE_STEP] = "scsi_disk_write_complete_noio",
	[COMMAND_END] = "scsi_req_dequeue",
	[QUEUE_ERROR] = "lsi_queue_req_error",
	[EVENTS] = NULL
};

/* Of a tag: what it writes is being asked for, or is at the disk. */
struct state {
	struct counts counts;
	unsigned int outstanding;
	bool writing[256];
};

static void begin(struct state *state, unsigned int *kind)
{
	(*kind)++;
	state->outstanding++;
	if (state->outstanding > state->counts.max_outstanding)
		state->counts.max_outstanding = state->outstanding;
}

static void end(struct state *state)
{
	if (state->outstanding)
		state->outstanding--;
}

/* The last byte of a tag is the SCSI tag; above it are target and a mark. */
static uint8_t tag_of(const char *arguments)
{
	const char *tag = strstr(arguments, "tag");

	return tag ? strtoul(tag + strcspn(tag, "0123456789"), NULL, 0) : 0;
}

static void take(struct state *state, enum event event, const char *arguments)
{
	uint8_t tag;

	switch (event) {
	case QUEUED:
		state->counts.queued++;
		break;
	case RESELECTED:
		state->counts.reselected++;
		break;
	case DISK_READ:
		begin(state, &state->counts.reads);
		break;
	case DISK_WRITE:
		begin(state, &state->counts.writes);
		break;
	case READ_END:
		end(state);
		break;
	case WRITE_STEP:
		/* The first asks for data before there was a request. */
		tag = tag_of(arguments);
		if (state->writing[tag])
			end(state);
		state->writing[tag] = true;
		break;
	case COMMAND_END:
		tag = tag_of(arguments);
		if (state->writing[tag])
			end(state);
		state->writing[tag] = false;
		break;
	default:
		state->counts.errors++;
	}
}

/* Before the event QEMU 5.2 has "PID@SECONDS:", later versions only if asked to. */
static void take_line(struct state *state, const char *line)
{
	size_t length = strcspn(line, " "), before = strcspn(line, ":");
	unsigned int i;

	if (before < length) {
		line += before + 1;
		length -= before + 1;
	}

	for (i = 0; i < EVENTS; i++)
		if (!strncmp(line, trace_events[i], length) && !trace_events[i][length])
			take(state, i, line + length);
}

struct counts trace_counts(void)
{
	struct state state = { };
	off_t size = lseek(qemu.log, 0, SEEK_END);
	char *text = malloc(size + 1), *line, *rest;
	ssize_t got;

	if (!text)
		die("no memory for the trace");
	got = pread(qemu.log, text, size, 0);
	if (got < 0)
		die("cannot read the trace: %s", strerror(errno));
	text[got] = '\0';
	rest = text + qemu.log_taken;
	qemu.log_taken = got;
	while ((line = strsep(&rest, "\n")))
		take_line(&state, line);
	free(text);
	return state.counts;
}
