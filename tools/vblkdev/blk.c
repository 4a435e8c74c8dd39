// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a chain of descriptors asks for (VIRTIO 1.2, 5.2.6): finds header, data
 * and status, checks them against the rules and against what was negotiated, and
 * hands the request to the backend.
 */
#include "device.h"
#include "shared.h"

#include <stdarg.h>
#include <string.h>

void violated(struct queue *q, enum rule which, const char *format, ...)
{
	struct device *dev = q->dev;
	char *first = dev->violation[which];
	va_list args;

	if (shared_gone)
		return;
	count(&q->n.rules[which], 1);
	pthread_mutex_lock(&dev->lock);
	if (!*first) {
		va_start(args, format);
		vsnprintf(first, sizeof(dev->violation[0]), format, args);
		va_end(args);
		note("queue %u: rule %s (VIRTIO 1.2, %s: %s) is violated: %s", q->index,
		     rules[which].name, rules[which].section, rules[which].text, first);
	}
	pthread_mutex_unlock(&dev->lock);
}

/* Copies the first bytes of a vector out of it, and shortens it. */
static bool take_front(struct iovec **iov, unsigned int *num, void *to, size_t len)
{
	while (len) {
		size_t piece;

		if (!*num)
			return false;
		piece = (*iov)->iov_len < len ? (*iov)->iov_len : len;
		memcpy(to, (*iov)->iov_base, piece);
		(*iov)->iov_base = (char *)(*iov)->iov_base + piece;
		(*iov)->iov_len -= piece;
		to = (char *)to + piece;
		len -= piece;
		if (!(*iov)->iov_len) {
			(*iov)++;
			(*num)--;
		}
	}
	return true;
}

/* The last byte of what the device writes is the status. */
static void find_status(struct request *req)
{
	struct chain *c = &req->chain;
	struct iovec *last;

	req->status = NULL;
	if (!c->num_in || !c->ended)
		return;
	last = &c->iov[c->num_out + c->num_in - 1];
	last->iov_len--;
	req->status = (uint8_t *)last->iov_base + last->iov_len;
	if (!last->iov_len)
		c->num_in--;
	c->in_len--;
}

static void report_rules(struct request *req, rule_mask found)
{
	enum rule rule;

	for (rule = 0; found && rule < NUM_RULES; rule++)
		if (found & RULE_BIT(rule))
			violated(req->q, rule, "type %u, sector %llu, %u descriptors: %s",
				 req->type, (unsigned long long)req->sector,
				 req->chain.descs, req->chain.error ? req->chain.error :
				 "in a ring that is smaller");
}

/* What config space says, all at one time. */
static struct virtio_blk_config config(struct device *dev)
{
	struct virtio_blk_config cfg;

	pthread_mutex_lock(&dev->lock);
	cfg = dev->cfg;
	pthread_mutex_unlock(&dev->lock);
	return cfg;
}

/* Beyond the capacity, or beyond what is there where config space lies about it? */
static bool out_of_range(struct request *req, const struct virtio_blk_config *cfg,
			 uint64_t sector, uint64_t sectors)
{
	uint64_t announced = cfg->capacity, have = req->q->dev->backend.size / SECTOR;

	if (sectors > announced || sector > announced - sectors) {
		violated(req->q, RULE_B7, "%llu sectors at %llu of %llu",
			 (unsigned long long)sectors, (unsigned long long)sector,
			 (unsigned long long)announced);
		return true;
	}
	return sectors > have || sector > have - sectors;
}

static void check_segments(struct request *req, const struct virtio_blk_config *cfg)
{
	struct device *dev = req->q->dev;
	unsigned int segs = req->chain.descs - (req->type == VIRTIO_BLK_T_FLUSH ? 0 : 2);

	if (negotiated(dev, VIRTIO_BLK_F_SEG_MAX) && cfg->seg_max &&
	    req->chain.descs > 2 && segs > cfg->seg_max)
		violated(req->q, RULE_S1, "%u segments, seg_max is %u", segs, cfg->seg_max);
	if (negotiated(dev, VIRTIO_BLK_F_SIZE_MAX) && cfg->size_max >= SECTOR &&
	    req->chain.longest > cfg->size_max)
		violated(req->q, RULE_S2, "a segment of %u bytes, size_max is %u",
			 req->chain.longest, cfg->size_max);
}

