// SPDX-License-Identifier: GPL-2.0-only
/*
 * The volatile write cache. Requests hold the lock for reading, as many at a time
 * as there are queues; a power cut holds it for writing.
 */
#include "cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define SECTOR	512u

struct cache {
	pthread_rwlock_t lock;
	uint8_t *image;		/* whose sectors are the writers' business */
	uint8_t *durable;	/* a sector: who took its dirty bit, or wrote through */
	atomic_ulong *dirty;	/* bitmap of sectors that differ from durable */
	uint64_t sectors;
	unsigned int random;	/* lock, for writing */
};

static void *zeroes(uint64_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		die("--cache volatile: cannot have %llu bytes of memory",
		    (unsigned long long)size);
	return at;
}

struct cache *cache_new(uint8_t *image, uint64_t size)
{
	struct cache *c = calloc(1, sizeof(*c));

	if (!c)
		die("no memory");
	pthread_rwlock_init(&c->lock, NULL);
	c->image = image;
	c->durable = zeroes(size);
	c->sectors = size / SECTOR;
	c->dirty = zeroes((c->sectors / 64 + 1) * sizeof(*c->dirty));
	c->random = 1;
	return c;
}

void cache_begin(struct cache *c)
{
	pthread_rwlock_rdlock(&c->lock);
}

void cache_end(struct cache *c)
{
	pthread_rwlock_unlock(&c->lock);
}

static void copy_sector(uint8_t *to, const uint8_t *from, uint64_t sector)
{
	memcpy(to + sector * SECTOR, from + sector * SECTOR, SECTOR);
}

void cache_wrote(struct cache *c, uint64_t offset, uint64_t len, bool through)
{
	uint64_t sector = offset / SECTOR, end = (offset + len) / SECTOR;

	for (; sector < end; sector++) {
		unsigned long bit = 1ul << sector % 64;

		if (through) {
			atomic_fetch_and(&c->dirty[sector / 64], ~bit);
			copy_sector(c->durable, c->image, sector);
		} else {
			atomic_fetch_or(&c->dirty[sector / 64], bit);
		}
	}
}

/* Calls what with every dirty sector, which is clean then. */
static void visit_dirty(struct cache *c, void (*what)(struct cache *c, uint64_t sector))
{
	uint64_t word;

	for (word = 0; word <= c->sectors / 64; word++) {
		unsigned long bits = c->dirty[word] ? atomic_exchange(&c->dirty[word], 0) : 0;

		for (; bits; bits &= bits - 1)
			what(c, word * 64 + __builtin_ctzl(bits));
	}
}

static void save(struct cache *c, uint64_t sector)
{
	copy_sector(c->durable, c->image, sector);
}

void cache_flush(struct cache *c)
{
	visit_dirty(c, save);
}

static uint64_t lost;	/* of the power cut that holds the lock */

static void save_or_lose(struct cache *c, uint64_t sector)
{
	if (rand_r(&c->random) & 1) {
		copy_sector(c->durable, c->image, sector);
	} else {
		copy_sector(c->image, c->durable, sector);
		lost++;
	}
}

uint64_t cache_power_cut(struct cache *c)
{
	uint64_t n;

	pthread_rwlock_wrlock(&c->lock);
	lost = 0;
	visit_dirty(c, save_or_lose);
	n = lost;
	pthread_rwlock_unlock(&c->lock);
	return n;
}
