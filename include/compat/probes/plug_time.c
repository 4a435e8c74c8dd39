// SPDX-License-Identifier: GPL-2.0-only
// 6.9: plugs cache the time, and a bio that is submitted alone has one for that.
#include <linux/blkdev.h>

static u64 probe(struct blk_plug *plug)
{
	return plug->cur_ktime;
}
