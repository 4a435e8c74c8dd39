// SPDX-License-Identifier: GPL-2.0-only
/*
 * Packed rings (VIRTIO 1.2, 2.8).
 */
#include "inflight.h"

#define AVAIL	(1u << VRING_PACKED_DESC_F_AVAIL)
#define USED	(1u << VRING_PACKED_DESC_F_USED)
#define WRAP	(1u << VRING_PACKED_EVENT_F_WRAP_CTR)

static bool is_available(uint16_t flags, bool wrap)
{
	return !!(flags & AVAIL) == wrap && !!(flags & USED) != wrap;
}

bool packed_is_available(const struct vring_packed_desc *desc, bool wrap)
{
	return is_available(__atomic_load_n(&desc->flags, __ATOMIC_ACQUIRE), wrap);
}

/* There is no index that would tell how many: until none is left, or a ring full. */
unsigned int packed_burst(const struct ring *r)
{
	return packed_is_available(&r->pdesc[r->last_avail], r->avail_wrap) ? r->size : 0;
}

static void walk_table(const struct ring *r, struct chain *c, uint64_t table,
		       unsigned int entries)
{
	unsigned int i;

	for (i = 0; i < entries; i++) {
		struct vring_packed_desc desc;

		if (!ring_read_desc(r, table, i, &desc)) {
			chain_error(c, RULE_R3, "an indirect table outside the shared memory");
			return;
		}
		if (desc.flags & VRING_DESC_F_INDIRECT) {
			chain_error(c, RULE_R3, "an indirect table within another");
			return;
		}
		chain_add(r, c, desc.addr, desc.len, desc.flags & VRING_DESC_F_WRITE);
	}
	c->ended = true;
}

void packed_next(const struct ring *r, uint16_t *at, bool *wrap, unsigned int n)
{
	*at += n;
	if (*at >= r->size) {
		*at -= r->size;
		*wrap = !*wrap;
	}
}

int packed_chain(struct ring *r, struct chain *c, const struct vring_packed_desc *descs)
{
	unsigned int i;

	for (i = 0; i < c->slots; i++) {
		const struct vring_packed_desc *desc = &descs[i];

		c->ended = false;
		if (desc->flags & VRING_DESC_F_INDIRECT) {
			const char *error = ring_check_table(r, desc->flags, desc->len);

			if (error)
				chain_error(c, RULE_R3, error);
			else
				walk_table(r, c, desc->addr, desc->len / 16);
		} else {
			chain_add(r, c, desc->addr, desc->len, desc->flags & VRING_DESC_F_WRITE);
			c->ended = true;
		}
	}
	/* The buffer's id is in the last. */
	c->id = descs[c->slots - 1].id;
	if (c->id >= r->size)
		return ring_break(r, c, RULE_R2, "a buffer id beyond the ring");
	if (c->descs > r->size)
		c->rules |= RULE_BIT(RULE_C10);
	return ring_id_taken(r, c);
}

int packed_pop(struct ring *r, struct chain *c)
{
	struct vring_packed_desc descs[RING_MAX_SIZE], desc;

	if (!packed_burst(r))
		return 0;
	/* The whole chain is there once its first descriptor is. */
	do {
		desc = *(volatile struct vring_packed_desc *)&r->pdesc[r->last_avail];
		if (c->slots == r->size || !is_available(desc.flags, r->avail_wrap))
			return ring_break(r, c, RULE_R2, "a packed chain that does not end");
		packed_next(r, &r->last_avail, &r->avail_wrap, 1);
		descs[c->slots++] = desc;
	} while (desc.flags & VRING_DESC_F_NEXT);

	if (packed_chain(r, c, descs) < 0)
		return -1;
	inflight_took(r, c, descs);
	return 1;
}

void packed_push(struct ring *r, uint32_t id, uint32_t len)
{
	volatile struct vring_packed_desc *desc = &r->pdesc[r->used_idx];

	desc->id = id;
	desc->len = len;
	__atomic_store_n(&r->pdesc[r->used_idx].flags,
			 (r->used_wrap ? AVAIL | USED : 0) | (len ? VRING_DESC_F_WRITE : 0),
			 __ATOMIC_RELEASE);
}

bool packed_should_notify(struct ring *r)
{
	uint16_t before = r->signalled, flags, off_wrap, event;
	bool once_round = r->unsignalled >= r->size;
	bool valid = r->signalled_valid;

	r->signalled = r->used_idx;
	r->signalled_valid = true;
	r->unsignalled = 0;
	flags = *(volatile uint16_t *)&r->driver_event->flags & 3;
	if (flags != VRING_PACKED_EVENT_FLAG_DESC || !r->event_idx)
		return flags != VRING_PACKED_EVENT_FLAG_DISABLE;
	/* A driver that refills it has had the whole ring go by, wherever the event is. */
	if (!valid || once_round)
		return true;
	off_wrap = *(volatile uint16_t *)&r->driver_event->off_wrap;
	event = off_wrap & ~WRAP;
	/* As numbers that go on where the ring wraps. */
	if (!!(off_wrap & WRAP) != r->used_wrap)
		event -= r->size;
	if (before >= r->used_idx)
		before -= r->size;
	return (uint16_t)(r->used_idx - event - 1) < (uint16_t)(r->used_idx - before);
}

void packed_want_kicks(struct ring *r, bool want)
{
	*(volatile uint16_t *)&r->device_event->flags = want ?
		VRING_PACKED_EVENT_FLAG_ENABLE : VRING_PACKED_EVENT_FLAG_DISABLE;
}
