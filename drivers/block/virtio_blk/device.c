// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of a device: probe, removal, and the module itself. Its virtqueues are
 * set up in queues.c, its disk in disk.c; resets between are in reset.c.
 */
#include "virtio_blk.h"

#include <linux/idr.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#define VBLK_MAX_DISKS		(1 << (MINORBITS - VBLK_PART_BITS))

int vblk_major;
static DEFINE_IDA(vblk_ids);

COMPAT_DEFINE_POLL(vblk_poll)
COMPAT_DEFINE_QUEUE_RQS(vblk_queue_rqs)
COMPAT_DEFINE_MAP_QUEUES(vblk_map_queues)
COMPAT_DEFINE_TIMEOUT(vblk_timeout)

static const struct blk_mq_ops vblk_mq_ops = {
	.queue_rq	= vblk_queue_rq,
	.commit_rqs	= vblk_commit_rqs,
	COMPAT_QUEUE_RQS(vblk_queue_rqs)
	.complete	= vblk_complete_rq,
	.timeout	= COMPAT_TIMEOUT(vblk_timeout),
	.poll		= COMPAT_POLL(vblk_poll),
	.map_queues	= COMPAT_MAP_QUEUES(vblk_map_queues),
};

/* Before the device can interrupt: everything that the handler looks at. */
static struct vblk *vblk_alloc(struct virtio_device *vdev,
			       const struct vblk_plan *plan)
{
	struct vblk *vblk;
	unsigned int i;

	vblk = kzalloc(struct_size(vblk, queues, plan->num_vqs), GFP_KERNEL);
	if (!vblk)
		return NULL;
	vblk->id = ida_alloc_max(&vblk_ids, VBLK_MAX_DISKS - 1, GFP_KERNEL);
	if (vblk->id < 0) {
		kfree(vblk);
		return NULL;
	}
	vblk->vdev = vdev;
	vblk->num_vqs = plan->num_vqs;
	vblk->num_dedicated = plan->num_dedicated;
	vblk->twin = plan->twin;
	vblk->indirect = virtio_has_feature(vdev, VIRTIO_RING_F_INDIRECT_DESC);
	INIT_WORK(&vblk->config_work, vblk_config_work);
	INIT_WORK(&vblk->recover_work, vblk_recover_work);
	mutex_init(&vblk->phase_lock);
	mutex_init(&vblk->cache_lock);
	vblk_spin_init(vblk);

	for (i = 0; i < vblk->num_vqs; i++) {
		struct vblk_queue *q = &vblk->queues[i];

		q->vblk = vblk;
		q->index = i;
		q->dedicated = i >= vblk->num_vqs - vblk->num_dedicated;
		spin_lock_init(&q->lock);
		vblk_gov_init(q);
		/* The stock driver's names, for those who read /proc/interrupts. */
		snprintf(q->name, sizeof(q->name), "%s.%u",
			 q->dedicated ? "req_poll" : "req", i);
	}
	return vblk;
}

/**
 * vblk_free() - the end of a disk
 * @vblk: the disk; nothing refers to it any more
 */
void vblk_free(struct vblk *vblk)
{
	ida_free(&vblk_ids, vblk->id);
	kfree(vblk);
}

/* Before features are final; only what has no byte order may be read here. */
static int vblk_validate(struct virtio_device *vdev)
{
	if (!vdev->config->get) {
		dev_err(&vdev->dev, "no config space: the transport must offer access to it\n");
		return -EINVAL;
	}
	vblk_validate_zoned(vdev);

	/*
	 * After a failure a device wants a reset before anybody tries again
	 * (VIRTIO 1.2, 2.1.1), and the core does none.
	 */
	if (vdev->config->get_status(vdev) & VIRTIO_CONFIG_S_FAILED) {
		virtio_reset_device(vdev);
		return vblk_hello(vdev);
	}
	return 0;
}

static int vblk_probe(struct virtio_device *vdev)
{
	struct vblk_config cfg;
	struct vblk_limits lim;
	struct vblk_plan plan;
	struct vblk *vblk;
	const char *why;
	int err;

	vblk_read_config(vdev, &cfg);
	if (vblk_check_config(&cfg, PAGE_SIZE, &lim, &why)) {
		dev_err(&vdev->dev, "no disk: %s (capacity %llu, blk_size %u, seg_max %u, size_max %u, num_queues %u)\n",
			why, cfg.capacity, cfg.blk_size, cfg.seg_max, cfg.size_max,
			cfg.num_queues);
		return -EINVAL;
	}
	if (lim.dropped)
		dev_warn(&vdev->dev, "%s makes no sense and is ignored\n", lim.dropped);

	vblk_plan_queues(vdev, lim.num_queues, &plan);
	vblk = vblk_alloc(vdev, &plan);
	if (!vblk)
		return -ENOMEM;
	vdev->priv = vblk;

	err = vblk_find_vqs(vblk);
	if (err)
		goto free;
	err = vblk_alloc_tags(vblk, &vblk_mq_ops);
	if (err)
		goto reset;
	err = vblk_add_disk(vblk, &lim, cfg.capacity);
	if (err)
		goto tags;
	vblk_debugfs_add(vblk);
	return 0;

tags:
	blk_mq_free_tag_set(&vblk->set);
reset:
	vblk_shut(vblk);
	cancel_work_sync(&vblk->recover_work);
free:
	vblk_free(vblk);
	return err;
}

