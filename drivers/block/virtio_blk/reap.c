// SPDX-License-Identifier: GPL-2.0-only
/*
 * The one completion path. Interrupt, poller, guard, timeout and whoever turns
 * callbacks on take requests off the ring here, under the queue's lock, and finish
 * them here, without it. When to look at the ring is the governor's decision.
 */
#include "virtio_blk.h"

#include <linux/preempt.h>
#include <linux/sched.h>
#include <trace/events/virtio_blk.h>

/**
 * vblk_check_ring() - have a device reset whose ring the core gave up
 * @q: the queue
 *
 * Since the device wrote nonsense to it, or is not there any more.
 *
 * Context: @q->lock held.
 */
void vblk_check_ring(struct vblk_queue *q)
{
	if (q->vq && unlikely(virtqueue_is_broken(q->vq)))
		vblk_recover(q->vblk, "a ring is broken");
}

/**
 * vblk_take_used() - take off the ring what the device has used
 * @q: the queue
 * @who: for the counters
 * @done: the requests are appended here
 *
 * A broken ring yields nothing, whatever the device wrote there.
 *
 * Context: @q->lock held, callbacks off.
 * Return: how many.
 */
unsigned int vblk_take_used(struct vblk_queue *q, enum vblk_reaper who,
			    struct vblk_done *done)
{
	struct vblk_req *vbr;
	unsigned int n = 0, len, kind;

	/* len is ignored: devices are known to report nonsense there. */
	while ((vbr = virtqueue_get_buf(q->vq, &len))) {
		q->inflight[vbr->kind]--;
		vblk_spin_found(vbr);
		trace_vblk_reap(q, blk_mq_rq_from_pdu(vbr), who);
		vbr->next = NULL;
		*done->last = vbr;
		done->last = &vbr->next;
		n++;
	}
	vblk_check_ring(q);
	if (!n)
		return 0;

	q->stats.reaped[who] += n;
	/* There is room now: the contexts of this queue may go on. */
	for (kind = 0; kind < VBLK_KINDS; kind++) {
		if (q->waiting[kind]) {
			done->restart[kind] = q->waiting[kind];
			q->waiting[kind] = NULL;
		}
	}
	return n;
}

/**
 * vblk_take_back() - take off the ring what the device did not use
 * @q: the queue; its device was reset, or is gone
 * @done: the requests are appended here; they are not complete
 *
 * Nobody submits meanwhile, so nobody spins for one of them either. Who waited
 * for room is run again with the queue as a whole.
 */
void vblk_take_back(struct vblk_queue *q, struct vblk_done *done)
{
	struct vblk_req *vbr;

	spin_lock_irq(&q->lock);
	while (q->vq && (vbr = virtqueue_detach_unused_buf(q->vq))) {
		q->inflight[vbr->kind]--;
		q->stats.returned++;
		vbr->next = NULL;
		*done->last = vbr;
		done->last = &vbr->next;
	}
	q->waiting[VBLK_PLAIN] = NULL;
	q->waiting[VBLK_POLLED] = NULL;
	spin_unlock_irq(&q->lock);
}

/**
 * vblk_result() - what became of a request
 * @vbr: the request, after the device used it
 *
 * The byte was preset to a value that no device writes, so that a status which
 * was never written is an error.
 */
blk_status_t vblk_result(const struct vblk_req *vbr)
{
	switch (vbr->tail.status) {
	case VIRTIO_BLK_S_OK:
		return BLK_STS_OK;
	case VIRTIO_BLK_S_UNSUPP:
		return BLK_STS_NOTSUPP;
	default:
		return vblk_zone_result(vbr->tail.status);
	}
}

/**
 * vblk_complete_rq() - end a request (->complete of blk_mq_ops)
 * @rq: the request, off the ring
 */
void vblk_complete_rq(struct request *rq)
{
	struct vblk_req *vbr = blk_mq_rq_to_pdu(rq);
	blk_status_t status = vblk_result(vbr);

	vblk_unmap_data(vbr);
	if (vblk_is_append(rq) && !status)
		status = vblk_appended(rq);
	blk_mq_end_request(rq, status);
}

