/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How long something took, in buckets that are an eighth of a power of two wide:
 * percentiles are right to 12.5 %. One thread adds, others read.
 */
#ifndef VBLKDEV_HISTOGRAM_H
#define VBLKDEV_HISTOGRAM_H

#include "util.h"

#define HISTOGRAM_BUCKETS	(8 * 38)	/* to 2^40 ns, which is 18 minutes */

struct histogram {
	atomic_ulong buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *h, uint64_t ns);
/* What is in the one, as well. */
void histogram_merge(struct histogram *to, struct histogram *from);
unsigned long histogram_count(struct histogram *h);
/* So many percent were not longer, rounded up; 0 if there were none. */
uint64_t histogram_percentile(struct histogram *h, unsigned int percent);

#endif /* VBLKDEV_HISTOGRAM_H */
