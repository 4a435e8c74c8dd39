// SPDX-License-Identifier: GPL-2.0-only
/*
 * What waits for longer than the block layer's timeout (queue/io_timeout). Two
 * things can be lost that nobody else would miss: the interrupt that announced
 * what is in the ring, and the notification that told the device of it. So the
 * ring is looked at and the device told again.
 *
 * A request is not failed for being slow: the host may be suspended or its
 * storage gone for minutes, and the device owns the memory until it gives the
 * request back. Who wants errors instead (fail_after=), or removes the disk, has
 * the device reset first.
 */
#include "virtio_blk.h"

#include <linux/jiffies.h>
#include <linux/moduleparam.h>

#define VBLK_FAIL_AFTER_MAX	86400

static unsigned int fail_after;

static int vblk_set_fail_after(const char *val, const struct kernel_param *kp)
{
	unsigned int seconds;
	int err = kstrtouint(val, 0, &seconds);

	if (!err && seconds > VBLK_FAIL_AFTER_MAX)
		err = -ERANGE;
	if (err)
		pr_err("virtio_blk: fail_after must be 0 (never) to %u seconds\n",
		       VBLK_FAIL_AFTER_MAX);
	else
		fail_after = seconds;
	return err;
}

static const struct kernel_param_ops vblk_fail_after_ops = {
	.set = vblk_set_fail_after,
	.get = param_get_uint,
};
module_param_cb(fail_after, &vblk_fail_after_ops, &fail_after, 0644);
__MODULE_PARM_TYPE(fail_after, "uint");
MODULE_PARM_DESC(fail_after,
		 "Seconds after which a device that does not answer is reset and the request ends with an error (default 0: never)");

static unsigned int vblk_age(const struct vblk_req *vbr)
{
	return (jiffies - vbr->since) / HZ;
}

static void vblk_report_waiting(const struct vblk_queue *q, struct request *rq)
{
	dev_warn_ratelimited(&q->vblk->vdev->dev,
			     "[%s] queue %u: the device has had tag %d (%s, sector %llu, %u sectors) for %u s\n",
			     q->vblk->disk->disk_name, q->index, rq->tag,
			     blk_op_str(req_op(rq)), (u64)blk_rq_pos(rq),
			     blk_rq_sectors(rq), vblk_age(blk_mq_rq_to_pdu(rq)));
}

/**
 * vblk_too_old() - does a request end with an error now, instead of going on?
 * @vbr: the request, which a reset took back
 */
bool vblk_too_old(const struct vblk_req *vbr)
{
	unsigned int limit = READ_ONCE(fail_after);

	return limit && vblk_age(vbr) >= limit;
}

/*
 * Is this too long? Then the device is reset, and else its status looked at. Not for
 * what a reset is about to take back, or has: hence the lock.
 */
static void vblk_judge(struct vblk_queue *q, struct request *rq)
{
	struct vblk *vblk = q->vblk;
	enum vblk_phase phase;
	unsigned long flags;

	spin_lock_irqsave(&q->lock, flags);
	phase = READ_ONCE(vblk->phase);
	if (phase != VBLK_STOPPED && blk_mq_rq_state(rq) == MQ_RQ_IN_FLIGHT)
		vblk_recover(vblk, phase == VBLK_LEAVING ?
			     "the disk is being removed, and the device does not answer" :
			     vblk_too_old(blk_mq_rq_to_pdu(rq)) ?
			     "the device has not answered for fail_after= seconds" : NULL);
	spin_unlock_irqrestore(&q->lock, flags);
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
	struct vblk_req *vbr = blk_mq_rq_to_pdu(rq);
	struct vblk_done done = VBLK_DONE_INIT(done);
	struct vblk *vblk = q->vblk;
	bool lost = false, first;
	unsigned int found;
	unsigned long flags;

	if (vbr->dropped) {
		vbr->dropped = false;
		blk_mq_complete_request(rq);
		return BLK_EH_DONE;
	}

	spin_lock_irqsave(&q->lock, flags);
	q->stats.timeouts++;
	if (vblk_has_ring(q))
		lost = vblk_gov_timeout(q, &done);
	first = lost && !q->stats.irqs_lost++;
	spin_unlock_irqrestore(&q->lock, flags);

	found = vblk_finish(&done, NULL);
	/* Once is enough; the counters tell how often. */
	if (first)
		dev_warn(&vblk->vdev->dev,
			 "[%s] queue %u: found %u completed requests that no interrupt announced\n",
			 vblk->disk->disk_name, q->index, found);
	if (blk_mq_rq_state(rq) != MQ_RQ_IN_FLIGHT)
		return BLK_EH_DONE;

	/* While requests are in flight, who takes the ring away holds this. */
	if (mutex_trylock(&vblk->phase_lock)) {
		if (q->vq)
			virtqueue_notify(q->vq);
		mutex_unlock(&vblk->phase_lock);
	}
	vblk_report_waiting(q, rq);
	vblk_judge(q, rq);
	return BLK_EH_RESET_TIMER;
}
