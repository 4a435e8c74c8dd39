// SPDX-License-Identifier: GPL-2.0-only
/*
 * Host-managed zoned devices (VIRTIO 1.3, 5.2.6): their limits, reports of
 * zones, operations on zones, appending. Host-aware ones are used as plain
 * disks. A device's report is checked before the block layer gets it.
 */
#include "virtio_blk.h"

#if COMPAT_ZONED
#include <linux/mm.h>
#include <linux/virtio_config.h>

/**
 * vblk_validate_zoned() - before features are final
 * @vdev: the device
 *
 * Discard must not be taken from a host-managed device (5.2.5). The model is a
 * byte, so it can be read although the byte order is not settled yet.
 */
void vblk_validate_zoned(struct virtio_device *vdev)
{
	/* Nothing below expects another byte order. */
	if (!virtio_has_feature(vdev, VIRTIO_F_VERSION_1))
		__virtio_clear_bit(vdev, VIRTIO_BLK_F_ZONED);
	if (virtio_has_feature(vdev, VIRTIO_BLK_F_ZONED) &&
	    virtio_cread8(vdev, offsetof(struct virtio_blk_config, zoned.model)) ==
	    VIRTIO_BLK_Z_HM)
		__virtio_clear_bit(vdev, VIRTIO_BLK_F_DISCARD);
}

/**
 * vblk_read_zone_config() - the part of config space that is about zones
 * @vdev: the device
 * @cfg: what it says
 */
void vblk_read_zone_config(struct virtio_device *vdev, struct vblk_config *cfg)
{
	cfg->has_zoned = virtio_has_feature(vdev, VIRTIO_BLK_F_ZONED);
	if (!cfg->has_zoned)
		return;
	virtio_cread(vdev, struct virtio_blk_config, zoned.model, &cfg->zone_model);
	virtio_cread(vdev, struct virtio_blk_config, zoned.zone_sectors,
		     &cfg->zone_sectors);
	virtio_cread(vdev, struct virtio_blk_config, zoned.max_open_zones,
		     &cfg->max_open_zones);
	virtio_cread(vdev, struct virtio_blk_config, zoned.max_active_zones,
		     &cfg->max_active_zones);
	virtio_cread(vdev, struct virtio_blk_config, zoned.max_append_sectors,
		     &cfg->max_append_sectors);
	virtio_cread(vdev, struct virtio_blk_config, zoned.write_granularity,
		     &cfg->write_granularity);
}

/**
 * vblk_set_zone_limits() - tell the block layer of zones, if there are any
 * @vl: the disk's limits
 * @lim: the queue's
 */
void vblk_set_zone_limits(const struct vblk_limits *vl, struct queue_limits *lim)
{
	if (!vl->zone_sectors)
		return;
	lim->features |= BLK_FEAT_ZONED;
	lim->chunk_sectors = vl->zone_sectors;
	lim->max_open_zones = vl->max_open_zones;
	lim->max_active_zones = vl->max_active_zones;
	lim->max_hw_zone_append_sectors = vl->max_append_sectors;
	lim->zone_write_granularity = vl->zone_write_granularity;
}

/**
 * vblk_check_zoned_disk() - have the block layer read all zones
 * @vblk: the disk, its device ready
 *
 * Context: may sleep.
 * Return: 0, for disks without zones too, or an error.
 */
int vblk_check_zoned_disk(struct vblk *vblk)
{
	if (!blk_queue_is_zoned(vblk->disk->queue))
		return 0;
	return blk_revalidate_disk_zones(vblk->disk);
}

/*
 * Zoned devices are no legacy ones (vblk_validate_zoned()), and a report may be read
 * when the device, which knows of the byte order, is gone.
 */
static u64 vblk_zone_u64(__virtio64 v)
{
	return le64_to_cpu((__force __le64)v);
}

