/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The private header of virtio_blk: its structures, and what its files offer
 * each other.
 *
 *   blk-mq    context 0 (interrupt)     context 0 + n (poll)       twins, n being
 *                  \                      /                        the queues
 *   submit.c        queue_rq    queue_rqs       poll
 *                          \      |            /
 *   governor.c              vblk_queue.lock: ring, callbacks, guard
 *                          /      |            \
 *   reap.c          interrupt   poller       guard (hrtimer)
 *
 * A queue's lock covers its ring and the few words around it. It is never held
 * while the device is notified, nor while a request completes.
 */
#ifndef VIRTIO_BLK_H
#define VIRTIO_BLK_H

#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/cache.h>
#include <linux/hdreg.h>
#include <linux/hrtimer.h>
#include <linux/mutex.h>
#include <linux/scatterlist.h>
#include <linux/spinlock.h>
#include <linux/virtio.h>
#include <linux/virtio_blk.h>
#include <linux/workqueue.h>

#include "limits.h"

/*
 * A request is polled when it was dispatched on a poll-typed context, or while
 * its submitter spins for it.
 */
enum vblk_kind {
	VBLK_PLAIN,
	VBLK_POLLED,
	VBLK_KINDS,
};

/* Who took a request off the ring. */
enum vblk_reaper {
	VBLK_REAP_POLL,
	VBLK_REAP_IRQ,
	VBLK_REAP_GUARD,
	VBLK_REAP_TIMEOUT,
	VBLK_REAP_OTHER,	/* a submitter or a hold that turned callbacks on */
	VBLK_REAPERS,
};

/* Why the governor turned callbacks on or off; for those who trace it. */
enum vblk_cb_reason {
	VBLK_CB_POLLED,		/* off: a polled request was added */
	VBLK_CB_POLLER,		/* off: a poller came for those in flight */
	VBLK_CB_PLAIN,		/* on: a plain request is there, nobody polls */
	VBLK_CB_DRAINED,	/* on: only plain requests are left */
	VBLK_CB_SLEEPER,	/* on: a poller may go to sleep */
	VBLK_CB_STALL,		/* on: the guard found no poller */
	VBLK_CB_HOLD,		/* on: the driver waits for the queue to empty */
};

/* As the stock driver: sixteen minors a disk, vda to vdz, vdaa ... */
#define VBLK_PART_BITS		4

/* Segments in the request itself; more are allocated and chained. */
#define VBLK_INLINE_SEGS	2

/**
 * struct vblk_tail - what follows the data; of most requests, only the status
 */
struct vblk_tail {
	__virtio64 sector;		/* where a zone append was written */
	u8 status;
} __packed;

/**
 * struct vblk_req - the driver's part of a request
 *
 * Owned by whoever owns the request: the submitter, then the ring, then the
 * reaper. No lock.
 */
struct vblk_req {
	struct virtio_blk_outhdr hdr;	/* the device reads it */
	struct vblk_tail tail;		/* the device writes it */
	u8 kind;			/* enum vblk_kind; of one in the ring, queue's lock */
	u8 returns;			/* how often a reset took it back */
	bool dropped;			/* off the ring, not completed: a test of timeouts */
	bool ranges;			/* the data is a table of ranges, kmalloced */
	unsigned long since;		/* submitted first, in jiffies */
	struct vblk_req *next;		/* on a list of reaped requests */
	struct vblk_spin *spin;		/* its submitter's, that looks for it, or NULL; */
					/* of one in the ring, queue's lock */
	struct sg_table table;
	struct scatterlist sgl[VBLK_INLINE_SEGS];
};

/**
 * struct vblk_done - requests off the ring, to be completed without the lock
 * @first: oldest first
 * @last: where the next one is hung up
 * @restart: contexts that waited for room in the ring
 */
struct vblk_done {
	struct vblk_req *first;
	struct vblk_req **last;
	struct blk_mq_hw_ctx *restart[VBLK_KINDS];
};

#define VBLK_DONE_INIT(name)	{ .last = &(name).first }

/**
 * struct vblk_gov - the callback governor's state; see governor.c
 *
 * All under the queue's lock.
 */
