// SPDX-License-Identifier: GPL-2.0-only
/*
 * Synchronous polling (sync_poll_us): a submitter that is about to sleep until
 * its request is done looks for the answer itself, for a while, before it
 * returns to the block layer. Its request is a polled one as long as that lasts,
 * and so a spinning submitter is to the governor what any poller is; when it
 * gives up, the request becomes a plain one.
 *
 * Spinning pays where the device answers faster than a task is put to sleep and
 * woken, and where nothing else wants the CPU, the device's own thread included.
 * Whether that is so a queue learns from how its last spins ended.
 */
#include "virtio_blk.h"

#include <linux/ioprio.h>
#include <linux/minmax.h>
#include <linux/moduleparam.h>
#include <linux/preempt.h>
#include <linux/sched/clock.h>
#include <linux/sched/stat.h>
#include <linux/sched/task_stack.h>
#include <linux/sizes.h>

#define VBLK_SPIN_MAX_US	1000

/* As long as to sleep and be woken takes, one may as well spin. */
#define VBLK_SPIN_MIN_NS	(20 * NSEC_PER_USEC)

/*
 * The share of the last spins that were in vain, in 1/256. Once that is half of
 * them, requests go without: so many, and twice as many each time up to the last.
 * Then it is tried anew, and several times: a device's thread that has gone to
 * sleep takes longer to answer than one that still looks.
 */
#define VBLK_IN_VAIN_ALL	256
#define VBLK_IN_VAIN_MOST	128
#define VBLK_IN_VAIN_ANEW	64
#define VBLK_IN_VAIN_FEW	32
#define VBLK_SPIN_SKIP_FIRST	4
#define VBLK_SPIN_SKIP_LAST	4096

static unsigned int sync_poll_us;

/**
 * vblk_read_sync_poll() - for how long submitters may spin
 * @text: what somebody wrote
 * @us: what it means, in microseconds; 0: they do not
 *
 * Return: 0, or an error and a line in the log.
 */
int vblk_read_sync_poll(const char *text, unsigned int *us)
{
	int err = kstrtouint(text, 0, us);

	if (!err && *us > VBLK_SPIN_MAX_US)
		err = -ERANGE;
	if (err)
		pr_err("virtio_blk: sync_poll_us must be 0 (off) to %u microseconds\n",
		       VBLK_SPIN_MAX_US);
	return err;
}

static int vblk_set_sync_poll(const char *val, const struct kernel_param *kp)
{
	unsigned int us;
	int err = vblk_read_sync_poll(val, &us);

	if (!err)
		sync_poll_us = us;
	return err;
}

static const struct kernel_param_ops vblk_sync_poll_ops = {
	.set = vblk_set_sync_poll,
	.get = param_get_uint,
};
module_param_cb(sync_poll_us, &vblk_sync_poll_ops, &sync_poll_us, 0644);
__MODULE_PARM_TYPE(sync_poll_us, "uint");
MODULE_PARM_DESC(sync_poll_us,
		 "Microseconds that synchronous submitters of new disks may poll (default 0: not at all)");

/**
 * vblk_spin_init() - a new disk
 * @vblk: the disk
 */
void vblk_spin_init(struct vblk *vblk)
{
	vblk->sync_poll_us = READ_ONCE(sync_poll_us);
}

/*
 * A plug is emptied when it ends, or in the middle, while a bio is submitted: then
 * since it is full, or a request of this size is in it. What is for several disks
 * goes to one after the other.
 */
#define VBLK_PLUG_ENOUGH	SZ_128K

static bool vblk_plug_goes_on(const struct request *rq)
{
	const struct blk_plug *plug = current->plug;

	if (!plug)
		return false;
	return plug->multiple_queues ||
	       (current->bio_list &&
		(!COMPAT_LONE_PLUGS || blk_rq_bytes(rq) >= VBLK_PLUG_ENOUGH));
}

/* A bio that was split, or came from another disk's, is followed by more. */
static bool vblk_more_bios(void)
{
	const struct bio_list *list = current->bio_list;

	return list && (!bio_list_empty(&list[0]) || !bio_list_empty(&list[1]));
}

