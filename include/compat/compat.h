/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Everything that differs between the supported kernels, included in front of
 * every file of the driver, which is written for the newest kernel. Older ones
 * get that kernel's API here. What a kernel has is found by compiling
 * probes/NAME.c, since stable kernels move APIs; a version is a last resort.
 *
 * Some operations of other layers' structures changed their type. For each,
 * COMPAT_DEFINE_X(fn) makes what the kernel wants out of the function, and
 * COMPAT_X(fn) puts it into the structure; on the newest kernel the first is
 * empty and the second the function itself.
 */
#ifndef VBLK_COMPAT_H
#define VBLK_COMPAT_H

#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 10, 0)
#error "virtio_blk supports kernels from 5.10 on; use this kernel's own driver"
#endif

#include <linux/blkdev.h>
#include <linux/blk-mq.h>
#include <linux/bio.h>
#include <linux/hrtimer.h>
#include <linux/interrupt.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/virtio.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>

#include "compat_config.h"

/* Scheduling and timers */

#ifndef COMPAT_HAS_TASK_IS_RUNNING
#define task_is_running(task)	(READ_ONCE((task)->state) == TASK_RUNNING)
#endif

/* 6.4: a thread of the kernel's with a user's memory that is no io_uring worker. */
#ifndef PF_USER_WORKER
#define PF_USER_WORKER		0
#endif

#ifndef COMPAT_HAS_HRTIMER_SETUP
static inline void hrtimer_setup(struct hrtimer *timer,
				 enum hrtimer_restart (*fn)(struct hrtimer *),
				 clockid_t clock, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock, mode);
	timer->function = fn;
}
#endif

/* Virtio */

#ifndef COMPAT_HAS_VIRTIO_RESET_DEVICE
static inline void virtio_reset_device(struct virtio_device *vdev)
{
	vdev->config->reset(vdev);
}
#endif

#ifndef COMPAT_HAS_VIRTQUEUE_INFO
struct virtqueue_info {
	const char *name;
	vq_callback_t *callback;
};

static inline int compat_find_vqs(struct virtio_device *vdev, unsigned int n,
				  struct virtqueue *vqs[],
				  struct virtqueue_info *info,
				  struct irq_affinity *affinity)
{
	vq_callback_t **callbacks = kcalloc(n, sizeof(*callbacks), GFP_KERNEL);
	const char **names = kcalloc(n, sizeof(*names), GFP_KERNEL);
	unsigned int i;
	int err = -ENOMEM;

	if (callbacks && names) {
		for (i = 0; i < n; i++) {
			callbacks[i] = info[i].callback;
			names[i] = info[i].name;
		}
		err = virtio_find_vqs(vdev, n, vqs, callbacks, names, affinity);
	}
	kfree(names);
	kfree(callbacks);
	return err;
}
#define virtio_find_vqs		compat_find_vqs
#endif

#ifdef COMPAT_HAS_RESET_OPS
#define COMPAT_RESET_OPS(prepare, done)	\
	.reset_prepare = (prepare), .reset_done = (done),
#else
#define COMPAT_RESET_OPS(prepare, done)
#endif

/*
 * Where drivers are not asked, the core may reset devices all the same when the
 * machine goes down (6.1). That is announced to whoever wants to know.
 */
#ifdef COMPAT_HAS_SHUTDOWN
#define COMPAT_DEFINE_SHUTDOWN(driver, fn)
#define COMPAT_SHUTDOWN(fn)		.shutdown = (fn),
#define compat_register_shutdown()	do { } while (0)
#define compat_unregister_shutdown()	do { } while (0)
#else
#include <linux/reboot.h>
#define COMPAT_DEFINE_SHUTDOWN(drv, fn)						\
static int compat_shutdown(struct device *dev, void *unused)			\
{										\
	device_lock(dev);							\
	if (dev->driver)							\
		fn(dev_to_virtio(dev));						\
	device_unlock(dev);							\
	return 0;								\
}										\
										\
static int compat_goes_down(struct notifier_block *nb, unsigned long how,	\
			    void *unused);					\
										\
static struct notifier_block compat_shutdown_notifier = {			\
	.notifier_call = compat_goes_down,					\
};										\
										\
