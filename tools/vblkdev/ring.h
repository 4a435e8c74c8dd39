/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The device's side of a virtqueue: takes chains of descriptors off it, gives
 * them back, and says whether to notify. ring_split.c and ring_packed.c hold the
 * two formats, ring.c what they share. Nothing that the driver writes there is
 * believed: it is read once and checked.
 *
 * A ring belongs to its queue's thread; while that does not run, to the
 * protocol's.
 */
#ifndef VBLKDEV_RING_H
#define VBLKDEV_RING_H

#include <linux/virtio_ring.h>
#include <sys/uio.h>

#include "mem.h"
#include "rules.h"

#define RING_MAX_SIZE	1024	/* of a ring, and of a chain */
#define CHAIN_INLINE	16	/* pieces of memory without a malloc() */

struct ring {
	unsigned int size;
	bool packed;
	bool indirect;			/* features that were negotiated */
	bool event_idx;
	struct mem *mem;
	const char *broken;		/* why nothing more is taken off it */

	uint16_t last_avail;		/* next to be taken off */
	uint16_t used_idx;		/* next to be given back */
	uint16_t signalled;		/* used_idx when the driver was last notified */
	bool signalled_valid;
	unsigned int unsignalled;	/* packed: slots given back since */
	uint64_t in_flight[RING_MAX_SIZE / 64];	/* bitmap of ids */
	unsigned int num_in_flight;
	struct inflight *inflight;	/* what would outlive us, or NULL */

	/* split */
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;

	/* packed */
	struct vring_packed_desc *pdesc;
	struct vring_packed_desc_event *driver_event;
	struct vring_packed_desc_event *device_event;
	bool avail_wrap;
	bool used_wrap;
	unsigned int slots_in_flight;
	uint16_t slots_of[RING_MAX_SIZE];	/* by id */
};

/* Descriptors of one request, with the driver's addresses made ours. */
struct chain {
	uint16_t id;			/* names it in the used ring */
	uint16_t slots;			/* that it takes in a packed ring */
	unsigned int descs;		/* indirect ones included */
	unsigned int num_out;		/* iov[0..num_out): the device reads */
	unsigned int num_in;		/* iov[num_out..): it writes */
	uint64_t out_len;
	uint64_t in_len;
	uint32_t longest;		/* descriptor */
	bool ended;			/* its last descriptor was found */
	const char *error;		/* why it cannot be served */
	rule_mask rules;		/* that it violates */
	struct iovec *iov;
	unsigned int iov_max;
	struct iovec inline_iov[CHAIN_INLINE];
};

void chain_init(struct chain *c);
void chain_exit(struct chain *c);

/* NULL, or why the addresses cannot be: they are the front end's. */
const char *ring_map(struct ring *r, struct mem *mem, uint64_t desc, uint64_t driver,
		     uint64_t device);

/* How many chains are there to be taken at once, and one that breaks the ring. */
unsigned int ring_burst(const struct ring *r);
/* 1: there is a chain; 0: none; -1: the ring is broken (c->rules say by what). */
int ring_pop(struct ring *r, struct chain *c);
static inline bool ring_empty(const struct ring *r)
{
	return !ring_burst(r);
}

/* Give a chain back. Raw: id and len are what faults make them. */
void ring_push(struct ring *r, const struct chain *c, uint32_t id, uint32_t len);

/*
 * Should the driver be notified of what was pushed since the last call? Once a
 * burst.
 */
bool ring_should_notify(struct ring *r);

/* Ask for kicks, or for none. After asking, look once more: ring_empty(). */
void ring_want_kicks(struct ring *r, bool want);

/* For the formats: */
static inline bool ring_id_in_flight(const struct ring *r, unsigned int id)
{
	return id < r->size && r->in_flight[id / 64] >> (id % 64) & 1;
}

/* The driver violated a rule in a way after which nothing can be trusted: -1. */
int ring_break(struct ring *r, struct chain *c, enum rule which, const char *why);
/* The chain is the device's now: 1, or -1 where its id was already. */
int ring_id_taken(struct ring *r, struct chain *c);
void ring_id_back(struct ring *r, unsigned int id);
void chain_error(struct chain *c, enum rule which, const char *error);
void chain_add(const struct ring *r, struct chain *c, uint64_t addr, uint32_t len,
	       bool device_writes);
/* A table of descriptors, by its guest address: copies number i, or false. */
bool ring_read_desc(const struct ring *r, uint64_t table, unsigned int i, void *desc);
/* NULL, or why no table can be there. */
const char *ring_check_table(const struct ring *r, uint16_t flags, uint32_t len);

/* The chain that begins there, or is this: 1, or -1 where it breaks the ring. */
int split_chain(struct ring *r, struct chain *c, unsigned int head);
int packed_chain(struct ring *r, struct chain *c, const struct vring_packed_desc *descs);

int split_pop(struct ring *r, struct chain *c);
unsigned int split_burst(const struct ring *r);
void split_push(struct ring *r, uint32_t id, uint32_t len);
bool split_should_notify(struct ring *r);
void split_want_kicks(struct ring *r, bool want);

bool packed_is_available(const struct vring_packed_desc *desc, bool wrap);
int packed_pop(struct ring *r, struct chain *c);
unsigned int packed_burst(const struct ring *r);
void packed_push(struct ring *r, uint32_t id, uint32_t len);
void packed_next(const struct ring *r, uint16_t *at, bool *wrap, unsigned int n);
bool packed_should_notify(struct ring *r);
void packed_want_kicks(struct ring *r, bool want);

#endif /* VBLKDEV_RING_H */
