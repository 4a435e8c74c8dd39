// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the block layer and user space see of a device: its config space as
 * limits (limits.c judges it), the gendisk with its name and geometry, changes
 * of its capacity.
 */
#include "virtio_blk.h"

#include <linux/slab.h>
#include <linux/virtio_config.h>

/**
 * vblk_read_config() - fetch config space
 * @vdev: the device, its features negotiated
 * @cfg: what it says; nothing is believed yet
 */
void vblk_read_config(struct virtio_device *vdev, struct vblk_config *cfg)
{
	*cfg = (struct vblk_config) {
		.has_size_max = virtio_has_feature(vdev, VIRTIO_BLK_F_SIZE_MAX),
		.has_seg_max = virtio_has_feature(vdev, VIRTIO_BLK_F_SEG_MAX),
		.has_blk_size = virtio_has_feature(vdev, VIRTIO_BLK_F_BLK_SIZE),
		.has_topology = virtio_has_feature(vdev, VIRTIO_BLK_F_TOPOLOGY),
		.has_mq = virtio_has_feature(vdev, VIRTIO_BLK_F_MQ),
		.has_discard = virtio_has_feature(vdev, VIRTIO_BLK_F_DISCARD),
		.has_write_zeroes = virtio_has_feature(vdev, VIRTIO_BLK_F_WRITE_ZEROES),
		.has_secure_erase = virtio_has_feature(vdev, VIRTIO_BLK_F_SECURE_ERASE),
	};

	virtio_cread(vdev, struct virtio_blk_config, capacity, &cfg->capacity);
	if (cfg->has_size_max)
		virtio_cread(vdev, struct virtio_blk_config, size_max, &cfg->size_max);
	if (cfg->has_seg_max)
		virtio_cread(vdev, struct virtio_blk_config, seg_max, &cfg->seg_max);
	if (cfg->has_blk_size)
		virtio_cread(vdev, struct virtio_blk_config, blk_size, &cfg->blk_size);
	if (cfg->has_mq)
		virtio_cread(vdev, struct virtio_blk_config, num_queues, &cfg->num_queues);
	if (cfg->has_topology) {
		u16 min_io_size;

		virtio_cread(vdev, struct virtio_blk_config, physical_block_exp,
			     &cfg->physical_block_exp);
		virtio_cread(vdev, struct virtio_blk_config, alignment_offset,
			     &cfg->alignment_offset);
		virtio_cread(vdev, struct virtio_blk_config, min_io_size, &min_io_size);
		virtio_cread(vdev, struct virtio_blk_config, opt_io_size,
			     &cfg->opt_io_size);
		cfg->min_io_size = min_io_size;
	}
	if (cfg->has_discard) {
		virtio_cread(vdev, struct virtio_blk_config, max_discard_sectors,
			     &cfg->max_discard_sectors);
		virtio_cread(vdev, struct virtio_blk_config, max_discard_seg,
			     &cfg->max_discard_seg);
		virtio_cread(vdev, struct virtio_blk_config, discard_sector_alignment,
			     &cfg->discard_sector_alignment);
	}
	if (cfg->has_write_zeroes)
		virtio_cread(vdev, struct virtio_blk_config, max_write_zeroes_sectors,
			     &cfg->max_write_zeroes_sectors);
	if (cfg->has_secure_erase) {
		virtio_cread(vdev, struct virtio_blk_config, max_secure_erase_sectors,
			     &cfg->max_secure_erase_sectors);
		virtio_cread(vdev, struct virtio_blk_config,
			     secure_erase_sector_alignment,
			     &cfg->secure_erase_sector_alignment);
	}
	vblk_read_zone_config(vdev, cfg);
}

static int vblk_getgeo(struct gendisk *disk, struct hd_geometry *geo)
{
	struct vblk *vblk = disk->private_data;

	*geo = vblk->geo;
	if (!geo->cylinders) {
		/* The device has none; any that multiplies to the size will do. */
		geo->heads = 64;
		geo->sectors = 32;
		geo->cylinders = get_capacity(disk) >> 11;
	}
	return 0;
}

/* The last reference to a disk that was added. */
static void vblk_free_disk(struct gendisk *disk)
{
	if (disk->private_data)
		vblk_free(disk->private_data);
}

COMPAT_DEFINE_GETGEO(vblk_getgeo)
COMPAT_DEFINE_FREE_DISK(vblk_free_disk, struct vblk, refs)
COMPAT_DEFINE_REPORT_ZONES(vblk_report_zones)

static const struct block_device_operations vblk_fops = {
	.owner		= THIS_MODULE,
	.getgeo		= COMPAT_GETGEO(vblk_getgeo),
	COMPAT_REPORT_ZONES(vblk_report_zones)
	COMPAT_FREE_DISK(vblk_free_disk)
};

static void vblk_read_geometry(struct vblk *vblk)
{
	struct virtio_device *vdev = vblk->vdev;

	if (!virtio_has_feature(vdev, VIRTIO_BLK_F_GEOMETRY))
		return;
	virtio_cread(vdev, struct virtio_blk_config, geometry.cylinders,
		     &vblk->geo.cylinders);
	virtio_cread(vdev, struct virtio_blk_config, geometry.heads, &vblk->geo.heads);
	virtio_cread(vdev, struct virtio_blk_config, geometry.sectors,
		     &vblk->geo.sectors);
}