static int compat_goes_down(struct notifier_block *nb, unsigned long how,	\
			    void *unused)					\
{										\
	return notifier_from_errno(driver_for_each_device(&(drv).driver,	\
							  NULL, NULL,		\
							  compat_shutdown));	\
}
#define COMPAT_SHUTDOWN(fn)
#define compat_register_shutdown()						\
	register_reboot_notifier(&compat_shutdown_notifier)
#define compat_unregister_shutdown()						\
	unregister_reboot_notifier(&compat_shutdown_notifier)
static inline void virtio_device_shutdown(struct virtio_device *vdev) {}
#endif

/* Config space as far as VIRTIO 1.3 has it; these kernels know a part. */
#ifndef VIRTIO_BLK_F_ZONED
#ifndef VIRTIO_BLK_F_SECURE_ERASE
#define VIRTIO_BLK_F_SECURE_ERASE	16
#define VIRTIO_BLK_T_SECURE_ERASE	14
#endif
struct compat_blk_config {
	__virtio64 capacity;
	__virtio32 size_max;
	__virtio32 seg_max;
	struct {
		__virtio16 cylinders;
		u8 heads;
		u8 sectors;
	} geometry;
	__virtio32 blk_size;
	u8 physical_block_exp;
	u8 alignment_offset;
	__virtio16 min_io_size;
	__virtio32 opt_io_size;
	u8 wce;
	u8 unused0;
	__virtio16 num_queues;
	__virtio32 max_discard_sectors;
	__virtio32 max_discard_seg;
	__virtio32 discard_sector_alignment;
	__virtio32 max_write_zeroes_sectors;
	__virtio32 max_write_zeroes_seg;
	u8 write_zeroes_may_unmap;
	u8 unused1[3];
	__virtio32 max_secure_erase_sectors;
	__virtio32 max_secure_erase_seg;
	__virtio32 secure_erase_sector_alignment;
} __packed;
#define virtio_blk_config	compat_blk_config
#endif

/* Contexts and their maps */

#ifndef COMPAT_HAS_FREEZE_MEMFLAGS
#define blk_mq_freeze_queue(q)	({			\
	unsigned int noio_ = memalloc_noio_save();	\
							\
	(blk_mq_freeze_queue)(q);			\
	noio_;						\
})
#define blk_mq_unfreeze_queue(q, flags)	do {		\
	(blk_mq_unfreeze_queue)(q);			\
	memalloc_noio_restore(flags);			\
} while (0)
#endif

#ifndef COMPAT_HAS_MAP_HW_QUEUES
#include <linux/blk-mq-virtio.h>

static inline void blk_mq_map_hw_queues(struct blk_mq_queue_map *map,
					struct device *dev, unsigned int offset)
{
	blk_mq_virtio_map_queues(map, dev_to_virtio(dev), offset);
}
#endif

#ifdef COMPAT_HAS_MAP_QUEUES_VOID
#define COMPAT_DEFINE_MAP_QUEUES(fn)
#define COMPAT_MAP_QUEUES(fn)	(fn)
#else
#define COMPAT_DEFINE_MAP_QUEUES(fn)				\
static int compat_##fn(struct blk_mq_tag_set *set)		\
{								\
	fn(set);						\
	return 0;						\
}
#define COMPAT_MAP_QUEUES(fn)	(compat_##fn)
#endif

#ifdef COMPAT_HAS_TIMEOUT_REQUEST
#define COMPAT_DEFINE_TIMEOUT(fn)
#define COMPAT_TIMEOUT(fn)	(fn)
#else
#define COMPAT_DEFINE_TIMEOUT(fn)					\
static enum blk_eh_timer_return						\
compat_##fn(struct request *rq, bool reserved)				\
{									\
	return fn(rq);							\
}
#define COMPAT_TIMEOUT(fn)	(compat_##fn)
#endif

#ifdef COMPAT_HAS_SHOULD_MERGE
#define COMPAT_MQ_F_SHOULD_MERGE	BLK_MQ_F_SHOULD_MERGE
#else
#define COMPAT_MQ_F_SHOULD_MERGE	0
#endif

/* Requests and lists of them */

/* Has a bio that is submitted alone a plug all the same? */
#ifdef COMPAT_HAS_PLUG_TIME
#define COMPAT_LONE_PLUGS	1
#else
#define COMPAT_LONE_PLUGS	0
#endif

