// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keeps account of what is in flight. The device may be killed between any two
 * stores here; they reach the memory in the order of the program, so it is enough
 * that the compiler keeps them in order.
 */
#define _GNU_SOURCE
#include "inflight.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define VERSION		1
#define QUEUE_ALIGN	64u	/* as front ends and other devices have it */

struct split_desc {
	uint8_t inflight;
	uint8_t padding[5];
	uint16_t next;		/* in the list of those given back at once */
	uint64_t counter;	/* orders them */
};

struct split_region {
	uint64_t features;
	uint16_t version;	/* 0: nothing was written here yet */
	uint16_t desc_num;
	uint16_t last_batch_head;
	uint16_t used_idx;
	struct split_desc desc[];	/* by head */
};

struct packed_desc {
	uint8_t inflight;	/* this and the next ones: of a chain's first */
	uint8_t padding;
	uint16_t next;
	uint16_t last;
	uint16_t num;
	uint64_t counter;
	uint16_t id;
	uint16_t flags;
	uint32_t len;
	uint64_t addr;
};

/* What changes together is written at once. */
union packed_heads {
	struct {
		uint16_t free, old_free;
	};
	uint32_t all;
};

union packed_position {
	struct {
		uint16_t used_idx, old_used_idx;
		uint8_t used_wrap, old_used_wrap;
	};
	uint64_t all;
};

struct packed_region {
	uint64_t features;
	uint16_t version;
	uint16_t desc_num;
	union packed_heads heads;
	union packed_position position;
	uint64_t padding;
	struct packed_desc desc[];	/* copies: the ring's own are overwritten */
};

_Static_assert(sizeof(struct split_region) == 16 && sizeof(struct split_desc) == 16,
	       "the protocol's layout");
_Static_assert(sizeof(struct packed_region) == 32 && sizeof(struct packed_desc) == 32,
	       "the protocol's layout");

struct again {
	uint16_t entry;		/* of the region */
	uint16_t slots;
	uint64_t counter;
};

struct inflight {
	struct split_region *split;
	struct packed_region *packed;	/* one of the two */
	uint64_t counter;
	unsigned int entries;
	/* packed: what the region says, too */
	uint16_t free, old_free;
	uint16_t next[RING_MAX_SIZE];
	uint16_t last[RING_MAX_SIZE];	/* by first entry */
	uint16_t first[RING_MAX_SIZE];	/* by id */
	/* of the last device, in order */
	struct again again[RING_MAX_SIZE];
	unsigned int num_again, next_again;
};

#define in_order()	atomic_signal_fence(memory_order_seq_cst)
#define store(to, value)	(*(volatile __typeof__(to) *)&(to) = (value))
#define load(from)		(*(volatile __typeof__(from) *)&(from))

/* --- The memory ----------------------------------------------------------- */

static uint64_t queue_bytes(bool packed, unsigned int queue_size)
{
	uint64_t bytes = packed ?
		sizeof(struct packed_region) + sizeof(struct packed_desc) * queue_size :
		sizeof(struct split_region) + sizeof(struct split_desc) * queue_size;

	return (bytes + QUEUE_ALIGN - 1) / QUEUE_ALIGN * QUEUE_ALIGN;
}

uint64_t inflight_size(bool packed, unsigned int queues, unsigned int queue_size)
{
	return queues * queue_bytes(packed, queue_size);
}

int inflight_create(uint64_t size)
{
	int fd = memfd_create("vblkdev-inflight", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -1;
	/* Nobody may take it away below a device. */
	if (ftruncate(fd, size) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL)) {
		close(fd);
		return -1;
	}
	return fd;
}

