/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The driver's governor and reaper, with a model of the device and of a submitter.
 * After each step rules G1 to G4 are checked.
 */
#ifndef VBLK_MODEL_H
#define VBLK_MODEL_H

#include "shim.h"
#include <virtio_blk.h>

#include <string.h>

#include <governor.c>
#include <reap.c>

#define MAX_REQS	64

_Static_assert(sizeof(struct vblk_req) <= sizeof(((struct request *)0)->pdu),
	       "make room in the shim");

/* The device's side of the ring */
static struct {
	struct virtqueue vq;
	struct request *used[MAX_REQS];
	unsigned int num_used;
	bool enabled;		/* what the driver asked for */
	bool event_ahead;	/* the next used buffer interrupts */
	bool irq_pending;
	unsigned int toggles;
	unsigned int recoveries;
	/* Buffers that the device uses while callbacks are being turned on. */
	unsigned int use_on_enable;
	/* And while the driver completes a request. */
	unsigned int use_on_complete;
} dev;

static struct request reqs[MAX_REQS];
static union {
	struct vblk vblk;
	char room[sizeof(struct vblk) + sizeof(struct vblk_queue)];
} disk;
static struct vblk_queue *q;
static struct request_queue queue;
static struct blk_mq_hw_ctx hctx, poll_hctx = { .type = HCTX_TYPE_POLL };
static struct virtio_device vdev;
struct task_struct test_task;
bool test_in_interrupt;
static ktime_t now;
static unsigned int restarts;

void hrtimer_setup(struct hrtimer *timer,
		   enum hrtimer_restart (*fn)(struct hrtimer *timer),
		   int clock, enum hrtimer_mode mode)
{
	(void)clock;
	(void)mode;
	timer->function = fn;
}

void hrtimer_start(struct hrtimer *timer, ktime_t delay, enum hrtimer_mode mode)
{
	(void)mode;
	timer->pending = true;
	timer->expires = now + delay;
}

void blk_mq_complete_request(struct request *rq)
{
	vblk_complete_rq(rq);
}

static bool device_use_one(void);

/* G4: without the lock, and once */
void blk_mq_end_request(struct request *rq, blk_status_t status)
{
	assert(!q->lock.held);
	assert(rq->busy);
	assert(status == BLK_STS_OK);
	rq->busy = false;
	if (dev.use_on_complete && device_use_one())
		dev.use_on_complete--;
}

void blk_mq_run_hw_queue(struct blk_mq_hw_ctx *ctx, bool async)
{
	assert(ctx == &hctx && async && !q->lock.held);
	restarts++;
}

void compat_uncache_bios(struct request *rq)
{
	rq->uncached = true;
}

void vblk_unmap_data(struct vblk_req *vbr)
{
	(void)vbr;
}

static void device_use(struct request *rq)
{
	rq->used = true;
	dev.used[dev.num_used++] = rq;
	if (dev.event_ahead) {
		dev.event_ahead = false;
		dev.irq_pending = true;
	}
}

static struct request *oldest_in_device(void)
{
	unsigned int i;

	for (i = 0; i < MAX_REQS; i++)
		if (reqs[i].busy && !reqs[i].used)
			return &reqs[i];
	return NULL;
}

static bool device_use_one(void)
{
	struct request *rq = oldest_in_device();

	if (rq)
		device_use(rq);
	return rq;
}

/* False: on, but the event index has been passed and no interrupt will come. */
bool virtqueue_enable_cb(struct virtqueue *vq)
{
	assert(vq == &dev.vq && q->lock.held);
	dev.enabled = true;
	dev.toggles++;
	while (dev.use_on_enable && device_use_one())
		dev.use_on_enable--;
	dev.event_ahead = !dev.num_used;
	return dev.event_ahead;
}

void virtqueue_disable_cb(struct virtqueue *vq)
{
	assert(vq == &dev.vq && q->lock.held);
	dev.enabled = false;
	dev.event_ahead = false;
	dev.toggles++;
}

void *virtqueue_get_buf(struct virtqueue *vq, unsigned int *len)
{
	struct request *rq;

	assert(vq == &dev.vq && q->lock.held);
	/* G3; the handler turns them off while it drains, too. */
	assert(!dev.enabled);
	*len = 1;
	if (!dev.num_used)
		return NULL;
	rq = dev.used[0];
	memmove(dev.used, dev.used + 1, --dev.num_used * sizeof(dev.used[0]));
	return rq->pdu;
}