/* What a poller gathered: requests that succeeded and have nothing to say. */
static void vblk_complete_batch(struct io_comp_batch *iob)
{
	struct request *rq;

	rq_list_for_each(&iob->req_list, rq)
		vblk_unmap_data(blk_mq_rq_to_pdu(rq));
	blk_mq_end_request_batch(iob);
}

/**
 * vblk_finish() - complete what was taken off the ring
 * @done: oldest first
 * @iob: a poller's batch, or NULL
 *
 * Context: any; no lock held.
 * Return: how many there were.
 */
unsigned int vblk_finish(struct vblk_done *done, struct io_comp_batch *iob)
{
	struct vblk_req *vbr, *next;
	unsigned int n = 0, kind;

	for (vbr = done->first; vbr; vbr = next) {
		struct request *rq = blk_mq_rq_from_pdu(vbr);

		n++;
		next = vbr->next;
		/* Fault injection (io-timeout-fail): vblk_timeout() completes it. */
		if (unlikely(blk_should_fake_timeout(rq->q))) {
			vbr->dropped = true;
			continue;
		}
		/*
		 * Schedulers and plugs merge what is polled into requests that are not,
		 * which may complete in interrupt context. With a flush to follow, so
		 * may those that a poller takes off the ring.
		 */
		if (rq->mq_hctx->type != HCTX_TYPE_POLL || in_interrupt() ||
		    rq->rq_flags & RQF_FLUSH_SEQ)
			compat_uncache_bios(rq);
		if (vbr->kind == VBLK_POLLED &&
		    blk_mq_add_to_batch(rq, iob,
					vbr->tail.status != VIRTIO_BLK_S_OK || vblk_is_append(rq),
					vblk_complete_batch))
			continue;
		blk_mq_complete_request(rq);
	}

	for (kind = 0; kind < VBLK_KINDS; kind++)
		if (done->restart[kind])
			blk_mq_run_hw_queue(done->restart[kind], true);
	return n;
}

/**
 * vblk_poll() - look for completions (->poll of blk_mq_ops)
 * @hctx: the poll-typed context
 * @iob: takes what can be completed in a batch, or NULL
 *
 * Return: how many requests were found.
 */
int vblk_poll(struct blk_mq_hw_ctx *hctx, struct io_comp_batch *iob)
{
	struct vblk_queue *q = vblk_hctx_queue(hctx);
	struct vblk_done done = VBLK_DONE_INIT(done);
	/* 5.10 polls for synchronous I/O, in the state in which it may sleep. */
	bool may_sleep = !task_is_running(current);
	unsigned long flags;

	if (may_sleep)
		spin_lock_irqsave(&q->lock, flags);
	else if (!spin_trylock_irqsave(&q->lock, flags))
		return 0;	/* somebody is at the ring already */
	if (vblk_has_ring(q))
		vblk_gov_poll(q, may_sleep, &done);
	spin_unlock_irqrestore(&q->lock, flags);

	return vblk_finish(&done, iob);
}

/**
 * vblk_interrupt() - the device used buffers, or may have (virtqueue callback)
 * @vq: the virtqueue
 */
void vblk_interrupt(struct virtqueue *vq)
{
	struct vblk *vblk = vq->vdev->priv;
	struct vblk_queue *q = &vblk->queues[vq->index];
	struct vblk_done done = VBLK_DONE_INIT(done), more = VBLK_DONE_INIT(more);
	unsigned long flags;

	/* A device may interrupt before probe has finished, or during removal. */
	spin_lock_irqsave(&q->lock, flags);
	if (q->vq)
		vblk_gov_interrupt(q, &done);
	spin_unlock_irqrestore(&q->lock, flags);
	vblk_finish(&done, NULL);

	spin_lock_irqsave(&q->lock, flags);
	if (q->vq)
		vblk_gov_listen(q, &more);
	spin_unlock_irqrestore(&q->lock, flags);
	vblk_finish(&more, NULL);
}