/* vda, ..., vdz, vdaa, ...: bijective base 26. */
static void vblk_name(char *name, size_t size, unsigned int id)
{
	char letters[8];
	char *p = letters + sizeof(letters) - 1;

	*p = '\0';
	for (id++; id; id = (id - 1) / 26)
		*--p = 'a' + (id - 1) % 26;
	snprintf(name, size, "vd%s", p);
}

/**
 * vblk_add_disk() - show the disk to the world
 * @vblk: the disk, with virtqueues and tags
 * @vl: its limits
 * @capacity: in 512-byte sectors
 *
 * Return: 0, and from then on the last reference to the disk frees @vblk; or an
 * error, and it is the caller's.
 */
int vblk_add_disk(struct vblk *vblk, const struct vblk_limits *vl, u64 capacity)
{
	struct virtio_device *vdev = vblk->vdev;
	struct queue_limits lim = {
		.features		= BLK_FEAT_ROTATIONAL,	/* stock's default */
		.logical_block_size	= vl->logical_block_size,
		.physical_block_size	= vl->physical_block_size,
		.alignment_offset	= vl->alignment_offset,
		.io_min			= vl->io_min,
		.io_opt			= vl->io_opt,
		.max_hw_sectors		= UINT_MAX,
		/* A chain is never longer than the ring (VIRTIO 1.2, 2.7.5.3.1). */
		.max_segments		= min(vl->max_segments, vblk->ring - 2),
		.max_segment_size	= min_t(u64, vl->max_segment_size,
						virtio_max_dma_size(vdev)),
		.max_hw_discard_sectors	= vl->max_discard_sectors,
		.max_discard_segments	= vl->max_discard_segments,
		.discard_granularity	= vl->discard_granularity,
		.max_write_zeroes_sectors = vl->max_write_zeroes_sectors,
		.max_secure_erase_sectors = vl->max_secure_erase_sectors,
	};
	struct gendisk *disk;
	int err;

	vblk->writeback = vblk_writes_back(vdev);
	if (vblk->writeback)
		lim.features |= BLK_FEAT_WRITE_CACHE;
	vblk_set_zone_limits(vl, &lim);

	disk = blk_mq_alloc_disk(&vblk->set, &lim, vblk);
	if (IS_ERR(disk))
		return PTR_ERR(disk);
	vblk->disk = disk;
	vblk_name(disk->disk_name, DISK_NAME_LEN, vblk->id);
	disk->major = vblk_major;
	disk->first_minor = vblk->id << VBLK_PART_BITS;
	disk->minors = 1 << VBLK_PART_BITS;
	disk->fops = &vblk_fops;
	set_capacity(disk, capacity);
	if (virtio_has_feature(vdev, VIRTIO_BLK_F_RO))
		set_disk_ro(disk, true);
	vblk_read_geometry(vblk);

	/* A device that breaks its rings already is reset after that, not meanwhile. */
	mutex_lock(&vblk->phase_lock);
	WRITE_ONCE(vblk->phase, VBLK_LIVE);
	virtio_device_ready(vdev);
	mutex_unlock(&vblk->phase_lock);
	dev_info(&vdev->dev, "[%s] %llu sectors of 512 bytes, blocks of %u; %u queues of %u, %s\n",
		 disk->disk_name, capacity, vl->logical_block_size, vblk->num_vqs,
		 vblk->ring, vblk->set.nr_maps <= HCTX_TYPE_POLL ? "none polls" :
		 vblk->num_dedicated ? "dedicated ones poll" : "all of them poll");

	disk->private_data = vblk;
	err = vblk_check_zoned_disk(vblk);
	if (err)
		goto put;
	compat_own_disk(disk);
	err = device_add_disk(&vdev->dev, disk, vblk_attr_groups);
	if (!err)
		return 0;
put:
	vblk_off(vblk);
	cancel_work_sync(&vblk->config_work);
	disk->private_data = NULL;
	put_disk(disk);
	return err;
}

/**
 * vblk_put_disk() - the driver's own reference goes
 * @vblk: the disk, added and deleted; may be freed when this returns
 */
void vblk_put_disk(struct vblk *vblk)
{
	put_disk(vblk->disk);
}

/**
 * vblk_config_work() - config space changed: look at the capacity
 * @work: the disk's config_work
 */
void vblk_config_work(struct work_struct *work)
{
	struct vblk *vblk = container_of(work, struct vblk, config_work);
	struct virtio_device *vdev = vblk->vdev;
	const char *why;
	u64 capacity;
	int err;

	virtio_cread(vdev, struct virtio_blk_config, capacity, &capacity);
	if (vblk_check_capacity(capacity, &why)) {
		dev_err(&vdev->dev, "[%s] new capacity of %llu sectors ignored: %s\n",
			vblk->disk->disk_name, capacity, why);
		return;
	}
	if (capacity == get_capacity(vblk->disk))
		return;
	dev_info(&vdev->dev, "[%s] capacity changed from %llu to %llu sectors\n",
		 vblk->disk->disk_name, (u64)get_capacity(vblk->disk), capacity);
	set_capacity_and_notify(vblk->disk, capacity);
	err = vblk_check_zoned_disk(vblk);
	if (err)
		dev_err(&vdev->dev, "[%s] the zones could not be read again (error %d)\n",
			vblk->disk->disk_name, err);
}
