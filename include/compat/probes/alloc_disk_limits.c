// SPDX-License-Identifier: GPL-2.0-only
// 6.9: queue limits are an argument of blk_mq_alloc_disk(); 6.11: with features.
#include <linux/blk-mq.h>

static struct gendisk *probe(struct blk_mq_tag_set *set)
{
	struct queue_limits lim = { .features = BLK_FEAT_WRITE_CACHE };

	return blk_mq_alloc_disk(set, &lim, NULL);
}
