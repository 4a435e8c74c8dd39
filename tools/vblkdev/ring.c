// SPDX-License-Identifier: GPL-2.0-only
/*
 * What split and packed rings share: chains, and the way to the format.
 */
#include "inflight.h"

#include <stdlib.h>
#include <string.h>

const char *ring_map(struct ring *r, struct mem *mem, uint64_t desc, uint64_t driver,
		     uint64_t device)
{
	if (!r->size || r->size > RING_MAX_SIZE)
		return "a ring of an impossible size";
	r->mem = mem;
	r->broken = NULL;
	r->signalled_valid = false;
	r->unsignalled = 0;
	memset(r->in_flight, 0, sizeof(r->in_flight));
	r->num_in_flight = 0;
	r->slots_in_flight = 0;
	if (r->packed) {
		if (r->last_avail >= r->size || r->used_idx >= r->size)
			return "a base beyond the ring";
		r->pdesc = mem_at_uva(mem, desc, sizeof(*r->pdesc) * r->size, 16);
		r->driver_event = mem_at_uva(mem, driver, sizeof(*r->driver_event), 4);
		r->device_event = mem_at_uva(mem, device, sizeof(*r->device_event), 4);
		if (!r->pdesc || !r->driver_event || !r->device_event)
			return "a packed ring lies outside the shared memory";
		return NULL;
	}
	if (r->size & (r->size - 1))
		return "a split ring whose size is no power of two";
	/* With room for the event indexes at the ends. */
	r->desc = mem_at_uva(mem, desc, sizeof(*r->desc) * r->size, 16);
	r->avail = mem_at_uva(mem, driver, sizeof(*r->avail) + 2 * r->size + 2, 2);
	r->used = mem_at_uva(mem, device,
			     sizeof(*r->used) + sizeof(r->used->ring[0]) * r->size + 2, 4);
	if (!r->desc || !r->avail || !r->used)
		return "a split ring lies outside the shared memory";
	return NULL;
}

static void chain_reset(struct chain *c)
{
	c->id = 0;
	c->slots = 0;
	c->descs = 0;
	c->num_out = 0;
	c->num_in = 0;
	c->out_len = 0;
	c->in_len = 0;
	c->longest = 0;
	c->ended = false;
	c->error = NULL;
	c->rules = 0;
}

int ring_pop(struct ring *r, struct chain *c)
{
	chain_reset(c);
	if (r->broken)
		return -1;
	if (inflight_left(r))
		return inflight_pop(r, c);
	return r->packed ? packed_pop(r, c) : split_pop(r, c);
}

unsigned int ring_burst(const struct ring *r)
{
	if (r->broken)
		return 0;
	return inflight_left(r) + (r->packed ? packed_burst(r) : split_burst(r));
}

void ring_push(struct ring *r, const struct chain *c, uint32_t id, uint32_t len)
{
	int tracked = ring_id_in_flight(r, id) ? (int)id : -1;
	uint16_t used_idx = r->used_idx;
	bool used_wrap = r->used_wrap;

	packed_next(r, &used_idx, &used_wrap, c->slots);
	inflight_give_back(r, tracked, used_idx, used_wrap);
	ring_id_back(r, id);
	if (r->packed) {
		packed_push(r, id, len);
		r->used_idx = used_idx;
		r->used_wrap = used_wrap;
		r->unsignalled += c->slots;
	} else {
		split_push(r, id, len);
	}
	inflight_given_back(r, tracked);
}

bool ring_should_notify(struct ring *r)
{
	/* What was pushed must be seen before the driver's wish is looked at. */
	atomic_thread_fence(memory_order_seq_cst);
	return r->packed ? packed_should_notify(r) : split_should_notify(r);
}

void ring_want_kicks(struct ring *r, bool want)
{
	if (r->packed)
		packed_want_kicks(r, want);
	else
		split_want_kicks(r, want);
	/* The wish must be seen before the ring is looked at once more. */
	if (want)
		atomic_thread_fence(memory_order_seq_cst);
}

