// SPDX-License-Identifier: GPL-2.0-only
/*
 * Backends that are done at once: null (zeroes, and nothing is kept) and ram.
 */
#include "cache.h"
#include "device.h"

#include <string.h>
#include <sys/mman.h>

static int null_submit(struct queue *q, struct request *req)
{
	unsigned int i;

	if (req->type == VIRTIO_BLK_T_IN)
		for (i = 0; i < req->num_data; i++)
			memset(req->data[i].iov_base, 0, req->data[i].iov_len);
	return VIRTIO_BLK_S_OK;
}

static int null_range(struct queue *q, uint64_t offset, uint64_t len, bool unmap)
{
	return VIRTIO_BLK_S_OK;
}

const struct backend_ops null_ops = {
	.submit	= null_submit,
	.range	= null_range,
};

static void copy(struct backend *b, struct request *req)
{
	uint8_t *at = b->image + req->sector * SECTOR;
	unsigned int i;

	for (i = 0; i < req->num_data; i++) {
		if (req->type == VIRTIO_BLK_T_IN)
			memcpy(req->data[i].iov_base, at, req->data[i].iov_len);
		else
			memcpy(at, req->data[i].iov_base, req->data[i].iov_len);
		at += req->data[i].iov_len;
	}
}

static int ram_submit(struct queue *q, struct request *req)
{
	struct backend *b = &q->dev->backend;

	if (b->cache)
		cache_begin(b->cache);
	if (req->type != VIRTIO_BLK_T_FLUSH)
		copy(b, req);
	if (b->cache) {
		if (req->type == VIRTIO_BLK_T_FLUSH)
			cache_flush(b->cache);
		else if (req->type == VIRTIO_BLK_T_OUT)
			cache_wrote(b->cache, req->sector * SECTOR, req->len,
				    durable_at_once(q->dev));
		cache_end(b->cache);
	}
	return VIRTIO_BLK_S_OK;
}

static int ram_range(struct queue *q, uint64_t offset, uint64_t len, bool unmap)
{
	struct backend *b = &q->dev->backend;

	if (b->cache)
		cache_begin(b->cache);
	memset(b->image + offset, 0, len);
	if (b->cache) {
		/* Durable at once: what a power cut leaves may not be older. */
		cache_wrote(b->cache, offset, len, true);
		cache_end(b->cache);
	}
	return VIRTIO_BLK_S_OK;
}

const struct backend_ops ram_ops = {
	.submit	= ram_submit,
	.range	= ram_range,
};

void ram_open(struct backend *b, uint64_t size)
{
	b->size = size;
	b->image = mmap(NULL, size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (b->image == MAP_FAILED)
		die("--backend ram: cannot have %llu bytes of memory",
		    (unsigned long long)size);
}
