// SPDX-License-Identifier: GPL-2.0-only
/*
 * The callback governor: one state machine per virtqueue that owns the question
 * "does the device interrupt us now?". Nothing else calls virtqueue_enable_cb()
 * or virtqueue_disable_cb(). It decides; reap.c takes requests off the ring and
 * completes them.
 *
 * Rules, which hold whenever the queue's lock is released, but for the middle of
 * the interrupt handler, where it completes requests:
 *
 * G1  Callbacks off and anything in flight: the guard is armed. (Nothing in
 *     flight does not cancel it: that would reprogram the clock for every
 *     request. The firing that finds nothing in flight lets it lapse.)
 * G2  After every drain: no polled request in flight and plain ones left means
 *     callbacks on. Nothing in flight at all: they stay as they are, so that a
 *     lone poller never toggles them.
 * G3  Only the interrupt handler and a timeout drain with callbacks on. Whoever
 *     else finds them on turns them off first or leaves the ring alone: a poller
 *     that takes what an interrupt announced makes that interrupt look spurious,
 *     and the kernel disables a vector after too many of those.
 * G4  Requests are taken off the ring and counted under the lock, and completed
 *     (vblk_finish()) after it is released.
 *
 * With callbacks off the pollers are the only ones who guarantee progress, and
 * a poller can be stopped, frozen, throttled or slow. The guard bounds what that
 * costs everybody else.
 *
 * Virtio rules used: suppression is a hint, so an interrupt may come with
 * callbacks off; and after turning them on the ring has to be looked at again
 * (VIRTIO 1.2, 2.7.7 and 2.8.10), which is what the answer of
 * virtqueue_enable_cb() is about.
 */
#include "virtio_blk.h"

#include <linux/ktime.h>
#include <linux/sched.h>
#include <trace/events/virtio_blk.h>

/* A plain request waits for a poller: two of these bound its wait. */
#define VBLK_GUARD_SHORT_NS	(500 * NSEC_PER_USEC)
/* Only polled requests wait: pollers sleep on purpose for up to a few ms. */
#define VBLK_GUARD_LONG_NS	(5 * NSEC_PER_MSEC)

/*
 * How many polled requests a stall lasts if no poller comes: this many, and twice
 * as many each time that this was too soon, up to the second.
 */
#define VBLK_STALL_FIRST	16
#define VBLK_STALL_LAST		4096

static bool gov_inflight(const struct vblk_queue *q)
{
	return q->inflight[VBLK_PLAIN] || q->inflight[VBLK_POLLED];
}

static void gov_off(struct vblk_queue *q, enum vblk_cb_reason why)
{
	virtqueue_disable_cb(q->vq);
	q->gov.on = false;
	q->stats.cb_off++;
	trace_vblk_callbacks(q, false, why);
}

/* Callbacks on for sure: nothing that the device has used is left in the ring. */
static void gov_listen(struct vblk_queue *q, enum vblk_reaper who,
		       struct vblk_done *done)
{
	while (!virtqueue_enable_cb(q->vq)) {
		virtqueue_disable_cb(q->vq);
		vblk_take_used(q, who, done);
	}
}

static void gov_on(struct vblk_queue *q, enum vblk_cb_reason why,
		   enum vblk_reaper who, struct vblk_done *done)
{
	/* A dedicated poll queue has no vector; its guard drains instead. */
	if (q->dedicated || q->gov.on)
		return;
	gov_listen(q, who, done);
	q->gov.on = true;
	q->stats.cb_on++;
	trace_vblk_callbacks(q, true, why);
}

/* G1 */
static void gov_arm(struct vblk_queue *q)
{
	struct vblk_gov *gov = &q->gov;
	bool brief = q->inflight[VBLK_PLAIN];

	if (gov->on || !gov_inflight(q))
		return;
	if (gov->armed && gov->armed_short >= brief)
		return;
	gov->armed = true;
	gov->armed_short = brief;
	hrtimer_start(&gov->guard,
		      ns_to_ktime(brief ? VBLK_GUARD_SHORT_NS : VBLK_GUARD_LONG_NS),
		      HRTIMER_MODE_REL);
}

