// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of a disk: probe, changes of its capacity, removal. Reads config
 * space (limits.c judges it), finds the virtqueues, lays out the contexts and
 * hands the disk to the block layer. Requests are the business of submit.c and
 * reap.c.
 */
#include "virtio_blk.h"

#include <linux/idr.h>
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

/* As the stock driver: sixteen minors a disk, vda to vdz, vdaa ... */
#define VBLK_PART_BITS		4
#define VBLK_MAX_DISKS		(1 << (MINORBITS - VBLK_PART_BITS))

static unsigned int num_request_queues;
module_param(num_request_queues, uint, 0644);
MODULE_PARM_DESC(num_request_queues,
		 "Virtqueues to use for interrupts and polling, at most one a CPU (default 0: as many as the device has)");

static unsigned int poll_queues;
module_param(poll_queues, uint, 0644);
MODULE_PARM_DESC(poll_queues,
		 "Virtqueues without an interrupt that only serve polling (default 0: every virtqueue polls)");

static unsigned int queue_depth;
module_param(queue_depth, uint, 0444);
MODULE_PARM_DESC(queue_depth,
		 "Requests a context can have (default 0: as many as the ring takes)");

static bool twin = true;
module_param(twin, bool, 0444);
MODULE_PARM_DESC(twin,
		 "Give every virtqueue a context that polls (default Y; N polls only with poll_queues)");

static int vblk_major;
static DEFINE_IDA(vblk_ids);

