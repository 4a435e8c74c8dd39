// SPDX-License-Identifier: GPL-2.0-only
/*
 * The disk's own sysfs attributes, as the stock driver names them.
 */
#include "virtio_blk.h"

#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/virtio_config.h>

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
	err = vblk_ask(dev_to_disk(dev)->private_data, VIRTIO_BLK_T_GET_ID, 0, id,
		       VIRTIO_BLK_ID_BYTES);
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

/**
 * vblk_writes_back() - has the device a volatile cache, as it is set now?
 * @vdev: the device
 *
 * VIRTIO 1.2, 5.2.5.1. Without the flush command nothing could be done about a
 * cache, so it counts as none.
 */
bool vblk_writes_back(struct virtio_device *vdev)
{
	u8 writeback = 1;

	if (!virtio_has_feature(vdev, VIRTIO_BLK_F_FLUSH))
		return false;
	if (virtio_has_feature(vdev, VIRTIO_BLK_F_CONFIG_WCE))
		virtio_cread(vdev, struct virtio_blk_config, wce, &writeback);
	return writeback;
}

/* With phase_lock: a device that is being set up is told what was chosen last. */
static void vblk_set_writeback(struct vblk *vblk, u8 writeback)
{
	vblk->writeback = writeback;
	virtio_cwrite(vblk->vdev, struct virtio_blk_config, wce, &writeback);
}

/**
 * vblk_restore_cache() - have the device cache as it did before its reset
 * @vblk: its disk
 *
 * The block layer goes on sending flushes, or none.
 *
 * Context: phase_lock held.
 */
void vblk_restore_cache(struct vblk *vblk)
{
	if (virtio_has_feature(vblk->vdev, VIRTIO_BLK_F_FLUSH) &&
	    virtio_has_feature(vblk->vdev, VIRTIO_BLK_F_CONFIG_WCE))
		vblk_set_writeback(vblk, vblk->writeback);
}

static void vblk_choose_writeback(struct vblk *vblk, u8 writeback)
{
	mutex_lock(&vblk->phase_lock);
	vblk_set_writeback(vblk, writeback);
	mutex_unlock(&vblk->phase_lock);
}

/* What the block layer believes: whether it sends flushes. */
static int vblk_set_flushing(struct gendisk *disk, bool on)
{
	struct queue_limits lim = queue_limits_start_update(disk->queue);

	if (on)
		lim.features |= BLK_FEAT_WRITE_CACHE;
	else
		lim.features &= ~BLK_FEAT_WRITE_CACHE;
	return queue_limits_commit_update_frozen(disk->queue, &lim);
}

/*
 * The block layer flushes from before the cache is on until after everything
 * that went into it is durable. Going to write-through that takes: the device
 * stops caching; what it had been given before ends; a flush. Otherwise a later
 * fsync of earlier writes would find nothing to do.
 */
static int vblk_set_cache(struct vblk *vblk, bool writeback)
{
	struct gendisk *disk = vblk->disk;
	unsigned int memflags;
	int err;

	if (writeback) {
		err = vblk_set_flushing(disk, true);
		if (!err)
			vblk_choose_writeback(vblk, 1);
		return err;
	}

	vblk_choose_writeback(vblk, 0);
	memflags = blk_mq_freeze_queue(disk->queue);
	blk_mq_unfreeze_queue(disk->queue, memflags);
	err = vblk_ask(vblk, VIRTIO_BLK_T_FLUSH, 0, NULL, 0);
	if (!err)
		err = vblk_set_flushing(disk, false);
	if (err)
		vblk_choose_writeback(vblk, 1);
	return err;
}

static const char * const vblk_cache_types[] = { "write through", "write back" };

static ssize_t cache_type_show(struct device *dev, struct device_attribute *attr,
			       char *buf)
{
	struct vblk *vblk = dev_to_disk(dev)->private_data;

	return sysfs_emit(buf, "%s\n", vblk_cache_types[vblk_writes_back(vblk->vdev)]);
}

static ssize_t cache_type_store(struct device *dev, struct device_attribute *attr,
				const char *buf, size_t count)
{
	struct vblk *vblk = dev_to_disk(dev)->private_data;
	int type = sysfs_match_string(vblk_cache_types, buf);
	int err;

	if (type < 0)
		return type;
	mutex_lock(&vblk->cache_lock);
	err = vblk_set_cache(vblk, type);
	mutex_unlock(&vblk->cache_lock);
	return err ?: count;
}
static DEVICE_ATTR_RW(cache_type);

static ssize_t sync_poll_us_show(struct device *dev, struct device_attribute *attr,
				 char *buf)
{
	struct vblk *vblk = dev_to_disk(dev)->private_data;

	return sysfs_emit(buf, "%u\n", READ_ONCE(vblk->sync_poll_us));
}

static ssize_t sync_poll_us_store(struct device *dev, struct device_attribute *attr,
				  const char *buf, size_t count)
{
	unsigned int us;
	int err = vblk_read_sync_poll(buf, &us);

	if (err)
		return err;
	vblk_spin_set(dev_to_disk(dev)->private_data, us);
	return count;
}
static DEVICE_ATTR_RW(sync_poll_us);

static ssize_t sync_poll_rt_show(struct device *dev, struct device_attribute *attr,
				 char *buf)
{
	struct vblk *vblk = dev_to_disk(dev)->private_data;

	return sysfs_emit(buf, "%u\n", READ_ONCE(vblk->sync_poll_rt));
}

static ssize_t sync_poll_rt_store(struct device *dev, struct device_attribute *attr,
				  const char *buf, size_t count)
{
	struct vblk *vblk = dev_to_disk(dev)->private_data;
	bool on;
	int err = kstrtobool(buf, &on);

	if (err)
		return err;
	WRITE_ONCE(vblk->sync_poll_rt, on);
	return count;
}
static DEVICE_ATTR_RW(sync_poll_rt);

/* Only the device's permission and a way to flush make it a choice. */
static umode_t vblk_attr_visible(struct kobject *kobj, struct attribute *attr, int n)
{
	struct vblk *vblk = dev_to_disk(kobj_to_dev(kobj))->private_data;

	if (attr == &dev_attr_cache_type.attr &&
	    (!virtio_has_feature(vblk->vdev, VIRTIO_BLK_F_CONFIG_WCE) ||
	     !virtio_has_feature(vblk->vdev, VIRTIO_BLK_F_FLUSH)))
		return 0444;
	return attr->mode;
}

static struct attribute *vblk_attrs[] = {
	&dev_attr_cache_type.attr,
	&dev_attr_serial.attr,
	&dev_attr_sync_poll_rt.attr,
	&dev_attr_sync_poll_us.attr,
	NULL,
};

static const struct attribute_group vblk_attr_group = {
	.attrs = vblk_attrs,
	.is_visible = vblk_attr_visible,
};

const struct attribute_group *vblk_attr_groups[] = {
	&vblk_attr_group,
	NULL,
};
