// SPDX-License-Identifier: GPL-2.0-only
/*
 * The catalogue of faults, and which opportunity each takes. What they do is
 * where it is done: most in complete.c. Documentation/vblkdev.md tells what a
 * driver should make of them.
 */
#include "fault.h"

#include <stdlib.h>
#include <string.h>

#include "device.h"

const struct fault_text fault_texts[NUM_FAULTS] = {
	[FAULT_USED_ID] = { "used-id", "beyond the ring's end", 5,
		UINT16_MAX - RING_MAX_SIZE,
		"an id that the ring does not have" },
	[FAULT_USED_ID_WIDE] = { "used-id-wide", NULL, 0, 0,
		"an id that is right in its lower 16 bits alone (split rings)" },
	[FAULT_USED_ID_FREE] = { "used-id-free", NULL, 0, 0,
		"the id of a descriptor that is not in flight" },
	[FAULT_USED_TWICE] = { "used-twice", NULL, 0, 0, "the same used entry twice" },
	[FAULT_USED_SWAPPED] = { "used-swapped", NULL, 0, 0,
		"the ids of two requests exchanged, and the first without a status" },
	[FAULT_USED_IDX_JUMP] = { "used-idx-jump", "entries", 7, UINT16_MAX,
		"used entries that were never written" },
	[FAULT_USED_IDX_BACK] = { "used-idx-back", NULL, 0, 0,
		"the used index goes back by one (split rings)" },
	[FAULT_USED_LEN_ZERO] = { "used-len-zero", NULL, 0, 0, "a used length of 0" },
	[FAULT_USED_LEN_HUGE] = { "used-len-huge", "length", UINT32_MAX, UINT32_MAX,
		"a used length beyond the buffer's" },
	[FAULT_USED_ORDER] = { "used-order", NULL, 0, 0, "a burst is given back in reverse" },
	[FAULT_DESC_SCRIBBLE] = { "desc-scribble", NULL, 0, 0,
		"overwrites address and length in a descriptor (split rings)" },
	[FAULT_AVAIL_SCRIBBLE] = { "avail-scribble", NULL, 0, 0,
		"overwrites the last entry of the available ring (split rings)" },
	[FAULT_HEADER_SCRIBBLE] = { "header-scribble", NULL, 0, 0,
		"overwrites the request's header, which is the driver's to write" },
	[FAULT_STATUS] = { "status", "status", VIRTIO_BLK_S_IOERR, UINT8_MAX,
		"this status, and nothing done" },
	[FAULT_STATUS_UNWRITTEN] = { "status-unwritten", NULL, 0, 0, "no status is written" },
	[FAULT_DATA_MISSING] = { "data-missing", NULL, 0, 0, "success, and no data transferred" },
	[FAULT_DATA_HALF] = { "data-half", "status", VIRTIO_BLK_S_IOERR, UINT8_MAX,
		"half of the data transferred, and this status" },
	[FAULT_LATE] = { "late", "ms", 100, UINT32_MAX, "completes so much later" },
	[FAULT_NEVER] = { "never", NULL, 0, 0, "does not complete until 'release'" },
	[FAULT_STOP_AFTER] = { "stop-after", "requests", 0, UINT64_MAX,
		"takes so many requests of all queues, and then none until 'release'", true },
	[FAULT_IRQ_LOST] = { "irq-lost", NULL, 0, 0, "a burst without its notification", true },
	[FAULT_IRQ_LATE] = { "irq-late", "us", 1000, UINT32_MAX,
		"a notification comes so much later", true },
	[FAULT_IRQ_SPURIOUS] = { "irq-spurious", NULL, 0, 0,
		"a notification before there is anything to notify of" },
	[FAULT_IRQ_STORM] = { "irq-storm", "times", 1000, UINT32_MAX, "many of those" },
	[FAULT_IRQ_UNWANTED] = { "irq-unwanted", NULL, 0, 0,
		"a notification although the driver suppressed it", true },
	[FAULT_IRQ_EARLY] = { "irq-early", NULL, 0, 0,
		"a notification as soon as the front end lets it", true },
	[FAULT_KICK_LOST] = { "kick-lost", NULL, 0, 0,
		"a kick goes unheard: what is in the ring waits for the next", true },
	[FAULT_CAPACITY_FLIP] = { "capacity-flip", NULL, 0, 0,
		"the capacity changes to half and back" },
	[FAULT_CACHE_LIES] = { "cache-lies", NULL, 0, 0, "a flush succeeds and flushes nothing" },
	[FAULT_DISCONNECT] = { "disconnect", NULL, 0, 0, "closes the socket, requests in flight" },
};

