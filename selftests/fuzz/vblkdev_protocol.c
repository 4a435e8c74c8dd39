// SPDX-License-Identifier: GPL-2.0-only
/*
 * For libFuzzer: the input is what a front end says, a record a message:
 *
 *   byte     request (of the protocol), modulo 48; 47: none, but what is shared
 *            as memory is cut to 64 times as many bytes as there would be payload
 *   byte     bits 0 to 3: how many file descriptors go with it; 4: they are memory,
 *            else eventfds; 5: a wrong version; 6: a reply is wanted; 7: cut short
 *   2 bytes  size of the payload, modulo 600
 *   bytes    the payload, as many as there are
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../tools/lib/send_fds.h"
#include "../../tools/vblkdev/vhost_user.h"

#define MEMORY		0x8000u
#define MAX_PAYLOAD	600u

static struct device dev;
static int memory_fd;

static void set_up(void)
{
	dev.opt.queues = 2;
	dev.opt.queue_size = 16;
	dev.opt.batch = true;
	dev.opt.serial = "fuzz";
	faults_init(&dev.faults, 1);
	backend_open(&dev.backend, "ram:64K");
	config_init(&dev);
	device_init(&dev);
	memory_fd = memfd_create("guest", MFD_CLOEXEC);
	if (ftruncate(memory_fd, MEMORY))
		_exit(1);
}

static void send_message(int sock, const uint8_t *record, const uint8_t *payload, size_t size)
{
	uint32_t header[3] = { record[0] % 48, record[1] & 0x20 ? 2 : 1, size };
	unsigned int i, n = record[1] & 0xf;
	struct iovec iov[2] = {
		{ header, record[1] & 0x80 ? 7 : sizeof(header) },
		{ (void *)payload, record[1] & 0x80 ? 0 : size },
	};
	int fds[MAX_SENT_FDS];

	if (record[1] & 0x40)
		header[1] |= 8;
	n = n > MAX_SENT_FDS ? MAX_SENT_FDS : n;
	for (i = 0; i < n; i++)
		fds[i] = record[1] & 0x10 ? dup(memory_fd) : eventfd(0, EFD_NONBLOCK);
	(void)!send_fds(sock, iov, 2, fds, n, MSG_DONTWAIT);
	while (n)
		close(fds[--n]);
}

/* Queues that run have looked at their rings once they sleep, or are at it for long. */
static void let_run(void)
{
	unsigned int i, tries;

	for (i = 0; i < dev.opt.queues; i++) {
		struct queue *q = &dev.queues[i];

		for (tries = 0; tries < 100 && q->running &&
		     !atomic_load(&q->n.wakeups); tries++)
			usleep(20);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char answer[1024];
	bool open = true;
	int pair[2];

	if (!dev.opt.queues)
		set_up();
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return 0;
	vu_connect(&dev, pair[1]);
	while (open && size >= 4) {
		size_t payload = (data[2] | data[3] << 8) % MAX_PAYLOAD;

		payload = payload > size - 4 ? size - 4 : payload;
		if (data[0] % 48 != 47)
			send_message(pair[0], data, data + 4, payload);
		else if (ftruncate(memory_fd, 64 * payload))
			_exit(1);
		data += 4 + payload;
		size -= 4 + payload;
		/* Header and payload; what is left over is the next one's. */
		open = vu_readable(&dev) && vu_readable(&dev);
		while (recv(pair[0], answer, sizeof(answer), MSG_DONTWAIT) > 0)
			;
	}
	let_run();
	close(pair[0]);
	vu_disconnect(&dev);
	if (ftruncate(memory_fd, MEMORY))
		_exit(1);
	return 0;
}
