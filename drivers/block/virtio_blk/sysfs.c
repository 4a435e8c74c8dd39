// SPDX-License-Identifier: GPL-2.0-only
/*
 * The disk's own sysfs attributes, as the stock driver names them.
 */
#include "virtio_blk.h"

#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>

/* Ask the device for its serial number; @id takes VIRTIO_BLK_ID_BYTES. */
static int vblk_get_id(struct gendisk *disk, char *id)
{
	struct request *rq;
	int err;

	rq = blk_mq_alloc_request(disk->queue, REQ_OP_DRV_IN, 0);
	if (IS_ERR(rq))
		return PTR_ERR(rq);
	err = blk_rq_map_kern(rq, id, VIRTIO_BLK_ID_BYTES, GFP_KERNEL);
	if (!err) {
		blk_execute_rq(rq, false);
		/* Not every kernel hands on the status of such a request. */
		err = blk_status_to_errno(vblk_result(blk_mq_rq_to_pdu(rq)));
	}
	blk_mq_free_request(rq);
	return err;
}

static ssize_t serial_show(struct device *dev, struct device_attribute *attr,
			   char *buf)
{
	ssize_t len;
	char *id;
	int err;

	/* Not on the stack: the device writes to it. */
	id = kzalloc(VIRTIO_BLK_ID_BYTES, GFP_KERNEL);
	if (!id)
		return -ENOMEM;
	err = vblk_get_id(dev_to_disk(dev), id);
	/* As long as the field, it has no terminator (VIRTIO 1.2, 5.2.6). */
	if (!err)
		len = sysfs_emit(buf, "%.*s", VIRTIO_BLK_ID_BYTES, id);
	else if (err == -EIO || err == -EOPNOTSUPP)
		len = 0;	/* a device without one has an empty one */
	else
		len = err;
	kfree(id);
	return len;
}
static DEVICE_ATTR_RO(serial);

static struct attribute *vblk_attrs[] = {
	&dev_attr_serial.attr,
	NULL,
};

static const struct attribute_group vblk_attr_group = {
	.attrs = vblk_attrs,
};

const struct attribute_group *vblk_attr_groups[] = {
	&vblk_attr_group,
	NULL,
};
