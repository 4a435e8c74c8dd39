/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A front end and a driver for tests of vblkdev, in the place of QEMU and its
 * guest: speaks vhost-user over a socket pair, and plays the driver's side of one
 * ring, split or packed. The device runs beside it in threads of its own.
 */
#ifndef VBLK_FRONT_H
#define VBLK_FRONT_H

#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../../tools/lib/send_fds.h"
#include "../../tools/vblkdev/vhost_user.h"

#define GUEST_SIZE	(4u << 20)
#define GPA		0x100000ull		/* where the guest has its memory */
#define UVA		0x7f0000000000ull	/* and the front end */
#define RING_SIZE	16u
/* Within the memory: */
#define AT_DESC		0x0000u
#define AT_DRIVER	0x4000u
#define AT_DEVICE	0x8000u
#define AT_TABLE	0xc000u			/* indirect */
#define AT_HEADER	0x10000u		/* 16 bytes a head */
#define AT_STATUS	0x11000u		/* 1 byte a head */
#define AT_DATA		0x20000u

struct front {
	struct device dev;
	pthread_t thread;
	atomic_bool stop;
	int sock, memfd, kick, call;
	int region;			/* of inflight requests, or -1 */
	uint64_t region_size;
	uint8_t *ram;
	uint16_t avail, used, off;	/* next; off: in the packed ring */
	bool wrap, used_wrap;
	bool packed, indirect, event_idx;
	unsigned long slept;		/* of n.wakeups */
};

/* A piece of a request: by its guest address. */
struct piece {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
};

struct used {
	uint32_t id, len;
};

/* The main loop, without sockets to listen at. */
static void *front_device(void *arg)
{
	struct front *f = arg;

	while (!f->stop) {
		struct pollfd fd = { .fd = f->dev.conn, .events = POLLIN };

		if (poll(&fd, 1, 10) > 0 && !vu_readable(&f->dev))
			f->dev.hang_up = true;
		if (f->dev.hang_up)
			vu_disconnect(&f->dev);
	}
	return NULL;
}

static bool front_send(struct front *f, uint32_t request, const void *payload,
		       uint32_t size, int fd)
{
	struct {
		uint32_t request, flags, size;
	} header = { request, 1, size };
	struct iovec iov[2] = { { &header, sizeof(header) }, { (void *)payload, size } };

	return send_fds(f->sock, iov, 2, &fd, fd >= 0, 0) > 0;
}

/* The answer's payload; false: the connection is over. */
static bool front_answer(struct front *f, void *payload, uint32_t size)
{
	uint32_t header[3];

	return recv(f->sock, header, sizeof(header), MSG_WAITALL) == sizeof(header) &&
	       header[2] <= size &&
	       recv(f->sock, payload, header[2], MSG_WAITALL) == (ssize_t)header[2];
}

/* Did the device end the connection? Otherwise it answers. */
static inline bool front_hung_up(struct front *f)
{
	uint64_t features;

	return !front_send(f, 1, NULL, 0, -1) || !front_answer(f, &features, sizeof(features));
}

static void front_state(struct front *f, uint32_t request, uint32_t num)
{
	uint32_t state[2] = { 0, num };

	front_send(f, request, state, sizeof(state), -1);
}

static void front_memory(struct front *f, uint64_t size)
{
	uint64_t table[5] = { 1, GPA, size, UVA, 0 };

	front_send(f, 5, table, sizeof(table), f->memfd);
}

static void front_addresses(struct front *f)
{
	uint64_t addr[5] = { 0, UVA + AT_DESC, UVA + AT_DEVICE, UVA + AT_DRIVER, 0 };

	front_send(f, 9, addr, sizeof(addr), -1);
}

/* The region for inflight requests comes back to the device. */
static inline void front_region(struct front *f)
{
	struct {
		uint64_t size, offset;
		uint16_t queues, queue_size;
		uint32_t padding;
	} region = { f->region_size, 0, 2, RING_SIZE, 0 };

	front_send(f, 32, &region, sizeof(region), f->region);
}

/* Another connection to the device, over which nothing was said. */
static inline int front_pair(struct front *f)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		abort();
	f->sock = pair[0];
	return pair[1];
}

