// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a front end may say of the device as a whole: features, memory, config
 * space. Every message is checked; what concerns one queue is in vring.c.
 */
#include "messages.h"

#include <string.h>
#include <unistd.h>

static const char *set_features(struct device *dev, uint64_t features)
{
	unsigned int i;

	if (features & ~dev->told)
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
	return vu_reply(dev, head + c->size);
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

/* A new region for so many queues, which the front end keeps for us. */
static const char *get_inflight(struct device *dev, struct vu_input *in)
{
	struct vu_inflight *i = &in->payload.inflight;
	const char *error;
	int fd;

	if (!i->num_queues || i->num_queues > MAX_QUEUES || !i->queue_size ||
	    i->queue_size > RING_MAX_SIZE)
		return "an inflight region for impossible queues";
	i->size = inflight_size(negotiated(dev, VIRTIO_F_RING_PACKED), i->num_queues,
				i->queue_size);
	i->offset = 0;
	fd = inflight_create(i->size);
	if (fd < 0)
		return "a wish for more inflight memory than there is";
	error = vu_reply_fd(dev, in->header.size, fd);
	close(fd);
	return error;
}

static const char *set_inflight(struct device *dev, struct vu_input *in)
{
	const struct vu_inflight *i = &in->payload.inflight;
	const char *error;

	if (in->num_fds != 1)
		return "no inflight region where there should be one";
	stop_queues(dev);
	error = inflight_map(&dev->inflight, in->fds[0], i->offset, i->size, i->num_queues,
			     i->queue_size);
	return error ? error : start_queues(dev);
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
	case GET_INFLIGHT_FD:
	case SET_INFLIGHT_FD:
		return offsetof(struct vu_inflight, queue_size) + sizeof(uint16_t);
	}
	return 0;
}

const char *vu_handle(struct device *dev, struct vu_input *in, bool *replied)
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
		return vring_addresses(dev, &in->payload.addr);
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
	case SET_INFLIGHT_FD:
		return set_inflight(dev, in);
	case SET_STATUS:
		dev->status = in->payload.u64;
		return NULL;
	}

	*replied = true;
	switch (in->header.request) {
	case GET_FEATURES:
		return vu_reply_u64(dev, dev->told);
	case GET_PROTOCOL_FEATURES:
		return vu_reply_u64(dev, PROTOCOL_OFFERED);
	case GET_QUEUE_NUM:
		return vu_reply_u64(dev, dev->opt.queues);
	case GET_STATUS:
		return vu_reply_u64(dev, dev->status);
	case GET_VRING_BASE:
		return vring_state(dev, in);
	case GET_CONFIG:
		return get_config(dev, in);
	case GET_INFLIGHT_FD:
		return get_inflight(dev, in);
	}
	return "a message that is not known";
}
