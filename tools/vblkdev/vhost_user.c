// SPDX-License-Identifier: GPL-2.0-only
/*
 * The vhost-user protocol's back end. A message is taken in as it comes, checked,
 * and done; one that makes no sense ends the connection, and nothing else. Queues
 * run from when they have everything until a message takes some of it away.
 */
#define _GNU_SOURCE
#include "vhost_user.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	GET_FEATURES = 1, SET_FEATURES, SET_OWNER, RESET_OWNER, SET_MEM_TABLE,
	SET_VRING_NUM = 8, SET_VRING_ADDR, SET_VRING_BASE, GET_VRING_BASE,
	SET_VRING_KICK, SET_VRING_CALL, SET_VRING_ERR, GET_PROTOCOL_FEATURES,
	SET_PROTOCOL_FEATURES, GET_QUEUE_NUM, SET_VRING_ENABLE,
	SET_BACKEND_REQ_FD = 21, GET_CONFIG = 24, SET_CONFIG,
	SET_STATUS = 39, GET_STATUS,
};

#define BACKEND_CONFIG_CHANGE	2

#define PROTOCOL_MQ		0
#define PROTOCOL_REPLY_ACK	3
#define PROTOCOL_BACKEND_REQ	5
#define PROTOCOL_CONFIG		9
#define PROTOCOL_STATUS		16
#define PROTOCOL_OFFERED	(1ull << PROTOCOL_MQ | 1ull << PROTOCOL_REPLY_ACK | \
				 1ull << PROTOCOL_BACKEND_REQ | 1ull << PROTOCOL_CONFIG | \
				 1ull << PROTOCOL_STATUS)
#define F_PROTOCOL		30

#define FLAG_VERSION_MASK	3u
#define FLAG_VERSION		1u
#define FLAG_REPLY		(1u << 2)
#define FLAG_NEED_REPLY		(1u << 3)

#define VRING_INDEX_MASK	0xffu
#define VRING_NO_FD		(1u << 8)
#define MAX_CONFIG		256

struct vu_header {
	uint32_t request;
	uint32_t flags;
	uint32_t size;
};

struct vu_vring_state {
	uint32_t index;
	uint32_t num;
};

struct vu_vring_addr {
	uint32_t index;
	uint32_t flags;
	uint64_t desc;
	uint64_t used;
	uint64_t avail;
	uint64_t log;
};

struct vu_memory {
	uint32_t num;
	uint32_t padding;
	struct {
		uint64_t gpa;
		uint64_t size;
		uint64_t uva;
		uint64_t offset;
	} regions[MEM_MAX_REGIONS];
};

struct vu_config {
	uint32_t offset;
	uint32_t size;
	uint32_t flags;
	uint8_t data[MAX_CONFIG];
};

/* A message, as far as it has come. */
struct vu_input {
	struct vu_header header;
	union {
		uint64_t u64;
		struct vu_vring_state state;
		struct vu_vring_addr addr;
		struct vu_memory memory;
		struct vu_config config;
		uint8_t bytes[512];
	} payload;
	size_t have;
	int fds[MEM_MAX_REGIONS];
	unsigned int num_fds;
};

static void close_fds(struct vu_input *in)
{
	while (in->num_fds)
		if (in->fds[--in->num_fds] >= 0)
			close(in->fds[in->num_fds]);
}

/* The message's n-th descriptor becomes the caller's; -1: there is none. */
static int take_fd(struct vu_input *in, unsigned int n)
{
	int fd;

	if (n >= in->num_fds)
		return -1;
	fd = in->fds[n];
	in->fds[n] = -1;
	return fd;
}

static void replace_fd(int *fd, int by)
{
	if (*fd >= 0)
		close(*fd);
	*fd = by;
}

/* --- Queues --------------------------------------------------------------- */

/* Starts what can run. NULL, or why not. */
static const char *start_queue(struct device *dev, struct queue *q)
{
	const char *error;

	if (q->running || !q->enabled || !q->addressed || q->kick_fd < 0 || !dev->mem)
		return NULL;
	q->ring.packed = negotiated(dev, VIRTIO_F_RING_PACKED);
	q->ring.indirect = negotiated(dev, VIRTIO_RING_F_INDIRECT_DESC);
	q->ring.event_idx = negotiated(dev, VIRTIO_RING_F_EVENT_IDX);
	error = ring_map(&q->ring, dev->mem, q->desc_uva, q->driver_uva, q->device_uva);
	if (error)
		return error;
	queue_start(q);
	return NULL;
}

