// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file or block device, without the page cache where it can be: over an
 * io_uring of each queue, or by threads where the kernel has none.
 */
#define _GNU_SOURCE
#include "pool.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* O_DIRECT asks this of memory and length, or more: then it says EINVAL. */
static bool aligned(const struct request *req)
{
	unsigned int i;

	for (i = 0; i < req->num_data; i++)
		if (((uintptr_t)req->data[i].iov_base | req->data[i].iov_len) % SECTOR)
			return false;
	return true;
}

static void advance(struct request *req, size_t n)
{
	req->done += n;
	while (n && n >= req->data->iov_len) {
		n -= req->data->iov_len;
		req->data++;
		req->num_data--;
	}
	if (n) {
		req->data->iov_base = (char *)req->data->iov_base + n;
		req->data->iov_len -= n;
	}
}

static off_t offset_of(const struct request *req)
{
	return req->sector * SECTOR + req->done;
}

static int fd_for(const struct backend *b, const struct request *req)
{
	return aligned(req) && !req->buffered ? b->direct_fd : b->fd;
}

/* Through the page cache instead? On a disk with blocks of 4 KiB, say. */
static bool try_buffered(const struct backend *b, struct request *req, int err)
{
	if (err != EINVAL || fd_for(b, req) == b->fd)
		return false;
	req->buffered = true;
	return true;
}

static int write_flags(const struct request *req)
{
	return durable_at_once(req->q->dev) ? RWF_DSYNC : 0;
}

static unsigned int pieces(const struct request *req)
{
	return req->num_data < IOV_MAX_AT_ONCE ? req->num_data : IOV_MAX_AT_ONCE;
}

static int do_now(struct backend *b, struct request *req)
{
	if (req->type == VIRTIO_BLK_T_FLUSH)
		return fdatasync(b->fd) ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK;
	while (req->done < req->len) {
		int fd = fd_for(b, req);
		ssize_t n;

		if (req->type == VIRTIO_BLK_T_IN)
			n = preadv(fd, req->data, pieces(req), offset_of(req));
		else
			n = pwritev2(fd, req->data, pieces(req), offset_of(req),
				     write_flags(req));
		if (n < 0 && (errno == EINTR || try_buffered(b, req, errno)))
			continue;
		if (n <= 0)
			return VIRTIO_BLK_S_IOERR;
		advance(req, n);
	}
	return VIRTIO_BLK_S_OK;
}

/* What a queue has: one of the two. */
struct engine {
	bool uring;
	struct io_uring ring;
	struct pool *pool;
};

static struct engine *engine(struct queue *q)
{
	return q->backend;
}

/* --- io_uring ------------------------------------------------------------- */

static bool enqueue(struct queue *q, struct request *req)
{
	struct backend *b = &q->dev->backend;
	struct io_uring_sqe *sqe = io_uring_get_sqe(&engine(q)->ring);

	if (!sqe)
		return false;
	if (req->type == VIRTIO_BLK_T_FLUSH)
		io_uring_prep_fsync(sqe, b->fd, IORING_FSYNC_DATASYNC);
	else if (req->type == VIRTIO_BLK_T_IN)
		io_uring_prep_readv(sqe, fd_for(b, req), req->data, pieces(req), offset_of(req));
	else
		io_uring_prep_writev2(sqe, fd_for(b, req), req->data, pieces(req), offset_of(req),
				      write_flags(req));
	io_uring_sqe_set_data(sqe, req);
	return true;
}

static void file_commit(struct queue *q)
{
	static const struct timespec ms = { .tv_nsec = 1000000 };
	struct engine *e = engine(q);
	int n;

	if (!e->uring)
		return;
	while (io_uring_sq_ready(&e->ring)) {
		n = io_uring_submit(&e->ring);
		if (n == -EAGAIN || n == -EBUSY)
			nanosleep(&ms, NULL);
		else if (n <= 0 && n != -EINTR)
			die("io_uring takes no requests: %s", strerror(-n));
		/* Perhaps that is in the way; then it will be tried again. */
		if (n < 0 && io_uring_cq_ready(&e->ring))
			return;
	}
}

/* True: the request is done, with *status. Otherwise it goes on. */
static bool settle(struct queue *q, struct request *req, int res, int *status)
{
	*status = VIRTIO_BLK_S_IOERR;
	if (res == -EINTR || res == -EAGAIN || try_buffered(&q->dev->backend, req, -res))
		return !enqueue(q, req);
	if (res < 0)
		return true;
	if (req->type != VIRTIO_BLK_T_FLUSH) {
		if (!res)
			return true;
		advance(req, res);
		if (req->done < req->len)
			return !enqueue(q, req);
	}
	*status = VIRTIO_BLK_S_OK;
	return true;
}