/* G2, then G1: the end of whatever drained. */
static void gov_settle(struct vblk_queue *q, enum vblk_reaper who,
		       struct vblk_done *done)
{
	if (!q->inflight[VBLK_POLLED]) {
		q->gov.sleeping = false;
		if (q->inflight[VBLK_PLAIN])
			gov_on(q, VBLK_CB_DRAINED, who, done);
	}
	gov_arm(q);
}

/*
 * A stall ends when a poller comes. Where interrupts always win the race with it,
 * it finds its requests completed and never comes, so the stall also ends by
 * itself. Who really does not poll then waits for a guard period once in ever
 * more requests.
 */
static void gov_stall(struct vblk_queue *q)
{
	struct vblk_gov *gov = &q->gov;

	gov->stalled = true;
	gov->stall_left = gov->stall_next;
	gov->stall_next = min(2 * gov->stall_next, VBLK_STALL_LAST);
	q->stats.stalls++;
	trace_vblk_stall(q);
}

static void gov_end_stall(struct vblk_gov *gov)
{
	gov->stalled = false;
	gov->stall_next = VBLK_STALL_FIRST;
}

/**
 * vblk_gov_added() - a request was added to the ring
 * @q: its queue
 * @kind: its kind
 * @done: takes what the ring already held, when callbacks had to be turned on
 *
 * Context: @q->lock held; before the kick is prepared, so that the device reads
 * the decision together with the request.
 */
void vblk_gov_added(struct vblk_queue *q, enum vblk_kind kind,
		    struct vblk_done *done)
{
	struct vblk_gov *gov = &q->gov;

	q->inflight[kind]++;
	if (kind == VBLK_POLLED) {
		if (gov->stalled && !--gov->stall_left)
			gov->stalled = false;
		if (gov->on && !gov->stalled && !gov->sleeping && !gov->held)
			gov_off(q, VBLK_CB_POLLED);
	} else if (!q->inflight[VBLK_POLLED]) {
		gov_on(q, VBLK_CB_PLAIN, VBLK_REAP_OTHER, done);
	}
	gov_arm(q);
}

/**
 * vblk_gov_left() - a polled request has lost its poller
 * @q: its queue
 * @done: takes what the ring already held, when callbacks had to be turned on
 *
 * From now on it is as any plain one.
 *
 * Context: @q->lock held.
 */
void vblk_gov_left(struct vblk_queue *q, struct vblk_done *done)
{
	q->inflight[VBLK_POLLED]--;
	vblk_gov_added(q, VBLK_PLAIN, done);
}

/**
 * vblk_gov_poll() - a poller is here
 * @q: the queue that it polls
 * @may_sleep: it may go to sleep when we find nothing
 * @done: takes what was found
 *
 * Context: @q->lock held.
 */
void vblk_gov_poll(struct vblk_queue *q, bool may_sleep, struct vblk_done *done)
{
	struct vblk_gov *gov = &q->gov;

	gov->poller = true;
	gov_end_stall(gov);
	if (gov->on) {
		/* An interrupt is promised to somebody, or nobody waits for us. */
		if (gov->sleeping || gov->held || !q->inflight[VBLK_POLLED])
			return;
		gov_off(q, VBLK_CB_POLLER);
	}

	if (!vblk_take_used(q, VBLK_REAP_POLL, done) && may_sleep &&
	    q->inflight[VBLK_POLLED] && need_resched()) {
		/* On 5.10 the caller may sleep now, and until an interrupt. */
		gov->sleeping = true;
		q->stats.sleepers++;
		gov_on(q, VBLK_CB_SLEEPER, VBLK_REAP_POLL, done);
	}
	gov_settle(q, VBLK_REAP_POLL, done);
}

/**
 * vblk_gov_interrupt() - the device called back
 * @q: the queue
 * @done: takes what was found
 *
 * Shared vectors, INTx and mmio call back with callbacks off, too. The device
 * is asked to be silent until vblk_gov_listen(): what it uses while the requests
 * are completed needs no interrupt of its own.
 *
 * Context: @q->lock held.
 */
void vblk_gov_interrupt(struct vblk_queue *q, struct vblk_done *done)
{
	q->stats.irqs++;
	if (q->gov.on)
		virtqueue_disable_cb(q->vq);
	if (!vblk_take_used(q, VBLK_REAP_IRQ, done))
		q->stats.irqs_idle++;
}

