// SPDX-License-Identifier: GPL-2.0-only
/*
 * The way of a request back to the driver: when, in which order, with which
 * status, id and length, and with which notification. Done rightly it is a
 * status, a used entry, and one notification a burst; most faults are here.
 */
#include "device.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#define faults_of(q)	(&(q)->dev->faults)

/* --- Notifications -------------------------------------------------------- */

static void write_call_fd(struct queue *q)
{
	static const uint64_t one = 1;

	if (q->pushed_at)
		histogram_add(&q->n.notify_ns, now_ns() - q->pushed_at);
	q->pushed_at = 0;
	pthread_mutex_lock(&q->lock);
	/* A full counter is as good as one more. */
	if (q->call_fd >= 0 && write(q->call_fd, &one, sizeof(one)) < 0)
		(void)0;
	q->notified = true;
	pthread_mutex_unlock(&q->lock);
	count(&q->n.notified, 1);
}

/* To be on the safe side: an interrupt too many does no harm. */
void notify_again(struct queue *q)
{
	write_call_fd(q);
}

/* So far apart that each is one of its own to who waits for the eventfd. */
static void storm(struct queue *q, uint64_t times)
{
	static const struct timespec gap = { .tv_nsec = 50000 };

	while (times-- && !q->stop) {
		write_call_fd(q);
		nanosleep(&gap, NULL);
	}
}

/* A burst was pushed. */
static void notify(struct queue *q, uint64_t now)
{
	uint64_t value;

	q->pushed = 0;
	count(&q->n.bursts, 1);
	if (!ring_should_notify(&q->ring) &&
	    !fault(faults_of(q), FAULT_IRQ_UNWANTED, NULL, NULL)) {
		count(&q->n.suppressed, 1);
		q->pushed_at = 0;
		return;
	}
	if (fault(faults_of(q), FAULT_IRQ_LOST, NULL, NULL)) {
		q->pushed_at = 0;
		return;
	}
	if (fault(faults_of(q), FAULT_IRQ_LATE, NULL, &value)) {
		/* Of what was pushed meanwhile, too: no later for that. */
		if (!q->notify_due)
			q->notify_due = (now ? now : now_ns()) + value * 1000;
		return;
	}
	write_call_fd(q);
}

/* --- Used entries --------------------------------------------------------- */

/* What a device never does to memory that only the driver writes. */
static void scribble(struct request *req)
{
	struct ring *r = &req->q->ring;

	if (fault(faults_of(req->q), FAULT_HEADER_SCRIBBLE, req, NULL) && req->header)
		memset(req->header, 0xff, sizeof(struct virtio_blk_outhdr));
	if (r->packed)
		return;
	if (fault(faults_of(req->q), FAULT_DESC_SCRIBBLE, req, NULL)) {
		r->desc[req->chain.id].addr = ~0ull;
		r->desc[req->chain.id].len = ~0u;
	}
	if (fault(faults_of(req->q), FAULT_AVAIL_SCRIBBLE, req, NULL))
		r->avail->ring[(uint16_t)(r->last_avail - 1) & (r->size - 1)] = 0xffff;
}

static uint32_t wrong_id(struct request *req)
{
	struct ring *r = &req->q->ring;
	uint32_t id = req->chain.id;
	uint64_t value;

	if (fault(faults_of(req->q), FAULT_USED_ID, req, &value))
		return r->size + value;
	if (fault(faults_of(req->q), FAULT_USED_ID_WIDE, req, NULL))
		return id | 0x10000;
	if (fault(faults_of(req->q), FAULT_USED_ID_FREE, req, NULL)) {
		for (id = r->size; id--; )
			if (!ring_id_in_flight(r, id))
				return id;
		return req->chain.id;
	}
	return id;
}

/* Entries that stand for no request. */
static void move_used_idx(struct request *req)
{
	struct ring *r = &req->q->ring;
	struct chain none = { .slots = 1 };
	uint64_t value;

	if (fault(faults_of(req->q), FAULT_USED_IDX_JUMP, req, &value)) {
		if (!r->packed) {
			r->used_idx += value;
			__atomic_store_n(&r->used->idx, r->used_idx, __ATOMIC_RELEASE);
		} else {
			while (value--)
				ring_push(r, &none, 0, 0);
		}
	}
	if (!r->packed && fault(faults_of(req->q), FAULT_USED_IDX_BACK, req, NULL)) {
		r->used_idx -= 2;
		__atomic_store_n(&r->used->idx, r->used_idx, __ATOMIC_RELEASE);
	}
}