static void vblk_read_config(struct virtio_device *vdev, struct vblk_config *cfg)
{
	*cfg = (struct vblk_config) {
		.has_size_max = virtio_has_feature(vdev, VIRTIO_BLK_F_SIZE_MAX),
		.has_seg_max = virtio_has_feature(vdev, VIRTIO_BLK_F_SEG_MAX),
		.has_blk_size = virtio_has_feature(vdev, VIRTIO_BLK_F_BLK_SIZE),
		.has_topology = virtio_has_feature(vdev, VIRTIO_BLK_F_TOPOLOGY),
		.has_mq = virtio_has_feature(vdev, VIRTIO_BLK_F_MQ),
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
}

/* How many virtqueues of which sort, from the parameters and the device. */
static int vblk_choose_queues(struct virtio_device *vdev, unsigned int offered,
			      unsigned int *dedicated)
{
	unsigned int wanted = num_request_queues, poll = poll_queues;
	unsigned int n = min_t(unsigned int, offered, nr_cpu_ids);

	if (wanted > nr_cpu_ids) {
		dev_warn(&vdev->dev, "num_request_queues=%u is more than the %u CPUs, using %u\n",
			 wanted, nr_cpu_ids, nr_cpu_ids);
		wanted = nr_cpu_ids;
	}
	if (wanted)
		n = min(n, wanted);
	if (poll >= n) {
		if (poll)
			dev_warn(&vdev->dev, "poll_queues=%u leaves none of %u queues for interrupts, using %u\n",
				 poll, n, n - 1);
		poll = min(poll, n - 1);
	}
	*dedicated = poll;
	return n;
}

/* Contexts 0 to n - 1 take interrupts, and n to 2n - 1 poll, on the same CPUs. */
static void vblk_map_queues(struct blk_mq_tag_set *set)
{
	struct vblk *vblk = set->driver_data;
	struct blk_mq_queue_map *plain = &set->map[HCTX_TYPE_DEFAULT];
	struct blk_mq_queue_map *poll = &set->map[HCTX_TYPE_POLL];
	unsigned int cpu;

	plain->queue_offset = 0;
	plain->nr_queues = vblk->num_vqs - vblk->num_dedicated;
	blk_mq_map_hw_queues(plain, &vblk->vdev->dev, 0);
	if (set->nr_maps <= HCTX_TYPE_POLL)
		return;

	/* Without queues of its own, reading shares the default map. */
	set->map[HCTX_TYPE_READ].nr_queues = 0;
	poll->queue_offset = plain->nr_queues;
	if (vblk->num_dedicated) {
		poll->nr_queues = vblk->num_dedicated;
		blk_mq_map_queues(poll);
		return;
	}
	poll->nr_queues = plain->nr_queues;
	for_each_possible_cpu(cpu)
		poll->mq_map[cpu] = plain->mq_map[cpu] + poll->queue_offset;
}

COMPAT_DEFINE_POLL(vblk_poll)
COMPAT_DEFINE_QUEUE_RQS(vblk_queue_rqs)
COMPAT_DEFINE_MAP_QUEUES(vblk_map_queues)

static const struct blk_mq_ops vblk_mq_ops = {
	.queue_rq	= vblk_queue_rq,
	.commit_rqs	= vblk_commit_rqs,
	COMPAT_QUEUE_RQS(vblk_queue_rqs)
	.complete	= vblk_complete_rq,
	.poll		= COMPAT_POLL(vblk_poll),
	.map_queues	= COMPAT_MAP_QUEUES(vblk_map_queues),
};

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

COMPAT_DEFINE_GETGEO(vblk_getgeo)

static void vblk_free(struct vblk *vblk)
{
	ida_free(&vblk_ids, vblk->id);
	kfree(vblk);
}

/* The last reference to a disk that was added. */
static void vblk_free_disk(struct gendisk *disk)
{
	if (disk->private_data)
		vblk_free(disk->private_data);
}

COMPAT_DEFINE_FREE_DISK(vblk_free_disk, struct vblk, refs)

static const struct block_device_operations vblk_fops = {
	.owner		= THIS_MODULE,
	.getgeo		= COMPAT_GETGEO(vblk_getgeo),
	COMPAT_FREE_DISK(vblk_free_disk)
};

/* Before the device can interrupt: everything that the handler looks at. */
static struct vblk *vblk_alloc(struct virtio_device *vdev, unsigned int num_vqs,
			       unsigned int dedicated)
{
	struct vblk *vblk;
	unsigned int i;

	vblk = kzalloc(struct_size(vblk, queues, num_vqs), GFP_KERNEL);
	if (!vblk)
		return NULL;
	vblk->id = ida_alloc_max(&vblk_ids, VBLK_MAX_DISKS - 1, GFP_KERNEL);
	if (vblk->id < 0) {
		kfree(vblk);
		return NULL;
	}
	vblk->vdev = vdev;
	vblk->num_vqs = num_vqs;
	vblk->num_dedicated = dedicated;
	vblk->twin = twin && !dedicated;
	vblk->indirect = virtio_has_feature(vdev, VIRTIO_RING_F_INDIRECT_DESC);

	for (i = 0; i < num_vqs; i++) {
		struct vblk_queue *q = &vblk->queues[i];

		q->vblk = vblk;
		q->index = i;
		q->dedicated = i >= num_vqs - dedicated;
		spin_lock_init(&q->lock);
		vblk_gov_init(q);
		/* The stock driver's names, for those who read /proc/interrupts. */
		snprintf(q->name, sizeof(q->name), "%s.%u",
			 q->dedicated ? "req_poll" : "req", i);
	}
	return vblk;
}

static int vblk_find_vqs(struct vblk *vblk, u32 *ring)
{
	struct irq_affinity affinity = { };
	struct virtqueue_info *info;
	struct virtqueue **vqs;
	unsigned int i, n = vblk->num_vqs;
	int err = -ENOMEM;

	info = kcalloc(n, sizeof(*info), GFP_KERNEL);
	vqs = kcalloc(n, sizeof(*vqs), GFP_KERNEL);
	if (!info || !vqs)
		goto out;
	for (i = 0; i < n; i++) {
		info[i].name = vblk->queues[i].name;
		info[i].callback = vblk->queues[i].dedicated ? NULL : vblk_interrupt;
	}
	err = virtio_find_vqs(vblk->vdev, n, vqs, info, &affinity);
	if (err)
		goto out;

	*ring = U32_MAX;
	for (i = 0; i < n; i++) {
		struct vblk_queue *q = &vblk->queues[i];

		q->reserve = virtqueue_get_vring_size(vqs[i]) / 8;
		*ring = min_t(u32, *ring, virtqueue_get_vring_size(vqs[i]));
		spin_lock_irq(&q->lock);
		q->vq = vqs[i];
		spin_unlock_irq(&q->lock);
	}
out:
	kfree(vqs);
	kfree(info);
	return err;
}

/* No interrupt comes any more and nothing is in flight: let go of the rings. */
static void vblk_del_vqs(struct vblk *vblk)
{
	unsigned int i;

	for (i = 0; i < vblk->num_vqs; i++) {
		struct vblk_queue *q = &vblk->queues[i];

		/* A late poller may still come by. */
		spin_lock_irq(&q->lock);
		q->vq = NULL;
		spin_unlock_irq(&q->lock);
		hrtimer_cancel(&q->gov.guard);
	}
	vblk->vdev->config->del_vqs(vblk->vdev);
}

static unsigned int vblk_depth(struct vblk *vblk, u32 ring)
{
	/* Without indirect descriptors the smallest request with data takes three. */
	unsigned int depth = vblk->indirect ? ring : ring / 2;

	if (!queue_depth)
		return depth;
	if (queue_depth <= BLK_MQ_MAX_DEPTH)
		return queue_depth;
	dev_warn(&vblk->vdev->dev, "queue_depth=%u is more than the block layer's %u, using that\n",
		 queue_depth, BLK_MQ_MAX_DEPTH);
	return BLK_MQ_MAX_DEPTH;
}

static int vblk_alloc_tags(struct vblk *vblk, u32 ring)
{
	struct blk_mq_tag_set *set = &vblk->set;

	set->ops = &vblk_mq_ops;
	set->queue_depth = vblk_depth(vblk, ring);
	set->numa_node = NUMA_NO_NODE;
	set->flags = COMPAT_MQ_F_SHOULD_MERGE;
	set->cmd_size = sizeof(struct vblk_req);
	set->driver_data = vblk;
	set->nr_hw_queues = vblk->twin ? 2 * vblk->num_vqs : vblk->num_vqs;
	set->nr_maps = vblk->twin || vblk->num_dedicated ? HCTX_MAX_TYPES : 1;
	return blk_mq_alloc_tag_set(set);
}

static bool vblk_write_cache(struct virtio_device *vdev)
{
	return virtio_has_feature(vdev, VIRTIO_BLK_F_FLUSH);
}

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

static int vblk_add_disk(struct vblk *vblk, const struct vblk_limits *vl, u32 ring,
			 u64 capacity)
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
		.max_segments		= min(vl->max_segments, ring - 2),
		.max_segment_size	= min_t(u64, vl->max_segment_size,
						virtio_max_dma_size(vdev)),
	};
	struct gendisk *disk;
	int err;

	if (vblk_write_cache(vdev))
		lim.features |= BLK_FEAT_WRITE_CACHE;

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

	virtio_device_ready(vdev);
	dev_info(&vdev->dev, "[%s] %llu sectors of 512 bytes, blocks of %u; %u queues of %u, %s\n",
		 disk->disk_name, capacity, vl->logical_block_size, vblk->num_vqs,
		 ring, vblk->set.nr_maps <= HCTX_TYPE_POLL ? "none polls" :
		 vblk->num_dedicated ? "dedicated ones poll" : "all of them poll");

	/* From here on the last reference to the disk frees vblk. */
	disk->private_data = vblk;
	compat_own_disk(disk);
	err = device_add_disk(&vdev->dev, disk, vblk_attr_groups);
	if (err) {
		disk->private_data = NULL;
		put_disk(disk);
	}
	return err;
}

