// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the device says of itself: config space (VIRTIO 1.2, 5.2.4) and features.
 * Any field can be made to say anything.
 */
#include "device.h"

#include <stdlib.h>
#include <string.h>

#define CONFIG_FIELD(name)	\
	{ #name, offsetof(struct virtio_blk_config, name), \
	  sizeof(((struct virtio_blk_config *)0)->name), -1 }
#define CONFIG_FIELD_OF(name, feature)	\
	{ #name, offsetof(struct virtio_blk_config, name), \
	  sizeof(((struct virtio_blk_config *)0)->name), feature }

static const struct {
	const char *name;
	size_t offset, size;
	int feature;		/* that a driver needs to look at it */
} fields[] = {
	CONFIG_FIELD(capacity),
	CONFIG_FIELD_OF(size_max, VIRTIO_BLK_F_SIZE_MAX),
	CONFIG_FIELD_OF(seg_max, VIRTIO_BLK_F_SEG_MAX),
	CONFIG_FIELD_OF(geometry.cylinders, VIRTIO_BLK_F_GEOMETRY),
	CONFIG_FIELD_OF(geometry.heads, VIRTIO_BLK_F_GEOMETRY),
	CONFIG_FIELD_OF(geometry.sectors, VIRTIO_BLK_F_GEOMETRY),
	CONFIG_FIELD_OF(blk_size, VIRTIO_BLK_F_BLK_SIZE),
	CONFIG_FIELD_OF(physical_block_exp, VIRTIO_BLK_F_TOPOLOGY),
	CONFIG_FIELD_OF(alignment_offset, VIRTIO_BLK_F_TOPOLOGY),
	CONFIG_FIELD_OF(min_io_size, VIRTIO_BLK_F_TOPOLOGY),
	CONFIG_FIELD_OF(opt_io_size, VIRTIO_BLK_F_TOPOLOGY),
	{ "writeback", offsetof(struct virtio_blk_config, wce), 1, VIRTIO_BLK_F_CONFIG_WCE },
	CONFIG_FIELD_OF(max_discard_sectors, VIRTIO_BLK_F_DISCARD),
	CONFIG_FIELD_OF(max_discard_seg, VIRTIO_BLK_F_DISCARD),
	CONFIG_FIELD_OF(discard_sector_alignment, VIRTIO_BLK_F_DISCARD),
	CONFIG_FIELD_OF(max_write_zeroes_sectors, VIRTIO_BLK_F_WRITE_ZEROES),
	CONFIG_FIELD_OF(max_write_zeroes_seg, VIRTIO_BLK_F_WRITE_ZEROES),
	CONFIG_FIELD_OF(write_zeroes_may_unmap, VIRTIO_BLK_F_WRITE_ZEROES),
};

static const struct {
	const char *name;
	unsigned int bit;
	bool offered;		/* if nothing else is said */
} feature_names[] = {
	{ "size_max",		VIRTIO_BLK_F_SIZE_MAX, false },
	{ "seg_max",		VIRTIO_BLK_F_SEG_MAX, true },
	{ "geometry",		VIRTIO_BLK_F_GEOMETRY, false },
	{ "ro",			VIRTIO_BLK_F_RO, false },
	{ "blk_size",		VIRTIO_BLK_F_BLK_SIZE, true },
	{ "flush",		VIRTIO_BLK_F_FLUSH, true },
	{ "topology",		VIRTIO_BLK_F_TOPOLOGY, true },
	{ "config_wce",		VIRTIO_BLK_F_CONFIG_WCE, true },
	{ "mq",			VIRTIO_BLK_F_MQ, true },
	{ "discard",		VIRTIO_BLK_F_DISCARD, true },
	{ "write_zeroes",	VIRTIO_BLK_F_WRITE_ZEROES, true },
	{ "indirect",		VIRTIO_RING_F_INDIRECT_DESC, true },
	{ "event_idx",		VIRTIO_RING_F_EVENT_IDX, true },
	{ "packed",		VIRTIO_F_RING_PACKED, true },
	{ "version_1",		VIRTIO_F_VERSION_1, true },
};

#define F_PROTOCOL	30	/* of vhost-user itself */

void config_cache_on(struct device *dev)
{
	pthread_mutex_lock(&dev->lock);
	dev->cfg.wce = 1;
	pthread_mutex_unlock(&dev->lock);
	dev->write_through = false;
	dev->cache_on_again = false;
}