/**
 * vblk_gov_listen() - the interrupt handler is about to return
 * @q: the queue, which vblk_gov_interrupt() was called for
 * @done: takes what was found
 *
 * Context: @q->lock held; it was released since vblk_gov_interrupt().
 */
void vblk_gov_listen(struct vblk_queue *q, struct vblk_done *done)
{
	if (q->gov.on)
		gov_listen(q, VBLK_REAP_IRQ, done);
	gov_settle(q, VBLK_REAP_IRQ, done);
}

/* The guard fired; hrtimer context, so not the hard variant (the lock). */
static enum hrtimer_restart gov_guard(struct hrtimer *timer)
{
	struct vblk_queue *q = container_of(timer, struct vblk_queue, gov.guard);
	struct vblk_gov *gov = &q->gov;
	struct vblk_done done = VBLK_DONE_INIT(done);
	unsigned long flags;

	spin_lock_irqsave(&q->lock, flags);
	gov->armed = false;
	q->stats.guard_fired++;
	if (q->vq && !gov->on && gov_inflight(q)) {
		if (!gov->poller) {
			gov_stall(q);
			vblk_take_used(q, VBLK_REAP_GUARD, &done);
			gov_on(q, VBLK_CB_STALL, VBLK_REAP_GUARD, &done);
		}
		gov->poller = false;
		gov_settle(q, VBLK_REAP_GUARD, &done);
	}
	spin_unlock_irqrestore(&q->lock, flags);

	vblk_finish(&done, NULL);
	return HRTIMER_NORESTART;
}

/**
 * vblk_gov_hold() - callbacks on, and they stay on
 * @q: the queue that is going to be waited for
 *
 * For waiting that the driver starts (removal, suspension, a reset by the bus):
 * the requests in flight must come back although nobody may be polling for them.
 * Recovery in between does not change that.
 *
 * Context: process context, @q->lock not held.
 */
void vblk_gov_hold(struct vblk_queue *q)
{
	struct vblk_done done = VBLK_DONE_INIT(done);
	unsigned long flags;

	spin_lock_irqsave(&q->lock, flags);
	q->gov.held = true;
	if (vblk_has_ring(q) && !q->gov.on) {
		vblk_take_used(q, VBLK_REAP_OTHER, &done);
		gov_on(q, VBLK_CB_HOLD, VBLK_REAP_OTHER, &done);
	}
	gov_settle(q, VBLK_REAP_OTHER, &done);
	spin_unlock_irqrestore(&q->lock, flags);

	vblk_finish(&done, NULL);
}

/**
 * vblk_gov_release() - the end of vblk_gov_hold()
 * @q: the queue
 */
void vblk_gov_release(struct vblk_queue *q)
{
	spin_lock_irq(&q->lock);
	q->gov.held = false;
	spin_unlock_irq(&q->lock);
}

/**
 * vblk_gov_timeout() - a request has been in flight for very long
 * @q: its queue
 * @done: takes what was found
 *
 * With callbacks on, an interrupt has been lost if anything is found. (It can
 * be about to come, and then comes for nothing, as interrupts may.)
 *
 * Context: @q->lock held.
 * Return: true if an interrupt was lost.
 */
bool vblk_gov_timeout(struct vblk_queue *q, struct vblk_done *done)
{
	bool on = q->gov.on, lost;

	if (on)
		virtqueue_disable_cb(q->vq);
	lost = vblk_take_used(q, VBLK_REAP_TIMEOUT, done) && on;
	if (on)
		gov_listen(q, VBLK_REAP_TIMEOUT, done);
	gov_settle(q, VBLK_REAP_TIMEOUT, done);
	return lost;
}

/**
 * vblk_gov_start() - a queue got its virtqueue
 * @q: the queue
 *
 * Virtqueues are born with callbacks on if they have one.
 *
 * Context: @q->lock held; nothing is in flight.
 */
void vblk_gov_start(struct vblk_queue *q)
{
	q->gov.on = !q->dedicated;
	/* Whoever took the ring away has cancelled the guard. */
	q->gov.armed = false;
	gov_end_stall(&q->gov);
	q->gov.sleeping = false;
	q->plain_waits = false;
}

/**
 * vblk_gov_init() - before there is a virtqueue
 * @q: the queue
 */
void vblk_gov_init(struct vblk_queue *q)
{
	hrtimer_setup(&q->gov.guard, gov_guard, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
}
