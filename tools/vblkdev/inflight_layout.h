/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The layout of the region for inflight requests, which is the protocol's, and
 * what a queue keeps of it for itself. For inflight.c and inflight_start.c.
 */
#ifndef VBLKDEV_INFLIGHT_LAYOUT_H
#define VBLKDEV_INFLIGHT_LAYOUT_H

#include "inflight.h"

#define INFLIGHT_VERSION	1
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

uint64_t inflight_queue_bytes(bool packed, unsigned int queue_size);
/* A packed ring's place, between two chains; next: what a chain will make it. */
void inflight_position(const struct ring *r, uint16_t next_idx, bool next_wrap);

#endif /* VBLKDEV_INFLIGHT_LAYOUT_H */