/* One zone as the block layer has it; an error where it cannot be true. */
static int vblk_read_zone(struct vblk *vblk, sector_t start,
			  const struct virtio_blk_zone_descriptor *desc,
			  struct blk_zone *zone)
{
	u64 size = vblk->disk->queue->limits.chunk_sectors;
	const char *wrong = NULL;

	*zone = (struct blk_zone) {
		.start = vblk_zone_u64(desc->z_start),
		.len = min_t(u64, size, get_capacity(vblk->disk) - start),
		.capacity = vblk_zone_u64(desc->z_cap),
		.wp = vblk_zone_u64(desc->z_wp),
		.type = desc->z_type,
		.cond = desc->z_state,
	};
	if (zone->start != start)
		wrong = "start";
	else if (!zone->capacity || zone->capacity > zone->len)
		wrong = "capacity";
	else if (desc->z_type != VIRTIO_BLK_ZT_CONV &&
		 desc->z_type != VIRTIO_BLK_ZT_SWR)
		wrong = "type";

	switch (desc->z_state) {
	case VIRTIO_BLK_ZS_EMPTY:
	case VIRTIO_BLK_ZS_IOPEN:
	case VIRTIO_BLK_ZS_EOPEN:
	case VIRTIO_BLK_ZS_CLOSED:
		if (desc->z_type == VIRTIO_BLK_ZT_CONV)
			wrong = "state";
		else if (zone->wp < start || zone->wp > start + zone->capacity)
			wrong = "write pointer";
		break;
	case VIRTIO_BLK_ZS_NOT_WP:
		if (desc->z_type != VIRTIO_BLK_ZT_CONV)
			wrong = "state";
		zone->wp = start + zone->len;
		break;
	case VIRTIO_BLK_ZS_FULL:
	case VIRTIO_BLK_ZS_RDONLY:
	case VIRTIO_BLK_ZS_OFFLINE:
		/* The write pointer is not valid. */
		zone->wp = start + zone->len;
		break;
	default:
		wrong = "state";
	}
	if (!wrong)
		return 0;
	pr_err_ratelimited("virtio_blk: [%s] the report on the zone at sector %llu cannot be true: %s\n",
			   vblk->disk->disk_name, (u64)start, wrong);
	return -EIO;
}

/* As large as one request can carry and as is of use. */
static size_t vblk_report_size(const struct vblk *vblk, unsigned int nr_zones)
{
	struct request_queue *queue = vblk->disk->queue;
	size_t size = struct_size_t(struct virtio_blk_zone_report, zones, nr_zones);
	/* More pages make no bio. */
	size_t pages = min_t(size_t, queue_max_segments(queue), BIO_MAX_VECS);

	size = round_up(size, SECTOR_SIZE);
	size = min_t(u64, size, (u64)queue_max_hw_sectors(queue) << SECTOR_SHIFT);
	/* Not aligned, it touches a page more. */
	return min_t(size_t, size, max_t(size_t, pages - 1, 1) * PAGE_SIZE);
}

/**
 * vblk_report_zones() - ->report_zones of block_device_operations
 * @disk: a zoned disk
 * @sector: in the first zone
 * @nr_zones: how many at most
 * @args: for disk_report_zone()
 *
 * Context: may sleep.
 * Return: how many zones were reported, or an error.
 */
int vblk_report_zones(struct gendisk *disk, sector_t sector, unsigned int nr_zones,
		      struct blk_report_zones_args *args)
{
	struct vblk *vblk = disk->private_data;
	u32 zone_sectors = disk->queue->limits.chunk_sectors;
	struct virtio_blk_zone_report *report;
	unsigned int idx = 0;
	size_t size;
	int err = 0;

	if (!blk_queue_is_zoned(disk->queue))
		return -EOPNOTSUPP;
	nr_zones = min_t(u64, nr_zones,
			 DIV_ROUND_UP_ULL(get_capacity(disk), zone_sectors));
	size = vblk_report_size(vblk, nr_zones);
	report = kvzalloc(size, GFP_KERNEL);
	if (!report)
		return -ENOMEM;

