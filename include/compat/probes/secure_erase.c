// SPDX-License-Identifier: GPL-2.0-only
// 5.19: secure erase has a limit of its own; since 6.11 in struct queue_limits.
#include <linux/blkdev.h>

static void probe(struct request_queue *q)
{
	blk_queue_max_secure_erase_sectors(q, 1);
}
