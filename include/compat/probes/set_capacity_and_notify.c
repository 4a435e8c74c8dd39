// SPDX-License-Identifier: GPL-2.0-only
// 5.11: set_capacity_and_notify().
#include <linux/blkdev.h>

void probe(struct gendisk *disk)
{
	set_capacity_and_notify(disk, 0);
}