struct vblk_gov {
	bool on;		/* the device interrupts us */
	bool stalled;		/* mark: the pollers went away */
	bool sleeping;		/* mark: a poller of ours may be asleep */
	bool held;		/* mark: the driver waits for the queue to empty */
	bool poller;		/* a poller was here since the guard last fired */
	bool armed;		/* the guard is pending ... */
	bool armed_short;	/* ... with its short period */
	u16 stall_left;		/* polled requests until the stall ends by itself */
	u16 stall_next;		/* and how many the next one lasts */
	struct hrtimer guard;
};

/**
 * struct vblk_spin - what a submitter needs that looks for its request; spin.c
 *
 * On its stack. Who takes the request off the ring sets @found, under the queue's
 * lock.
 */
struct vblk_spin {
	struct vblk_req *vbr;		/* until found; NULL: there is no spinning */
	u64 first_look;			/* after so many ns */
	u64 limit;			/* for so many ns */
	bool found;
};

/**
 * struct vblk_spinning - what a queue has learned of spinning
 *
 * All under the queue's lock.
 */
struct vblk_spinning {
	u64 answer;		/* how long one took, on average, in ns; 0: not known */
	u16 in_vain;		/* the share of spins that were, in 1/256 */
	u16 skip;		/* requests that go without ... */
	u16 next_skip;		/* ... and how many did last time, unless few spins were */
};

/**
 * struct vblk_stats - counters since probe, under the queue's lock
 */
struct vblk_stats {
	u64 submitted[VBLK_KINDS];
	u64 reaped[VBLK_REAPERS];
	u64 kicks;		/* notifications sent */
	u64 kicks_saved;	/* not sent, since the device asked for none */
	u64 kicks_core;		/* sent by the virtio core, with the lock held */
	u64 ring_full;		/* a request had to wait for room */
	u64 irqs;
	u64 irqs_idle;		/* of these, found nothing to reap */
	u64 irqs_lost;		/* times that a timeout found what none announced */
	u64 cb_on;		/* callbacks turned on ... */
	u64 cb_off;		/* ... and off, by decision of the governor */
	u64 guard_fired;
	u64 stalls;		/* firings that found no poller */
	u64 sleepers;		/* pollers that went to sleep */
	u64 timeouts;		/* requests that waited for too long, each time */
	u64 returned;		/* requests that a reset took back from the device */
	u64 spins;		/* submitters that looked themselves; of these ... */
	u64 spins_won;		/* ... had the answer in time */
	u64 spins_lost;		/* ... did not */
	u64 spin_ns;
};

/**
 * struct vblk_queue - a virtqueue and the two contexts that it serves
 */
struct vblk_queue {
	/* Fixed before the device can interrupt. */
	struct vblk *vblk;
	unsigned int index;
	bool dedicated;			/* by poll_queues=: has no vector */
	char name[16];

	spinlock_t lock;		/* guards the rest */
	unsigned int reserve;		/* descriptors that polled ones leave free */
	struct virtqueue *vq;		/* NULL: there is no ring (any more); changed */
					/* with phase_lock, too */
	unsigned int inflight[VBLK_KINDS];
	bool plain_waits;		/* a plain request found the ring full */
	struct blk_mq_hw_ctx *waiting[VBLK_KINDS]; /* to run when there is room */
	struct vblk_gov gov;
	struct vblk_spinning spinning;
	struct vblk_stats stats;
} ____cacheline_aligned_in_smp;

/* Where a disk is in its life; see reset.c. */
enum vblk_phase {
	VBLK_OFF,		/* the device is left alone, even if it breaks */
	VBLK_LIVE,		/* a device that breaks is recovered */
	VBLK_STOPPED,		/* no rings; requests wait */
	VBLK_LEAVING,		/* a device that breaks is given up */
};

/**
 * struct vblk - a disk
 *
 * Freed by the block layer's last reference to the disk, which may be long
 * after the device went. Fixed once probe returned, unless a lock is named.
 */
