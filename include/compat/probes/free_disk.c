// SPDX-License-Identifier: GPL-2.0-only
// 5.18: ->free_disk().
#include <linux/blkdev.h>

static void probe(struct block_device_operations *fops)
{
	fops->free_disk = NULL;
}
