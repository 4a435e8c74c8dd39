// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a front end may say of one queue. It runs from when it has everything
 * until a message takes some of that away.
 */
#define _GNU_SOURCE
#include "messages.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Starts what can run. NULL, or why not. */
static const char *start_queue(struct device *dev, struct queue *q)
{
	const char *error;
	bool again;

	if (q->running || !q->enabled || !q->addressed || q->kick_fd < 0 || !dev->mem)
		return NULL;
	q->ring.packed = negotiated(dev, VIRTIO_F_RING_PACKED);
	q->ring.indirect = negotiated(dev, VIRTIO_RING_F_INDIRECT_DESC);
	q->ring.event_idx = negotiated(dev, VIRTIO_RING_F_EVENT_IDX);
	error = ring_map(&q->ring, dev->mem, q->desc_uva, q->driver_uva, q->device_uva);
	if (!error)
		error = inflight_start(&q->ring, &dev->inflight, q->index, &again);
	if (error)
		return error;
	/* The last device may have been killed before it could notify. */
	q->notify_again = again;
	queue_start(q);
	return NULL;
}

void stop_queues(struct device *dev)
{
	unsigned int i;

	for (i = 0; i < dev->opt.queues; i++)
		queue_stop(&dev->queues[i]);
}

const char *start_queues(struct device *dev)
{
	const char *error = NULL;
	unsigned int i;

	for (i = 0; !error && i < dev->opt.queues; i++)
		error = start_queue(dev, &dev->queues[i]);
	return error;
}

static struct queue *queue_of(struct device *dev, uint32_t index)
{
	return index < dev->opt.queues ? &dev->queues[index] : NULL;
}

const char *vring_addresses(struct device *dev, const struct vu_vring_addr *addr)
{
	struct queue *q = queue_of(dev, addr->index);

	if (!q)
		return "the addresses of a queue that there is none of";
	queue_stop(q);
	q->desc_uva = addr->desc;
	q->driver_uva = addr->avail;
	q->device_uva = addr->used;
	q->addressed = true;
	return start_queue(dev, q);
}

/*
 * Where the driver and the device are: with wrap counters in a packed ring. Size and
 * format may still change, so ring_map() looks whether that is in the ring.
 */
static void set_base(struct queue *q, uint32_t base)
{
	struct ring *r = &q->ring;

	queue_stop(q);
	r->last_avail = base;
	r->used_idx = base;
	if (negotiated(q->dev, VIRTIO_F_RING_PACKED)) {
		r->last_avail = base & 0x7fff;
		r->avail_wrap = base >> 15 & 1;
		r->used_idx = base >> 16 & 0x7fff;
		r->used_wrap = base >> 31 & 1;
	}
}

static const char *get_base(struct device *dev, struct queue *q)
{
	struct ring *r = &q->ring;

	queue_stop(q);
	replace_fd(&q->kick_fd, -1);
	dev->input->payload.state.num = r->last_avail;
	if (negotiated(dev, VIRTIO_F_RING_PACKED))
		dev->input->payload.state.num = r->last_avail | r->avail_wrap << 15 |
			(uint32_t)r->used_idx << 16 | (uint32_t)r->used_wrap << 31;
	return vu_reply(dev, sizeof(struct vu_vring_state));
}

const char *vring_state(struct device *dev, struct vu_input *in)
{
	uint32_t num = in->payload.state.num;
	struct queue *q = queue_of(dev, in->payload.state.index);

	if (!q)
		return "the state of a queue that there is none of";
	switch (in->header.request) {
	case SET_VRING_NUM:
		if (!num || num > RING_MAX_SIZE)
			return "a ring of an impossible size";
		queue_stop(q);
		q->ring.size = num;
		return NULL;
	case SET_VRING_BASE:
		set_base(q, num);
		return NULL;
	case GET_VRING_BASE:
		return get_base(dev, q);
	}
	/* SET_VRING_ENABLE */
	if (!num)
		queue_stop(q);
	q->enabled = num;
	return start_queue(dev, q);
}

/* An eventfd that never blocks: the front end's word is not enough. */
static bool is_eventfd(int fd)
{
	char link[32], name[32];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, name, sizeof(name) - 1);
	if (n < 0)
		return false;
	name[n] = '\0';
	return !strcmp(name, "anon_inode:[eventfd]");
}

/*
 * The front end has not said DRIVER_OK, and the driver cannot go on before it
 * has: what is in the ring was put there too early.
 */
static void check_too_early(struct device *dev, struct queue *q)
{
	bool packed = negotiated(dev, VIRTIO_F_RING_PACKED);
	const struct vring_packed_desc *desc;
	const struct vring_avail *avail;

	if (!(dev->protocol >> PROTOCOL_STATUS & 1) || dev->status & VIRTIO_CONFIG_S_DRIVER_OK ||
	    !dev->mem || q->ring.last_avail || inflight_begun(&dev->inflight, packed, q->index))
		return;
	if (packed) {
		desc = mem_at_uva(dev->mem, q->desc_uva, sizeof(*desc), sizeof(*desc));
		if (desc && packed_is_available(desc, q->ring.avail_wrap))
			violated(q, RULE_C3, "a descriptor");
		return;
	}
	avail = mem_at_uva(dev->mem, q->driver_uva, sizeof(*avail), 2);
	if (avail && *(volatile uint16_t *)&avail->idx)
		violated(q, RULE_C3, "%u requests", avail->idx);
}

const char *vring_fd(struct device *dev, struct vu_input *in)
{
	struct queue *q = queue_of(dev, in->payload.u64 & VRING_INDEX_MASK);
	int fd = -1;

	if (!q)
		return "an eventfd for a queue that there is none of";
	if (!(in->payload.u64 & VRING_NO_FD)) {
		if (in->num_fds != 1 || !is_eventfd(in->fds[0]))
			return "no eventfd where there should be one";
		fd = take_fd(in, 0);
		fcntl(fd, F_SETFL, O_NONBLOCK);
	}
	switch (in->header.request) {
	case SET_VRING_KICK:
		queue_stop(q);
		replace_fd(&q->kick_fd, fd);
		check_too_early(dev, q);
		return start_queue(dev, q);
	case SET_VRING_CALL:
		pthread_mutex_lock(&q->lock);
		replace_fd(&q->call_fd, fd);
		/* QEMU forgets what came over the old one while it starts queues. */
		if (q->running && q->notified) {
			q->notify_again = true;
			queue_wake(q);
		}
		q->notified = false;
		if (fd >= 0 && fault(&dev->faults, FAULT_IRQ_EARLY, NULL, NULL))
			eventfd_wake(fd);
		pthread_mutex_unlock(&q->lock);
		return NULL;
	}
	/* SET_VRING_ERR */
	pthread_mutex_lock(&q->lock);
	replace_fd(&q->err_fd, fd);
	pthread_mutex_unlock(&q->lock);
	return NULL;
}