static void vblk_config_work(struct work_struct *work)
{
	struct vblk *vblk = container_of(work, struct vblk, config_work);
	struct virtio_device *vdev = vblk->vdev;
	const char *why;
	u64 capacity;

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
}

static void vblk_config_changed(struct virtio_device *vdev)
{
	struct vblk *vblk = vdev->priv;

	queue_work(system_freezable_wq, &vblk->config_work);
}

static int vblk_probe(struct virtio_device *vdev)
{
	struct vblk_config cfg;
	struct vblk_limits lim;
	struct vblk *vblk;
	const char *why;
	unsigned int num, dedicated;
	u32 ring;
	int err;

	if (!vdev->config->get) {
		dev_err(&vdev->dev, "no config space: the transport must offer access to it\n");
		return -EINVAL;
	}
	vblk_read_config(vdev, &cfg);
	if (vblk_check_config(&cfg, PAGE_SIZE, &lim, &why)) {
		dev_err(&vdev->dev, "no disk: %s (capacity %llu, blk_size %u, seg_max %u, size_max %u, num_queues %u)\n",
			why, cfg.capacity, cfg.blk_size, cfg.seg_max, cfg.size_max,
			cfg.num_queues);
		return -EINVAL;
	}
	if (lim.dropped)
		dev_warn(&vdev->dev, "%s makes no sense and is ignored\n", lim.dropped);

	num = vblk_choose_queues(vdev, lim.num_queues, &dedicated);
	vblk = vblk_alloc(vdev, num, dedicated);
	if (!vblk)
		return -ENOMEM;
	INIT_WORK(&vblk->config_work, vblk_config_work);
	vdev->priv = vblk;

	err = vblk_find_vqs(vblk, &ring);
	if (err)
		goto free;
	if (ring < 3) {
		dev_err(&vdev->dev, "no disk: a ring of %u cannot hold a request\n", ring);
		err = -EINVAL;
		goto reset;
	}
	err = vblk_alloc_tags(vblk, ring);
	if (err)
		goto reset;
	vblk_read_geometry(vblk);
	err = vblk_add_disk(vblk, &lim, ring, cfg.capacity);
	if (err)
		goto tags;
	vblk_debugfs_add(vblk);
	return 0;

tags:
	blk_mq_free_tag_set(&vblk->set);
reset:
	virtio_reset_device(vdev);
	cancel_work_sync(&vblk->config_work);
	vblk_del_vqs(vblk);
free:
	vblk_free(vblk);
	return err;
}

