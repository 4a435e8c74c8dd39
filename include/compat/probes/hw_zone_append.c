// SPDX-License-Identifier: GPL-2.0-only
// Later than 6.12: the device's limit for zone append has a field of its own.
#include <linux/blkdev.h>

static unsigned int probe(const struct queue_limits *lim)
{
	return lim->max_hw_zone_append_sectors;
}
