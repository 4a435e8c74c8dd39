// SPDX-License-Identifier: GPL-2.0-only
/*
 * From blk-mq to the ring: builds the request that the device sees, adds it
 * under the queue's lock, and notifies the device after the lock is released.
 *
 * The ring can be full before the tags run out, since two contexts share it.
 * Room is therefore checked before adding: the virtio core would notify the
 * device, under our lock, if it had to refuse.
 */
#include "virtio_blk.h"

#include <linux/slab.h>
#include <linux/virtio_config.h>
#include <trace/events/virtio_blk.h>

/* No device writes this status (VIRTIO 1.2, 5.2.6). */
#define VBLK_STATUS_UNWRITTEN	0xff

/* Header, tail, and what lies between: descriptors without a table. */
static unsigned int vblk_descs(const struct vblk *vblk, const struct vblk_req *vbr)
{
	return vblk->indirect ? 1 : 2 + vbr->table.nents;
}

/**
 * vblk_unmap_data() - the end of what vblk_prepare() made of the request's data
 * @vbr: the request, not in the ring
 */
void vblk_unmap_data(struct vblk_req *vbr)
{
	if (unlikely(vbr->ranges))
		kfree(sg_virt(vbr->sgl));
	else if (vbr->table.nents)
		sg_free_table_chained(&vbr->table, VBLK_INLINE_SEGS);
}

static blk_status_t vblk_map_data(struct request *rq, struct vblk_req *vbr)
{
	unsigned int segs = blk_rq_nr_phys_segments(rq);

	vbr->table.nents = 0;
	if (!segs)
		return BLK_STS_OK;

	vbr->table.sgl = vbr->sgl;
	if (sg_alloc_table_chained(&vbr->table, segs, vbr->sgl, VBLK_INLINE_SEGS)) {
		vbr->table.nents = 0;
		return BLK_STS_RESOURCE;
	}
	vbr->table.nents = blk_rq_map_sg(rq, vbr->table.sgl);
	return BLK_STS_OK;
}

static void vblk_set_range(struct virtio_blk_discard_write_zeroes *range,
			   u64 sector, u32 num_sectors, bool unmap)
{
	range->sector = cpu_to_le64(sector);
	range->num_sectors = cpu_to_le32(num_sectors);
	range->flags = cpu_to_le32(unmap ? VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP : 0);
}

/*
 * Requests on ranges of sectors carry a table of them (VIRTIO 1.2, 5.2.6). A
 * discard can be several bios that are not neighbours, where the device takes
 * several ranges; whatever else was merged is one range.
 */
static blk_status_t vblk_map_ranges(struct request *rq, struct vblk_req *vbr)
{
	struct virtio_blk_discard_write_zeroes *ranges;
	unsigned int n = 1, i = 0;
	bool unmap = req_op(rq) == REQ_OP_WRITE_ZEROES &&
		     !(rq->cmd_flags & REQ_NOUNMAP);
	struct bio *bio;

	if (req_op(rq) == REQ_OP_DISCARD && queue_max_discard_segments(rq->q) > 1)
		n = blk_rq_nr_discard_segments(rq);
	ranges = kmalloc_array(n, sizeof(*ranges), GFP_ATOMIC);
	if (!ranges)
		return BLK_STS_RESOURCE;

	if (n == 1) {
		vblk_set_range(ranges, blk_rq_pos(rq), blk_rq_sectors(rq), unmap);
	} else {
		__rq_for_each_bio(bio, rq) {
			if (i < n)
				vblk_set_range(&ranges[i], bio->bi_iter.bi_sector,
					       bio->bi_iter.bi_size >> SECTOR_SHIFT,
					       unmap);
			i++;
		}
		if (i != n) {
			kfree(ranges);
			return BLK_STS_IOERR;
		}
	}
	sg_init_one(vbr->sgl, ranges, n * sizeof(*ranges));
	vbr->table.sgl = vbr->sgl;
	vbr->table.nents = 1;
	vbr->ranges = true;
	return BLK_STS_OK;
}

static void vblk_set_header(struct vblk *vblk, struct request *rq, u32 type, u64 sector)
{
	struct vblk_req *vbr = blk_mq_rq_to_pdu(rq);

	vbr->hdr.type = cpu_to_virtio32(vblk->vdev, type);
	vbr->hdr.ioprio = cpu_to_virtio32(vblk->vdev, req_get_ioprio(rq));
	vbr->hdr.sector = cpu_to_virtio64(vblk->vdev, sector);
}