int ring_break(struct ring *r, struct chain *c, enum rule which, const char *why)
{
	c->rules |= RULE_BIT(which);
	r->broken = why;
	return -1;
}

int ring_id_taken(struct ring *r, struct chain *c)
{
	if (ring_id_in_flight(r, c->id))
		return ring_break(r, c, RULE_R1, "a descriptor that the device still has");
	if (r->packed && r->slots_in_flight + c->slots > r->size)
		return ring_break(r, c, RULE_R2, "more descriptors than the ring has");
	r->in_flight[c->id / 64] |= 1ull << (c->id % 64);
	r->num_in_flight++;
	r->slots_of[c->id] = c->slots;
	r->slots_in_flight += c->slots;
	return 1;
}

void ring_id_back(struct ring *r, unsigned int id)
{
	if (!ring_id_in_flight(r, id))
		return;
	r->in_flight[id / 64] &= ~(1ull << (id % 64));
	r->num_in_flight--;
	r->slots_in_flight -= r->slots_of[id];
}

/* Few requests need it; those that do keep it. */
static bool more_pieces(struct chain *c)
{
	unsigned int max = 4 * c->iov_max;
	struct iovec *iov;

	if (c->iov_max > RING_MAX_SIZE)
		return false;
	iov = malloc(max * sizeof(*iov));
	if (!iov)
		return false;
	memcpy(iov, c->iov, c->iov_max * sizeof(*iov));
	if (c->iov != c->inline_iov)
		free(c->iov);
	c->iov = iov;
	c->iov_max = max;
	return true;
}

void chain_init(struct chain *c)
{
	c->iov = c->inline_iov;
	c->iov_max = CHAIN_INLINE;
}

void chain_exit(struct chain *c)
{
	if (c->iov != c->inline_iov)
		free(c->iov);
}

void chain_error(struct chain *c, enum rule which, const char *error)
{
	c->rules |= RULE_BIT(which);
	if (!c->error)
		c->error = error;
}

void chain_add(const struct ring *r, struct chain *c, uint64_t addr, uint32_t len,
	       bool device_writes)
{
	c->descs++;
	if (len > c->longest)
		c->longest = len;
	if (!device_writes && c->in_len) {
		chain_error(c, RULE_C9, "a descriptor to read behind one to write");
		return;
	}
	if (c->out_len + c->in_len + len > 1ull << 32) {
		chain_error(c, RULE_C9, "a chain of more than 4 GiB");
		return;
	}
	/* A buffer may lie across regions. */
	while (len) {
		struct iovec *iov;
		uint64_t piece = len;
		void *at = mem_at(r->mem, addr, &piece);

		if (!at) {
			chain_error(c, RULE_R3, "a descriptor outside the shared memory");
			return;
		}
		if (c->num_out + c->num_in == c->iov_max && !more_pieces(c)) {
			chain_error(c, RULE_R3, "a chain in too many pieces");
			return;
		}
		iov = &c->iov[c->num_out + c->num_in];
		iov->iov_base = at;
		iov->iov_len = piece;
		if (device_writes) {
			c->num_in++;
			c->in_len += piece;
		} else {
			c->num_out++;
			c->out_len += piece;
		}
		addr += piece;
		len -= piece;
	}
}

bool ring_read_desc(const struct ring *r, uint64_t table, unsigned int i, void *desc)
{
	/* Both formats' are of 16 bytes. */
	uint64_t len = 16;
	void *at = mem_at(r->mem, table + 16ull * i, &len);

	if (!at || len < 16)
		return false;
	memcpy(desc, at, 16);
	return true;
}

const char *ring_check_table(const struct ring *r, uint16_t flags, uint32_t len)
{
	if (!r->indirect)
		return "an indirect table without the feature";
	if (flags & VRING_DESC_F_NEXT)
		return "an indirect table that is not the chain's last";
	if (!len || len % 16)
		return "an indirect table of a broken size";
	if (len / 16 > RING_MAX_SIZE)
		return "an indirect table that is too long";
	return NULL;
}