	sector = round_down(sector, (u64)zone_sectors);
	while (idx < nr_zones && sector < get_capacity(disk)) {
		unsigned int i, n = (size - sizeof(*report)) / sizeof(report->zones[0]);

		err = vblk_ask(vblk, VIRTIO_BLK_T_ZONE_REPORT, sector, report, size);
		if (err)
			break;
		n = min_t(u64, n, vblk_zone_u64(report->nr_zones));
		if (!n) {
			pr_err_ratelimited("virtio_blk: [%s] the device reports no zone from sector %llu on\n",
					   disk->disk_name, (u64)sector);
			err = -EIO;
			break;
		}
		for (i = 0; i < n && idx < nr_zones && sector < get_capacity(disk); i++) {
			struct blk_zone zone;

			err = vblk_read_zone(vblk, sector, &report->zones[i], &zone);
			if (!err)
				err = disk_report_zone(disk, &zone, idx, args);
			if (err)
				goto out;
			idx++;
			sector += zone_sectors;
		}
	}
out:
	kvfree(report);
	return err ?: idx;
}

/**
 * vblk_prepare_zone_op() - the device's name for an operation on a zone
 * @rq: a request that is none of a plain disk's
 * @type: what to ask for
 * @sector: and where
 *
 * Return: whether it is such an operation.
 */
bool vblk_prepare_zone_op(const struct request *rq, u32 *type, u64 *sector)
{
	*sector = blk_rq_pos(rq);
	switch (req_op(rq)) {
	case REQ_OP_ZONE_APPEND:
		*type = VIRTIO_BLK_T_ZONE_APPEND;
		return true;
	case REQ_OP_ZONE_OPEN:
		*type = VIRTIO_BLK_T_ZONE_OPEN;
		return true;
	case REQ_OP_ZONE_CLOSE:
		*type = VIRTIO_BLK_T_ZONE_CLOSE;
		return true;
	case REQ_OP_ZONE_FINISH:
		*type = VIRTIO_BLK_T_ZONE_FINISH;
		return true;
	case REQ_OP_ZONE_RESET:
		*type = VIRTIO_BLK_T_ZONE_RESET;
		return true;
	case REQ_OP_ZONE_RESET_ALL:
		*type = VIRTIO_BLK_T_ZONE_RESET_ALL;
		*sector = 0;
		return true;
	default:
		return false;
	}
}

/**
 * vblk_zone_result() - what a status means that plain disks do not have
 * @status: the byte
 *
 * Return: what the block layer calls it.
 */
blk_status_t vblk_zone_result(u8 status)
{
	switch (status) {
	case VIRTIO_BLK_S_ZONE_OPEN_RESOURCE:
		return BLK_STS_ZONE_OPEN_RESOURCE;
	case VIRTIO_BLK_S_ZONE_ACTIVE_RESOURCE:
		return BLK_STS_ZONE_ACTIVE_RESOURCE;
	default:
		return BLK_STS_IOERR;
	}
}

/**
 * vblk_appended() - note where an append was written
 * @rq: the request, successful
 *
 * Return: BLK_STS_OK, or an error where the device names a place outside of the
 * zone: somebody would believe that their data is there.
 */
blk_status_t vblk_appended(struct request *rq)
{
	struct vblk_req *vbr = blk_mq_rq_to_pdu(rq);
	struct vblk *vblk = rq->q->queuedata;
	u64 sector = vblk_zone_u64(vbr->tail.sector);
	u64 zone = blk_rq_pos(rq), end = zone + rq->q->limits.chunk_sectors;

	if (sector < zone || sector >= end || blk_rq_sectors(rq) > end - sector) {
		dev_err_ratelimited(&vblk->vdev->dev, "[%s] an append to the zone at sector %llu cannot have gone to sector %llu\n",
				    vblk->disk->disk_name, zone, sector);
		return BLK_STS_IOERR;
	}
	rq->__sector = sector;
	return BLK_STS_OK;
}
#endif /* COMPAT_ZONED */