/* Fill in everything that the device will read, and preset what it writes. */
static blk_status_t vblk_prepare(struct vblk *vblk, struct request *rq)
{
	struct vblk_req *vbr = blk_mq_rq_to_pdu(rq);
	bool ranges = false;
	u64 sector = 0;
	u32 type;

	vbr->tail.status = VBLK_STATUS_UNWRITTEN;
	vbr->kind = rq->mq_hctx->type == HCTX_TYPE_POLL ? VBLK_POLLED : VBLK_PLAIN;
	vbr->spin = NULL;
	vbr->dropped = false;
	vbr->ranges = false;
	if (!(rq->rq_flags & RQF_DONTPREP)) {
		vbr->returns = 0;
		vbr->since = jiffies;
	}

	switch (req_op(rq)) {
	case REQ_OP_READ:
		type = VIRTIO_BLK_T_IN;
		sector = blk_rq_pos(rq);
		break;
	case REQ_OP_WRITE:
		type = VIRTIO_BLK_T_OUT;
		sector = blk_rq_pos(rq);
		break;
	case REQ_OP_FLUSH:
		type = VIRTIO_BLK_T_FLUSH;
		break;
	case REQ_OP_DISCARD:
		type = VIRTIO_BLK_T_DISCARD;
		ranges = true;
		break;
	case REQ_OP_WRITE_ZEROES:
		type = VIRTIO_BLK_T_WRITE_ZEROES;
		ranges = true;
		break;
	case REQ_OP_SECURE_ERASE:
		type = VIRTIO_BLK_T_SECURE_ERASE;
		ranges = true;
		break;
	case REQ_OP_DRV_IN:
		return vblk_map_data(rq, vbr);	/* see vblk_ask() */
	default:
		if (!vblk_prepare_zone_op(rq, &type, &sector))
			return BLK_STS_NOTSUPP;
	}

	vblk_set_header(vblk, rq, type, sector);
	return ranges ? vblk_map_ranges(rq, vbr) : vblk_map_data(rq, vbr);
}

/**
 * vblk_ask() - a request of the driver's own
 * @vblk: the disk
 * @type: VIRTIO_BLK_T_GET_ID, or another one without data to the device
 * @sector: for the request
 * @buf: takes the answer; not on the stack
 * @len: its size, as the request requires it; 0: there is no answer
 *
 * Context: may sleep.
 * Return: 0 or an error.
 */
int vblk_ask(struct vblk *vblk, u32 type, u64 sector, void *buf, size_t len)
{
	struct request *rq;
	int err;

	rq = blk_mq_alloc_request(vblk->disk->queue, REQ_OP_DRV_IN, 0);
	if (IS_ERR(rq))
		return PTR_ERR(rq);
	vblk_set_header(vblk, rq, type, sector);
	err = len ? blk_rq_map_kern(rq, buf, len, GFP_KERNEL) : 0;
	if (!err) {
		blk_execute_rq(rq, false);
		/* Not every kernel hands on the status of such a request. */
		err = blk_status_to_errno(vblk_result(blk_mq_rq_to_pdu(rq)));
	}
	blk_mq_free_request(rq);
	return err;
}

/*
 * An active deep poller refills every slot that it reaps, so polled requests
 * leave an eighth of the ring to plain ones, and step back while one of those
 * still found no room. An empty ring takes anything.
 */
static bool vblk_has_room(const struct vblk_queue *q, const struct vblk_req *vbr)
{
	unsigned int need = vblk_descs(q->vblk, vbr);

	if (vbr->kind == VBLK_POLLED &&
	    (q->inflight[VBLK_PLAIN] || q->inflight[VBLK_POLLED])) {
		if (q->plain_waits)
			return false;
		need += q->reserve;
	}
	return q->vq->num_free >= need;
}

/*
 * No room: the next reaper runs the context again. It can be too early, before
 * the core has put the request where the run looks for it. To return
 * DEV_RESOURCE is to promise that a request of this very context will complete
 * and have the core look again; polled ones complete in batches, after which it
 * does not. With RESOURCE it also tries again by itself.
 */
