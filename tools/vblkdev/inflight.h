/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the device has taken off its rings and not given back, in memory that the
 * front end keeps for it: after the device was killed, the next one finds there
 * what it has to do again. The layout is that of the vhost-user protocol
 * ("Inflight I/O tracking").
 *
 * What a queue needs while it runs it keeps for itself and only writes to that
 * memory; it is read, and checked, when a queue starts.
 */
#ifndef VBLKDEV_INFLIGHT_H
#define VBLKDEV_INFLIGHT_H

#include "ring.h"

/* All queues' memory. */
struct inflight_area {
	uint8_t *base;			/* NULL: there is none */
	uint64_t size;
	unsigned int queues;
	unsigned int queue_size;
	void *map;			/* from the file's beginning */
	size_t map_size;
};

/* How many bytes that takes. */
uint64_t inflight_size(bool packed, unsigned int queues, unsigned int queue_size);
/* A new one, all zeroes, as a file; -1: there is no memory. */
int inflight_create(uint64_t size);
/* NULL, or why it cannot be. The descriptor stays the caller's. */
const char *inflight_map(struct inflight_area *area, int fd, uint64_t offset, uint64_t size,
			 unsigned int queues, unsigned int queue_size);
void inflight_unmap(struct inflight_area *area);
/* Did a device begin with this ring, perhaps another one? */
bool inflight_begun(const struct inflight_area *area, bool packed, unsigned int index);

/*
 * A ring starts, with what the last device had of it: ring_pop() returns that
 * first, in the order in which it was taken. *again: there was such a device.
 * NULL, or why that makes no sense.
 */
const char *inflight_start(struct ring *r, const struct inflight_area *area,
			   unsigned int index, bool *again);
void inflight_stop(struct ring *r);

/* For rings; without an area they do nothing. descs: of a packed ring. */
void inflight_took(struct ring *r, const struct chain *c,
		   const struct vring_packed_desc *descs);
/* Around giving back id, or something that is none (-1). used_idx: what is next. */
void inflight_give_back(struct ring *r, int id, uint16_t used_idx, bool used_wrap);
void inflight_given_back(struct ring *r, int id);
/* The next chain to be done again, as ring_pop(). */
int inflight_pop(struct ring *r, struct chain *c);
unsigned int inflight_left(const struct ring *r);

#endif /* VBLKDEV_INFLIGHT_H */
