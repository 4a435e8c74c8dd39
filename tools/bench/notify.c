// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long after its last completion a vhost-user-blk device notifies, seen from
 * outside, for devices that do not say: a front end without a guest, which looks at
 * the used ring and at the eventfd all the time. Reads, a burst of DEPTH at a time.
 */
#define _GNU_SOURCE
#include <err.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../lib/say.h"
#include "../lib/send_fds.h"

#define RING		256u
#define MOST		(RING / 4)	/* a burst; three descriptors each */
#define BLOCK		4096u
#define SIZE		(1u << 20)	/* of the memory */
#define MISSED_NS	1000000ull	/* no notification will come any more */

/* The messages; see the vhost-user specification. */
enum {
	GET_FEATURES = 1, SET_FEATURES = 2, SET_OWNER = 3, SET_MEM_TABLE = 5,
	SET_VRING_NUM = 8, SET_VRING_ADDR = 9, SET_VRING_BASE = 10, SET_VRING_KICK = 12,
	SET_VRING_CALL = 13, GET_PROTOCOL_FEATURES = 15, SET_PROTOCOL_FEATURES = 16,
	SET_VRING_ENABLE = 18,
};
#define PROTOCOL_FEATURES	(1ull << 30)

/* The memory that the device has, too. */
struct memory {
	struct vring_desc desc[RING];
	struct vring_avail avail;
	uint16_t heads[RING + 1];
	struct vring_used used __attribute__((aligned(4096)));
	struct vring_used_elem elems[RING + 1];
	struct virtio_blk_outhdr headers[MOST];
	uint8_t status[MOST];
	uint8_t data[MOST][BLOCK] __attribute__((aligned(4096)));
};

_Static_assert(sizeof(struct memory) <= SIZE, "the memory is too small");

static struct memory *m;
static int sock, kick, call;

static void tell(uint32_t request, const void *payload, uint32_t size, int fd)
{
	uint32_t header[3] = { request, 1, size };
	struct iovec iov[2] = { { header, sizeof(header) }, { (void *)payload, size } };

	if (send_fds(sock, iov, 2, &fd, fd >= 0, 0) < 0)
		err(1, "the device hung up");
}

static uint64_t ask(uint32_t request)
{
	struct {
		uint32_t header[3];
		uint64_t value;
	} __attribute__((packed)) answer;

	tell(request, NULL, 0, -1);
	if (recv(sock, &answer, sizeof(answer), MSG_WAITALL) != sizeof(answer))
		err(1, "the device does not answer");
	return answer.value;
}

static void set_up(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	uint64_t features, none = 0, index = 0;
	uint32_t num[2] = { 0, RING }, base[2] = { 0, 0 }, enable[2] = { 0, 1 };
	uint64_t table[5], rings[5];
	int memfd = memfd_create("guest", 0);

	sock = socket(AF_UNIX, SOCK_STREAM, 0);
	strncpy(addr.sun_path, path, sizeof(addr.sun_path) - 1);
	if (sock < 0 || connect(sock, (struct sockaddr *)&addr, sizeof(addr)))
		err(1, "%s", path);
	if (memfd < 0 || ftruncate(memfd, SIZE))
		err(1, "no memory");
	m = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	kick = eventfd(0, EFD_NONBLOCK);
	call = eventfd(0, EFD_NONBLOCK);
	if (m == MAP_FAILED || kick < 0 || call < 0)
		err(1, "no memory");

	features = ask(GET_FEATURES) & (1ull << VIRTIO_F_VERSION_1 |
					1ull << VIRTIO_RING_F_EVENT_IDX | PROTOCOL_FEATURES);
	if (features & PROTOCOL_FEATURES) {
		ask(GET_PROTOCOL_FEATURES);
		tell(SET_PROTOCOL_FEATURES, &none, sizeof(none), -1);
	}
	tell(SET_OWNER, NULL, 0, -1);
	tell(SET_FEATURES, &features, sizeof(features), -1);
	/* One region, whose guest addresses are offsets: number, address, size, ours */
	table[0] = 1;
	table[1] = 0;
	table[2] = SIZE;
	table[3] = (uintptr_t)m;
	table[4] = 0;
	tell(SET_MEM_TABLE, table, sizeof(table), memfd);
	tell(SET_VRING_NUM, num, sizeof(num), -1);
	tell(SET_VRING_BASE, base, sizeof(base), -1);
	rings[0] = 0;
	rings[1] = (uintptr_t)m->desc;
	rings[2] = (uintptr_t)&m->used;
	rings[3] = (uintptr_t)&m->avail;
	rings[4] = 0;
	tell(SET_VRING_ADDR, rings, sizeof(rings), -1);
	tell(SET_VRING_KICK, &index, sizeof(index), kick);
	tell(SET_VRING_CALL, &index, sizeof(index), call);
	tell(SET_VRING_ENABLE, enable, sizeof(enable), -1);
}

