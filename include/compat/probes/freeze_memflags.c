// SPDX-License-Identifier: GPL-2.0-only
// Later than 6.12: freezing a queue returns what unfreezing takes.
#include <linux/blk-mq.h>

static void probe(struct request_queue *q)
{
	unsigned int memflags = blk_mq_freeze_queue(q);

	blk_mq_unfreeze_queue(q, memflags);
}
