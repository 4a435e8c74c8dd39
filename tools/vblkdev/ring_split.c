// SPDX-License-Identifier: GPL-2.0-only
/*
 * Split rings (VIRTIO 1.2, 2.7).
 */
#include "inflight.h"

static uint16_t *avail_event(const struct ring *r)
{
	return (uint16_t *)&r->used->ring[r->size];
}

static uint16_t avail_idx(const struct ring *r)
{
	return __atomic_load_n(&r->avail->idx, __ATOMIC_ACQUIRE);
}

/*
 * The chain from descriptor i on. At the top that is the ring's own table, below
 * an indirect one at a guest address. After as many steps as the table has
 * entries it is a loop.
 */
static void walk(const struct ring *r, struct chain *c, uint64_t table,
		 unsigned int entries, unsigned int i, bool indirect)
{
	const char *error = "a loop of descriptors";
	unsigned int steps;

	for (steps = 0; steps < entries; steps++) {
		struct vring_desc desc;

		if (i >= entries) {
			error = "a descriptor beyond its table";
			break;
		}
		if (!indirect) {
			desc = *(volatile struct vring_desc *)&r->desc[i];
		} else if (!ring_read_desc(r, table, i, &desc)) {
			error = "an indirect table outside the shared memory";
			break;
		}
		if (desc.flags & VRING_DESC_F_INDIRECT) {
			error = indirect ? "an indirect table within another" :
				ring_check_table(r, desc.flags, desc.len);
			if (error)
				break;
			walk(r, c, desc.addr, desc.len / 16, 0, true);
			return;
		}
		chain_add(r, c, desc.addr, desc.len, desc.flags & VRING_DESC_F_WRITE);
		if (!(desc.flags & VRING_DESC_F_NEXT)) {
			c->ended = true;
			return;
		}
		i = desc.next;
	}
	chain_error(c, RULE_R3, error);
}

int split_chain(struct ring *r, struct chain *c, unsigned int head)
{
	c->id = head;
	c->slots = 1;
	walk(r, c, 0, r->size, head, false);
	if (c->descs > r->size)
		c->rules |= RULE_BIT(RULE_C10);
	return ring_id_taken(r, c);
}

int split_pop(struct ring *r, struct chain *c)
{
	uint16_t avail = avail_idx(r), head;

	if (avail == r->last_avail)
		return 0;
	if ((uint16_t)(avail - r->last_avail) > r->size)
		return ring_break(r, c, RULE_R2,
				  "the available index jumped by more than the ring's size");
	head = *(volatile uint16_t *)&r->avail->ring[r->last_avail & (r->size - 1)];
	if (head >= r->size)
		return ring_break(r, c, RULE_R2, "an available descriptor beyond the ring");
	r->last_avail++;
	if (split_chain(r, c, head) < 0)
		return -1;
	inflight_took(r, c, NULL);
	return 1;
}

unsigned int split_burst(const struct ring *r)
{
	return (uint16_t)(avail_idx(r) - r->last_avail);
}

void split_push(struct ring *r, uint32_t id, uint32_t len)
{
	volatile struct vring_used_elem *elem = &r->used->ring[r->used_idx & (r->size - 1)];

	elem->id = id;
	elem->len = len;
	r->used_idx++;
	__atomic_store_n(&r->used->idx, r->used_idx, __ATOMIC_RELEASE);
}

bool split_should_notify(struct ring *r)
{
	uint16_t before = r->signalled, event;
	bool valid = r->signalled_valid;

	if (!r->event_idx)
		return !(*(volatile uint16_t *)&r->avail->flags & VRING_AVAIL_F_NO_INTERRUPT);
	r->signalled = r->used_idx;
	r->signalled_valid = true;
	if (!valid)
		return true;
	/* Was the entry that the driver waits for among those? */
	event = *(volatile uint16_t *)&r->avail->ring[r->size];
	return (uint16_t)(r->used_idx - event - 1) < (uint16_t)(r->used_idx - before);
}

void split_want_kicks(struct ring *r, bool want)
{
	if (!r->event_idx) {
		*(volatile uint16_t *)&r->used->flags = want ? 0 : VRING_USED_F_NO_NOTIFY;
		return;
	}
	/* There is no "off": an index as far away as can be, moved on in time. */
	*(volatile uint16_t *)avail_event(r) = want ? r->last_avail : r->last_avail + 0x8000;
}