/* Has this task ever set up asynchronous I/O? */
static bool vblk_task_is_async(void)
{
#ifdef CONFIG_IO_URING
	if (current->io_uring)
		return true;
#endif
#ifdef CONFIG_AIO
	if (current->mm && rcu_access_pointer(current->mm->ioctx_table))
		return true;
#endif
	return false;
}

/*
 * No flag says that a submitter will wait. But what its bio tells about it lies
 * on its own stack then, or the bio itself does: the submitter cannot leave
 * before the request is done (reads and writes of a disk's device file, whatever
 * else waits in submit_bio_wait()). Of bios that another disk has cloned that
 * cannot be seen. But a clone keeps REQ_SYNC, which among reads only those have
 * that are waited for, and on newer kernels the direct ones of files, with
 * REQ_IDLE.
 *
 * What a file's direct I/O allocates looks the same whether it is waited for
 * or not. There the class of the task's I/O decides, if the administrator says
 * so (sync_poll_rt), and the task has no means to do it asynchronously.
 */
static bool vblk_is_waited_for(const struct vblk *vblk, struct request *rq)
{
	const struct bio *bio = rq->bio;

	if (object_is_on_stack(bio) || object_is_on_stack(bio->bi_private))
		return true;
	/* The rest fits anybody's, and a scheduler has us dispatch anybody's. */
	if (rq->q->elevator)
		return false;
	if (req_op(rq) == REQ_OP_READ &&
	    (rq->cmd_flags & (REQ_SYNC | REQ_IDLE)) == REQ_SYNC)
		return true;
	return READ_ONCE(vblk->sync_poll_rt) && !(rq->cmd_flags & REQ_RAHEAD) &&
	       IOPRIO_PRIO_CLASS(req_get_ioprio(rq)) == IOPRIO_CLASS_RT &&
	       !vblk_task_is_async();
}

/**
 * vblk_may_spin() - is the submitter of a request here, and about to wait?
 * @vblk: the disk
 * @rq: the last request of its batch
 *
 * Others may dispatch a request, too: kernel threads, which have other work, and
 * whoever runs a context.
 *
 * Context: of ->queue_rq or ->queue_rqs.
 */
bool vblk_may_spin(const struct vblk *vblk, struct request *rq)
{
	if (!rq->bio || rq->mq_hctx->type == HCTX_TYPE_POLL ||
	    rq->cmd_flags & REQ_NOWAIT)
		return false;
	if (current->flags & (PF_KTHREAD | PF_IO_WORKER | PF_USER_WORKER))
		return false;
	if (!in_task() || irqs_disabled() ||
	    (IS_ENABLED(CONFIG_PREEMPT_COUNT) && !preemptible()))
		return false;
	return !vblk_more_bios() && !vblk_plug_goes_on(rq) &&
	       vblk_is_waited_for(vblk, rq);
}

/**
 * vblk_spin_start() - a request is in the ring that its submitter may spin for
 * @q: the queue
 * @vbr: the request, with its @vbr->spin; on return it is polled, or without one
 *
 * Where spins are in vain most requests go without. Else it is worth four times
 * what the last answers took, and not a look in the first half of that.
 *
 * Context: @q->lock held; before the governor hears of the request.
 */
void vblk_spin_start(struct vblk_queue *q, struct vblk_req *vbr)
{
	u64 budget = (u64)READ_ONCE(q->vblk->sync_poll_us) * NSEC_PER_USEC;
	struct vblk_spinning *s = &q->spinning;

	if (s->skip) {
		s->skip--;
		vbr->spin = NULL;
		return;
	}
	if (!budget || q->gov.held || q->gov.sleeping) {
		vbr->spin = NULL;
		return;
	}
	q->stats.spins++;
	vbr->kind = VBLK_POLLED;
	vbr->spin->vbr = vbr;
	vbr->spin->found = false;
	vbr->spin->first_look = s->answer / 2;
	vbr->spin->limit = budget;
	if (s->answer)
		vbr->spin->limit = min(budget, max(4 * s->answer, VBLK_SPIN_MIN_NS));
}

/* Clocks of two CPUs may differ, and a task may change from one to the other. */
static u64 vblk_spin_time(u64 start)
{
	u64 now = local_clock();

	return now > start ? now - start : 0;
}

