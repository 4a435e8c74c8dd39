// SPDX-License-Identifier: GPL-2.0-only
/*
 * The virtqueues of a disk and the contexts that they serve: how many, found
 * and given back, mapped to CPUs, with tags for their requests. What is done
 * with them is the business of submit.c, reap.c and governor.c.
 */
#include "virtio_blk.h"

#include <linux/interrupt.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

static unsigned int num_request_queues;
module_param(num_request_queues, uint, 0644);
MODULE_PARM_DESC(num_request_queues,
		 "Virtqueues to use for interrupts and polling, at most one a CPU (default 0: as many as the device has)");

static unsigned int poll_queues;
module_param(poll_queues, uint, 0644);
MODULE_PARM_DESC(poll_queues,
		 "Virtqueues without an interrupt that only serve polling (default 0: every virtqueue polls)");

static unsigned int queue_depth;
module_param(queue_depth, uint, 0444);
MODULE_PARM_DESC(queue_depth,
		 "Requests a context can have (default 0: as many as the ring takes)");

static bool twin = true;
module_param(twin, bool, 0444);
MODULE_PARM_DESC(twin,
		 "Give every virtqueue a context that polls (default Y; N polls only with poll_queues)");

/**
 * vblk_plan_queues() - how many virtqueues of which sort
 * @vdev: the device
 * @offered: how many it has, at least 1
 * @plan: the answer
 *
 * From the parameters as they are now; one that is out of range is brought into
 * it with a line in the log.
 */
void vblk_plan_queues(struct virtio_device *vdev, unsigned int offered,
		      struct vblk_plan *plan)
{
	unsigned int wanted = num_request_queues, poll = poll_queues;
	unsigned int n = min_t(unsigned int, offered, nr_cpu_ids);

	if (wanted > nr_cpu_ids) {
		dev_warn(&vdev->dev, "num_request_queues=%u is more than the %u CPUs, using %u\n",
			 wanted, nr_cpu_ids, nr_cpu_ids);
		wanted = nr_cpu_ids;
	}
	if (wanted)
		n = min(n, wanted);
	if (poll >= n && poll) {
		dev_warn(&vdev->dev, "poll_queues=%u leaves none of %u queues for interrupts, using %u\n",
			 poll, n, n - 1);
		poll = n - 1;
	}
	plan->num_vqs = n;
	plan->num_dedicated = poll;
	plan->twin = twin && !plan->num_dedicated;
}

/**
 * vblk_map_queues() - which CPU submits where (->map_queues of blk_mq_ops)
 * @set: the tag set of a disk
 *
 * Contexts 0 to n - 1 take interrupts, and n to 2n - 1 poll, on the same CPUs.
 */
void vblk_map_queues(struct blk_mq_tag_set *set)
{
	struct vblk *vblk = set->driver_data;
	struct blk_mq_queue_map *plain = &set->map[HCTX_TYPE_DEFAULT];
	struct blk_mq_queue_map *poll = &set->map[HCTX_TYPE_POLL];
	unsigned int cpu;

	plain->queue_offset = 0;
	plain->nr_queues = vblk->num_vqs - vblk->num_dedicated;
	blk_mq_map_hw_queues(plain, &vblk->vdev->dev, 0);
	if (set->nr_maps <= HCTX_TYPE_POLL)
		return;

	/* Without queues of its own, reading shares the default map. */
	set->map[HCTX_TYPE_READ].nr_queues = 0;
	poll->queue_offset = plain->nr_queues;
	if (vblk->num_dedicated) {
		poll->nr_queues = vblk->num_dedicated;
		blk_mq_map_queues(poll);
		return;
	}
	poll->nr_queues = plain->nr_queues;
	for_each_possible_cpu(cpu)
		poll->mq_map[cpu] = plain->mq_map[cpu] + poll->queue_offset;
}

static unsigned int vblk_depth(const struct vblk *vblk)
{
	/* Without indirect descriptors the smallest request, a flush, takes two. */
	unsigned int depth = vblk->indirect ? vblk->ring : vblk->ring / 2;

	if (!queue_depth)
		return depth;
	if (queue_depth <= BLK_MQ_MAX_DEPTH)
		return queue_depth;
	dev_warn(&vblk->vdev->dev, "queue_depth=%u is more than the block layer's %u, using that\n",
		 queue_depth, BLK_MQ_MAX_DEPTH);
	return BLK_MQ_MAX_DEPTH;
}

/**
 * vblk_alloc_tags() - the contexts' requests
 * @vblk: the disk, its virtqueues found
 * @ops: its operations
 *
 * Return: 0 or an error.
 */
int vblk_alloc_tags(struct vblk *vblk, const struct blk_mq_ops *ops)
{
	struct blk_mq_tag_set *set = &vblk->set;

	set->ops = ops;
	set->queue_depth = vblk_depth(vblk);
	set->numa_node = NUMA_NO_NODE;
	set->flags = COMPAT_MQ_F_SHOULD_MERGE;
	set->cmd_size = sizeof(struct vblk_req);
	set->driver_data = vblk;
	set->nr_hw_queues = vblk->twin ? 2 * vblk->num_vqs : vblk->num_vqs;
	set->nr_maps = vblk->twin || vblk->num_dedicated ? HCTX_MAX_TYPES : 1;
	return blk_mq_alloc_tag_set(set);
}

