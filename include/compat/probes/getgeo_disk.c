// SPDX-License-Identifier: GPL-2.0-only
// 6.18: ->getgeo() takes a disk.
#include <linux/blkdev.h>

static int probe(struct block_device_operations *fops, struct gendisk *disk,
		 struct hd_geometry *geo)
{
	return fops->getgeo(disk, geo);
}