/* How it ended, for the next ones; @q->lock held. */
static void vblk_spin_learn(struct vblk_queue *q, const struct vblk_spin *spin, u64 took)
{
	struct vblk_spinning *s = &q->spinning;
	bool late = took > spin->limit;

	q->stats.spin_ns += took;
	if (spin->found && !late) {
		q->stats.spins_won++;
		s->in_vain -= s->in_vain / 8;
		if (s->in_vain < VBLK_IN_VAIN_FEW)
			s->next_skip = 0;
		s->answer = s->answer ? (7 * s->answer + took) / 8 : took;
		return;
	}
	q->stats.spins_lost++;
	s->in_vain += (VBLK_IN_VAIN_ALL - s->in_vain) / 8;
	if (s->in_vain > VBLK_IN_VAIN_MOST) {
		s->next_skip = clamp(2 * s->next_skip, VBLK_SPIN_SKIP_FIRST,
				     VBLK_SPIN_SKIP_LAST);
		s->skip = s->next_skip;
		s->in_vain = VBLK_IN_VAIN_ANEW;
	}
	/* Perhaps the device has become slower, and a longer spin would do. */
	if (late)
		s->answer = min(s->answer + s->answer / 2, spin->limit);
}

/* Take off the ring what is there, for all. True: our own was, or had been. */
static bool vblk_spin_look(struct vblk_queue *q, struct vblk_spin *spin, u64 start)
{
	struct vblk_done done = VBLK_DONE_INIT(done);
	unsigned long flags;
	bool found;

	if (!spin_trylock_irqsave(&q->lock, flags))
		return false;	/* somebody is at the ring already */
	if (!spin->found)
		vblk_gov_poll(q, false, &done);
	found = spin->found;
	if (found)
		vblk_spin_learn(q, spin, vblk_spin_time(start));
	spin_unlock_irqrestore(&q->lock, flags);

	vblk_finish(&done, NULL);
	return found;
}

static void vblk_spin_give_up(struct vblk_queue *q, struct vblk_spin *spin, u64 start)
{
	struct vblk_done done = VBLK_DONE_INIT(done);
	unsigned long flags;

	spin_lock_irqsave(&q->lock, flags);
	vblk_spin_learn(q, spin, vblk_spin_time(start));
	if (!spin->found) {
		spin->vbr->spin = NULL;
		spin->vbr->kind = VBLK_PLAIN;
		vblk_gov_left(q, &done);
	}
	spin_unlock_irqrestore(&q->lock, flags);

	vblk_finish(&done, NULL);
}

/**
 * vblk_spin() - look for the answer to a request just submitted
 * @q: its queue
 * @spin: as vblk_spin_start() left it
 *
 * Ends when the answer is off the ring, whoever took it, or with an interrupt
 * asked for: when the time is up, or somebody else wants this CPU.
 *
 * Context: the submitter's; the device was told of the request. The ring stays:
 * who takes it away waits for submitters before.
 */
void vblk_spin(struct vblk_queue *q, struct vblk_spin *spin)
{
	u64 start = local_clock(), spent;

	do {
		cpu_relax();
		spent = vblk_spin_time(start);
		if ((spent >= spin->first_look || READ_ONCE(spin->found)) &&
		    vblk_spin_look(q, spin, start))
			return;
	} while (spent < spin->limit && !need_resched() && single_task_running());

	vblk_spin_give_up(q, spin, start);
}

/**
 * vblk_spin_set() - change for how long submitters may spin
 * @vblk: the disk
 * @us: microseconds; 0: not at all
 *
 * For all requests from now on. What the queues have learned is forgotten.
 */
void vblk_spin_set(struct vblk *vblk, unsigned int us)
{
	unsigned int i;

	WRITE_ONCE(vblk->sync_poll_us, us);
	for (i = 0; i < vblk->num_vqs; i++) {
		struct vblk_queue *q = &vblk->queues[i];

		spin_lock_irq(&q->lock);
		memset(&q->spinning, 0, sizeof(q->spinning));
		spin_unlock_irq(&q->lock);
	}
}
