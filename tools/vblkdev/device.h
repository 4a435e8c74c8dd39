/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The device. Two sorts of threads: the main one speaks with the front end
 * (vhost_user.c) and the control socket (control.c); one a queue serves its ring
 * (queue.c). What a queue's thread uses, the main thread changes only while that
 * thread does not run, or under the lock that the field names.
 */
#ifndef VBLKDEV_DEVICE_H
#define VBLKDEV_DEVICE_H

#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>

#include "fault.h"
#include "histogram.h"
#include "inflight.h"
#include "latency.h"

#define MAX_QUEUES	64
#define SECTOR		512u
#define IOV_MAX_AT_ONCE	1024		/* of preadv() */

/* A backend's answer instead of a status: request_done() will follow. */
#define BLK_PENDING	(-1)

struct queue;

struct request {
	struct request *next;
	struct queue *q;
	struct chain chain;
	void *header;			/* in the driver's memory, or NULL */
	uint32_t type;
	uint64_t sector;
	struct iovec *data;		/* the chain without header and status */
	unsigned int num_data;
	uint64_t len;			/* of data */
	uint8_t *status;		/* in the driver's memory, or NULL */
	uint8_t result;			/* what belongs there */
	uint8_t instead;		/* of success, on purpose */
	uint64_t done;			/* bytes, by a backend that needs to go on */
	bool buffered;			/* not with O_DIRECT, which cannot have it so */
	uint64_t due;			/* when it is given back, at the earliest: ns */
};

struct counters {
	atomic_ulong kicks;		/* sum of what the eventfd counted */
	atomic_ulong wakeups;		/* times that the thread slept */
	atomic_ulong requests;
	atomic_ulong resumed;		/* of those, of the last device */
	atomic_ulong reads, writes, flushes, others;
	atomic_ulong errors;		/* answered with one */
	atomic_ulong malformed;		/* of those, that could not be served */
	atomic_ulong bursts;		/* of completions */
	atomic_ulong notified;
	atomic_ulong suppressed;	/* bursts that the driver did not ask for */
	struct histogram notify_ns;	/* from a burst's last completion on */
	/* Up to here they begin anew with each connection. */
	atomic_ulong rules[NUM_RULES];	/* violations, the last member */
};

struct queue {
	struct device *dev;
	unsigned int index;

	/* Main thread; not changed while the queue's runs. */
	uint64_t desc_uva, driver_uva, device_uva;
	bool addressed;
	bool enabled;
	bool running;
	int kick_fd;
	pthread_t thread;

	pthread_mutex_t lock;
	int call_fd;			/* lock */
	int err_fd;			/* lock */
	bool notified;			/* lock; over call_fd */

	/* Either thread. */
	int wake_fd;
	atomic_bool stop;
	atomic_bool release;		/* give back what is held */
	atomic_bool notify_again;	/* what was notified of may have gone unheard */
	struct counters n;

	/* The queue's thread; see ring.h. */
	struct ring ring;
	struct request *pool;
	struct request *free;
	struct request *held;		/* that never complete */
	struct request *delayed;	/* by due */
	struct request *reversed;	/* of this burst, last one first */
	struct request *swapped;	/* waits for another to swap ids with */
	unsigned int pending;		/* with the backend */
	unsigned int pushed;		/* since the driver was notified */
	uint64_t pushed_at;		/* the last one; 0: nobody waits for it */
	uint64_t random;		/* for latencies */
	uint64_t notify_due;		/* a notification that is late on purpose */
	bool stopped;			/* on purpose: takes nothing any more */
	bool deaf;			/* on purpose: until the next kick */
	void *backend;			/* the backend's own */
};

struct backend {
	const struct backend_ops *ops;
	uint64_t size;
	bool read_only;
	int fd, direct_fd;		/* file */
	uint8_t *image;			/* ram */
	struct cache *cache;		/* ram, with a model of a volatile cache */
};

