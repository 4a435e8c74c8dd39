// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device's end of a split ring (VIRTIO 1.3, 2.7): takes chains, hands them
 * to blk.c one by one, and interrupts when the driver wants that. A worker is
 * the device; its interrupts are real ones, by irq_work.
 */
#include "mock.h"

#include <linux/io.h>
#include <linux/virtio_ring.h>

static u16 mock_read16(struct mock_vq *mq, const __virtio16 *p)
{
	return virtio16_to_cpu(&mq->mock->vdev, READ_ONCE(*p));
}

static bool mock_event_idx(const struct mock_vq *mq)
{
	return mock_has(mq->mock, VIRTIO_RING_F_EVENT_IDX);
}

static bool mock_add_desc(struct mock_vq *mq, const struct vring_desc *desc,
			  struct mock_chain *chain)
{
	struct virtio_device *vdev = &mq->mock->vdev;
	u32 len = virtio32_to_cpu(vdev, desc->len);
	unsigned int n = chain->num_out + chain->num_in;

	if (n >= mq->vring.num) {
		mock_violation(mq->mock, "a chain is longer than the ring of %u",
			       mq->vring.num);
		return false;
	}
	chain->iov[n].base = phys_to_virt(virtio64_to_cpu(vdev, desc->addr));
	chain->iov[n].len = len;
	if (virtio16_to_cpu(vdev, desc->flags) & VRING_DESC_F_WRITE) {
		chain->num_in++;
		chain->in_len += len;
	} else {
		if (chain->num_in)
			mock_violation(mq->mock, "a buffer to read follows one to write");
		chain->num_out++;
		chain->out_len += len;
	}
	return true;
}

/* A table of descriptors from @i on, until one is the last. */
static bool mock_walk(struct mock_vq *mq, const struct vring_desc *table,
		      unsigned int size, unsigned int i, struct mock_chain *chain)
{
	struct virtio_device *vdev = &mq->mock->vdev;

	for (;;) {
		const struct vring_desc *desc = &table[i];
		u16 flags;

		if (i >= size) {
			mock_violation(mq->mock, "descriptor %u of %u", i, size);
			return false;
		}
		flags = virtio16_to_cpu(vdev, desc->flags);
		if (flags & VRING_DESC_F_INDIRECT) {
			unsigned int n = virtio32_to_cpu(vdev, desc->len) / sizeof(*desc);

			if (table != mq->vring.desc || flags & VRING_DESC_F_NEXT) {
				mock_violation(mq->mock, "a table inside of a chain");
				return false;
			}
			return mock_walk(mq, phys_to_virt(virtio64_to_cpu(vdev, desc->addr)),
					 n, 0, chain);
		}
		if (!mock_add_desc(mq, desc, chain))
			return false;
		if (!(flags & VRING_DESC_F_NEXT))
			return true;
		i = virtio16_to_cpu(vdev, desc->next);
	}
}

static void mock_use(struct mock_vq *mq, unsigned int head, u32 len)
{
	struct vring *vring = &mq->vring;
	struct virtio_device *vdev = &mq->mock->vdev;
	struct vring_used_elem *elem = &vring->used->ring[mq->used_idx % vring->num];
	u16 old = mq->used_idx;
	bool interrupt;

	elem->id = cpu_to_virtio32(vdev, head);
	elem->len = cpu_to_virtio32(vdev, len);
	mq->used_idx++;
	/* The element before the index ... */
	smp_wmb();
	WRITE_ONCE(vring->used->idx, cpu_to_virtio16(vdev, mq->used_idx));
	/* ... and that before a look at whether the driver wants to know. */
	smp_mb();
	if (mock_event_idx(mq))
		interrupt = vring_need_event(mock_read16(mq, &vring_used_event(vring)),
					     mq->used_idx, old);
	else
		interrupt = !(mock_read16(mq, &vring->avail->flags) &
			      VRING_AVAIL_F_NO_INTERRUPT);
	if (interrupt)
		irq_work_queue(&mq->irq);
}

/* It takes no requests, and may say that it wants to be reset. */
static bool mock_is_stuck(struct mock *mock)
{
	if (mock->opt.gone)
		return true;
	if (mock->opt.stuck && mock->opt.says_so) {
		mock->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
		virtio_config_changed(&mock->vdev);
	}
	return mock->opt.stuck;
}

static void mock_work(struct work_struct *work)
{
	struct mock_vq *mq = container_of(work, struct mock_vq, work);
	struct vring *vring = &mq->vring;

	mutex_lock(&mq->mock->lock);
	while (!mock_is_stuck(mq->mock)) {
		struct mock_chain chain = { .iov = mq->iov };
		unsigned int head;
		u32 len = 0;

		if (mock_read16(mq, &vring->avail->idx) == mq->last_avail) {
			if (!mock_event_idx(mq))
				break;
			WRITE_ONCE(vring_avail_event(vring),
				   cpu_to_virtio16(&mq->mock->vdev, mq->last_avail));
			/* Said where we stand; something may have come before. */
			smp_mb();
			if (mock_read16(mq, &vring->avail->idx) == mq->last_avail)
				break;
		}
		/* The index before what it announces. */
		smp_rmb();
		head = mock_read16(mq, &vring->avail->ring[mq->last_avail % vring->num]);
		mq->last_avail++;
		if (mock_walk(mq, vring->desc, vring->num, head, &chain))
			len = mock_request(mq->mock, &chain);
		mock_use(mq, head, len);
	}
	mutex_unlock(&mq->mock->lock);
}

static void mock_interrupt(struct irq_work *irq)
{
	struct mock_vq *mq = container_of(irq, struct mock_vq, irq);

	mq->mock->seen.interrupts++;
	if (vring_interrupt(0, mq->vq) == IRQ_NONE)
		mq->mock->seen.interrupts_idle++;
}

bool mock_notify(struct virtqueue *vq)
{
	struct mock_vq *mq = vq->priv;

	mq->mock->seen.notifications++;
	if (!(mq->mock->status & VIRTIO_CONFIG_S_DRIVER_OK))
		mock_violation(mq->mock, "notified before DRIVER_OK");
	queue_work(mock_wq, &mq->work);
	return true;
}

void mock_vq_init(struct mock *mock, unsigned int i)
{
	struct mock_vq *mq = &mock->vqs[i];

	mq->mock = mock;
	mq->vring = *virtqueue_get_vring(mq->vq);
	mq->vring.num = virtqueue_get_vring_size(mq->vq);
	mq->last_avail = 0;
	mq->used_idx = 0;
	INIT_WORK(&mq->work, mock_work);
	init_irq_work(&mq->irq, mock_interrupt);
}

void mock_vq_stop(struct mock_vq *mq)
{
	cancel_work_sync(&mq->work);
	irq_work_sync(&mq->irq);
}