void config_init(struct device *dev)
{
	struct virtio_blk_config cfg = {
		.capacity = dev->backend.size / SECTOR,
		.seg_max = dev->opt.queue_size - 2,
		.blk_size = SECTOR,
		.num_queues = dev->opt.queues,
		.max_discard_sectors = UINT32_MAX / SECTOR,
		.max_discard_seg = 1,
		.discard_sector_alignment = 1,
		.max_write_zeroes_sectors = UINT32_MAX / SECTOR,
		.max_write_zeroes_seg = 1,
		.write_zeroes_may_unmap = 1,
	};
	unsigned int i;

	/* A driver that turned the cache off relies on that for as long as it is there. */
	dev->cache_on_again = dev->features;
	if (!dev->features)
		config_cache_on(dev);
	pthread_mutex_lock(&dev->lock);
	cfg.wce = !dev->write_through;
	/* Queues may be at work: never something in between. */
	dev->cfg = cfg;
	pthread_mutex_unlock(&dev->lock);

	dev->offered = 1ull << F_PROTOCOL;
	for (i = 0; i < ITEMS(feature_names); i++)
		if (feature_names[i].offered)
			dev->offered |= 1ull << feature_names[i].bit;
	if (dev->backend.read_only)
		dev->offered |= 1ull << VIRTIO_BLK_F_RO;
}

/* The next of a comma-separated list, or NULL. */
static char *next_item(char **list)
{
	return strsep(list, ",");
}

static const char *set_field(struct device *dev, char *item)
{
	static char error[512];
	char *text = strchr(item, '=');
	uint64_t value;
	unsigned int i;

	if (text)
		*text++ = '\0';
	for (i = 0; i < ITEMS(fields); i++) {
		if (strcmp(fields[i].name, item))
			continue;
		if (!text || !parse_number(text, &value) ||
		    (fields[i].size < 8 && value >> (8 * fields[i].size))) {
			snprintf(error, sizeof(error), "%s takes a number of %zu bits", item,
				 8 * fields[i].size);
			return error;
		}
		pthread_mutex_lock(&dev->lock);
		memcpy((char *)&dev->cfg + fields[i].offset, &value, fields[i].size);
		pthread_mutex_unlock(&dev->lock);
		if (fields[i].feature == VIRTIO_BLK_F_CONFIG_WCE)
			dev->write_through = !value;
		if (fields[i].feature >= 0)
			dev->offered |= 1ull << fields[i].feature;
		return NULL;
	}
	snprintf(error, sizeof(error), "no field '%.40s' in config space: one of", item);
	for (i = 0; i < ITEMS(fields); i++) {
		strcat(error, " ");
		strcat(error, fields[i].name);
	}
	return error;
}

const char *config_set(struct device *dev, const char *assignments)
{
	char *list = strdup(assignments), *at = list, *item;
	const char *error = NULL;

	while (!error && (item = next_item(&at)))
		error = set_field(dev, item);
	free(list);
	return error;
}

static const char *set_feature(struct device *dev, const char *item)
{
	static char error[512];
	bool off = *item == '-';
	unsigned int i;

	for (i = 0; i < ITEMS(feature_names); i++) {
		if (strcmp(feature_names[i].name, item + off))
			continue;
		if (off)
			dev->offered &= ~(1ull << feature_names[i].bit);
		else
			dev->offered |= 1ull << feature_names[i].bit;
		return NULL;
	}
	snprintf(error, sizeof(error), "no feature '%.40s': one of", item + off);
	for (i = 0; i < ITEMS(feature_names); i++) {
		strcat(error, " ");
		strcat(error, feature_names[i].name);
	}
	return error;
}

const char *config_features(struct device *dev, const char *features)
{
	char *list = strdup(features), *at = list, *item;
	uint64_t before = dev->offered;
	const char *error = NULL;

	while (!error && (item = next_item(&at)))
		error = set_feature(dev, item);
	free(list);
	if (!error && dev->offered & 1ull << VIRTIO_F_RING_PACKED &&
	    !(dev->offered & 1ull << VIRTIO_F_VERSION_1))
		error = "packed rings need version_1";
	if (error)
		dev->offered = before;
	return error;
}
