// SPDX-License-Identifier: GPL-2.0-only
// 6.16: blk_rq_map_sg() and blk_rq_map_kern() take no queue.
#include <linux/blk-mq.h>

static int probe(struct request *rq, struct scatterlist *sgl, void *buf)
{
	return blk_rq_map_sg(rq, sgl) + blk_rq_map_kern(rq, buf, 20, GFP_KERNEL);
}