/* A device with this backend, and the guest's memory. */
static inline void front_new(struct front *f, const char *backend)
{
	memset(f, 0, sizeof(*f));
	f->dev.opt.queues = 2;
	f->dev.opt.queue_size = RING_SIZE;
	f->dev.opt.batch = true;
	f->dev.opt.serial = "a serial number";
	faults_init(&f->dev.faults, 1);
	backend_open(&f->dev.backend, backend);
	config_init(&f->dev);
	device_init(&f->dev);
	f->memfd = memfd_create("guest", 0);
	if (ftruncate(f->memfd, GUEST_SIZE))
		abort();
	f->ram = mmap(NULL, GUEST_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, f->memfd, 0);
	f->kick = eventfd(0, EFD_NONBLOCK);
	f->call = eventfd(0, EFD_NONBLOCK);
	f->indirect = true;
	f->region = -1;
}

/* A connection to it over which nothing was said, and the device's main loop */
static inline void front_connect(struct front *f)
{
	vu_connect(&f->dev, front_pair(f));
	pthread_create(&f->thread, NULL, front_device, f);
}

static inline void front_open(struct front *f, const char *backend)
{
	front_new(f, backend);
	front_connect(f);
}

/* Everything that a front end says until the first queue runs, from base on. */
static inline void front_setup(struct front *f, uint32_t base)
{
	uint64_t features = f->dev.offered, index = 0;

	if (!f->packed)
		features &= ~(1ull << VIRTIO_F_RING_PACKED);
	if (!f->event_idx)
		features &= ~(1ull << VIRTIO_RING_F_EVENT_IDX);
	if (!f->indirect)
		features &= ~(1ull << VIRTIO_RING_F_INDIRECT_DESC);
	front_send(f, 3, NULL, 0, -1);
	front_send(f, 2, &features, sizeof(features), -1);
	if (f->region >= 0)
		front_region(f);
	front_memory(f, GUEST_SIZE);
	front_state(f, 8, RING_SIZE);
	front_state(f, 10, base);
	front_addresses(f);
	front_send(f, 12, &index, sizeof(index), f->kick);
	front_send(f, 13, &index, sizeof(index), f->call);
	front_state(f, 18, 1);
}

static inline void front_start(struct front *f)
{
	front_setup(f, f->packed ? 0x80008000 : 0);
	f->wrap = true;
	f->used_wrap = true;
}

static inline void front_close(struct front *f)
{
	close(f->sock);
	f->stop = true;
	pthread_join(f->thread, NULL);
	vu_disconnect(&f->dev);
}

/* --- The driver ----------------------------------------------------------- */

#define SPLIT_DESC(f)	((struct vring_desc *)((f)->ram + AT_DESC))
#define SPLIT_AVAIL(f)	((struct vring_avail *)((f)->ram + AT_DRIVER))
#define SPLIT_USED(f)	((struct vring_used *)((f)->ram + AT_DEVICE))
#define PACKED_DESC(f)	((struct vring_packed_desc *)((f)->ram + AT_DESC))

static inline void front_kick(struct front *f)
{
	eventfd_wake(f->kick);
}

static inline void split_put(struct front *f, unsigned int head, const struct piece *p,
			     unsigned int n)
{
	struct vring_desc *desc = SPLIT_DESC(f);
	unsigned int i;

	for (i = 0; i < n; i++)
		desc[head + i] = (struct vring_desc) {
			p[i].addr, p[i].len, p[i].flags | (i + 1 < n ? VRING_DESC_F_NEXT : 0),
			head + i + 1,
		};
	SPLIT_AVAIL(f)->ring[f->avail % RING_SIZE] = head;
	__atomic_store_n(&SPLIT_AVAIL(f)->idx, ++f->avail, __ATOMIC_RELEASE);
}

static inline void packed_put(struct front *f, unsigned int id, const struct piece *p,
			      unsigned int n)
{
	struct vring_packed_desc *desc = PACKED_DESC(f), *first = NULL;
	uint16_t first_flags = 0;
	unsigned int i;

	for (i = 0; i < n; i++) {
		struct vring_packed_desc *d = &desc[f->off];
		uint16_t flags = p[i].flags | (i + 1 < n ? VRING_DESC_F_NEXT : 0) |
				 (f->wrap ? 1u << VRING_PACKED_DESC_F_AVAIL :
				  1u << VRING_PACKED_DESC_F_USED);

		d->addr = p[i].addr;
		d->len = p[i].len;
		d->id = id;
		if (!first) {
			first = d;
			first_flags = flags;
		} else {
			d->flags = flags;
		}
		if (++f->off == RING_SIZE) {
			f->off = 0;
			f->wrap = !f->wrap;
		}
	}
	__atomic_store_n(&first->flags, first_flags, __ATOMIC_RELEASE);
}

