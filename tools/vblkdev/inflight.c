// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keeps account of what is in flight. The device may be killed between any two
 * stores here; they reach the memory in the order of the program, so it is enough
 * that the compiler keeps them in order.
 */
#define _GNU_SOURCE
#include "inflight_layout.h"
#include "shared.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define QUEUE_ALIGN	64u	/* as front ends and other devices have it */

/* --- The memory ----------------------------------------------------------- */

uint64_t inflight_queue_bytes(bool packed, unsigned int queue_size)
{
	uint64_t bytes = packed ?
		sizeof(struct packed_region) + sizeof(struct packed_desc) * queue_size :
		sizeof(struct split_region) + sizeof(struct split_desc) * queue_size;

	return (bytes + QUEUE_ALIGN - 1) / QUEUE_ALIGN * QUEUE_ALIGN;
}

uint64_t inflight_size(bool packed, unsigned int queues, unsigned int queue_size)
{
	return queues * inflight_queue_bytes(packed, queue_size);
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
	area->map = shared_map(area->map_size, fd);
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
		shared_unmap(area->map, area->map_size);
	area->base = NULL;
}

bool inflight_begun(const struct inflight_area *area, bool packed, unsigned int index)
{
	uint64_t bytes = inflight_queue_bytes(packed, area->queue_size);
	const struct split_region *s;

	if (!area->base || index >= area->queues || bytes * area->queues > area->size)
		return false;
	/* The version is at the same place in both formats. */
	s = (const struct split_region *)(area->base + index * bytes);
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

void inflight_position(const struct ring *r, uint16_t next_idx, bool next_wrap)
{
	union packed_position position = { .all = 0 };

	position.used_idx = next_idx;
	position.used_wrap = next_wrap;
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
	inflight_position(r, used_idx, used_wrap);
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
	inflight_position(r, r->used_idx, r->used_wrap);
}
