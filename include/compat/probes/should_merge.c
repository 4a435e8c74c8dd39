// SPDX-License-Identifier: GPL-2.0-only
// Up to 6.13: merging is asked for with a flag.
#include <linux/blk-mq.h>

static int probe(void)
{
	return BLK_MQ_F_SHOULD_MERGE;
}
