/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A model of a disk's volatile write cache: what was written is in the cache
 * until a flush, and a power cut decides sector by sector which of it survives.
 */
#ifndef VBLKDEV_CACHE_H
#define VBLKDEV_CACHE_H

#include "util.h"

struct cache;

/* image is what reads see, of so many bytes; what survives is the cache's own. */
struct cache *cache_new(uint8_t *image, uint64_t size);

/* Around every request: no power cut in its middle. */
void cache_begin(struct cache *c);
void cache_end(struct cache *c);

/* Within: the image was changed there; it is durable at once if so asked. */
void cache_wrote(struct cache *c, uint64_t offset, uint64_t len, bool through);
/* Within: all that was written before is durable. */
void cache_flush(struct cache *c);

/* Sectors that were lost. */
uint64_t cache_power_cut(struct cache *c);

#endif /* VBLKDEV_CACHE_H */