static void vblk_remove(struct virtio_device *vdev)
{
	struct vblk *vblk = vdev->priv;

	vblk_debugfs_del(vblk);
	vblk_leave(vblk);
	del_gendisk(vblk->disk);
	vblk_off(vblk);
	blk_mq_free_tag_set(&vblk->set);

	/* Whose request others have reaped may still have to tell the device of it. */
	synchronize_rcu();
	vblk_shut(vblk);
	cancel_work_sync(&vblk->config_work);
	cancel_work_sync(&vblk->recover_work);
	vblk_put_disk(vblk);
}

static void vblk_config_changed(struct virtio_device *vdev)
{
	struct vblk *vblk = vdev->priv;

	queue_work(system_freezable_wq, &vblk->config_work);
	vblk_recover(vblk, NULL);
}

static const struct virtio_device_id vblk_id_table[] = {
	{ VIRTIO_ID_BLOCK, VIRTIO_DEV_ANY_ID },
	{ },
};
MODULE_DEVICE_TABLE(virtio, vblk_id_table);

/* The last ones need VERSION_1, so the legacy table ends before them. */
static const unsigned int vblk_features[] = {
	VIRTIO_BLK_F_SIZE_MAX, VIRTIO_BLK_F_SEG_MAX, VIRTIO_BLK_F_GEOMETRY,
	VIRTIO_BLK_F_RO, VIRTIO_BLK_F_BLK_SIZE, VIRTIO_BLK_F_FLUSH,
	VIRTIO_BLK_F_TOPOLOGY, VIRTIO_BLK_F_CONFIG_WCE, VIRTIO_BLK_F_MQ,
	VIRTIO_BLK_F_DISCARD, VIRTIO_BLK_F_WRITE_ZEROES,
	VIRTIO_BLK_F_SECURE_ERASE,
#if COMPAT_ZONED
	VIRTIO_BLK_F_ZONED,
#endif
};

static struct virtio_driver vblk_driver = {
	.driver.name			= KBUILD_MODNAME,
	.driver.owner			= THIS_MODULE,
	.id_table			= vblk_id_table,
	.feature_table			= vblk_features,
	.feature_table_size		= ARRAY_SIZE(vblk_features),
	.feature_table_legacy		= vblk_features,
	.feature_table_size_legacy	= ARRAY_SIZE(vblk_features) - COMPAT_ZONED,
	.validate			= vblk_validate,
	.probe				= vblk_probe,
	.remove				= vblk_remove,
	.config_changed			= vblk_config_changed,
#ifdef CONFIG_PM_SLEEP
	.freeze				= vblk_freeze,
	.restore			= vblk_restart,
#endif
	COMPAT_RESET_OPS(vblk_reset_prepare, vblk_restart)
	COMPAT_SHUTDOWN(vblk_shutdown)
};

COMPAT_DEFINE_SHUTDOWN(vblk_driver, vblk_shutdown)

static int __init vblk_init(void)
{
	int err;

	/* A disk that does not work may be where memory is to be written to. */
	vblk_reset_wq = alloc_workqueue("virtio_blk", WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	if (!vblk_reset_wq)
		return -ENOMEM;
	vblk_major = register_blkdev(0, "virtblk");
	if (vblk_major < 0) {
		err = vblk_major;
		goto wq;
	}
	vblk_debugfs_init();
	err = register_virtio_driver(&vblk_driver);
	if (!err) {
		compat_register_shutdown();
		return 0;
	}

	vblk_debugfs_exit();
	unregister_blkdev(vblk_major, "virtblk");
wq:
	destroy_workqueue(vblk_reset_wq);
	return err;
}
module_init(vblk_init);

static void __exit vblk_exit(void)
{
	compat_unregister_shutdown();
	unregister_virtio_driver(&vblk_driver);
	vblk_debugfs_exit();
	unregister_blkdev(vblk_major, "virtblk");
	destroy_workqueue(vblk_reset_wq);
}
module_exit(vblk_exit);

MODULE_DESCRIPTION("Virtio block driver in which every queue polls");
MODULE_LICENSE("GPL");
MODULE_VERSION(VBLK_VERSION);
