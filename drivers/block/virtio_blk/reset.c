// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device loses its state: in a suspension, in a reset by the bus, or since it
 * does not work any more and is reset for that (recovery).
 *
 * The first two let what is in flight end before. If it does not do so in time, a
 * suspension is refused: CPUs that go offline next would wait for requests that wait
 * for the resume. A reset by the bus comes anyway, and recovery cannot wait.
 *
 * A device that was reset owns nothing: what it had is taken back, and once it is set
 * up again, all of that is submitted once more. Requests in flight have no order
 * among each other, a flush covers what was complete before it was submitted, and a
 * reset does not empty the device's cache, so repeating them keeps what flushes
 * promise. (In a sequential zone a write that was done before fails, as one that is
 * not at the write pointer.)
 *
 * A device that breaks again before it completed anything is given up after a few
 * times, and so is a request that was in flight each time: they end with an error.
 */
#include "virtio_blk.h"

#include <linux/sched/mm.h>
#include <linux/virtio_config.h>
#include <trace/events/virtio_blk.h>

/* How often in a row a device, or a request, is given another chance. */
#define VBLK_CHANCES		3

/* For how long a suspension, and a reset by the bus, wait for what is in flight. */
#define VBLK_SUSPEND_PATIENCE	(10 * HZ)
#define VBLK_RESET_PATIENCE	(3 * HZ)

/* What reads of a device return that is not there any more. */
#define VBLK_STATUS_GONE	0xff

struct workqueue_struct *vblk_reset_wq;

/**
 * vblk_hello() - the first steps of initialization, to the features
 * @vdev: the device, just reset
 *
 * VIRTIO 1.2, 3.1.1, steps 2 to 4, with the features that @vdev has by now.
 *
 * Return: 0 or an error.
 */
