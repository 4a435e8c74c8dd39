// SPDX-License-Identifier: GPL-2.0-only
/*
 * The thread of a queue. It takes what is in the ring in bursts, has the backend
 * do it, notifies once a burst, and sleeps when there is nothing: until a kick, a
 * completion, a time, or the main thread.
 */
#define _GNU_SOURCE
#include "device.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <unistd.h>

void queue_init(struct device *dev, struct queue *q, unsigned int index)
{
	q->dev = dev;
	q->index = index;
	q->kick_fd = -1;
	q->call_fd = -1;
	q->err_fd = -1;
	q->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (q->wake_fd < 0)
		die("no eventfd: %s", strerror(errno));
	pthread_mutex_init(&q->lock, NULL);
}

void eventfd_wake(int fd)
{
	static const uint64_t one = 1;

	/* A full counter wakes as well. */
	if (write(fd, &one, sizeof(one)) < 0)
		(void)0;
}

/*
 * What it counted since the last time; 0: nothing. Whoever shares the eventfd may have
 * cleared O_NONBLOCK.
 */
uint64_t eventfd_drain(int fd)
{
	uint64_t n = 0;
	struct iovec iov = { &n, sizeof(n) };
	ssize_t got = preadv2(fd, &iov, 1, -1, RWF_NOWAIT);

	/* Before 5.8 an eventfd knows of no such flag. */
	if (got < 0 && errno == EOPNOTSUPP)
		got = read(fd, &n, sizeof(n));
	return got == sizeof(n) ? n : 0;
}

void queue_free_request(struct request *req)
{
	struct queue *q = req->q;

	req->next = q->free;
	q->free = req;
}

static bool has_work(const struct queue *q)
{
	return !q->stopped && !q->deaf && q->free && !ring_empty(&q->ring);
}

static void broken(struct queue *q, struct request *req)
{
	enum rule rule;

	for (rule = 0; rule < NUM_RULES; rule++)
		if (req->chain.rules & RULE_BIT(rule))
			violated(q, rule, "%s; the queue is broken", q->ring.broken);
	pthread_mutex_lock(&q->lock);
	if (q->err_fd >= 0)
		eventfd_wake(q->err_fd);
	pthread_mutex_unlock(&q->lock);
}

static unsigned int take_burst(struct queue *q)
{
	unsigned int n = 0, burst = ring_burst(&q->ring);

	while (n < burst && q->free && !q->stopped) {
		struct request *req = q->free;
		bool resumed;
		int got;

		/* Nothing of this request is looked at; only that it is the next. */
		if (fault(&q->dev->faults, FAULT_STOP_AFTER, NULL, NULL)) {
			q->stopped = true;
			break;
		}
		resumed = inflight_left(&q->ring);
		got = ring_pop(&q->ring, &req->chain);
		if (got <= 0) {
			if (got < 0 && req->chain.rules)
				broken(q, req);
			break;
		}
		q->free = req->next;
		count(&q->n.resumed, resumed);
		request_begin(req);
		n++;
	}
	return n;
}

static unsigned int work(struct queue *q)
{
	const struct backend_ops *ops = q->dev->backend.ops;
	unsigned int n = 0, pending;

	if (has_work(q)) {
		n = take_burst(q);
		if (q->dev->opt.poll)
			ring_want_kicks(&q->ring, false);
	}
	if (q->pending) {
		pending = q->pending;
		ops->commit(q);
		ops->reap(q);
		n += pending - q->pending;
	}
	if (atomic_load_explicit(&q->release, memory_order_relaxed) &&
	    atomic_exchange(&q->release, false)) {
		q->stopped = false;
		q->deaf = false;
		complete_held(q);
		n++;
	}
	if (atomic_load_explicit(&q->notify_again, memory_order_relaxed) &&
	    atomic_exchange(&q->notify_again, false))
		notify_again(q);
	complete_burst(q);
	return n;
}

static void heard(struct queue *q)
{
	uint64_t kicks = eventfd_drain(q->kick_fd);

	count(&q->n.kicks, kicks);
	if (kicks)
		q->deaf = fault(&q->dev->faults, FAULT_KICK_LOST, NULL, NULL);
}

/* A sleeper is that late at the most, but on a machine that is too busy. */
#define WAKE_UP_NS	100000ull