void faults_init(struct faults *faults, uint64_t seed)
{
	memset(faults, 0, sizeof(*faults));
	pthread_mutex_init(&faults->lock, NULL);
	/* Never 0, from which this generator does not come back. */
	faults->random = seed * 2 + 1;
}

void faults_list(FILE *to)
{
	unsigned int i;

	for (i = 0; i < NUM_FAULTS; i++) {
		const struct fault_text *t = &fault_texts[i];
		char name[64];

		snprintf(name, sizeof(name), "%s%s%s", t->name, t->value ? "=" : "",
			 t->value ? t->value : "");
		fprintf(to, "  %-30s %s\n", name, t->text);
	}
}

/* xorshift64: faults repeat with their seed. */
static uint32_t draw_millionth(struct faults *faults)
{
	faults->random ^= faults->random << 13;
	faults->random ^= faults->random >> 7;
	faults->random ^= faults->random << 17;
	return faults->random % 1000000;
}

bool faults_hit(struct faults *faults, enum fault_kind kind, const struct request *req,
		uint64_t *value)
{
	bool hit = false;
	unsigned int i;

	pthread_mutex_lock(&faults->lock);
	for (i = 0; !hit && i < faults->num; i++) {
		struct fault *f = &faults->list[i];

		if (f->kind != kind || !f->left)
			continue;
		if (req && f->op >= 0 && req->type != f->op)
			continue;
		if (req && f->sector != UINT64_MAX &&
		    (f->sector < req->sector ||
		     f->sector - req->sector >= req->len / SECTOR))
			continue;
		if (f->after) {
			f->after--;
			continue;
		}
		if (f->millionths < 1000000 && draw_millionth(faults) >= f->millionths)
			continue;
		if (f->left != UINT64_MAX)
			f->left--;
		if (value)
			*value = f->value;
		faults->hits[kind]++;
		hit = true;
	}
	pthread_mutex_unlock(&faults->lock);
	return hit;
}

void faults_clear(struct faults *faults)
{
	pthread_mutex_lock(&faults->lock);
	faults->num = 0;
	faults->armed = 0;
	memset(faults->hits, 0, sizeof(faults->hits));
	pthread_mutex_unlock(&faults->lock);
}

void faults_retire(struct faults *faults, enum fault_kind kind)
{
	unsigned int i;

	pthread_mutex_lock(&faults->lock);
	for (i = 0; i < faults->num; i++)
		if (faults->list[i].kind == kind)
			faults->list[i].left = 0;
	pthread_mutex_unlock(&faults->lock);
}

/* --- Specifications ------------------------------------------------------- */

static const struct {
	const char *name;
	uint32_t type;
} ops[] = {
	{ "read", VIRTIO_BLK_T_IN }, { "write", VIRTIO_BLK_T_OUT },
	{ "flush", VIRTIO_BLK_T_FLUSH }, { "get-id", VIRTIO_BLK_T_GET_ID },
	{ "discard", VIRTIO_BLK_T_DISCARD }, { "write-zeroes", VIRTIO_BLK_T_WRITE_ZEROES },
};

static const char *find_kind(const char *name, struct fault *f)
{
	static char error[1024];
	unsigned int i;

	for (i = 0; i < NUM_FAULTS; i++) {
		if (strcmp(fault_texts[i].name, name))
			continue;
		f->kind = i;
		f->value = fault_texts[i].default_value;
		return NULL;
	}
	snprintf(error, sizeof(error), "no fault '%.40s': one of", name);
	for (i = 0; i < NUM_FAULTS; i++) {
		strcat(error, " ");
		strcat(error, fault_texts[i].name);
	}
	return error;
}