static void push(struct request *req, uint32_t id)
{
	struct queue *q = req->q;
	uint32_t len = 0;
	uint64_t value;

	/* What was written: nothing but the status where it went wrong. */
	if (req->status)
		len = 1 + (req->result ? 0 : req->chain.in_len);
	if (fault(faults_of(q), FAULT_USED_LEN_ZERO, req, NULL))
		len = 0;
	if (fault(faults_of(q), FAULT_USED_LEN_HUGE, req, &value))
		len = value;
	ring_push(&q->ring, &req->chain, id, len);
	if (fault(faults_of(q), FAULT_USED_TWICE, req, NULL))
		ring_push(&q->ring, &req->chain, id, len);
	move_used_idx(req);
	q->pushed++;
	q->pushed_at = now_ns();
}

static void write_status(struct request *req)
{
	if (req->status && !fault(faults_of(req->q), FAULT_STATUS_UNWRITTEN, req, NULL))
		*(volatile uint8_t *)req->status = req->result;
}

static void give_back(struct request *req)
{
	struct queue *q = req->q;
	struct request *other = q->swapped;
	uint64_t value;

	if (fault(faults_of(q), FAULT_IRQ_SPURIOUS, req, NULL))
		write_call_fd(q);
	if (fault(faults_of(q), FAULT_IRQ_STORM, req, &value))
		storm(q, value);
	if (!other && fault(faults_of(q), FAULT_USED_SWAPPED, req, NULL)) {
		q->swapped = req;
		return;
	}
	scribble(req);
	write_status(req);
	if (other) {
		/* It is given back for this one, and its status is not there. */
		q->swapped = NULL;
		push(req, other->chain.id);
		push(other, req->chain.id);
		queue_free_request(other);
	} else {
		push(req, wrong_id(req));
	}
	queue_free_request(req);
	if (!q->dev->opt.batch)
		notify(q, 0);
}

/* --- When ----------------------------------------------------------------- */

static void delay(struct request *req)
{
	struct request **at = &req->q->delayed;

	while (*at && (*at)->due <= req->due)
		at = &(*at)->next;
	req->next = *at;
	*at = req;
}

void complete(struct request *req)
{
	struct queue *q = req->q;
	struct device *dev = q->dev;
	uint64_t value;

	if (fault(faults_of(q), FAULT_DISCONNECT, req, NULL)) {
		dev->hang_up = true;
		eventfd_wake(dev->main_fd);
	}
	if (fault(faults_of(q), FAULT_CAPACITY_FLIP, req, NULL)) {
		dev->flip = true;
		eventfd_wake(dev->main_fd);
	}
	if (dev->hang_up || fault(faults_of(q), FAULT_NEVER, req, NULL)) {
		req->next = q->held;
		q->held = req;
	} else if (fault(faults_of(q), FAULT_LATE, req, &value)) {
		req->due = now_ns() + value * 1000000;
		delay(req);
	} else if (fault(faults_of(q), FAULT_USED_ORDER, req, NULL)) {
		req->next = q->reversed;
		q->reversed = req;
	} else if (req->due) {
		delay(req);
	} else {
		give_back(req);
	}
}

static void give_back_all(struct request **list)
{
	struct request *req;

	while ((req = *list)) {
		*list = req->next;
		give_back(req);
	}
}

void complete_held(struct queue *q)
{
	struct request *req = q->swapped;

	q->swapped = NULL;
	if (req) {
		write_status(req);
		push(req, req->chain.id);
		queue_free_request(req);
	}
	give_back_all(&q->held);
	/* For what was given back without a notification before. */
	write_call_fd(q);
}

void complete_burst(struct queue *q)
{
	uint64_t now = q->delayed || q->notify_due ? now_ns() : 0;
	struct request *req;

	give_back_all(&q->reversed);
	while ((req = q->delayed) && req->due <= now) {
		q->delayed = req->next;
		give_back(req);
	}
	if (q->pushed)
		notify(q, now);
	if (q->notify_due && q->notify_due <= now) {
		q->notify_due = 0;
		write_call_fd(q);
	}
}

uint64_t complete_due(const struct queue *q)
{
	uint64_t due = q->delayed ? q->delayed->due : 0;

	if (q->notify_due && (!due || q->notify_due < due))
		due = q->notify_due;
	return due;
}

static void drop_all(struct request **list)
{
	struct request *req;

	while ((req = *list)) {
		*list = req->next;
		queue_free_request(req);
	}
}

void complete_all(struct queue *q, bool drop)
{
	if (!drop) {
		give_back_all(&q->delayed);
		complete_burst(q);
	}
	drop_all(&q->delayed);
	drop_all(&q->reversed);
	drop_all(&q->held);
	if (q->swapped)
		queue_free_request(q->swapped);
	q->swapped = NULL;
	q->notify_due = 0;
	q->pushed = 0;
	q->pushed_at = 0;
}