/* Only the first half of the data. */
static void halve(struct request *req)
{
	uint64_t left = req->len / 2;
	unsigned int i;

	req->len = left;
	for (i = 0; left; i++) {
		if (req->data[i].iov_len > left)
			req->data[i].iov_len = left;
		left -= req->data[i].iov_len;
	}
	req->num_data = i;
}

static int begin_rw(struct request *req, bool write)
{
	struct queue *q = req->q;
	struct backend *b = &q->dev->backend;
	struct virtio_blk_config cfg;
	uint64_t value;

	count(write ? &q->n.writes : &q->n.reads, 1);
	if (req->len % SECTOR || !req->len) {
		violated(q, RULE_B10, "%llu bytes at sector %llu", (unsigned long long)req->len,
			 (unsigned long long)req->sector);
		return VIRTIO_BLK_S_IOERR;
	}
	cfg = config(q->dev);
	check_segments(req, &cfg);
	if (write && (b->read_only || negotiated(q->dev, VIRTIO_BLK_F_RO))) {
		violated(q, RULE_B8, "a write at sector %llu", (unsigned long long)req->sector);
		return VIRTIO_BLK_S_IOERR;
	}
	if (out_of_range(req, &cfg, req->sector, req->len / SECTOR))
		return VIRTIO_BLK_S_IOERR;
	if (fault(&q->dev->faults, FAULT_DATA_MISSING, req, NULL))
		return VIRTIO_BLK_S_OK;
	if (fault(&q->dev->faults, FAULT_DATA_HALF, req, &value)) {
		halve(req);
		req->instead = value;
	}
	return b->ops->submit(q, req);
}

static int begin_flush(struct request *req)
{
	struct queue *q = req->q;

	count(&q->n.flushes, 1);
	if (!negotiated(q->dev, VIRTIO_BLK_F_FLUSH))
		violated(q, RULE_F1, "a flush");
	if (req->sector || req->len)
		violated(q, RULE_B9, "a flush with sector %llu and %llu bytes",
			 (unsigned long long)req->sector, (unsigned long long)req->len);
	if (fault(&q->dev->faults, FAULT_CACHE_LIES, req, NULL))
		return VIRTIO_BLK_S_OK;
	return q->dev->backend.ops->submit(q, req);
}

static int begin_get_id(struct request *req)
{
	char id[VIRTIO_BLK_ID_BYTES + 1] = "";
	size_t at = 0;
	unsigned int i;

	count(&req->q->n.others, 1);
	if (req->len != VIRTIO_BLK_ID_BYTES)
		violated(req->q, RULE_B12, "a buffer of %llu bytes", (unsigned long long)req->len);
	snprintf(id, sizeof(id), "%s", req->q->dev->opt.serial);
	for (i = 0; i < req->num_data && at < VIRTIO_BLK_ID_BYTES; i++) {
		size_t piece = req->data[i].iov_len;

		if (piece > VIRTIO_BLK_ID_BYTES - at)
			piece = VIRTIO_BLK_ID_BYTES - at;
		memcpy(req->data[i].iov_base, id + at, piece);
		at += piece;
	}
	return VIRTIO_BLK_S_OK;
}

static int begin_ranges(struct request *req, bool zeroes)
{
	struct queue *q = req->q;
	struct device *dev = q->dev;
	enum rule rule = zeroes ? RULE_B15 : RULE_B13;
	struct virtio_blk_config cfg = config(dev);
	uint32_t max_segs = zeroes ? cfg.max_write_zeroes_seg : cfg.max_discard_seg;
	uint32_t max_sectors = zeroes ? cfg.max_write_zeroes_sectors : cfg.max_discard_sectors;
	struct virtio_blk_discard_write_zeroes range;
	struct iovec *iov = req->data;
	unsigned int num = req->num_data;
	uint64_t ranges = req->len / sizeof(range);

	count(&q->n.others, 1);
	if (!negotiated(dev, zeroes ? VIRTIO_BLK_F_WRITE_ZEROES : VIRTIO_BLK_F_DISCARD)) {
		violated(q, RULE_F1, "a %s", zeroes ? "write zeroes" : "discard");
		return VIRTIO_BLK_S_UNSUPP;
	}
	if (!req->len || req->len % sizeof(range)) {
		violated(q, RULE_B11, "%llu bytes", (unsigned long long)req->len);
		return VIRTIO_BLK_S_IOERR;
	}
	if (dev->backend.read_only || negotiated(dev, VIRTIO_BLK_F_RO)) {
		violated(q, RULE_B8, "a %s", zeroes ? "write zeroes" : "discard");
		return VIRTIO_BLK_S_IOERR;
	}
	if (max_segs && ranges > max_segs) {
		violated(q, rule, "%llu ranges, the limit is %u", (unsigned long long)ranges,
			 max_segs);
		return VIRTIO_BLK_S_IOERR;
	}
	while (ranges--) {
		int status;

		take_front(&iov, &num, &range, sizeof(range));
		if (range.flags & ~(zeroes ? VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP : 0)) {
			violated(q, RULE_B17, "flags %#x", range.flags);
			return VIRTIO_BLK_S_UNSUPP;
		}
		if (range.num_sectors > max_sectors)
			violated(q, rule, "%u sectors, the limit is %u", range.num_sectors,
				 max_sectors);
		if (out_of_range(req, &cfg, range.sector, range.num_sectors))
			return VIRTIO_BLK_S_IOERR;
		status = dev->backend.ops->range(q, range.sector * SECTOR,
						 (uint64_t)range.num_sectors * SECTOR,
						 !zeroes || range.flags);
		if (status)
			return status;
	}
	return VIRTIO_BLK_S_OK;
}

