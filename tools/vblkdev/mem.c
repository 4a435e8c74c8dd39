// SPDX-License-Identifier: GPL-2.0-only
/*
 * Maps what the front end shares, and finds addresses in it.
 */
#include "mem.h"
#include "shared.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

struct mem *mem_new(void)
{
	struct mem *mem = calloc(1, sizeof(*mem));

	if (!mem)
		die("no memory");
	return mem;
}

void mem_free(struct mem *mem)
{
	unsigned int i;

	if (!mem)
		return;
	for (i = 0; i < mem->num; i++)
		shared_unmap(mem->regions[i].map, mem->regions[i].map_size);
	free(mem);
}

const char *mem_add(struct mem *mem, uint64_t gpa, uint64_t size, uint64_t uva,
		    uint64_t offset, int fd)
{
	struct mem_region *r = &mem->regions[mem->num];
	struct stat st;
	unsigned int i;

	if (mem->num == MEM_MAX_REGIONS)
		return "more memory regions than the protocol allows";
	if (!size || gpa + size < gpa || uva + size < uva ||
	    offset + size < offset || offset + size > SIZE_MAX / 2)
		return "a memory region of an impossible size";
	for (i = 0; i < mem->num; i++) {
		const struct mem_region *other = &mem->regions[i];

		if (gpa < other->gpa + other->size && other->gpa < gpa + size)
			return "memory regions overlap";
	}
	/* Beyond its end nothing can be accessed. */
	if (fstat(fd, &st) || (S_ISREG(st.st_mode) && (uint64_t)st.st_size < offset + size))
		return "a memory region is longer than its file";

	r->map_size = offset + size;
	r->map = shared_map(r->map_size, fd);
	if (r->map == MAP_FAILED)
		return "a memory region cannot be mapped";
	r->gpa = gpa;
	r->uva = uva;
	r->size = size;
	r->base = (uint8_t *)r->map + offset;
	mem->num++;
	return NULL;
}

void *mem_at_uva(const struct mem *mem, uint64_t uva, uint64_t len, unsigned int align)
{
	unsigned int i;

	if (uva % align)
		return NULL;
	for (i = 0; i < mem->num; i++) {
		const struct mem_region *r = &mem->regions[i];

		if (uva - r->uva < r->size && len <= r->size - (uva - r->uva) &&
		    !((uintptr_t)(r->base + (uva - r->uva)) % align))
			return r->base + (uva - r->uva);
	}
	return NULL;
}