int vblk_hello(struct virtio_device *vdev)
{
	virtio_add_status(vdev, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	virtio_add_status(vdev, VIRTIO_CONFIG_S_DRIVER);
	return vdev->config->finalize_features(vdev);
}

/* Steps 7 and 8 */
static int vblk_get_going(struct vblk *vblk)
{
	int err;

	err = vblk_find_vqs(vblk);
	if (err)
		return err;
	vblk_restore_cache(vblk);
	virtio_device_ready(vblk->vdev);
	return 0;
}

/* Steps 2 to 8 */
static int vblk_set_up(struct vblk *vblk)
{
	struct virtio_device *vdev = vblk->vdev;
	int err;

	err = vblk_hello(vdev);
	if (err)
		return err;
	if (virtio_has_feature(vdev, VIRTIO_F_VERSION_1)) {
		virtio_add_status(vdev, VIRTIO_CONFIG_S_FEATURES_OK);
		if (!(vdev->config->get_status(vdev) & VIRTIO_CONFIG_S_FEATURES_OK))
			return -ENODEV;
	}
	return vblk_get_going(vblk);
}

static void vblk_is_back(struct vblk *vblk)
{
	WRITE_ONCE(vblk->broken, NULL);
	/* Who knows how large it is now. */
	queue_work(system_freezable_wq, &vblk->config_work);
}

static void vblk_is_dead(struct vblk *vblk, int err)
{
	/* Without rings requests end with an error, instead of never. */
	dev_err(&vblk->vdev->dev, "[%s] could not be set up again (error %d): its I/O fails from now on\n",
		vblk->disk->disk_name, err);
}

/*
 * Have the device forget us; false if it is not there any more. The transports
 * would wait for the end of such a reset for ever.
 */
static bool vblk_reset_device(struct virtio_device *vdev)
{
	if (vdev->config->get_status(vdev) == VBLK_STATUS_GONE)
		return false;
	virtio_reset_device(vdev);
	return true;
}

/**
 * vblk_shut() - reset the device and give the rings back
 * @vblk: the disk, with nothing in flight; one that was given up has no rings, but
 *	perhaps a status that the core set since
 */
void vblk_shut(struct vblk *vblk)
{
	struct virtio_device *vdev = vblk->vdev;

	if (vblk->queues[0].vq) {
		vblk_reset_device(vdev);
		vblk_del_vqs(vblk);
	} else if (vdev->config->get_status(vdev)) {
		vblk_reset_device(vdev);
	}
}

/* Somebody is going to wait for what is in flight, perhaps at a stopped poller. */
static void vblk_hold(struct vblk *vblk)
{
	unsigned int i;

	for (i = 0; i < vblk->num_vqs; i++)
		vblk_gov_hold(&vblk->queues[i]);
}

static void vblk_release(struct vblk *vblk)
{
	unsigned int i;

	for (i = 0; i < vblk->num_vqs; i++)
		vblk_gov_release(&vblk->queues[i]);
}

/*
 * Nobody submits any more. The phase first: where quiescing does not nest, others may
 * end it, but whoever comes then has seen the phase.
 */
static void vblk_quiesce(struct vblk *vblk)
{
	WRITE_ONCE(vblk->phase, VBLK_STOPPED);
	blk_mq_quiesce_queue(vblk->disk->queue);
}

/*
 * Reset the device and take back what it had, with the rings. Who still looks at
 * them does so under their locks. False: it is not there any more.
 *
 * Context: the queue is quiesced, and the phase VBLK_STOPPED.
 */
static bool vblk_take_away(struct vblk *vblk, struct vblk_done *done)
{
	bool there = vblk_reset_device(vblk->vdev);
	unsigned int i;

	for (i = 0; i < vblk->num_vqs; i++)
		vblk_take_back(&vblk->queues[i], done);
	/* Where quiescing does not nest, submitters may come by and notify. */
	synchronize_rcu();
	vblk_del_vqs(vblk);
	return there;
}

/* What the device had is ours again: once more, or an error. */
static void vblk_return(struct vblk_done *done, bool dead)
{
	struct vblk_req *vbr, *next;

	for (vbr = done->first; vbr; vbr = next) {
		struct request *rq = blk_mq_rq_from_pdu(vbr);

		next = vbr->next;
		vblk_unmap_data(vbr);
		if (vblk_too_old(vbr)) {
			blk_mq_end_request(rq, BLK_STS_TIMEOUT);
		} else if (dead || vbr->returns == VBLK_CHANCES) {
			blk_mq_end_request(rq, BLK_STS_IOERR);
		} else {
			vbr->returns++;
			/* vblk_prepare() goes on with these counts. */
			rq->rq_flags |= RQF_DONTPREP;
			blk_mq_requeue_request(rq, false);
		}
	}
}

/*
 * Let what is in flight end and give the rings back; false: it does not end in time,
 * and is not to be taken back (@force). What is taken back waits in the block layer
 * with what comes meanwhile. The queue does not stay frozen, since others would wait
 * for that, those who resume us among them.
 */
static bool vblk_stop(struct vblk *vblk, unsigned long patience, bool force)
{
	struct request_queue *queue = vblk->disk->queue;
	struct vblk_done done = VBLK_DONE_INIT(done);
	unsigned int memflags;
	bool stop;

	trace_vblk_reset(vblk, true, 0);
	/* First: it may do I/O. */
	cancel_work_sync(&vblk->config_work);
	vblk_hold(vblk);
	memflags = memalloc_noio_save();
	/* If the device breaks now, it is recovery that lets this end. */
	blk_freeze_queue_start(queue);
	stop = blk_mq_freeze_queue_wait_timeout(queue, patience) || force;
	mutex_lock(&vblk->phase_lock);
	/* Where the core could not restart it, it is stopped still. */
	if (stop && vblk->phase != VBLK_STOPPED)
		vblk_quiesce(vblk);
	blk_mq_unfreeze_queue(queue, memflags);

	/* One that was given up has no rings. */
	if (stop && vblk->queues[0].vq)
		vblk_take_away(vblk, &done);
	if (!stop && vblk->phase == VBLK_LIVE) {
		vblk_release(vblk);
		/* It was cancelled. */
		queue_work(system_freezable_wq, &vblk->config_work);
	}
	mutex_unlock(&vblk->phase_lock);
	vblk_return(&done, false);
	return stop;
}

/**
 * vblk_freeze() - the machine is going to be suspended (->freeze)
 * @vdev: the device
 *
 * Return: 0, or -EBUSY where the device does not answer, or was not resumed the last
 * time and requests wait for that; it is left alone then, and the machine stays awake.
 */
int vblk_freeze(struct virtio_device *vdev)
{
	struct vblk *vblk = vdev->priv;

	if (vblk_stop(vblk, VBLK_SUSPEND_PATIENCE, false))
		return 0;
	dev_err(&vdev->dev, "[%s] cannot be suspended: it has requests that have not ended in %u s\n",
		vblk->disk->disk_name, VBLK_SUSPEND_PATIENCE / HZ);
	return -EBUSY;
}

/**
 * vblk_reset_prepare() - the bus is going to reset the device (->reset_prepare)
 * @vdev: the device
 *
 * Return: 0.
 */
int vblk_reset_prepare(struct virtio_device *vdev)
{
	vblk_stop(vdev->priv, VBLK_RESET_PATIENCE, true);
	return 0;
}

/**
 * vblk_restart() - the device was reset, and its features are set (->restore,
 * ->reset_done)
 * @vdev: the device
 *
 * Return: 0, or an error, and then all requests end with one.
 */
int vblk_restart(struct virtio_device *vdev)
{
	struct vblk *vblk = vdev->priv;
	/* Memory must not have to be written to this disk first. */
	unsigned int noio = memalloc_noio_save();
	int err;

	mutex_lock(&vblk->phase_lock);
	vblk_release(vblk);
	err = vblk_get_going(vblk);
	if (err) {
		vblk_reset_device(vdev);
		vblk_is_dead(vblk, err);
	} else {
		vblk->failures = 0;
		vblk_is_back(vblk);
	}
	WRITE_ONCE(vblk->phase, VBLK_LIVE);
	blk_mq_unquiesce_queue(vblk->disk->queue);
	blk_mq_kick_requeue_list(vblk->disk->queue);
	mutex_unlock(&vblk->phase_lock);
	memalloc_noio_restore(noio);
	trace_vblk_reset(vblk, false, err);
	return err;
}

/**
 * vblk_leave() - the disk is going to be removed
 * @vblk: the disk
 *
 * From here on a device that breaks is not set up again, and what it had ends with
 * an error, so that nobody waits for it.
 */
void vblk_leave(struct vblk *vblk)
{
	unsigned int i;
	bool stopped;

	mutex_lock(&vblk->phase_lock);
	stopped = vblk->phase == VBLK_STOPPED;
	WRITE_ONCE(vblk->phase, VBLK_LEAVING);
	if (stopped) {
		/* Nobody restarted it; without rings requests end with an error. */
		blk_mq_unquiesce_queue(vblk->disk->queue);
		blk_mq_kick_requeue_list(vblk->disk->queue);
	}
	mutex_unlock(&vblk->phase_lock);

	vblk_hold(vblk);
	/* Where a device was pulled out, the transport has broken its rings. */
	for (i = 0; i < vblk->num_vqs; i++) {
		struct vblk_queue *q = &vblk->queues[i];

		spin_lock_irq(&q->lock);
		vblk_check_ring(q);
		spin_unlock_irq(&q->lock);
	}
}

/**
 * vblk_off() - the end of recovery
 * @vblk: the disk; nothing is in flight, or nobody waits for it any more
 *
 * When this returns, recover_work looks at neither the disk nor the device.
 */
void vblk_off(struct vblk *vblk)
{
	mutex_lock(&vblk->phase_lock);
	WRITE_ONCE(vblk->phase, VBLK_OFF);
	mutex_unlock(&vblk->phase_lock);
}

/**
 * vblk_shutdown() - the machine goes down, or gives way to another kernel
 * @vdev: the device
 *
 * It must not be set up again once the core has reset it.
 */
void vblk_shutdown(struct virtio_device *vdev)
{
	vblk_off(vdev->priv);
	virtio_device_shutdown(vdev);
}

/**
 * vblk_recover() - the device does not work any more
 * @vblk: its disk
 * @why: for the log; NULL to have only its status looked at
 *
 * Context: any.
 */
void vblk_recover(struct vblk *vblk, const char *why)
{
	/* The first reason is the one to tell. */
	if (why)
		cmpxchg(&vblk->broken, NULL, why);
	queue_work(vblk_reset_wq, &vblk->recover_work);
}

/* Something was completed since it broke the last time, or there are chances left. */
static bool vblk_has_chances(struct vblk *vblk)
{
	u64 reaped = 0;
	unsigned int i, who;

	for (i = 0; i < vblk->num_vqs; i++) {
		struct vblk_queue *q = &vblk->queues[i];

		spin_lock_irq(&q->lock);
		for (who = 0; who < VBLK_REAPERS; who++)
			reaped += q->stats.reaped[who];
		spin_unlock_irq(&q->lock);
	}
	if (reaped != vblk->reaped)
		vblk->failures = 0;
	vblk->reaped = reaped;
	return vblk->failures++ < VBLK_CHANCES;
}

/* Reset it, and set it up again unless it is leaving or has no chances left. */
static void vblk_reset(struct vblk *vblk)
{
	struct request_queue *queue = vblk->disk->queue;
	struct vblk_done done = VBLK_DONE_INIT(done);
	struct virtio_device *vdev = vblk->vdev;
	enum vblk_phase phase = vblk->phase;
	int err = 0;

	trace_vblk_reset(vblk, true, 0);
	dev_warn(&vdev->dev, "[%s] %s: resetting it\n", vblk->disk->disk_name,
		 READ_ONCE(vblk->broken));
	vblk_quiesce(vblk);
	if (!vblk_take_away(vblk, &done) || phase == VBLK_LEAVING)
		err = -ENODEV;
	else if (!vblk_has_chances(vblk))
		err = -EIO;

	if (!err) {
		err = vblk_set_up(vblk);
		if (err)
			vblk_reset_device(vdev);
	}
	if (err)
		vblk_is_dead(vblk, err);
	else
		vblk_is_back(vblk);

	vblk_return(&done, err);
	/* Only now: until then vblk_timeout() must not judge what was taken back. */
	WRITE_ONCE(vblk->phase, phase);
	blk_mq_unquiesce_queue(queue);
	blk_mq_kick_requeue_list(queue);
	trace_vblk_reset(vblk, false, err);
}

/**
 * vblk_recover_work() - look at the device, and reset it if need be
 * @work: the disk's recover_work
 *
 * A device says that it needs a reset in its status (VIRTIO 1.2, 2.1.2).
 */
void vblk_recover_work(struct work_struct *work)
{
	struct vblk *vblk = container_of(work, struct vblk, recover_work);
	/* Memory must not have to be written to this disk first. */
	unsigned int noio = memalloc_noio_save();

	mutex_lock(&vblk->phase_lock);
	if (vblk->phase == VBLK_LIVE || vblk->phase == VBLK_LEAVING) {
		if (!READ_ONCE(vblk->broken) &&
		    vblk->vdev->config->get_status(vblk->vdev) & VIRTIO_CONFIG_S_NEEDS_RESET)
			cmpxchg(&vblk->broken, NULL, "the device says that it needs a reset");
		/* One without rings was given up before. */
		if (READ_ONCE(vblk->broken) && vblk->queues[0].vq)
			vblk_reset(vblk);
	}
	mutex_unlock(&vblk->phase_lock);
	memalloc_noio_restore(noio);
}