#ifndef COMPAT_HAS_MAP_SG_RQ
#define blk_rq_map_sg(rq, sgl)		(blk_rq_map_sg)((rq)->q, rq, sgl)
#define blk_rq_map_kern(rq, buf, len, gfp)	\
	(blk_rq_map_kern)((rq)->q, rq, buf, len, gfp)
#endif

#ifndef COMPAT_HAS_EXECUTE_RQ
#define blk_execute_rq(rq, at_head)	(blk_execute_rq)((rq)->q, NULL, rq, at_head)
#endif

#if defined(COMPAT_HAS_QUEUE_RQS) && defined(COMPAT_HAS_RQ_LIST)
#define COMPAT_DEFINE_QUEUE_RQS(fn)
#define COMPAT_QUEUE_RQS(fn)	.queue_rqs = (fn),
#elif defined(COMPAT_HAS_QUEUE_RQS)
struct rq_list {
	struct request *head;
	struct request *tail;
};

static inline struct request *compat_rq_list_pop(struct rq_list *list)
{
	struct request *rq = list->head;

	if (rq)
		list->head = rq->rq_next;
	return rq;
}

static inline void compat_rq_list_add_tail(struct rq_list *list, struct request *rq)
{
	rq->rq_next = NULL;
	if (list->head)
		list->tail->rq_next = rq;
	else
		list->head = rq;
	list->tail = rq;
}
#undef rq_list_pop
#undef rq_list_add_tail
#define rq_list_pop		compat_rq_list_pop
#define rq_list_add_tail	compat_rq_list_add_tail

/* Turn a list around: these kernels plug requests last in, first out. */
static inline struct request *compat_rq_list_reverse(struct request *rq)
{
	struct request *reversed = NULL, *next;

	for (; rq; rq = next) {
		next = rq->rq_next;
		rq->rq_next = reversed;
		reversed = rq;
	}
	return reversed;
}

/* They also leave it to the driver to publish a request under its tag. */
#define COMPAT_DEFINE_QUEUE_RQS(fn)					\
static void compat_##fn(struct request **rqs)				\
{									\
	struct rq_list list = { compat_rq_list_reverse(*rqs) };		\
	struct request *rq;						\
									\
	for (rq = list.head; rq; rq = rq->rq_next)			\
		rq->mq_hctx->tags->rqs[rq->tag] = rq;			\
	fn(&list);							\
	*rqs = compat_rq_list_reverse(list.head);			\
}
#define COMPAT_QUEUE_RQS(fn)	.queue_rqs = (compat_##fn),
#else
struct rq_list {
};
#define rq_list_pop(list)		((struct request *)NULL)
#define rq_list_add_tail(list, rq)	((void)(list), (void)(rq))
#define COMPAT_DEFINE_QUEUE_RQS(fn)
#define COMPAT_QUEUE_RQS(fn)
#endif

#ifdef COMPAT_HAS_IO_COMP_BATCH
#define COMPAT_DEFINE_POLL(fn)
#define COMPAT_POLL(fn)		(fn)
#else
struct io_comp_batch {
	struct request *req_list;
};
#define rq_list_for_each(list, rq)		for ((rq) = *(list); (rq); (rq) = NULL)
#define blk_mq_add_to_batch(rq, iob, error, fn)	((void)(fn), false)
#define blk_mq_end_request_batch(iob)		((void)(iob))
#define COMPAT_DEFINE_POLL(fn)					\
static int compat_##fn(struct blk_mq_hw_ctx *hctx)		\
{								\
	return fn(hctx, NULL);					\
}
#define COMPAT_POLL(fn)		(compat_##fn)
#endif

/*
 * A bio from its task's cache must not be freed in interrupt context before
 * 6.3, which nothing but the version tells: let the bios of @rq be freed as any.
 */
static inline void compat_uncache_bios(struct request *rq)
{
#if defined(COMPAT_HAS_REQ_ALLOC_CACHE) && LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
	struct bio *bio;

	__rq_for_each_bio(bio, rq)
		bio->bi_opf &= ~REQ_ALLOC_CACHE;
#endif
}

/* Disks */

#ifdef COMPAT_HAS_GETGEO_DISK
#define COMPAT_DEFINE_GETGEO(fn)
#define COMPAT_GETGEO(fn)	(fn)
#else
#define COMPAT_DEFINE_GETGEO(fn)						\
static int compat_##fn(struct block_device *bdev, struct hd_geometry *geo)	\
{										\
	return fn(bdev->bd_disk, geo);						\
}
#define COMPAT_GETGEO(fn)	(compat_##fn)
#endif

