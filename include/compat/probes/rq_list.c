// SPDX-License-Identifier: GPL-2.0-only
// 6.13 (and 6.12.25): struct rq_list.
#include <linux/blkdev.h>
#include <linux/blk-mq.h>

static struct request *probe(struct rq_list *list)
{
	return rq_list_pop(list);
}
