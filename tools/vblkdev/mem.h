/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest's memory as the front end shares it. Changed only while no queue
 * runs, and so no request points there.
 */
#ifndef VBLKDEV_MEM_H
#define VBLKDEV_MEM_H

#include "util.h"

#define MEM_MAX_REGIONS	8	/* of one message, says the protocol */

struct mem_region {
	uint64_t gpa;		/* what descriptors name */
	uint64_t uva;		/* what ring addresses are in: the front end's own */
	uint64_t size;
	uint8_t *base;		/* where gpa lies here */
	void *map;		/* what was mapped: from the file's beginning */
	size_t map_size;
};

struct mem {
	unsigned int num;
	struct mem_region regions[MEM_MAX_REGIONS];
};

struct mem *mem_new(void);
void mem_free(struct mem *mem);

/* NULL, or why not. The descriptor stays the caller's. */
const char *mem_add(struct mem *mem, uint64_t gpa, uint64_t size, uint64_t uva,
		    uint64_t offset, int fd);

/*
 * Where gpa lies, or NULL; *len is cut to what lies there in one piece. Inline:
 * it is done for every descriptor.
 */
static inline void *mem_at(const struct mem *mem, uint64_t gpa, uint64_t *len)
{
	unsigned int i;

	for (i = 0; i < mem->num; i++) {
		const struct mem_region *r = &mem->regions[i];

		if (gpa - r->gpa < r->size) {
			if (*len > r->size - (gpa - r->gpa))
				*len = r->size - (gpa - r->gpa);
			return r->base + (gpa - r->gpa);
		}
	}
	return NULL;
}

/* The same for all of len at an address of the front end, aligned. */
void *mem_at_uva(const struct mem *mem, uint64_t uva, uint64_t len, unsigned int align);

#endif /* VBLKDEV_MEM_H */