static uint64_t where(const void *at)
{
	return (const uint8_t *)at - (const uint8_t *)m;
}

static void put(unsigned int slot)
{
	unsigned int head = 3 * slot;
	uint16_t idx = m->avail.idx;

	m->headers[slot] = (struct virtio_blk_outhdr) {
		.type = VIRTIO_BLK_T_IN, .sector = rand() % 1024 * (BLOCK / 512),
	};
	m->desc[head] = (struct vring_desc) { where(&m->headers[slot]), sizeof(m->headers[0]),
					      VRING_DESC_F_NEXT, head + 1 };
	m->desc[head + 1] = (struct vring_desc) { where(m->data[slot]), BLOCK,
		VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, head + 2 };
	m->desc[head + 2] = (struct vring_desc) { where(&m->status[slot]), 1,
						  VRING_DESC_F_WRITE, 0 };
	m->avail.ring[idx % RING] = head;
	__atomic_store_n(&m->avail.idx, idx + 1, __ATOMIC_RELEASE);
}

/* As a guest's interrupt handler ends: wants to hear of what comes after this. */
static uint16_t want_next(void)
{
	uint16_t idx;

	do {
		idx = __atomic_load_n(&m->used.idx, __ATOMIC_ACQUIRE);
		/* used_event is behind the available ring. */
		__atomic_store_n(&m->avail.ring[RING], idx, __ATOMIC_SEQ_CST);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	} while (__atomic_load_n(&m->used.idx, __ATOMIC_ACQUIRE) != idx);
	return idx;
}

static unsigned long notified, timed;

/* Until all is done and was notified of. */
static void watch(uint16_t from, uint16_t until, double *gaps)
{
	uint16_t seen = from, idx;
	uint64_t count, last = 0, now;

	for (;;) {
		idx = __atomic_load_n(&m->used.idx, __ATOMIC_ACQUIRE);
		now = now_ns();
		if (idx != seen) {
			seen = idx;
			last = now;
		}
		if (read(call, &count, sizeof(count)) == sizeof(count)) {
			notified += count;
			if (last)
				gaps[timed++] = (now_ns() - last) / 1e3;
			last = 0;
			seen = want_next();
			idx = seen;
		}
		if (idx == until && (!last || now - last > MISSED_NS))
			return;
	}
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	unsigned long depth = argc == 4 ? strtoul(argv[2], NULL, 10) : 0;
	unsigned long reads = argc == 4 ? strtoul(argv[3], NULL, 10) : 0, done;
	static const uint64_t one = 1;
	unsigned int slot;
	double *gaps;

	if (!depth || depth > MOST || !reads)
		errx(2, "usage: notify SOCKET DEPTH READS (DEPTH to %u)", MOST);
	gaps = calloc(reads + depth, sizeof(*gaps));
	if (!gaps)
		errx(2, "no memory");
	set_up(argv[1]);
	for (done = 0; done < reads; done += depth) {
		for (slot = 0; slot < depth; slot++)
			put(slot);
		if (write(kick, &one, sizeof(one)) != sizeof(one))
			err(1, "kick");
		watch(m->avail.idx - depth, m->avail.idx, gaps);
	}
	if (!timed)
		errx(1, "it never notified");
	qsort(gaps, timed, sizeof(*gaps), compare);
	printf("{\"requests\": %lu, \"notified\": %lu, \"p50_us\": %.1f, \"p99_us\": %.1f}\n",
	       done, notified, gaps[(timed - 1) / 2], gaps[(timed - 1) * 99 / 100]);
	return 0;
}