struct backend_ops {
	/* Of a queue; in its thread. */
	void (*start)(struct queue *q);
	void (*stop)(struct queue *q);
	/* A status, or BLK_PENDING. req->data is the memory. */
	int (*submit)(struct queue *q, struct request *req);
	/* Discard or write zeroes; a status. */
	int (*range)(struct queue *q, uint64_t offset, uint64_t len, bool unmap);
	/* Start what was submitted; finish what is done. May be NULL. */
	void (*commit)(struct queue *q);
	void (*reap)(struct queue *q);
	int (*poll_fd)(struct queue *q);
};

/* What the command line asked for; not changed after the start. */
struct options {
	const char *socket;
	const char *backend;
	const char *control;
	unsigned int queues;
	unsigned int queue_size;
	bool batch;			/* one notification a burst, not a request */
	bool poll;
	uint64_t poll_ns;
	bool print_stats;
	const char *serial;
	bool volatile_cache;		/* ram: with a model of one */
	struct latency latency;
	uint64_t seed;
};

struct device {
	struct options opt;
	struct backend backend;
	struct faults faults;
	struct queue queues[MAX_QUEUES];

	/* Main thread; not changed while queues run. */
	uint64_t offered;		/* features: from the next connection on */
	uint64_t told;			/* over this one */
	uint64_t features;
	uint64_t protocol;
	struct mem *mem;
	struct inflight_area inflight;
	uint8_t status;
	bool cache_on_again;		/* for the next front end */

	pthread_mutex_t lock;
	struct virtio_blk_config cfg;	/* lock */
	/* The first violation of each rule, in words. */
	char violation[NUM_RULES][96];	/* lock */

	atomic_bool write_through;	/* the cache is off, as config space says */
	atomic_bool hang_up;		/* a queue asks for the socket to be closed */
	atomic_bool flip;		/* ... or for the capacity to change */
	int main_fd;			/* wakes the main thread */
	int conn;			/* to the front end, or -1 */
	int slave_fd;			/* messages to the front end, or -1 */
	struct vu_input *input;
};

/* blk.c: what a request is, and its answer. */
void request_begin(struct request *req);
void request_done(struct request *req, uint8_t status);
void violated(struct queue *q, enum rule which, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Is a write durable when it completes? */
static inline bool durable_at_once(const struct device *dev)
{
	return dev->write_through || !(dev->features >> VIRTIO_BLK_F_FLUSH & 1);
}

/* queue.c */
void queue_init(struct device *dev, struct queue *q, unsigned int index);
void queue_start(struct queue *q);
void queue_stop(struct queue *q);
void queue_wake(struct queue *q);
/* How long to sleep for what is due then; 0: be awake for it. */
uint64_t queue_sleep_ns(uint64_t due, uint64_t now, bool poll);
void eventfd_wake(int fd);
uint64_t eventfd_drain(int fd);
void queue_free_request(struct request *req);

/* complete.c: the way of a request back to the driver, and what faults do to it. */
void complete(struct request *req);
void complete_burst(struct queue *q);
void complete_held(struct queue *q);
void notify_again(struct queue *q);
/* The queue ends: give back what can be, or drop it all. */
void complete_all(struct queue *q, bool drop);
/* When there will be something to do by itself, ns; 0: never. */
uint64_t complete_due(const struct queue *q);

/* config.c */
void config_init(struct device *dev);
void config_cache_on(struct device *dev);
const char *config_set(struct device *dev, const char *assignments);
const char *config_features(struct device *dev, const char *list);

/* backend_*.c */
void backend_open(struct backend *b, const char *spec);
void ram_open(struct backend *b, uint64_t size);
void file_open(struct backend *b, const char *path);
extern const struct backend_ops null_ops, ram_ops, file_ops;

static inline bool negotiated(const struct device *dev, unsigned int bit)
{
	return dev->features >> bit & 1;
}

#endif /* VBLKDEV_DEVICE_H */
