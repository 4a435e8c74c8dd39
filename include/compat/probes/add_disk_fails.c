// SPDX-License-Identifier: GPL-2.0-only
// 5.15: device_add_disk() can fail.
#include <linux/blkdev.h>

static int probe(struct device *dev, struct gendisk *disk)
{
	return device_add_disk(dev, disk, NULL);
}