/*
 * Who polls is awake in time, and looks at the clock until then. Others sleep
 * until it is due: they are as late as the machine is to wake them up.
 */
uint64_t queue_sleep_ns(uint64_t due, uint64_t now, bool poll)
{
	uint64_t early = poll ? WAKE_UP_NS : 0;

	return due > now + early ? due - now - early : 0;
}

/* Until something happens. Kicks are asked for only here. */
static void sleep_for_work(struct queue *q)
{
	const struct backend_ops *ops = q->dev->backend.ops;
	struct pollfd fds[3] = {
		{ .fd = q->wake_fd, .events = POLLIN },
		{ .fd = q->kick_fd, .events = POLLIN },
		{ .fd = q->pending ? ops->poll_fd(q) : -1, .events = POLLIN },
	};
	uint64_t due = complete_due(q), ns;
	struct timespec timeout = { };

	ring_want_kicks(&q->ring, true);
	if (!has_work(q)) {
		if (due) {
			ns = queue_sleep_ns(due, now_ns(), q->dev->opt.poll);
			timeout.tv_sec = ns / 1000000000;
			timeout.tv_nsec = ns % 1000000000;
		}
		count(&q->n.wakeups, 1);
		if (ppoll(fds, 3, due ? &timeout : NULL, NULL) > 0) {
			if (fds[0].revents)
				eventfd_drain(q->wake_fd);
			if (fds[1].revents)
				heard(q);
		}
	}
	ring_want_kicks(&q->ring, false);
}

static void *serve(void *arg)
{
	struct queue *q = arg;
	struct device *dev = q->dev;
	const struct backend_ops *ops = dev->backend.ops;
	uint64_t idle_since = 0, now, due;
	unsigned int spins = 0;

	/* Timers are to be as exact as the machine can have them. */
	prctl(PR_SET_TIMERSLACK, 1);
	q->random = latency_seed(dev->opt.seed, q->index);

	if (ops->start)
		ops->start(q);
	while (!q->stop) {
		if (work(q)) {
			idle_since = 0;
			continue;
		}
		if (dev->opt.poll) {
			if (spins++ % 64)
				continue;
			/* Nobody needs to kick, but who does is counted. */
			heard(q);
			now = now_ns();
			due = complete_due(q);
			if (!idle_since)
				idle_since = now;
			if (now - idle_since < dev->opt.poll_ns ||
			    (due && !queue_sleep_ns(due, now, true)))
				continue;
		}
		sleep_for_work(q);
		idle_since = 0;
	}
	while (q->pending) {
		struct pollfd done = { .fd = ops->poll_fd(q), .events = POLLIN };

		ops->commit(q);
		poll(&done, 1, -1);
		ops->reap(q);
	}
	complete_all(q, dev->hang_up);
	if (ops->stop)
		ops->stop(q);
	heard(q);
	return NULL;
}

static void make_pool(struct queue *q)
{
	unsigned int i;

	q->pool = calloc(q->ring.size, sizeof(*q->pool));
	if (!q->pool)
		die("no memory");
	q->free = NULL;
	for (i = q->ring.size; i--; ) {
		struct request *req = &q->pool[i];

		req->q = q;
		chain_init(&req->chain);
		queue_free_request(req);
	}
}

void queue_start(struct queue *q)
{
	sigset_t all, before;
	int err;

	make_pool(q);
	q->stop = false;
	q->release = false;
	q->stopped = false;
	q->deaf = false;
	q->pending = 0;
	/* Signals are the main thread's, but for those that a fault of this one raises. */
	sigfillset(&all);
	sigdelset(&all, SIGBUS);
	sigdelset(&all, SIGSEGV);
	sigdelset(&all, SIGABRT);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	err = pthread_create(&q->thread, NULL, serve, q);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err)
		die("no thread: %s", strerror(err));
	q->running = true;
}

void queue_wake(struct queue *q)
{
	eventfd_wake(q->wake_fd);
}

void queue_stop(struct queue *q)
{
	unsigned int i;

	if (!q->running)
		return;
	q->stop = true;
	queue_wake(q);
	pthread_join(q->thread, NULL);
	q->running = false;
	inflight_stop(&q->ring);
	for (i = 0; i < q->ring.size; i++)
		chain_exit(&q->pool[i].chain);
	free(q->pool);
	q->pool = NULL;
}