/* Makes it available under this name, which is the head of a split ring. */
static inline void put(struct front *f, unsigned int id, const struct piece *p, unsigned int n)
{
	if (f->packed)
		packed_put(f, id, p, n);
	else
		split_put(f, id, p, n);
}

/* Takes one used entry, if there is one; slots: of the packed ring. */
static inline bool take(struct front *f, struct used *u, unsigned int slots)
{
	if (f->packed) {
		struct vring_packed_desc *d = &PACKED_DESC(f)[f->used];
		uint16_t flags = __atomic_load_n(&d->flags, __ATOMIC_ACQUIRE);

		if (!!(flags & 1u << VRING_PACKED_DESC_F_AVAIL) != f->used_wrap ||
		    !!(flags & 1u << VRING_PACKED_DESC_F_USED) != f->used_wrap)
			return false;
		*u = (struct used) { d->id, d->len };
		f->used += slots;
		if (f->used >= RING_SIZE) {
			f->used -= RING_SIZE;
			f->used_wrap = !f->used_wrap;
		}
		return true;
	}
	if (__atomic_load_n(&SPLIT_USED(f)->idx, __ATOMIC_ACQUIRE) == f->used)
		return false;
	u->id = SPLIT_USED(f)->ring[f->used % RING_SIZE].id;
	u->len = SPLIT_USED(f)->ring[f->used % RING_SIZE].len;
	f->used++;
	return true;
}

/* The same, for which it waits: as long as a busy disk may take to flush. */
static inline bool wait_used(struct front *f, struct used *u, unsigned int slots)
{
	static const struct timespec pause = { .tv_nsec = 10000 };
	uint64_t end = now_ns() + 60000000000ull;

	do {
		if (take(f, u, slots))
			return true;
		nanosleep(&pause, NULL);
	} while (now_ns() < end);
	/* Who got no CPU until then has not looked for as long. */
	return take(f, u, slots);
}

/*
 * The queue went to sleep since this was last asked, so that only a kick wakes it up, and
 * what is put before that is one burst. Not where anything else does, too.
 */
static inline bool asleep(struct front *f)
{
	atomic_ulong *wakeups = &f->dev.queues[0].n.wakeups;
	unsigned int i;

	for (i = 0; i < 60000 && counted(wakeups) <= f->slept; i++)
		usleep(1000);
	if (counted(wakeups) <= f->slept)
		return false;
	f->slept = counted(wakeups);
	return true;
}

/* Is the driver notified over this descriptor, within so many ms? */
static inline bool front_notified(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) == 1 && eventfd_drain(fd);
}

static inline void header(struct front *f, unsigned int id, uint32_t type, uint64_t sector)
{
	struct virtio_blk_outhdr h = { .type = type, .sector = sector };

	memcpy(f->ram + AT_HEADER + 16 * id, &h, sizeof(h));
	f->ram[AT_STATUS + id] = 0xff;
}

#define HEADER(id)	{ GPA + AT_HEADER + 16 * (id), 16, 0 }
#define STATUS(id)	{ GPA + AT_STATUS + (id), 1, VRING_DESC_F_WRITE }
#define OUT(at, len)	{ GPA + (at), len, 0 }
#define IN(at, len)	{ GPA + (at), len, VRING_DESC_F_WRITE }

/* One request from kick to status: that, or -1 without an answer. *len: used. */
static inline int request(struct front *f, uint32_t type, uint64_t sector, struct piece data,
			  uint32_t *len)
{
	struct piece p[3] = { HEADER(0), data, STATUS(0) };
	struct used u;
	unsigned int n = 3;

	header(f, 0, type, sector);
	if (!data.len) {
		p[1] = p[2];
		n = 2;
	}
	put(f, 0, p, n);
	front_kick(f);
	if (!wait_used(f, &u, n) || u.id != 0)
		return -1;
	if (len)
		*len = u.len;
	return f->ram[AT_STATUS];
}

static inline unsigned long rule_count(struct front *f, enum rule rule)
{
	return counted(&f->dev.queues[0].n.rules[rule]);
}

#endif /* VBLK_FRONT_H */
