// SPDX-License-Identifier: GPL-2.0-only
// 6.14: blk_mq_map_hw_queues() for any bus.
#include <linux/blk-mq.h>

static void probe(struct blk_mq_queue_map *map, struct device *dev)
{
	blk_mq_map_hw_queues(map, dev, 0);
}
