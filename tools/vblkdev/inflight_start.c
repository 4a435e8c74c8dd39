// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a ring finds of the last device when it starts. The region has been in
 * others' hands: all of it is checked, and what matters later is copied.
 */
#include "inflight_layout.h"

#include <stdlib.h>
#include <string.h>

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
		store(s->version, INFLIGHT_VERSION);
		return NULL;
	}
	if (s->version != INFLIGHT_VERSION || s->desc_num != f->entries)
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
	inflight_position(r, r->used_idx, r->used_wrap);
	in_order();
	store(p->version, INFLIGHT_VERSION);
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
	if (p->version != INFLIGHT_VERSION || p->desc_num != f->entries)
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
	inflight_position(r, r->used_idx, r->used_wrap);
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
	uint64_t bytes = inflight_queue_bytes(r->packed, area->queue_size);
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