static int begin(struct request *req)
{
	uint64_t value;

	if (fault(&req->q->dev->faults, FAULT_STATUS, req, &value))
		return value;
	switch (req->type) {
	case VIRTIO_BLK_T_IN:
		return begin_rw(req, false);
	case VIRTIO_BLK_T_OUT:
		return begin_rw(req, true);
	case VIRTIO_BLK_T_FLUSH:
		return begin_flush(req);
	case VIRTIO_BLK_T_GET_ID:
		return begin_get_id(req);
	case VIRTIO_BLK_T_DISCARD:
		return begin_ranges(req, false);
	case VIRTIO_BLK_T_WRITE_ZEROES:
		return begin_ranges(req, true);
	}
	count(&req->q->n.others, 1);
	return VIRTIO_BLK_S_UNSUPP;
}

/* Which side of the chain has the data, and is it long enough for a header? */
static bool parse(struct request *req)
{
	struct chain *c = &req->chain;
	struct virtio_blk_outhdr header;
	struct iovec *iov = c->iov;
	unsigned int num_out = c->num_out;

	req->type = ~0u;
	req->sector = 0;
	req->len = 0;
	req->num_data = 0;
	req->header = c->num_out && iov->iov_len >= sizeof(header) ? iov->iov_base : NULL;
	if (!c->error && !c->num_in)
		c->error = "no room for a status";
	if (!c->error && !take_front(&iov, &num_out, &header, sizeof(header)))
		c->error = "no room for a header";
	find_status(req);
	if (c->error)
		return false;

	req->type = header.type;
	req->sector = header.sector;
	if (c->in_len) {
		req->data = c->iov + c->num_out;
		req->num_data = c->num_in;
		req->len = c->in_len;
	}
	if (num_out) {
		/* A read with data to read from is none that we know. */
		if (req->len && req->type == VIRTIO_BLK_T_IN) {
			c->error = "a read that brings data";
			return false;
		}
		req->data = iov;
		req->num_data = num_out;
		req->len = c->out_len - sizeof(header);
	}
	if (req->type == VIRTIO_BLK_T_OUT && c->in_len) {
		c->error = "a write that has room for data";
		return false;
	}
	if ((req->type == VIRTIO_BLK_T_IN || req->type == VIRTIO_BLK_T_GET_ID) && num_out) {
		c->error = "a read without room for data";
		return false;
	}
	return true;
}

void request_begin(struct request *req)
{
	struct queue *q = req->q;
	int status;

	count(&q->n.requests, 1);
	req->done = 0;
	req->buffered = false;
	req->instead = VIRTIO_BLK_S_OK;
	req->due = 0;
	if (q->dev->opt.latency.kind)
		req->due = now_ns() + latency_draw(&q->dev->opt.latency, &q->random);
	if (!parse(req)) {
		count(&q->n.malformed, 1);
		report_rules(req, req->chain.rules | RULE_BIT(RULE_R3));
		request_done(req, VIRTIO_BLK_S_IOERR);
		return;
	}
	if (req->chain.rules)
		report_rules(req, req->chain.rules);
	status = begin(req);
	if (status == BLK_PENDING)
		q->pending++;
	else
		request_done(req, status);
}

void request_done(struct request *req, uint8_t status)
{
	req->result = status ? status : req->instead;
	if (req->result)
		count(&req->q->n.errors, 1);
	complete(req);
}
