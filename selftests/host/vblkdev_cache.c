// SPDX-License-Identifier: GPL-2.0-only
/*
 * vblkdev's volatile cache: what a power cut may take, and what it must not.
 */
#include "front.h"
#include "ktap.h"

#include "../../tools/vblkdev/cache.h"

#define BLOCKS	64u

static struct front f;

static void open_cached(const char *features)
{
	front_open(&f, "ram:1M");
	f.dev.backend.cache = cache_new(f.dev.backend.image, f.dev.backend.size);
	f.dev.faults.has_cache = true;
	if (features)
		config_features(&f.dev, features);
	front_start(&f);
}

static bool write_blocks(uint8_t with)
{
	unsigned int i;

	memset(f.ram + AT_DATA, with, 512);
	for (i = 0; i < BLOCKS; i++)
		if (request(&f, VIRTIO_BLK_T_OUT, i, (struct piece)OUT(AT_DATA, 512), NULL))
			return false;
	return true;
}

static unsigned int blocks_with(uint8_t what)
{
	unsigned int i, n = 0;

	for (i = 0; i < BLOCKS; i++)
		n += !request(&f, VIRTIO_BLK_T_IN, i, (struct piece)IN(AT_DATA, 512), NULL) &&
		     f.ram[AT_DATA] == what && f.ram[AT_DATA + 511] == what;
	return n;
}

static bool flush(void)
{
	return !request(&f, VIRTIO_BLK_T_FLUSH, 0, (struct piece) { }, NULL);
}

static const char *flushed_survives(void)
{
	unsigned int cut;

	open_cached(NULL);
	for (cut = 1; cut <= 200; cut++) {
		check(write_blocks(cut) && flush());
		/* On top of it something that nobody flushed. */
		memset(f.ram + AT_DATA, 0xff, 512);
		check(!request(&f, VIRTIO_BLK_T_OUT, BLOCKS, (struct piece)OUT(AT_DATA, 512),
			       NULL));
		cache_power_cut(f.dev.backend.cache);
		check(blocks_with(cut) == BLOCKS);
	}
	return NULL;
}

/* The control: without a flush some is lost and some is not, sector by sector. */
static const char *unflushed_is_torn(void)
{
	unsigned int survived;

	open_cached(NULL);
	check(write_blocks(1) && flush() && write_blocks(2));
	check(blocks_with(2) == BLOCKS);
	check(cache_power_cut(f.dev.backend.cache) > 0);
	survived = blocks_with(2);
	check(survived > BLOCKS / 8 && survived < BLOCKS * 7 / 8);
	check(blocks_with(1) == BLOCKS - survived);
	/* What the first cut left is there for good. */
	check(cache_power_cut(f.dev.backend.cache) == 0);
	check(blocks_with(2) == survived);
	return NULL;
}

static const char *write_through_survives(void)
{
	open_cached("-flush");
	check(write_blocks(3));
	check(cache_power_cut(f.dev.backend.cache) == 0 && blocks_with(3) == BLOCKS);
	return NULL;
}

/* The switch makes durable what comes after it, and nothing from before. */
static const char *switched_to_write_through(void)
{
	open_cached(NULL);
	check(write_blocks(4));
	f.dev.write_through = true;
	memset(f.ram + AT_DATA, 5, 512);
	check(!request(&f, VIRTIO_BLK_T_OUT, 0, (struct piece)OUT(AT_DATA, 512), NULL));
	check(cache_power_cut(f.dev.backend.cache) > 0);
	check(blocks_with(5) == 1 && blocks_with(4) < BLOCKS - 1);
	return NULL;
}

static const char *lying_flush(void)
{
	open_cached(NULL);
	faults_add(&f.dev.faults, "cache-lies");
	check(write_blocks(6) && flush());
	check(cache_power_cut(f.dev.backend.cache) > 0 && blocks_with(6) < BLOCKS);
	return NULL;
}

static const struct ktap_test tests[] = {
	TEST(flushed_survives),
	TEST(unflushed_is_torn),
	TEST(write_through_survives),
	TEST(switched_to_write_through),
	TEST(lying_flush),
};

int main(void)
{
	return ktap_main(tests, ITEMS(tests));
}
