// SPDX-License-Identifier: GPL-2.0-only
// No kernel has this: if it compiles, errors go unseen.
#include <linux/blk-mq.h>

static int probe(struct request *rq)
{
	return rq->compat_no_such_field;
}
