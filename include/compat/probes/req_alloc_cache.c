// SPDX-License-Identifier: GPL-2.0-only
// 5.19: bios of a per-task cache say so in their operation.
#include <linux/blk_types.h>

static unsigned int probe(void)
{
	return (__force unsigned int)REQ_ALLOC_CACHE;
}