const char *inflight_map(struct inflight_area *area, int fd, uint64_t offset, uint64_t size,
			 unsigned int queues, unsigned int queue_size)
{
	struct stat st;

	if (!queues || !queue_size || queue_size > RING_MAX_SIZE)
		return "an inflight region for impossible queues";
	if (!size || offset % 64 || offset + size < offset || offset + size > SIZE_MAX / 2 ||
	    size < inflight_size(false, queues, queue_size))
		return "an inflight region of an impossible size";
	if (fstat(fd, &st) || (uint64_t)st.st_size < offset + size)
		return "an inflight region that is longer than its file";
	inflight_unmap(area);
	area->map_size = offset + size;
	area->map = mmap(NULL, area->map_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (area->map == MAP_FAILED)
		return "an inflight region that cannot be mapped";
	area->base = (uint8_t *)area->map + offset;
	area->size = size;
	area->queues = queues;
	area->queue_size = queue_size;
	return NULL;
}

void inflight_unmap(struct inflight_area *area)
{
	if (area->base)
		munmap(area->map, area->map_size);
	area->base = NULL;
}

bool inflight_begun(const struct inflight_area *area, unsigned int index)
{
	const struct split_region *s;

	if (!area->base || index >= area->queues)
		return false;
	s = (const struct split_region *)(area->base + index * queue_bytes(false, area->queue_size));
	return load(s->version);
}

/* --- Taking and giving back ----------------------------------------------- */

static void split_took(struct inflight *f, uint16_t head)
{
	store(f->split->desc[head].counter, f->counter++);
	in_order();
	store(f->split->desc[head].inflight, 1);
}

static void packed_took(struct inflight *f, const struct chain *c,
			const struct vring_packed_desc *descs)
{
	struct packed_desc *table = f->packed->desc;
	uint16_t first = f->free, at = first, i;
	union packed_heads heads = { .free = first, .old_free = first };

	for (i = 0; i < c->slots; i++) {
		struct packed_desc *to = &table[at];

		to->addr = descs[i].addr;
		to->len = descs[i].len;
		to->flags = descs[i].flags;
		to->id = descs[i].id;
		f->last[first] = at;
		at = f->next[at];
	}
	table[first].last = f->last[first];
	table[first].num = c->slots;
	table[first].counter = f->counter++;
	in_order();
	store(table[first].inflight, 1);
	f->first[c->id] = first;
	f->free = at;
	heads.free = at;
	store(f->packed->heads.all, heads.all);
	in_order();
	/* From here on it is taken; before, it would be taken again. */
	f->old_free = at;
	heads.old_free = at;
	store(f->packed->heads.all, heads.all);
}

void inflight_took(struct ring *r, const struct chain *c,
		   const struct vring_packed_desc *descs)
{
	struct inflight *f = r->inflight;

	if (!f)
		return;
	if (r->packed)
		packed_took(f, c, descs);
	else
		split_took(f, c->id);
}

static void packed_position(const struct ring *r, uint16_t used_idx, bool used_wrap)
{
	union packed_position position = { .all = 0 };

	position.used_idx = used_idx;
	position.used_wrap = used_wrap;
	position.old_used_idx = r->used_idx;
	position.old_used_wrap = r->used_wrap;
	store(r->inflight->packed->position.all, position.all);
}

void inflight_give_back(struct ring *r, int id, uint16_t used_idx, bool used_wrap)
{
	struct inflight *f = r->inflight;
	union packed_heads heads;
	uint16_t first;

	if (!f || id < 0)
		return;
	if (!r->packed) {
		store(f->split->desc[id].next, f->split->last_batch_head);
		in_order();
		store(f->split->last_batch_head, id);
		in_order();
		return;
	}
	first = f->first[id];
	f->next[f->last[first]] = f->free;
	store(f->packed->desc[f->last[first]].next, f->free);
	in_order();
	f->free = first;
	heads.free = first;
	heads.old_free = f->old_free;
	store(f->packed->heads.all, heads.all);
	in_order();
	packed_position(r, used_idx, used_wrap);
	in_order();
}

void inflight_given_back(struct ring *r, int id)
{
	struct inflight *f = r->inflight;
	union packed_heads heads;

	if (!f)
		return;
	in_order();
	if (!r->packed) {
		if (id >= 0)
			store(f->split->desc[id].inflight, 0);
		in_order();
		store(f->split->used_idx, r->used_idx);
		return;
	}
	if (id >= 0)
		store(f->packed->desc[f->first[id]].inflight, 0);
	in_order();
	f->old_free = f->free;
	heads.free = f->free;
	heads.old_free = f->free;
	store(f->packed->heads.all, heads.all);
	in_order();
	packed_position(r, r->used_idx, r->used_wrap);
}

/* --- Starting again ------------------------------------------------------- */

static const char lies[] = "an inflight region that contradicts itself";

static int by_counter(const void *a, const void *b)
{
	const struct again *x = a, *y = b;

	return (x->counter > y->counter) - (x->counter < y->counter);
}

static void add_again(struct inflight *f, uint16_t entry, uint16_t slots, uint64_t counter)
{
	f->again[f->num_again++] = (struct again) { entry, slots, counter };
	if (f->counter <= counter)
		f->counter = counter + 1;
}

static const char *split_start(struct ring *r, struct inflight *f, bool *again)
{
	struct split_region *s = f->split;
	uint16_t used = load(r->used->idx), batch, head, i;

	*again = load(s->version);
	if (!*again) {
		memset(s, 0, sizeof(*s) + sizeof(s->desc[0]) * f->entries);
		s->desc_num = f->entries;
		store(s->used_idx, r->used_idx);
		in_order();
		store(s->version, VERSION);
		return NULL;
	}
	if (s->version != VERSION || s->desc_num != f->entries)
		return "an inflight region of another version or size";
	/* These were given back, if it was not noted any more. */
	batch = used - load(s->used_idx);
	if (batch > r->size)
		return lies;
	for (head = load(s->last_batch_head); batch; batch--) {
		if (head >= r->size)
			return lies;
		store(s->desc[head].inflight, 0);
		head = load(s->desc[head].next);
	}
	in_order();
	store(s->used_idx, used);
	for (i = 0; i < f->entries; i++) {
		if (!load(s->desc[i].inflight))
			continue;
		if (i >= r->size)
			return lies;
		add_again(f, i, 1, load(s->desc[i].counter));
	}
	r->used_idx = used;
	r->last_avail = used + f->num_again;
	return NULL;
}

static void packed_fresh(struct ring *r, struct inflight *f)
{
	struct packed_region *p = f->packed;
	unsigned int i;

	memset(p, 0, sizeof(*p) + sizeof(p->desc[0]) * f->entries);
	p->desc_num = f->entries;
	for (i = 0; i < f->entries; i++) {
		f->next[i] = i + 1;
		p->desc[i].next = i + 1;
	}
	packed_position(r, r->used_idx, r->used_wrap);
	in_order();
	store(p->version, VERSION);
}

/* What was being given back when the device was killed: done, or not yet? */
static const char *settle_position(struct ring *r, struct inflight *f)
{
	union packed_position position = { .all = load(f->packed->position.all) };
	union packed_heads heads = { .all = load(f->packed->heads.all) };
	bool wrap = position.old_used_wrap;
	uint16_t flags;

	if (position.used_idx >= r->size || position.old_used_idx >= r->size ||
	    position.used_wrap > 1 || position.old_used_wrap > 1)
		return lies;
	if (position.used_idx != position.old_used_idx || position.used_wrap != wrap) {
		flags = load(r->pdesc[position.old_used_idx].flags);
		if (!!(flags & 1u << VRING_PACKED_DESC_F_AVAIL) != wrap ||
		    !!(flags & 1u << VRING_PACKED_DESC_F_USED) == wrap) {
			position.old_used_idx = position.used_idx;
			position.old_used_wrap = position.used_wrap;
			heads.old_free = heads.free;
		}
	}
	r->used_idx = position.old_used_idx;
	r->used_wrap = position.old_used_wrap;
	f->free = heads.old_free;
	f->old_free = heads.old_free;
	return NULL;
}

static const char *packed_start(struct ring *r, struct inflight *f, bool *again)
{
	struct packed_region *p = f->packed;
	union packed_heads heads;
	unsigned int i, free = 0, taken = 0;
	const char *error;
	bool seen[RING_MAX_SIZE] = { };
	uint16_t at;

	*again = load(p->version);
	if (!*again) {
		packed_fresh(r, f);
		return NULL;
	}
	if (p->version != VERSION || p->desc_num != f->entries)
		return "an inflight region of another version or size";
	error = settle_position(r, f);
	if (error)
		return error;
	for (i = 0; i < f->entries; i++)
		f->next[i] = load(p->desc[i].next);
	for (at = f->free; at < f->entries; at = f->next[at], free++) {
		if (seen[at])
			return lies;
		seen[at] = true;
		store(p->desc[at].inflight, 0);
	}
	for (i = 0; i < f->entries; i++) {
		unsigned int num = load(p->desc[i].num), n;
		uint16_t id;

		if (!load(p->desc[i].inflight))
			continue;
		/* All of its chain, and nobody else's. */
		for (n = 0, at = i; n < num; n++, at = f->next[at]) {
			if (at >= f->entries || seen[at])
				return lies;
			seen[at] = true;
			f->last[i] = at;
		}
		id = load(p->desc[f->last[i]].id);
		if (!num || id >= r->size)
			return lies;
		f->first[id] = i;
		add_again(f, i, num, load(p->desc[i].counter));
		taken += num;
	}
	/* So many are there to be taken, or some would be lost for ever. */
	if (free + taken != f->entries || taken > r->size)
		return lies;
	heads.free = f->free;
	heads.old_free = f->free;
	store(p->heads.all, heads.all);
	packed_position(r, r->used_idx, r->used_wrap);
	r->last_avail = r->used_idx + taken;
	r->avail_wrap = r->used_wrap;
	if (r->last_avail >= r->size) {
		r->last_avail -= r->size;
		r->avail_wrap = !r->avail_wrap;
	}
	return NULL;
}

const char *inflight_start(struct ring *r, const struct inflight_area *area,
			   unsigned int index, bool *again)
{
	uint64_t bytes = queue_bytes(r->packed, area->queue_size);
	struct inflight *f;
	const char *error;

	*again = false;
	if (!area->base)
		return NULL;
	if (index >= area->queues || bytes * area->queues > area->size ||
	    r->size > area->queue_size)
		return "an inflight region that is too small";
	f = calloc(1, sizeof(*f));
	if (!f)
		die("no memory");
	f->entries = area->queue_size;
	r->inflight = f;
	if (r->packed) {
		f->packed = (struct packed_region *)(area->base + index * bytes);
		error = packed_start(r, f, again);
	} else {
		f->split = (struct split_region *)(area->base + index * bytes);
		error = split_start(r, f, again);
	}
	if (error)
		inflight_stop(r);
	else
		qsort(f->again, f->num_again, sizeof(f->again[0]), by_counter);
	return error;
}

void inflight_stop(struct ring *r)
{
	free(r->inflight);
	r->inflight = NULL;
}

unsigned int inflight_left(const struct ring *r)
{
	return r->inflight ? r->inflight->num_again - r->inflight->next_again : 0;
}

int inflight_pop(struct ring *r, struct chain *c)
{
	struct vring_packed_desc descs[RING_MAX_SIZE];
	struct inflight *f = r->inflight;
	const struct again *again = &f->again[f->next_again++];
	uint16_t at = again->entry, i;

	if (!r->packed)
		return split_chain(r, c, at);
	c->slots = again->slots;
	for (i = 0; i < c->slots; i++, at = f->next[at]) {
		const struct packed_desc *from = &f->packed->desc[at];

		descs[i].addr = load(from->addr);
		descs[i].len = load(from->len);
		descs[i].id = load(from->id);
		descs[i].flags = load(from->flags);
	}
	return packed_chain(r, c, descs);
}
