// SPDX-License-Identifier: GPL-2.0-only
/*
 * What waits for longer than the block layer's timeout (queue/io_timeout). Two
 * things can be lost that nobody else would miss: the interrupt that announced
 * what is in the ring, and the notification that told the device of it. So the
 * ring is looked at and the device told again.
 *
 * A request is not failed for being slow: the host may be suspended or its
 * storage gone for minutes, and the device owns the memory until it gives the
 * request back.
 */
#include "virtio_blk.h"

static void vblk_report_waiting(const struct vblk_queue *q, struct request *rq)
{
	struct vblk_req *vbr = blk_mq_rq_to_pdu(rq);

	if (vbr->timeouts < U8_MAX)
		vbr->timeouts++;
	dev_warn_ratelimited(&q->vblk->vdev->dev,
			     "[%s] queue %u: the device has had tag %d (%s, sector %llu, %u sectors) for %u s\n",
			     q->vblk->disk->disk_name, q->index, rq->tag,
			     blk_op_str(req_op(rq)), (u64)blk_rq_pos(rq),
			     blk_rq_sectors(rq),
			     vbr->timeouts * (rq->timeout / HZ));
}

/**
 * vblk_timeout() - a request has been in flight for too long (->timeout of
 * blk_mq_ops)
 * @rq: the request
 *
 * Context: the block layer's work item, which holds a reference to the queue.
 * Return: BLK_EH_DONE if it is complete now, or BLK_EH_RESET_TIMER.
 */
enum blk_eh_timer_return vblk_timeout(struct request *rq)
{
	struct vblk_queue *q = vblk_hctx_queue(rq->mq_hctx);
	struct vblk_done done = VBLK_DONE_INIT(done);
	bool lost = false, first, present;
	unsigned int found;
	unsigned long flags;

	spin_lock_irqsave(&q->lock, flags);
	q->stats.timeouts++;
	first = !q->stats.reaped[VBLK_REAP_TIMEOUT];
	present = q->vq;
	if (present)
		lost = vblk_gov_timeout(q, &done);
	spin_unlock_irqrestore(&q->lock, flags);

	found = vblk_finish(&done, NULL);
	/* Once is enough; the counters tell how often. */
	if (lost && first)
		dev_warn(&q->vblk->vdev->dev,
			 "[%s] queue %u: found %u completed requests that no interrupt announced\n",
			 q->vblk->disk->disk_name, q->index, found);
	if (blk_mq_rq_state(rq) != MQ_RQ_IN_FLIGHT)
		return BLK_EH_DONE;

	/* Who takes the ring away waits for us before (blk_sync_queue()). */
	if (present)
		virtqueue_notify(q->vq);
	vblk_report_waiting(q, rq);
	return BLK_EH_RESET_TIMER;
}
