// SPDX-License-Identifier: GPL-2.0-only
// 5.17: blk_execute_rq(rq, at_head).
#include <linux/blk-mq.h>

static void probe(struct request *rq)
{
	blk_execute_rq(rq, false);
}