static blk_status_t vblk_wait_for_room(struct vblk_queue *q,
				       const struct vblk_req *vbr,
				       struct blk_mq_hw_ctx *hctx)
{
	q->stats.ring_full++;
	q->waiting[vbr->kind] = hctx;
	if (vbr->kind == VBLK_POLLED)
		return BLK_STS_RESOURCE;
	q->plain_waits = true;
	return q->inflight[VBLK_PLAIN] ? BLK_STS_DEV_RESOURCE : BLK_STS_RESOURCE;
}

/* Put a prepared request into the ring; the queue's lock is held. */
static blk_status_t vblk_add(struct vblk_queue *q, struct request *rq,
			     struct vblk_done *done)
{
	struct vblk_req *vbr = blk_mq_rq_to_pdu(rq);
	struct scatterlist hdr, tail, *sgs[3];
	unsigned int out = 0, in = 0;
	int err;

	/* A queue that is quiesced may have been woken, where that does not nest. */
	if (unlikely(READ_ONCE(q->vblk->phase) == VBLK_STOPPED))
		return BLK_STS_RESOURCE;
	if (!q->vq)
		return BLK_STS_IOERR;
	if (!vblk_has_room(q, vbr))
		return vblk_wait_for_room(q, vbr, rq->mq_hctx);

	sg_init_one(&hdr, &vbr->hdr, sizeof(vbr->hdr));
	sgs[out++] = &hdr;
	if (vbr->table.nents) {
		if (rq_data_dir(rq) == WRITE)
			sgs[out++] = vbr->table.sgl;
		else
			sgs[out + in++] = vbr->table.sgl;
	}
	if (vblk_is_append(rq))
		sg_init_one(&tail, &vbr->tail, sizeof(vbr->tail));
	else
		sg_init_one(&tail, &vbr->tail.status, sizeof(vbr->tail.status));
	sgs[out + in++] = &tail;

	err = virtqueue_add_sgs(q->vq, sgs, out, in, vbr, GFP_ATOMIC);
	if (unlikely(err)) {
		/* Only without memory for a table does the core need more room. */
		if (err == -ENOSPC) {
			q->stats.kicks_core++;
			return vblk_wait_for_room(q, vbr, rq->mq_hctx);
		}
		/* A broken one is set up again, or there soon is none. */
		vblk_check_ring(q);
		if (READ_ONCE(q->vblk->phase) == VBLK_OFF)
			return BLK_STS_IOERR;
		return err == -ENOMEM || virtqueue_is_broken(q->vq) ?
		       BLK_STS_RESOURCE : BLK_STS_IOERR;
	}

	if (vbr->kind == VBLK_PLAIN)
		q->plain_waits = false;
	if (unlikely(vbr->spin))
		vblk_spin_start(q, vbr);
	q->stats.submitted[vbr->kind]++;
	trace_vblk_submit(q, rq);
	vblk_gov_added(q, vbr->kind, done);
	return BLK_STS_OK;
}

/* Whoever is about to wait for the last request of a batch may look for it. */
static void vblk_offer_spin(struct vblk *vblk, struct vblk_req *last,
			    struct vblk_spin *spin)
{
	spin->vbr = NULL;
	if (unlikely(READ_ONCE(vblk->sync_poll_us)) &&
	    vblk_may_spin(vblk, blk_mq_rq_from_pdu(last)))
		last->spin = spin;
}

/* Does the device want to be told? The lock is held; the telling is done without. */
static bool vblk_prepare_kick(struct vblk_queue *q)
{
	if (!vblk_has_ring(q))
		return false;
	if (virtqueue_kick_prepare(q->vq)) {
		q->stats.kicks++;
		return true;
	}
	q->stats.kicks_saved++;
	return false;
}

/**
 * vblk_queue_rq() - submit one request (->queue_rq of blk_mq_ops)
 * @hctx: the context that it was dispatched on
 * @bd: the request, and whether more will follow before ->commit_rqs
 *
 * Return: BLK_STS_OK; BLK_STS_DEV_RESOURCE or BLK_STS_RESOURCE when there is no
 * room or memory now; another status when the request cannot be done at all.
 */