/* After a reset: what the device had and did not use. */
void *virtqueue_detach_unused_buf(struct virtqueue *vq)
{
	struct request *rq = oldest_in_device();

	assert(vq == &dev.vq && q->lock.held);
	if (!rq)
		return NULL;
	rq->busy = false;
	return rq->pdu;
}

void vblk_recover(struct vblk *vblk, const char *why)
{
	assert(vblk == q->vblk && why);
	dev.recoveries++;
}

/* G1 and G2, and that the governor's picture is the device's */
static void check_rules(void)
{
	const struct vblk_gov *gov = &q->gov;
	unsigned int inflight = q->inflight[VBLK_PLAIN] + q->inflight[VBLK_POLLED];

	assert(!q->lock.held);
	assert(gov->on == dev.enabled);
	assert(gov->armed == gov->guard.pending);
	if (!gov->on && inflight) {
		assert(gov->armed);				/* G1 */
		if (q->inflight[VBLK_PLAIN])
			assert(gov->armed_short);
	}
	if (!q->inflight[VBLK_POLLED] && q->inflight[VBLK_PLAIN] && !q->dedicated)
		assert(gov->on);				/* G2 */
	/* On, and something was used: the interrupt is on its way. */
	if (gov->on && dev.num_used)
		assert(dev.irq_pending);
}

static void start(bool dedicated)
{
	memset(&dev, 0, sizeof(dev));
	memset(reqs, 0, sizeof(reqs));
	memset(&disk, 0, sizeof(disk));
	q = &disk.vblk.queues[0];
	q->vblk = &disk.vblk;
	q->dedicated = dedicated;
	q->vq = &dev.vq;
	disk.vblk.num_vqs = 1;
	queue.queuedata = &disk.vblk;
	hctx.queue = &queue;
	vdev.priv = &disk.vblk;
	dev.vq.vdev = &vdev;
	dev.enabled = !dedicated;
	dev.event_ahead = !dedicated;
	test_task = (struct task_struct) { .running = true };
	test_in_interrupt = false;
	now = 0;
	restarts = 0;
	vblk_gov_init(q);
	q->lock.held = true;
	vblk_gov_start(q);
	q->lock.held = false;
}

static struct request *submit(enum vblk_kind kind)
{
	struct vblk_done done = VBLK_DONE_INIT(done);
	struct request *rq = reqs;
	unsigned long flags;

	while (rq->busy)
		rq++;
	assert(rq < reqs + MAX_REQS);
	*rq = (struct request) {
		.busy = true,
		.mq_hctx = kind == VBLK_POLLED ? &poll_hctx : &hctx,
	};
	*(struct vblk_req *)rq->pdu = (struct vblk_req) {
		.kind = kind,
		.next = (void *)-1,	/* as the submitter's list left it */
	};
	spin_lock_irqsave(&q->lock, flags);
	vblk_gov_added(q, kind, &done);
	spin_unlock_irqrestore(&q->lock, flags);
	vblk_finish(&done, NULL);
	check_rules();
	return rq;
}

static unsigned int poll(void)
{
	unsigned int found = vblk_poll(&hctx, NULL);

	check_rules();
	return found;
}

static void interrupt(void)
{
	dev.irq_pending = false;
	test_in_interrupt = true;
	vblk_interrupt(&dev.vq);
	test_in_interrupt = false;
	check_rules();
}

static void use(struct request *rq)
{
	device_use(rq);
	check_rules();
}

/* Lets the guard fire when it is due; false if it is not pending. */
static bool guard(void)
{
	struct hrtimer *timer = &q->gov.guard;

	if (!timer->pending)
		return false;
	if (now < timer->expires)
		now = timer->expires;
	timer->pending = false;
	test_in_interrupt = true;
	assert(timer->function(timer) == HRTIMER_NORESTART);
	test_in_interrupt = false;
	check_rules();
	return true;
}

static void hold(void)
{
	vblk_gov_hold(q);
	check_rules();
}

#endif /* VBLK_MODEL_H */
