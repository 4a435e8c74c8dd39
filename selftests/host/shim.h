/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Just enough of the kernel to run the driver's governor, reaper and spinning
 * submitters in a host program. The functions that take part in a test are in
 * model.h, and in the tests themselves.
 */
#ifndef VBLK_SHIM_H
#define VBLK_SHIM_H

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef uint64_t sector_t;
typedef u8 blk_status_t;

#define BLK_STS_OK		((blk_status_t)0)
#define BLK_STS_NOTSUPP		((blk_status_t)1)
#define BLK_STS_IOERR		((blk_status_t)10)
#define RQF_FLUSH_SEQ		(1u << 4)
#define ____cacheline_aligned_in_smp
#define __packed		__attribute__((packed))
#define COMPAT_ZONED		0
#define unlikely(x)		(x)
#define min(a, b)		((a) < (b) ? (a) : (b))
#define max(a, b)		((a) > (b) ? (a) : (b))
#define READ_ONCE(x)		(x)
#define WRITE_ONCE(x, value)	((x) = (value))
#define container_of(ptr, type, member)	\
	((type *)((char *)(ptr) - offsetof(type, member)))

/* Locks: nothing runs at the same time here, so a lock only knows its state. */
typedef struct {
	bool held;
} spinlock_t;

#define spin_lock_irqsave(l, flags)			\
	do { (flags) = 0; assert(!(l)->held); (l)->held = true; } while (0)
#define spin_unlock_irqrestore(l, flags)		\
	do { (void)(flags); assert((l)->held); (l)->held = false; } while (0)
#define spin_lock_irq(l)	do { assert(!(l)->held); (l)->held = true; } while (0)
#define spin_unlock_irq(l)	do { assert((l)->held); (l)->held = false; } while (0)
#define spin_trylock_irqsave(l, flags)			\
	({ bool got = !(l)->held; (flags) = 0; (l)->held = true; got; })

/* Timers, in the nanoseconds of test_now */
typedef int64_t ktime_t;
#define NSEC_PER_USEC		1000LL
#define NSEC_PER_MSEC		1000000LL
#define ns_to_ktime(ns)		((ktime_t)(ns))
enum hrtimer_restart { HRTIMER_NORESTART, HRTIMER_RESTART };
enum hrtimer_mode { HRTIMER_MODE_REL };
struct hrtimer {
	enum hrtimer_restart (*function)(struct hrtimer *timer);
	bool pending;
	ktime_t expires;
};
void hrtimer_setup(struct hrtimer *timer,
		   enum hrtimer_restart (*fn)(struct hrtimer *timer),
		   int clock, enum hrtimer_mode mode);
void hrtimer_start(struct hrtimer *timer, ktime_t delay, enum hrtimer_mode mode);

/* The task that polls, or submits */
struct bio_list {
	bool empty;
};
struct blk_plug {
	bool multiple_queues;
};
struct task_struct {
	bool running;
	bool need_resched;
	unsigned int flags;
	struct bio_list *bio_list;
	struct blk_plug *plug;
};
extern struct task_struct test_task;
#define current			(&test_task)
#define task_is_running(task)	((task)->running)
#define need_resched()		(test_task.need_resched)
extern bool test_in_interrupt;
#define in_interrupt()		(test_in_interrupt)

/* Block layer */
struct request_queue {
	void *queuedata;
	void *elevator;
};
#define HCTX_TYPE_DEFAULT	0
#define HCTX_TYPE_POLL		2
struct blk_mq_hw_ctx {
	struct request_queue *queue;
	unsigned int queue_num;
	unsigned int type;
};
struct bio {
	void *bi_private;
};
struct blk_mq_queue_data;
struct blk_mq_tag_set {
	int unused;
};
struct gendisk;
struct attribute_group;
struct compat_disk_refs {
	int unused;
};
struct dentry;
struct rq_list;
struct blk_mq_ops;
struct queue_limits;
struct blk_report_zones_args;
struct request {
	unsigned int bytes;
	unsigned int rq_flags;
	unsigned int cmd_flags;
	struct bio *bio;
	struct request_queue *q;
	struct blk_mq_hw_ctx *mq_hctx;
	bool busy;		/* submitted, not completed */
	bool used;		/* by the device */
	bool uncached;
	_Alignas(16) unsigned char pdu[256];
};
struct io_comp_batch {
	struct request *req_list;
};
#define blk_rq_bytes(rq)	((rq)->bytes)
#define SZ_128K			(128 << 10)
struct work_struct {
	int unused;
};
struct workqueue_struct;
struct mutex {
	int unused;
};
struct scatterlist {
	int unused;
};
struct sg_table {
	struct scatterlist *sgl;
	unsigned int nents;
};
#define rq_list_for_each(list, rq)	for ((rq) = *(list); (rq); (rq) = NULL)
#define blk_mq_add_to_batch(rq, iob, error, fn)	((void)(iob), (void)(fn), false)
#define blk_mq_end_request_batch(iob)	((void)(iob))
#define blk_should_fake_timeout(q)	false
#define trace_vblk_reap(q, rq, who)	((void)(rq))
#define trace_vblk_callbacks(q, on, why)	((void)(why))
#define trace_vblk_stall(q)		((void)(q))
#define blk_mq_rq_to_pdu(rq)	((void *)(rq)->pdu)
#define blk_mq_rq_from_pdu(p)	\
	container_of((unsigned char (*)[256])(p), struct request, pdu)
void blk_mq_complete_request(struct request *rq);
void blk_mq_end_request(struct request *rq, blk_status_t status);
void blk_mq_run_hw_queue(struct blk_mq_hw_ctx *hctx, bool async);
void compat_uncache_bios(struct request *rq);

/* Virtio */
struct virtio_device {
	void *priv;
};
struct virtqueue {
	struct virtio_device *vdev;
	unsigned int index;
	unsigned int num_free;
	bool broken;
};
#define virtqueue_is_broken(vq)		((vq)->broken)
void *virtqueue_detach_unused_buf(struct virtqueue *vq);
bool virtqueue_enable_cb(struct virtqueue *vq);
void virtqueue_disable_cb(struct virtqueue *vq);
void *virtqueue_get_buf(struct virtqueue *vq, unsigned int *len);

#endif /* VBLK_SHIM_H */