static void stop_queues(struct device *dev)
{
	unsigned int i;

	for (i = 0; i < dev->opt.queues; i++)
		queue_stop(&dev->queues[i]);
}

static const char *start_queues(struct device *dev)
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

/* --- Messages ------------------------------------------------------------- */

static bool send_message(int fd, struct vu_header header, const void *payload)
{
	struct iovec iov[2] = {
		{ &header, sizeof(header) },
		{ (void *)payload, header.size },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t n;

	do {
		n = sendmsg(fd, &msg, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n == (ssize_t)(sizeof(header) + header.size);
}

static bool reply(struct device *dev, uint32_t size)
{
	struct vu_header header = dev->input->header;

	header.flags = FLAG_VERSION | FLAG_REPLY;
	header.size = size;
	return send_message(dev->conn, header, &dev->input->payload);
}

static const char *reply_u64(struct device *dev, uint64_t value)
{
	dev->input->payload.u64 = value;
	return reply(dev, sizeof(value)) ? NULL : "cannot reply";
}

static const char *set_features(struct device *dev, uint64_t features)
{
	unsigned int i;

	if (features & ~dev->offered)
		return "features that were not offered";
	stop_queues(dev);
	dev->features = features;
	if (!(features >> F_PROTOCOL & 1))
		for (i = 0; i < dev->opt.queues; i++)
			dev->queues[i].enabled = true;
	return start_queues(dev);
}

static const char *set_memory(struct device *dev, struct vu_input *in)
{
	const struct vu_memory *table = &in->payload.memory;
	struct mem *mem;
	const char *error = NULL;
	unsigned int i;

	if (in->header.size < 8 || !table->num || table->num > MEM_MAX_REGIONS ||
	    in->header.size < 8 + table->num * sizeof(table->regions[0]) ||
	    in->num_fds != table->num)
		return "a memory table of the wrong size";
	mem = mem_new();
	for (i = 0; !error && i < table->num; i++)
		error = mem_add(mem, table->regions[i].gpa, table->regions[i].size,
				table->regions[i].uva, table->regions[i].offset, in->fds[i]);
	if (error) {
		mem_free(mem);
		return error;
	}
	stop_queues(dev);
	mem_free(dev->mem);
	dev->mem = mem;
	return start_queues(dev);
}

static const char *set_addresses(struct device *dev, const struct vu_vring_addr *addr)
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

/* Where the driver and the device are: with wrap counters in a packed ring. */
static const char *set_base(struct queue *q, uint32_t base)
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
		if (r->last_avail >= r->size || r->used_idx >= r->size)
			return "a base beyond the ring";
	}
	return NULL;
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
	return reply(dev, sizeof(struct vu_vring_state)) ? NULL : "cannot reply";
}

static const char *vring_state(struct device *dev, struct vu_input *in)
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
		return set_base(q, num);
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
	const struct vring_avail *avail;

	if (!(dev->protocol >> PROTOCOL_STATUS & 1) || dev->status & VIRTIO_CONFIG_S_DRIVER_OK ||
	    negotiated(dev, VIRTIO_F_RING_PACKED) || !dev->mem || q->ring.last_avail)
		return;
	avail = mem_at_uva(dev->mem, q->driver_uva, sizeof(*avail), 2);
	if (avail && *(volatile uint16_t *)&avail->idx)
		violated(q, RULE_C3, "%u requests", avail->idx);
}

static const char *vring_fd(struct device *dev, struct vu_input *in)
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

static const char *get_config(struct device *dev, struct vu_input *in)
{
	struct vu_config *c = &in->payload.config;
	size_t head = offsetof(struct vu_config, data);
	uint8_t all[MAX_CONFIG] = { };

	if (in->header.size < head || c->size > MAX_CONFIG ||
	    c->offset > MAX_CONFIG - c->size || in->header.size < head + c->size)
		return "a part of config space that there is none of";
	pthread_mutex_lock(&dev->lock);
	memcpy(all, &dev->cfg, sizeof(dev->cfg));
	pthread_mutex_unlock(&dev->lock);
	memcpy(c->data, all + c->offset, c->size);
	return reply(dev, head + c->size) ? NULL : "cannot reply";
}