static void uring_reap(struct queue *q)
{
	struct io_uring *ring = &engine(q)->ring;
	struct io_uring_cqe *cqe;
	int status;

	while (!io_uring_peek_cqe(ring, &cqe)) {
		struct request *req = io_uring_cqe_get_data(cqe);
		int res = cqe->res;

		io_uring_cqe_seen(ring, cqe);
		if (settle(q, req, res, &status)) {
			q->pending--;
			request_done(req, status);
		}
	}
	/* What goes on. */
	file_commit(q);
}

/* --- Either --------------------------------------------------------------- */

/* Once, however many queues there are. */
static void note_fallback(int err)
{
	static atomic_flag said = ATOMIC_FLAG_INIT;

	if (!atomic_flag_test_and_set(&said))
		note("no io_uring (%s): threads do the I/O", strerror(err));
}

static void file_start(struct queue *q)
{
	struct engine *e = calloc(1, sizeof(*e));
	int err;

	if (!e)
		die("no memory");
	/* As many entries as there are requests: none is ever refused one. */
	err = io_uring_queue_init(q->ring.size, &e->ring, 0);
	e->uring = !err;
	if (err) {
		note_fallback(-err);
		e->pool = pool_new(&q->dev->backend, do_now);
	}
	q->backend = e;
}

static void file_stop(struct queue *q)
{
	struct engine *e = engine(q);

	if (e->uring)
		io_uring_queue_exit(&e->ring);
	else
		pool_free(e->pool);
	free(e);
	q->backend = NULL;
}

static int file_submit(struct queue *q, struct request *req)
{
	if (engine(q)->uring)
		return enqueue(q, req) ? BLK_PENDING : VIRTIO_BLK_S_IOERR;
	pool_submit(engine(q)->pool, req);
	return BLK_PENDING;
}

static void file_reap(struct queue *q)
{
	struct request *req;

	if (engine(q)->uring) {
		uring_reap(q);
		return;
	}
	while ((req = pool_reap(engine(q)->pool))) {
		q->pending--;
		request_done(req, req->result);
	}
}

static int file_poll_fd(struct queue *q)
{
	return engine(q)->uring ? engine(q)->ring.ring_fd : pool_fd(engine(q)->pool);
}

/* In the queue's thread: ranges are rare, and quick where they can be had. */
static int file_range(struct queue *q, uint64_t offset, uint64_t len, bool unmap)
{
	int mode = unmap ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE;
	int fd = q->dev->backend.fd;

	if (len && fallocate(fd, mode | FALLOC_FL_KEEP_SIZE, offset, len))
		return errno == EOPNOTSUPP ? VIRTIO_BLK_S_UNSUPP : VIRTIO_BLK_S_IOERR;
	if (len && durable_at_once(q->dev) && fdatasync(fd))
		return VIRTIO_BLK_S_IOERR;
	return VIRTIO_BLK_S_OK;
}

const struct backend_ops file_ops = {
	.start		= file_start,
	.stop		= file_stop,
	.submit		= file_submit,
	.range		= file_range,
	.commit		= file_commit,
	.reap		= file_reap,
	.poll_fd	= file_poll_fd,
};

static uint64_t size_of(int fd, const char *path)
{
	struct stat st;
	uint64_t size;

	if (fstat(fd, &st))
		die("%s: %s", path, strerror(errno));
	if (S_ISREG(st.st_mode))
		return st.st_size;
	if (S_ISBLK(st.st_mode) && !ioctl(fd, BLKGETSIZE64, &size))
		return size;
	die("%s: neither a file nor a block device", path);
}

void file_open(struct backend *b, const char *path)
{
	b->fd = open(path, O_RDWR | O_CLOEXEC);
	if (b->fd < 0 && (errno == EACCES || errno == EROFS)) {
		b->read_only = true;
		b->fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (b->fd < 0)
		die("--backend file: %s: %s", path, strerror(errno));
	b->size = size_of(b->fd, path) / SECTOR * SECTOR;
	if (!b->size)
		die("--backend file: %s is smaller than a sector of %u bytes", path, SECTOR);
	b->direct_fd = open(path, (b->read_only ? O_RDONLY : O_RDWR) | O_DIRECT | O_CLOEXEC);
	if (b->direct_fd < 0) {
		note("%s: without O_DIRECT, its file system has none", path);
		b->direct_fd = b->fd;
	}
}
