// SPDX-License-Identifier: GPL-2.0-only
// 5.16: ->queue_rqs(), lists of requests linked by rq_next.
#include <linux/blk-mq.h>

static struct request *probe(struct blk_mq_ops *ops, struct request *rq)
{
	ops->queue_rqs = NULL;
	return rq->rq_next;
}