/* How many descriptors the smallest of the rings has; 0 if they do not do. */
static u32 vblk_smallest_ring(const struct vblk *vblk, struct virtqueue **vqs)
{
	u32 ring = U32_MAX;
	unsigned int i;

	for (i = 0; i < vblk->num_vqs; i++)
		ring = min_t(u32, ring, virtqueue_get_vring_size(vqs[i]));
	if (ring < 3) {
		dev_err(&vblk->vdev->dev, "a ring of %u cannot hold a request\n",
			ring);
		return 0;
	}
	if (ring < vblk->ring) {
		dev_err(&vblk->vdev->dev, "the rings shrank from %u to %u while the device was reset\n",
			vblk->ring, ring);
		return 0;
	}
	return ring;
}

/* Has the core given each queue a vector, and spread them over the CPUs? */
static bool vblk_vectors_are_spread(struct virtio_device *vdev)
{
	return vdev->config->get_vq_affinity && vdev->config->get_vq_affinity(vdev, 0);
}

/* Interrupts go where the requests come from, as far as such a CPU is online. */
static void vblk_direct_vectors(struct vblk *vblk, struct virtqueue **vqs)
{
	const struct blk_mq_queue_map *plain = &vblk->set.map[HCTX_TYPE_DEFAULT];
	unsigned int i, cpu;
	cpumask_var_t mask;

	/* Without they go anywhere. */
	if (!vblk->own_vectors || !zalloc_cpumask_var(&mask, GFP_KERNEL))
		return;
	for (i = 0; i < plain->nr_queues; i++) {
		cpumask_clear(mask);
		for_each_possible_cpu(cpu)
			if (plain->mq_map[cpu] == i)
				cpumask_set_cpu(cpu, mask);
		virtqueue_set_affinity(vqs[i], mask);
	}
	free_cpumask_var(mask);
}

/**
 * vblk_find_vqs() - get the virtqueues from the device
 * @vblk: the disk; from here on the device can interrupt
 *
 * Used again after a reset, when limits, tags and who submits where are fixed already:
 * rings must not be smaller then, and the core must not spread vectors anew. To do so
 * it would also wait for a CPU that is going offline, and that for requests which we
 * have taken back.
 *
 * Return: 0 or an error, and then there are none.
 */
int vblk_find_vqs(struct vblk *vblk)
{
	struct irq_affinity affinity = { };
	bool first = !vblk->ring;
	struct virtqueue_info *info;
	struct virtqueue **vqs;
	unsigned int i, n = vblk->num_vqs;
	int err = -ENOMEM;
	u32 ring;

	info = kcalloc(n, sizeof(*info), GFP_KERNEL);
	vqs = kcalloc(n, sizeof(*vqs), GFP_KERNEL);
	if (!info || !vqs)
		goto out;
	for (i = 0; i < n; i++) {
		info[i].name = vblk->queues[i].name;
		info[i].callback = vblk->queues[i].dedicated ? NULL : vblk_interrupt;
	}
	err = virtio_find_vqs(vblk->vdev, n, vqs, info, first ? &affinity : NULL);
	if (err) {
		dev_err(&vblk->vdev->dev, "%u queues could not be set up (error %d)\n",
			n, err);
		goto out;
	}

	ring = vblk_smallest_ring(vblk, vqs);
	if (!ring) {
		virtio_reset_device(vblk->vdev);
		vblk->vdev->config->del_vqs(vblk->vdev);
		err = -EINVAL;
		goto out;
	}
	if (first) {
		vblk->ring = ring;
		vblk->own_vectors = vblk_vectors_are_spread(vblk->vdev);
	} else {
		vblk_direct_vectors(vblk, vqs);
	}

	for (i = 0; i < n; i++) {
		struct vblk_queue *q = &vblk->queues[i];

		spin_lock_irq(&q->lock);
		q->reserve = virtqueue_get_vring_size(vqs[i]) / 8;
		q->vq = vqs[i];
		vblk_gov_start(q);
		spin_unlock_irq(&q->lock);
	}
out:
	kfree(vqs);
	kfree(info);
	return err;
}

/**
 * vblk_del_vqs() - give the virtqueues back
 * @vblk: the disk; its device was reset and nothing is in flight
 */
void vblk_del_vqs(struct vblk *vblk)
{
	unsigned int i;

	for (i = 0; i < vblk->num_vqs; i++) {
		struct vblk_queue *q = &vblk->queues[i];

		/* The core forgets that of vectors that it comes to share. */
		if (q->vq && vblk->own_vectors && !q->dedicated)
			virtqueue_set_affinity(q->vq, NULL);
		/* A late poller may still come by. */
		spin_lock_irq(&q->lock);
		q->vq = NULL;
		spin_unlock_irq(&q->lock);
		hrtimer_cancel(&q->gov.guard);
	}
	vblk->vdev->config->del_vqs(vblk->vdev);
}
