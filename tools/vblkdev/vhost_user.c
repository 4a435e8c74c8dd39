// SPDX-License-Identifier: GPL-2.0-only
/*
 * The connection to a front end: messages are taken in as they come and handed
 * on. One that makes no sense ends the connection, and nothing else.
 */
#define _GNU_SOURCE
#include "vhost_user.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../lib/send_fds.h"
#include "messages.h"
#include "shared.h"

static void close_fds(struct vu_input *in)
{
	while (in->num_fds)
		if (in->fds[--in->num_fds] >= 0)
			close(in->fds[in->num_fds]);
}

void replace_fd(int *fd, int by)
{
	if (*fd >= 0)
		close(*fd);
	*fd = by;
}

/* One that does not read may fill its socket, but keep nobody waiting. */
bool vu_send(int conn, struct vu_header header, const void *payload, int fd)
{
	struct iovec iov[2] = {
		{ &header, sizeof(header) },
		{ (void *)payload, header.size },
	};
	ssize_t n;

	do {
		n = send_fds(conn, iov, 2, &fd, fd >= 0, MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	return n == (ssize_t)(sizeof(header) + header.size);
}

const char *vu_reply_fd(struct device *dev, uint32_t size, int fd)
{
	struct vu_header header = dev->input->header;

	header.flags = FLAG_VERSION | FLAG_REPLY;
	header.size = size;
	return vu_send(dev->conn, header, &dev->input->payload, fd) ? NULL : "cannot reply";
}

const char *vu_reply(struct device *dev, uint32_t size)
{
	return vu_reply_fd(dev, size, -1);
}

const char *vu_reply_u64(struct device *dev, uint64_t value)
{
	dev->input->payload.u64 = value;
	return vu_reply(dev, sizeof(value));
}
static bool message(struct device *dev)
{
	struct vu_input *in = dev->input;
	uint32_t request = in->header.request, flags = in->header.flags;
	bool replied = false;
	const char *error;

	if ((flags & FLAG_VERSION_MASK) != FLAG_VERSION)
		error = "a version of the protocol that is not known";
	else
		error = vu_handle(dev, in, &replied);
	close_fds(in);
	in->have = 0;
	if (error) {
		note("the front end sent %s (message %u): closing the connection", error,
		     request);
		return false;
	}
	if (flags & FLAG_NEED_REPLY && !replied && dev->protocol >> PROTOCOL_REPLY_ACK & 1)
		return !vu_reply_u64(dev, 0);
	return true;
}

/* --- The connection ------------------------------------------------------- */

static void keep_fds(struct vu_input *in, struct msghdr *msg)
{
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		unsigned int n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int), i;
		int fd;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (in->num_fds < MEM_MAX_REGIONS)
				in->fds[in->num_fds++] = fd;
			else
				close(fd);
		}
	}
}

bool vu_readable(struct device *dev)
{
	struct vu_input *in = dev->input;
	size_t head = sizeof(in->header);
	char control[CMSG_SPACE(MEM_MAX_REGIONS * sizeof(int))];
	struct iovec iov;
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	ssize_t n;

	if (in->have < head) {
		iov.iov_base = (char *)&in->header + in->have;
		iov.iov_len = head - in->have;
	} else {
		iov.iov_base = in->payload.bytes + (in->have - head);
		iov.iov_len = in->header.size - (in->have - head);
	}
	n = recvmsg(dev->conn, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (!n)
		return false;
	keep_fds(in, &msg);
	in->have += n;
	if (in->have < head)
		return true;
	if (in->header.size > sizeof(in->payload)) {
		note("the front end sent a message of %u bytes: closing the connection",
		     in->header.size);
		return false;
	}
	return in->have < head + in->header.size || message(dev);
}

void vu_connect(struct device *dev, int conn)
{
	unsigned int i;

	dev->conn = conn;
	dev->told = dev->offered;
	for (i = 0; i < dev->opt.queues; i++)
		memset(&dev->queues[i].n, 0, offsetof(struct counters, rules));
}

void vu_disconnect(struct device *dev)
{
	unsigned int i;

	stop_queues(dev);
	for (i = 0; i < dev->opt.queues; i++) {
		struct queue *q = &dev->queues[i];

		replace_fd(&q->kick_fd, -1);
		replace_fd(&q->call_fd, -1);
		replace_fd(&q->err_fd, -1);
		q->enabled = false;
		q->addressed = false;
		q->ring.size = 0;
		q->ring.last_avail = 0;
		q->ring.used_idx = 0;
	}
	close_fds(dev->input);
	dev->input->have = 0;
	replace_fd(&dev->slave_fd, -1);
	mem_free(dev->mem);
	dev->mem = NULL;
	inflight_unmap(&dev->inflight);
	dev->features = 0;
	dev->protocol = 0;
	dev->status = 0;
	dev->hang_up = false;
	if (atomic_exchange(&shared_gone, false))
		note("the front end took away memory that it had shared: closed the connection");
	if (dev->cache_on_again)
		config_cache_on(dev);
	/* The last of it: who sees that it is over finds a device that is free. */
	replace_fd(&dev->conn, -1);
}

bool vu_config_changed(struct device *dev)
{
	struct vu_header header = {
		.request = BACKEND_CONFIG_CHANGE, .flags = FLAG_VERSION,
	};

	if (dev->slave_fd < 0)
		return false;
	if (vu_send(dev->slave_fd, header, NULL, -1))
		return true;
	note("the front end does not take messages: closing the connection");
	dev->hang_up = true;
	return false;
}

void device_init(struct device *dev)
{
	unsigned int i;

	pthread_mutex_init(&dev->lock, NULL);
	dev->conn = -1;
	dev->slave_fd = -1;
	dev->main_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	dev->input = calloc(1, sizeof(*dev->input));
	if (dev->main_fd < 0 || !dev->input)
		die("no memory");
	shared_guard(&dev->hang_up, dev->main_fd);
	for (i = 0; i < dev->opt.queues; i++)
		queue_init(dev, &dev->queues[i], i);
}
