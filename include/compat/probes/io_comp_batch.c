// SPDX-License-Identifier: GPL-2.0-only
// 5.16: struct io_comp_batch, and ->poll() that takes one.
#include <linux/blk-mq.h>

static int probe(struct blk_mq_ops *ops, struct blk_mq_hw_ctx *hctx,
		 struct io_comp_batch *iob)
{
	return ops->poll(hctx, iob);
}