/* A driver may write one byte: whether the cache is on. */
static const char *set_config(struct device *dev, struct vu_input *in)
{
	const struct vu_config *c = &in->payload.config;

	if (in->header.size < offsetof(struct vu_config, data) + 1 || c->size != 1 ||
	    c->offset != offsetof(struct virtio_blk_config, wce) || c->data[0] > 1)
		return "a field of config space that is not written";
	pthread_mutex_lock(&dev->lock);
	dev->cfg.wce = c->data[0];
	pthread_mutex_unlock(&dev->lock);
	dev->write_through = !c->data[0];
	return NULL;
}

static size_t least_size(uint32_t request)
{
	switch (request) {
	case SET_FEATURES:
	case SET_PROTOCOL_FEATURES:
	case SET_VRING_KICK:
	case SET_VRING_CALL:
	case SET_VRING_ERR:
	case SET_STATUS:
		return sizeof(uint64_t);
	case SET_VRING_NUM:
	case SET_VRING_BASE:
	case GET_VRING_BASE:
	case SET_VRING_ENABLE:
		return sizeof(struct vu_vring_state);
	case SET_VRING_ADDR:
		return sizeof(struct vu_vring_addr);
	}
	return 0;
}

/* NULL, or what is wrong with the message. *replied: there was an answer. */
static const char *handle(struct device *dev, struct vu_input *in, bool *replied)
{
	if (in->header.size < least_size(in->header.request))
		return "a message that is too short";
	*replied = false;
	switch (in->header.request) {
	case SET_FEATURES:
		return set_features(dev, in->payload.u64);
	case SET_PROTOCOL_FEATURES:
		if (in->payload.u64 & ~PROTOCOL_OFFERED)
			return "protocol features that were not offered";
		dev->protocol = in->payload.u64;
		return NULL;
	case SET_OWNER:
		return NULL;
	case RESET_OWNER:
		stop_queues(dev);
		return NULL;
	case SET_MEM_TABLE:
		return set_memory(dev, in);
	case SET_VRING_ADDR:
		return set_addresses(dev, &in->payload.addr);
	case SET_VRING_NUM:
	case SET_VRING_BASE:
	case SET_VRING_ENABLE:
		return vring_state(dev, in);
	case SET_VRING_KICK:
	case SET_VRING_CALL:
	case SET_VRING_ERR:
		return vring_fd(dev, in);
	case SET_BACKEND_REQ_FD:
		if (in->num_fds != 1)
			return "no socket where there should be one";
		replace_fd(&dev->slave_fd, take_fd(in, 0));
		return NULL;
	case SET_CONFIG:
		return set_config(dev, in);
	case SET_STATUS:
		dev->status = in->payload.u64;
		return NULL;
	}

	*replied = true;
	switch (in->header.request) {
	case GET_FEATURES:
		return reply_u64(dev, dev->offered);
	case GET_PROTOCOL_FEATURES:
		return reply_u64(dev, PROTOCOL_OFFERED);
	case GET_QUEUE_NUM:
		return reply_u64(dev, dev->opt.queues);
	case GET_STATUS:
		return reply_u64(dev, dev->status);
	case GET_VRING_BASE:
		return vring_state(dev, in);
	case GET_CONFIG:
		return get_config(dev, in);
	}
	return "a message that is not known";
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
		error = handle(dev, in, &replied);
	close_fds(in);
	in->have = 0;
	if (error) {
		note("the front end sent %s (message %u): closing the connection", error,
		     request);
		return false;
	}
	if (flags & FLAG_NEED_REPLY && !replied && dev->protocol >> PROTOCOL_REPLY_ACK & 1)
		return !reply_u64(dev, 0);
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
	for (i = 0; i < dev->opt.queues; i++)
		memset(&dev->queues[i].n, 0, sizeof(dev->queues[i].n));
	pthread_mutex_lock(&dev->lock);
	memset(dev->violation, 0, sizeof(dev->violation));
	pthread_mutex_unlock(&dev->lock);
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
	}
	close_fds(dev->input);
	dev->input->have = 0;
	replace_fd(&dev->slave_fd, -1);
	replace_fd(&dev->conn, -1);
	mem_free(dev->mem);
	dev->mem = NULL;
	dev->features = 0;
	dev->protocol = 0;
	dev->status = 0;
	dev->hang_up = false;
}

bool vu_config_changed(struct device *dev)
{
	struct vu_header header = {
		.request = BACKEND_CONFIG_CHANGE, .flags = FLAG_VERSION,
	};

	return dev->slave_fd >= 0 && send_message(dev->slave_fd, header, NULL);
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
	for (i = 0; i < dev->opt.queues; i++)
		queue_init(dev, &dev->queues[i], i);
}