static const char *parse_option(const char *option, struct fault *f)
{
	unsigned int i;

	if (!strncmp(option, "sector=", 7))
		return parse_number(option + 7, &f->sector) ? NULL : "sector= takes a number";
	if (!strncmp(option, "count=", 6))
		return parse_number(option + 6, &f->left) && f->left ? NULL :
		       "count= takes a number from 1 on";
	if (strncmp(option, "op=", 3))
		return "after the comma come op=OP, sector=N and count=N";
	for (i = 0; i < ITEMS(ops); i++) {
		if (!strcmp(option + 3, ops[i].name)) {
			f->op = ops[i].type;
			return NULL;
		}
	}
	return "op= takes one of read write flush get-id discard write-zeroes";
}

/* "0.1" percent: in millionths. */
static bool parse_percent(const char *text, uint32_t *millionths)
{
	char *end;
	double percent = strtod(text, &end);

	if (end == text || *end || !(percent > 0 && percent <= 100))
		return false;
	*millionths = percent * 10000;
	return *millionths > 0;
}

static const char *parse_value(const char *text, struct fault *f)
{
	const struct fault_text *t = &fault_texts[f->kind];
	static char error[80];

	if (!t->value)
		return "this kind takes no value";
	if (parse_number(text, &f->value) && f->value <= t->max)
		return NULL;
	snprintf(error, sizeof(error), "after = comes a number, %llu at the most",
		 (unsigned long long)t->max);
	return error;
}

static const char *set_part(char which, const char *text, struct fault *f)
{
	switch (which) {
	case '=':
		return parse_value(text, f);
	case '@':
		if (f->left != UINT64_MAX)
			return "one @ is enough";
		if (!parse_number(text, &f->after) || !f->after)
			return "after @ comes a number from 1 on";
		f->after--;
		f->left = 1;
		return NULL;
	}
	return parse_percent(text, &f->millionths) ? NULL :
	       "after % comes a percentage above 0, to 100";
}

/* KIND[=VALUE][@N][%P] */
static const char *parse_kind(char *text, struct fault *f)
{
	char *part = strpbrk(text, "=@%"), which = 0;
	const char *error;

	if (part) {
		which = *part;
		*part++ = '\0';
	}
	error = find_kind(text, f);
	while (!error && part) {
		char *next = strpbrk(part, "@%"), after = 0;

		if (next) {
			after = *next;
			*next++ = '\0';
		}
		error = set_part(which, part, f);
		part = next;
		which = after;
	}
	return error;
}

const char *faults_add(struct faults *faults, const char *spec)
{
	struct fault f = { .op = -1, .sector = UINT64_MAX, .left = UINT64_MAX,
			   .millionths = 1000000 };
	char *copy = strdup(spec), *list = copy, *item = strsep(&list, ",");
	const char *error = parse_kind(item, &f);

	while (!error && (item = strsep(&list, ",")))
		error = parse_option(item, &f);
	free(copy);
	if (error)
		return error;
	if (fault_texts[f.kind].no_request && (f.op >= 0 || f.sector != UINT64_MAX))
		return "this kind is not of a request: it takes no op= and no sector=";
	if (f.kind == FAULT_STOP_AFTER) {
		if (f.after || f.left != UINT64_MAX)
			return "stop-after takes no @ and no count=: its value is how many pass";
		f.after = f.value;
	}
	if (f.kind == FAULT_CACHE_LIES && !faults->has_cache)
		return "there is no cache to lie without --cache volatile";

	pthread_mutex_lock(&faults->lock);
	if (faults->num < FAULT_MAX) {
		faults->list[faults->num++] = f;
		faults->armed |= 1ul << f.kind;
	} else {
		error = "too many faults at a time";
	}
	pthread_mutex_unlock(&faults->lock);
	return error;
}
