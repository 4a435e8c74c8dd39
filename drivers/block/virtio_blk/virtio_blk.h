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
#include <linux/scatterlist.h>
#include <linux/spinlock.h>
#include <linux/virtio.h>
#include <linux/virtio_blk.h>
#include <linux/workqueue.h>

#include "limits.h"

/* A request is polled when it was dispatched on a poll-typed context. */
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
	VBLK_REAP_OTHER,	/* a submitter or a hold that turned callbacks on */
	VBLK_REAPERS,
};

/* Segments in the request itself; more are allocated and chained. */
#define VBLK_INLINE_SEGS	2

/**
 * struct vblk_req - the driver's part of a request
 *
 * Owned by whoever owns the request: the submitter, then the ring, then the
 * reaper. No lock.
 */
struct vblk_req {
	struct virtio_blk_outhdr hdr;	/* the device reads it */
	u8 status;			/* the device writes it */
	u8 kind;			/* enum vblk_kind, fixed when added */
	struct vblk_req *next;		/* on a list of reaped requests */
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
	struct hrtimer guard;
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
	u64 cb_on;		/* callbacks turned on ... */
	u64 cb_off;		/* ... and off, by decision of the governor */
	u64 guard_fired;
	u64 stalls;		/* firings that found no poller */
	u64 sleepers;		/* pollers that went to sleep */
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

	/* Fixed before the first request. */
	unsigned int reserve;		/* descriptors that polled ones leave free */

	spinlock_t lock;		/* guards the rest */
	struct virtqueue *vq;		/* NULL: there is no ring (any more) */
	unsigned int inflight[VBLK_KINDS];
	bool plain_waits;		/* a plain request found the ring full */
	struct blk_mq_hw_ctx *waiting[VBLK_KINDS]; /* to run when there is room */
	struct vblk_gov gov;
	struct vblk_stats stats;
} ____cacheline_aligned_in_smp;

/**
 * struct vblk - a disk
 *
 * Freed by the block layer's last reference to the disk, which may be long
 * after the device went. Fixed once probe returned, unless a lock is named.
 */
struct vblk {
	struct virtio_device *vdev;	/* not after removal */
	struct gendisk *disk;
	struct compat_disk_refs refs;
	struct blk_mq_tag_set set;
	struct work_struct config_work;
	struct dentry *debugfs;
	struct hd_geometry geo;		/* 0 cylinders: the device gave none */
	int id;
	bool indirect;			/* any request takes one descriptor */
	unsigned int num_vqs;
	unsigned int num_dedicated;	/* the last ones of the queues */
	bool twin;
	struct vblk_queue queues[];	/* num_vqs */
};

static inline struct vblk_queue *vblk_hctx_queue(struct blk_mq_hw_ctx *hctx)
{
	struct vblk *vblk = hctx->queue->queuedata;

	/* A kdump kernel may have given us one context whatever we asked for. */
	return &vblk->queues[hctx->queue_num % vblk->num_vqs];
}

/* submit.c */
blk_status_t vblk_queue_rq(struct blk_mq_hw_ctx *hctx,
			   const struct blk_mq_queue_data *bd);
void vblk_queue_rqs(struct rq_list *rqs);
void vblk_commit_rqs(struct blk_mq_hw_ctx *hctx);
void vblk_unmap_data(struct vblk_req *vbr);

/* reap.c */
unsigned int vblk_take_used(struct vblk_queue *q, enum vblk_reaper who,
			    struct vblk_done *done);
unsigned int vblk_finish(struct vblk_done *done, struct io_comp_batch *iob);
void vblk_complete_rq(struct request *rq);
blk_status_t vblk_result(const struct vblk_req *vbr);
int vblk_poll(struct blk_mq_hw_ctx *hctx, struct io_comp_batch *iob);
void vblk_interrupt(struct virtqueue *vq);

/* governor.c */
void vblk_gov_init(struct vblk_queue *q);
void vblk_gov_added(struct vblk_queue *q, enum vblk_kind kind,
		    struct vblk_done *done);
void vblk_gov_interrupt(struct vblk_queue *q, struct vblk_done *done);
void vblk_gov_poll(struct vblk_queue *q, bool may_sleep, struct vblk_done *done);
void vblk_gov_hold(struct vblk_queue *q);

/* sysfs.c */
extern const struct attribute_group *vblk_attr_groups[];

/* debugfs.c */
void vblk_debugfs_init(void);
void vblk_debugfs_exit(void);
void vblk_debugfs_add(struct vblk *vblk);
void vblk_debugfs_del(struct vblk *vblk);

#endif /* VIRTIO_BLK_H */