blk_status_t vblk_queue_rq(struct blk_mq_hw_ctx *hctx,
			   const struct blk_mq_queue_data *bd)
{
	struct vblk_queue *q = vblk_hctx_queue(hctx);
	struct vblk_done done = VBLK_DONE_INIT(done);
	struct request *rq = bd->rq;
	struct vblk_spin spin;
	unsigned long flags;
	blk_status_t status;
	bool kick = false;

	status = vblk_prepare(q->vblk, rq);
	if (unlikely(status))
		return status;
	blk_mq_start_request(rq);
	spin.vbr = NULL;
	if (bd->last)
		vblk_offer_spin(q->vblk, blk_mq_rq_to_pdu(rq), &spin);

	spin_lock_irqsave(&q->lock, flags);
	status = vblk_add(q, rq, &done);
	/* The device must hear of what is in the ring before we wait for room. */
	if (bd->last || status)
		kick = vblk_prepare_kick(q);
	spin_unlock_irqrestore(&q->lock, flags);

	if (kick)
		virtqueue_notify(q->vq);
	if (unlikely(status))
		vblk_unmap_data(blk_mq_rq_to_pdu(rq));
	vblk_finish(&done, NULL);
	if (spin.vbr)
		vblk_spin(q, &spin);
	return status;
}

/**
 * vblk_commit_rqs() - no more requests follow (->commit_rqs)
 * @hctx: the context that they were dispatched on
 */
void vblk_commit_rqs(struct blk_mq_hw_ctx *hctx)
{
	struct vblk_queue *q = vblk_hctx_queue(hctx);
	unsigned long flags;
	bool kick;

	/* Not every kernel calls this so that quiescing waits for it. */
	rcu_read_lock();
	spin_lock_irqsave(&q->lock, flags);
	kick = vblk_prepare_kick(q);
	spin_unlock_irqrestore(&q->lock, flags);

	if (kick)
		virtqueue_notify(q->vq);
	rcu_read_unlock();
}

/*
 * Submit a list of prepared and started requests of one queue with one kick. The
 * submitter may spin for one of them, the last, if @spin is given.
 */
static void vblk_add_batch(struct vblk_queue *q, struct vblk_req *first,
			   struct vblk_spin *spin)
{
	struct vblk_done done = VBLK_DONE_INIT(done);
	struct vblk_req *vbr, *next, *failed = NULL;
	unsigned long flags;
	bool kick;

	spin_lock_irqsave(&q->lock, flags);
	for (vbr = first; vbr; vbr = next) {
		next = vbr->next;
		if (unlikely(vblk_add(q, blk_mq_rq_from_pdu(vbr), &done))) {
			vbr->next = failed;
			failed = vbr;
		}
	}
	kick = vblk_prepare_kick(q);
	spin_unlock_irqrestore(&q->lock, flags);

	if (kick)
		virtqueue_notify(q->vq);
	while (failed) {
		vbr = failed;
		failed = vbr->next;
		vblk_unmap_data(vbr);
		/* One by one, queue_rq says what is wrong with it. */
		blk_mq_requeue_request(blk_mq_rq_from_pdu(vbr), true);
	}
	vblk_finish(&done, NULL);
	if (spin && spin->vbr)
		vblk_spin(q, spin);
}

/**
 * vblk_queue_rqs() - submit a plugged list (->queue_rqs)
 * @rqs: requests of this disk in order; what stays there is submitted by the
 *	core one by one
 */
void vblk_queue_rqs(struct rq_list *rqs)
{
	struct vblk_req *first = NULL, **last = &first, *vbr;
	struct vblk_queue *batch = NULL, *q;
	struct rq_list left = { };
	struct vblk_spin spin;
	struct request *rq;

	while ((rq = rq_list_pop(rqs))) {
		q = vblk_hctx_queue(rq->mq_hctx);
		vbr = blk_mq_rq_to_pdu(rq);
		if (unlikely(vblk_prepare(q->vblk, rq))) {
			rq_list_add_tail(&left, rq);
			continue;
		}
		blk_mq_start_request(rq);

		if (q != batch && batch) {
			vblk_add_batch(batch, first, NULL);
			first = NULL;
			last = &first;
		}
		batch = q;
		vbr->next = NULL;
		*last = vbr;
		last = &vbr->next;
	}
	if (batch) {
		vblk_offer_spin(batch->vblk, container_of(last, struct vblk_req, next),
				&spin);
		vblk_add_batch(batch, first, &spin);
	}
	*rqs = left;
}
