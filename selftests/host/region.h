/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A front end that keeps the region for inflight requests, for tests of what
 * outlives vblkdev.
 */
#ifndef VBLK_REGION_H
#define VBLK_REGION_H

#include "front.h"

static struct front f;
static uint8_t *region;

/* A new region, as a front end asks for it when the features are known. */
static inline bool get_region(void)
{
	struct {
		uint64_t size, offset;
		uint16_t queues, queue_size;
		uint32_t padding;
	} ask = { 0, 0, 2, RING_SIZE, 0 };
	uint64_t features = f.dev.offered;
	char control[CMSG_SPACE(sizeof(int))];
	uint32_t head[3];
	struct iovec iov = { head, sizeof(head) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };

	if (!f.packed)
		features &= ~(1ull << VIRTIO_F_RING_PACKED);
	front_send(&f, 2, &features, sizeof(features), -1);
	front_send(&f, 31, &ask, sizeof(ask), -1);
	if (recvmsg(f.sock, &msg, MSG_WAITALL) != sizeof(head) || head[2] != sizeof(ask) ||
	    recv(f.sock, &ask, sizeof(ask), MSG_WAITALL) != sizeof(ask) || !CMSG_FIRSTHDR(&msg))
		return false;
	memcpy(&f.region, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(f.region));
	f.region_size = ask.size;
	region = mmap(NULL, ask.size, PROT_READ | PROT_WRITE, MAP_SHARED, f.region, 0);
	return region != MAP_FAILED && ask.queues == 2 && ask.queue_size == RING_SIZE;
}

/* In the same process: what was in flight is dropped, as if it had been killed. */
static inline void lose_connection(void)
{
	close(f.sock);
	while (*(volatile int *)&f.dev.conn >= 0)
		usleep(1000);
}

/* As QEMU does: with the used index, or, for a packed ring, with what it knew. */
static inline void connect_again(void)
{
	vu_connect(&f.dev, front_pair(&f));
	front_setup(&f, f.packed ? 0x80008000 : SPLIT_USED(&f)->idx);
}

static inline void put_flush(unsigned int id, unsigned int descs)
{
	struct piece p[4] = { HEADER(id), STATUS(id) };

	if (descs == 3) {
		p[1] = (struct piece)OUT(AT_DATA + 512 * id, 512);
		p[2] = (struct piece)STATUS(id);
	}
	header(&f, id, descs == 3 ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_FLUSH, descs == 3 ? id : 0);
	put(&f, id, p, descs);
	front_kick(&f);
}

#endif /* VBLK_REGION_H */