struct vblk {
	struct virtio_device *vdev;	/* not to be used after removal */
	struct gendisk *disk;
	struct compat_disk_refs refs;
	struct blk_mq_tag_set set;
	struct work_struct config_work;
	struct work_struct recover_work;
	struct mutex phase_lock;	/* over whatever takes the rings away */
	enum vblk_phase phase;		/* phase_lock; some look without */
	unsigned int failures;		/* in a row; phase_lock */
	u64 reaped;			/* until the last of them; phase_lock */
	const char *broken;		/* why it has to be reset: the first one's, no */
					/* lock; phase_lock to clear it */
	struct mutex cache_lock;	/* over changes of the cache type */
	bool writeback;			/* as set last; phase_lock */
	struct dentry *debugfs;
	struct hd_geometry geo;		/* 0 cylinders: the device gave none */
	int id;
	unsigned int sync_poll_us;	/* submitters may spin; any time, no lock */
	bool sync_poll_rt;		/* by class, too; any time, no lock */
	bool indirect;			/* any request takes one descriptor */
	bool own_vectors;		/* each queue that interrupts has one */
	bool twin;			/* every queue has a context that polls */
	unsigned int num_vqs;
	unsigned int num_dedicated;	/* the last ones of the queues */
	u32 ring;			/* the smallest one's size at probe */
	struct vblk_queue queues[];	/* num_vqs */
};

static inline struct vblk_queue *vblk_hctx_queue(struct blk_mq_hw_ctx *hctx)
{
	struct vblk *vblk = hctx->queue->queuedata;

	/* A kdump kernel may have given us one context whatever we asked for. */
	return &vblk->queues[hctx->queue_num % vblk->num_vqs];
}

/*
 * Is there a ring to look at, and to notify of? One that recovery has taken back has
 * no request of ours, whatever the device still wrote there, and goes soon. The
 * queue's lock is held.
 */
static inline bool vblk_has_ring(const struct vblk_queue *q)
{
	return q->vq && READ_ONCE(q->vblk->phase) != VBLK_STOPPED;
}

/**
 * struct vblk_plan - how many queues of which sort a disk gets
 */
struct vblk_plan {
	unsigned int num_vqs;
	unsigned int num_dedicated;
	bool twin;
};

/* device.c */
extern int vblk_major;
void vblk_free(struct vblk *vblk);

/* reset.c */
extern struct workqueue_struct *vblk_reset_wq;
int vblk_hello(struct virtio_device *vdev);
void vblk_shut(struct vblk *vblk);
int vblk_freeze(struct virtio_device *vdev);
int vblk_reset_prepare(struct virtio_device *vdev);
int vblk_restart(struct virtio_device *vdev);
void vblk_shutdown(struct virtio_device *vdev);
void vblk_leave(struct vblk *vblk);
void vblk_off(struct vblk *vblk);
void vblk_recover(struct vblk *vblk, const char *why);
void vblk_recover_work(struct work_struct *work);

/* queues.c */
void vblk_plan_queues(struct virtio_device *vdev, unsigned int offered,
		      struct vblk_plan *plan);
int vblk_find_vqs(struct vblk *vblk);
void vblk_del_vqs(struct vblk *vblk);
int vblk_alloc_tags(struct vblk *vblk, const struct blk_mq_ops *ops);
void vblk_map_queues(struct blk_mq_tag_set *set);

/* disk.c */
void vblk_read_config(struct virtio_device *vdev, struct vblk_config *cfg);
int vblk_add_disk(struct vblk *vblk, const struct vblk_limits *vl, u64 capacity);
void vblk_put_disk(struct vblk *vblk);
void vblk_config_work(struct work_struct *work);

/* submit.c */
blk_status_t vblk_queue_rq(struct blk_mq_hw_ctx *hctx,
			   const struct blk_mq_queue_data *bd);
void vblk_queue_rqs(struct rq_list *rqs);
void vblk_commit_rqs(struct blk_mq_hw_ctx *hctx);
void vblk_unmap_data(struct vblk_req *vbr);
int vblk_ask(struct vblk *vblk, u32 type, u64 sector, void *buf, size_t len);

/* reap.c */
unsigned int vblk_take_used(struct vblk_queue *q, enum vblk_reaper who,
			    struct vblk_done *done);