#ifndef COMPAT_HAS_ALLOC_DISK_LIMITS
/* The fields that the driver sets; applied one by one. */
struct compat_limits {
	unsigned int features;
	unsigned int logical_block_size;
	unsigned int physical_block_size;
	unsigned int alignment_offset;
	unsigned int io_min;
	unsigned int io_opt;
	unsigned int max_hw_sectors;
	unsigned int max_segment_size;
	unsigned int max_hw_discard_sectors;
	unsigned int max_write_zeroes_sectors;
	unsigned int max_secure_erase_sectors;
	unsigned int discard_granularity;
	unsigned short max_segments;
	unsigned short max_discard_segments;
};
#define queue_limits		compat_limits
#define BLK_FEAT_WRITE_CACHE	(1u << 0)
#define BLK_FEAT_ROTATIONAL	0u	/* what these kernels assume */

static inline void compat_set_limits(struct request_queue *q,
				     const struct compat_limits *lim)
{
	unsigned int max_discard = lim->max_hw_discard_sectors;

	blk_queue_max_hw_sectors(q, lim->max_hw_sectors);
	blk_queue_max_segments(q, lim->max_segments);
	blk_queue_max_segment_size(q, lim->max_segment_size);
	blk_queue_logical_block_size(q, lim->logical_block_size);
	blk_queue_physical_block_size(q, lim->physical_block_size);
	blk_queue_alignment_offset(q, lim->alignment_offset);
	blk_queue_io_min(q, lim->io_min);
	blk_queue_io_opt(q, lim->io_opt);
	blk_queue_write_cache(q, lim->features & BLK_FEAT_WRITE_CACHE, false);
	blk_queue_max_write_zeroes_sectors(q, lim->max_write_zeroes_sectors);
#ifdef COMPAT_HAS_SECURE_ERASE
	/* These kernels cut and merge what erases by the limit of discard. */
	blk_queue_max_secure_erase_sectors(q, lim->max_secure_erase_sectors);
	if (lim->max_secure_erase_sectors)
		max_discard = min(max_discard, lim->max_secure_erase_sectors);
#endif
	if (max_discard) {
		blk_queue_max_discard_sectors(q, max_discard);
		blk_queue_max_discard_segments(q, lim->max_discard_segments);
#ifdef QUEUE_FLAG_DISCARD
		blk_queue_flag_set(QUEUE_FLAG_DISCARD, q);
#endif
	}
	if (lim->discard_granularity)
		q->limits.discard_granularity = lim->discard_granularity;
}

/* Of limits that can change, the driver changes the write cache. */
static inline struct compat_limits queue_limits_start_update(struct request_queue *q)
{
	return (struct compat_limits) {
		.features = test_bit(QUEUE_FLAG_WC, &q->queue_flags) ?
			    BLK_FEAT_WRITE_CACHE : 0,
	};
}

static inline int queue_limits_commit_update_frozen(struct request_queue *q,
						    struct compat_limits *lim)
{
	unsigned int memflags = blk_mq_freeze_queue(q);

	blk_queue_write_cache(q, lim->features & BLK_FEAT_WRITE_CACHE, false);
	blk_mq_unfreeze_queue(q, memflags);
	return 0;
}

static inline struct gendisk *compat_alloc_disk(struct blk_mq_tag_set *set,
						const struct compat_limits *lim,
						void *data)
{
	struct gendisk *disk;
#ifdef COMPAT_HAS_ALLOC_DISK
	disk = blk_mq_alloc_disk(set, data);
	if (IS_ERR(disk))
		return disk;
#else
	struct request_queue *q = blk_mq_init_queue(set);

	if (IS_ERR(q))
		return ERR_CAST(q);
	q->queuedata = data;
	disk = alloc_disk(0);
	if (!disk) {
		blk_cleanup_queue(q);
		return ERR_PTR(-ENOMEM);
	}
	disk->queue = q;
	disk->flags |= GENHD_FL_EXT_DEVT;	/* more partitions than minors */
#endif
	compat_set_limits(disk->queue, lim);
	return disk;
}
#undef blk_mq_alloc_disk
#define blk_mq_alloc_disk	compat_alloc_disk
#endif

