// SPDX-License-Identifier: GPL-2.0-only
// Later than 6.12: ->report_zones() hands zones to disk_report_zone().
#include <linux/blkdev.h>

static int probe(struct gendisk *disk, struct blk_zone *zone,
		 struct blk_report_zones_args *args)
{
	return disk_report_zone(disk, zone, 0, args);
}
