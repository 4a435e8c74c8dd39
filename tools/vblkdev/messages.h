/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The vhost-user protocol's messages, and what the files that deal with them
 * share: vhost_user.c has the connection, messages.c what concerns the device as
 * a whole, vring.c what concerns one queue.
 */
#ifndef VBLKDEV_MESSAGES_H
#define VBLKDEV_MESSAGES_H

#include "device.h"

enum {
	GET_FEATURES = 1, SET_FEATURES, SET_OWNER, RESET_OWNER, SET_MEM_TABLE,
	SET_VRING_NUM = 8, SET_VRING_ADDR, SET_VRING_BASE, GET_VRING_BASE,
	SET_VRING_KICK, SET_VRING_CALL, SET_VRING_ERR, GET_PROTOCOL_FEATURES,
	SET_PROTOCOL_FEATURES, GET_QUEUE_NUM, SET_VRING_ENABLE,
	SET_BACKEND_REQ_FD = 21, GET_CONFIG = 24, SET_CONFIG,
	GET_INFLIGHT_FD = 31, SET_INFLIGHT_FD,
	SET_STATUS = 39, GET_STATUS,
};

#define BACKEND_CONFIG_CHANGE	2

#define PROTOCOL_MQ		0
#define PROTOCOL_REPLY_ACK	3
#define PROTOCOL_BACKEND_REQ	5
#define PROTOCOL_CONFIG		9
#define PROTOCOL_INFLIGHT	12
#define PROTOCOL_STATUS		16
#define PROTOCOL_OFFERED	(1ull << PROTOCOL_MQ | 1ull << PROTOCOL_REPLY_ACK | \
				 1ull << PROTOCOL_BACKEND_REQ | 1ull << PROTOCOL_CONFIG | \
				 1ull << PROTOCOL_INFLIGHT | 1ull << PROTOCOL_STATUS)
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

struct vu_inflight {
	uint64_t size;
	uint64_t offset;
	uint16_t num_queues;
	uint16_t queue_size;
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
		struct vu_inflight inflight;
		uint8_t bytes[512];
	} payload;
	size_t have;
	int fds[MEM_MAX_REGIONS];
	unsigned int num_fds;
};

/* The message's n-th descriptor becomes the caller's; -1: there is none. */
static inline int take_fd(struct vu_input *in, unsigned int n)
{
	int fd;

	if (n >= in->num_fds)
		return -1;
	fd = in->fds[n];
	in->fds[n] = -1;
	return fd;
}

/* vhost_user.c: to the front end. NULL, or that it did not work. */
bool vu_send(int conn, struct vu_header header, const void *payload, int fd);
const char *vu_reply(struct device *dev, uint32_t size);
const char *vu_reply_fd(struct device *dev, uint32_t size, int fd);
const char *vu_reply_u64(struct device *dev, uint64_t value);
void replace_fd(int *fd, int by);

/* messages.c: NULL, or what is wrong with it. *replied: there was an answer. */
const char *vu_handle(struct device *dev, struct vu_input *in, bool *replied);

/* vring.c */
const char *vring_state(struct device *dev, struct vu_input *in);
const char *vring_fd(struct device *dev, struct vu_input *in);
const char *vring_addresses(struct device *dev, const struct vu_vring_addr *addr);
/* Starts what can run. NULL, or why not. */
const char *start_queues(struct device *dev);
void stop_queues(struct device *dev);

#endif /* VBLKDEV_MESSAGES_H */