static void vblk_remove(struct virtio_device *vdev)
{
	struct vblk *vblk = vdev->priv;
	unsigned int i;

	vblk_debugfs_del(vblk);
	/* del_gendisk() waits for what is in flight, perhaps for a stopped poller. */
	for (i = 0; i < vblk->num_vqs; i++)
		vblk_gov_hold(&vblk->queues[i]);
	del_gendisk(vblk->disk);
	blk_mq_free_tag_set(&vblk->set);

	virtio_reset_device(vdev);
	cancel_work_sync(&vblk->config_work);
	vblk_del_vqs(vblk);
	put_disk(vblk->disk);
}

static const struct virtio_device_id vblk_id_table[] = {
	{ VIRTIO_ID_BLOCK, VIRTIO_DEV_ANY_ID },
	{ },
};
MODULE_DEVICE_TABLE(virtio, vblk_id_table);

static const unsigned int vblk_features[] = {
	VIRTIO_BLK_F_SIZE_MAX, VIRTIO_BLK_F_SEG_MAX, VIRTIO_BLK_F_GEOMETRY,
	VIRTIO_BLK_F_RO, VIRTIO_BLK_F_BLK_SIZE, VIRTIO_BLK_F_FLUSH,
	VIRTIO_BLK_F_TOPOLOGY, VIRTIO_BLK_F_MQ,
};

static struct virtio_driver vblk_driver = {
	.driver.name			= KBUILD_MODNAME,
	.driver.owner			= THIS_MODULE,
	.id_table			= vblk_id_table,
	.feature_table			= vblk_features,
	.feature_table_size		= ARRAY_SIZE(vblk_features),
	.feature_table_legacy		= vblk_features,
	.feature_table_size_legacy	= ARRAY_SIZE(vblk_features),
	.probe				= vblk_probe,
	.remove				= vblk_remove,
	.config_changed			= vblk_config_changed,
};

static int __init vblk_init(void)
{
	int err;

	vblk_major = register_blkdev(0, "virtblk");
	if (vblk_major < 0)
		return vblk_major;
	vblk_debugfs_init();
	err = register_virtio_driver(&vblk_driver);
	if (err) {
		vblk_debugfs_exit();
		unregister_blkdev(vblk_major, "virtblk");
	}
	return err;
}
module_init(vblk_init);

static void __exit vblk_exit(void)
{
	unregister_virtio_driver(&vblk_driver);
	vblk_debugfs_exit();
	unregister_blkdev(vblk_major, "virtblk");
}
module_exit(vblk_exit);

MODULE_DESCRIPTION("Virtio block driver in which every queue polls");
MODULE_LICENSE("GPL");
MODULE_VERSION(VBLK_VERSION);