void vblk_check_ring(struct vblk_queue *q);
void vblk_take_back(struct vblk_queue *q, struct vblk_done *done);
unsigned int vblk_finish(struct vblk_done *done, struct io_comp_batch *iob);
void vblk_complete_rq(struct request *rq);
blk_status_t vblk_result(const struct vblk_req *vbr);
int vblk_poll(struct blk_mq_hw_ctx *hctx, struct io_comp_batch *iob);
void vblk_interrupt(struct virtqueue *vq);

/* spin.c */
int vblk_read_sync_poll(const char *text, unsigned int *us);
void vblk_spin_init(struct vblk *vblk);
void vblk_spin_set(struct vblk *vblk, unsigned int us);
bool vblk_may_spin(const struct vblk *vblk, struct request *rq);
void vblk_spin_start(struct vblk_queue *q, struct vblk_req *vbr);
void vblk_spin(struct vblk_queue *q, struct vblk_spin *spin);

/* Context: the queue's lock held, which who spins takes before he leaves. */
static inline void vblk_spin_found(struct vblk_req *vbr)
{
	if (unlikely(vbr->spin))
		WRITE_ONCE(vbr->spin->found, true);
}

/* governor.c */
void vblk_gov_init(struct vblk_queue *q);
void vblk_gov_start(struct vblk_queue *q);
void vblk_gov_added(struct vblk_queue *q, enum vblk_kind kind,
		    struct vblk_done *done);
void vblk_gov_left(struct vblk_queue *q, struct vblk_done *done);
void vblk_gov_interrupt(struct vblk_queue *q, struct vblk_done *done);
void vblk_gov_listen(struct vblk_queue *q, struct vblk_done *done);
void vblk_gov_poll(struct vblk_queue *q, bool may_sleep, struct vblk_done *done);
void vblk_gov_hold(struct vblk_queue *q);
void vblk_gov_release(struct vblk_queue *q);
bool vblk_gov_timeout(struct vblk_queue *q, struct vblk_done *done);

/* timeout.c */
bool vblk_too_old(const struct vblk_req *vbr);
enum blk_eh_timer_return vblk_timeout(struct request *rq);

/* zoned.c; on kernels that have no zoned virtio disks, nothing is */
#if COMPAT_ZONED
void vblk_validate_zoned(struct virtio_device *vdev);
void vblk_read_zone_config(struct virtio_device *vdev, struct vblk_config *cfg);
void vblk_set_zone_limits(const struct vblk_limits *vl, struct queue_limits *lim);
int vblk_check_zoned_disk(struct vblk *vblk);
int vblk_report_zones(struct gendisk *disk, sector_t sector, unsigned int nr_zones,
		      struct blk_report_zones_args *args);
bool vblk_prepare_zone_op(const struct request *rq, u32 *type, u64 *sector);
blk_status_t vblk_zone_result(u8 status);
blk_status_t vblk_appended(struct request *rq);

static inline bool vblk_is_append(struct request *rq)
{
	return req_op(rq) == REQ_OP_ZONE_APPEND;
}
#else
static inline void vblk_validate_zoned(struct virtio_device *vdev) {}
static inline void vblk_read_zone_config(struct virtio_device *vdev,
					 struct vblk_config *cfg) {}
static inline void vblk_set_zone_limits(const struct vblk_limits *vl,
					struct queue_limits *lim) {}
static inline int vblk_check_zoned_disk(struct vblk *vblk) { return 0; }
static inline bool vblk_prepare_zone_op(const struct request *rq, u32 *type,
					u64 *sector) { return false; }
static inline blk_status_t vblk_zone_result(u8 status) { return BLK_STS_IOERR; }
static inline blk_status_t vblk_appended(struct request *rq) { return BLK_STS_OK; }
static inline bool vblk_is_append(struct request *rq) { return false; }
#endif

/* sysfs.c */
extern const struct attribute_group *vblk_attr_groups[];
bool vblk_writes_back(struct virtio_device *vdev);
void vblk_restore_cache(struct vblk *vblk);

/* debugfs.c */
void vblk_debugfs_init(void);
void vblk_debugfs_exit(void);
void vblk_debugfs_add(struct vblk *vblk);
void vblk_debugfs_del(struct vblk *vblk);

#endif /* VIRTIO_BLK_H */
