// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buckets 0 to 7 are those numbers; after them come eight for each power of two.
 */
#include "histogram.h"

static unsigned int bucket_of(uint64_t ns)
{
	unsigned int power, bucket;

	if (ns < 8)
		return ns;
	power = 63 - __builtin_clzll(ns);
	bucket = (power - 2) * 8 + (ns >> (power - 3) & 7);
	return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

/* The largest number in a bucket. */
static uint64_t end_of(unsigned int bucket)
{
	unsigned int power = bucket / 8 + 2;

	if (bucket < 8)
		return bucket;
	return ((9ull + bucket % 8) << (power - 3)) - 1;
}

void histogram_add(struct histogram *h, uint64_t ns)
{
	count(&h->buckets[bucket_of(ns)], 1);
}

void histogram_merge(struct histogram *to, struct histogram *from)
{
	unsigned int i;

	for (i = 0; i < HISTOGRAM_BUCKETS; i++)
		count(&to->buckets[i], counted(&from->buckets[i]));
}

unsigned long histogram_count(struct histogram *h)
{
	unsigned long n = 0;
	unsigned int i;

	for (i = 0; i < HISTOGRAM_BUCKETS; i++)
		n += counted(&h->buckets[i]);
	return n;
}

uint64_t histogram_percentile(struct histogram *h, unsigned int percent)
{
	unsigned long all = histogram_count(h), n = 0;
	unsigned int i;

	for (i = 0; i < HISTOGRAM_BUCKETS; i++) {
		n += counted(&h->buckets[i]);
		if (n && n * 100 >= all * percent)
			return end_of(i);
	}
	return 0;
}