/* Zoned virtio disks: where both the stock driver and the block layer have them. */
#if defined(VIRTIO_BLK_F_ZONED) && IS_ENABLED(CONFIG_BLK_DEV_ZONED) && \
	defined(COMPAT_HAS_ALLOC_DISK_LIMITS)
#define COMPAT_ZONED	1
#else
#define COMPAT_ZONED	0
#endif

#if !COMPAT_ZONED
#define COMPAT_DEFINE_REPORT_ZONES(fn)
#define COMPAT_REPORT_ZONES(fn)
#elif defined(COMPAT_HAS_REPORT_ZONES_ARGS)
#define COMPAT_DEFINE_REPORT_ZONES(fn)
#define COMPAT_REPORT_ZONES(fn)		.report_zones = (fn),
#else
struct blk_report_zones_args {
	report_zones_cb cb;
	void *data;
};

static inline int disk_report_zone(struct gendisk *disk, struct blk_zone *zone,
				   unsigned int idx,
				   struct blk_report_zones_args *args)
{
	return args->cb(zone, idx, args->data);
}
#define COMPAT_DEFINE_REPORT_ZONES(fn)						\
static int compat_##fn(struct gendisk *disk, sector_t sector,			\
		       unsigned int nr_zones, report_zones_cb cb, void *data)	\
{										\
	struct blk_report_zones_args args = { .cb = cb, .data = data };		\
										\
	return fn(disk, sector, nr_zones, &args);				\
}
#define COMPAT_REPORT_ZONES(fn)		.report_zones = (compat_##fn),
#endif

#ifndef COMPAT_HAS_HW_ZONE_APPEND
#define max_hw_zone_append_sectors	max_zone_append_sectors
#endif

#ifndef COMPAT_HAS_ALLOC_DISK
/* The queue is not the disk's to end. */
static inline void compat_del_gendisk(struct gendisk *disk)
{
	del_gendisk(disk);
	blk_cleanup_queue(disk->queue);
}
#define del_gendisk		compat_del_gendisk
#endif

#ifndef COMPAT_HAS_ADD_DISK_FAILS
#define device_add_disk(dev, disk, groups)	\
	({ (device_add_disk)(dev, disk, groups); 0; })
#endif

#ifdef COMPAT_HAS_FREE_DISK
struct compat_disk_refs {};
#define COMPAT_DEFINE_FREE_DISK(fn, type, member)	\
static inline void compat_own_disk(struct gendisk *disk) {}
#define COMPAT_FREE_DISK(fn)		.free_disk = (fn),
#else
#include <linux/mutex.h>

/*
 * Counts who has the disk open, and its device, in a @member of @type, which is
 * the disk's private data. Not the release of the disk itself: that may come
 * after the module has gone.
 */
struct compat_disk_refs {
	unsigned int count;	/* compat_disk_mutex */
};

#define COMPAT_DEFINE_FREE_DISK(fn, type, member)				\
static DEFINE_MUTEX(compat_disk_mutex);						\
										\
static void compat_own_disk(struct gendisk *disk)				\
{										\
	((type *)disk->private_data)->member.count = 1;				\
}										\
										\
static void compat_disown_disk(struct gendisk *disk)				\
{										\
	type *owner = disk->private_data;					\
										\
	mutex_lock(&compat_disk_mutex);						\
	if (!--owner->member.count) {						\
		fn(disk);							\
		disk->private_data = NULL;					\
	}									\
	mutex_unlock(&compat_disk_mutex);					\
}										\
										\
static int compat_open(struct block_device *bdev, fmode_t mode)			\
{										\
	type *owner;								\
	int err = -ENXIO;							\
										\
	mutex_lock(&compat_disk_mutex);						\
	owner = bdev->bd_disk->private_data;					\
	if (owner) {								\
		owner->member.count++;						\
		err = 0;							\
	}									\
	mutex_unlock(&compat_disk_mutex);					\
	return err;								\
}										\
										\
static void compat_release(struct gendisk *disk, fmode_t mode)			\
{										\
	compat_disown_disk(disk);						\
}
#define COMPAT_FREE_DISK(fn)		.open = compat_open, .release = compat_release,
/* Its owner may be gone after the first half. */
#define put_disk(disk)			\
	do {				\
		struct gendisk *_disk = (disk);	\
		compat_disown_disk(_disk);	\
		(put_disk)(_disk);		\
	} while (0)
#endif

#endif /* VBLK_COMPAT_H */
