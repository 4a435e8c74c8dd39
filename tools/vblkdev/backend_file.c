// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file or block device, without the page cache where it can be.
 */
#define _GNU_SOURCE
#include "device.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* O_DIRECT asks this of memory; of the offset and length the disk's blocks do. */
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

static int file_submit(struct queue *q, struct request *req)
{
	struct backend *b = &q->dev->backend;

	if (req->type == VIRTIO_BLK_T_FLUSH)
		return fdatasync(b->fd) ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK;
	while (req->done < req->len) {
		off_t at = req->sector * SECTOR + req->done;
		int fd = aligned(req) ? b->direct_fd : b->fd;
		int num = req->num_data < IOV_MAX_AT_ONCE ? req->num_data : IOV_MAX_AT_ONCE;
		ssize_t n;

		if (req->type == VIRTIO_BLK_T_IN)
			n = preadv(fd, req->data, num, at);
		else
			n = pwritev(fd, req->data, num, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return VIRTIO_BLK_S_IOERR;
		advance(req, n);
	}
	return VIRTIO_BLK_S_OK;
}

/* In the queue's thread: ranges are rare, and quick where they can be had. */
static int file_range(struct backend *b, uint64_t offset, uint64_t len, bool unmap)
{
	int mode = unmap ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE;

	if (!len || !fallocate(b->fd, mode | FALLOC_FL_KEEP_SIZE, offset, len))
		return VIRTIO_BLK_S_OK;
	return errno == EOPNOTSUPP ? VIRTIO_BLK_S_UNSUPP : VIRTIO_BLK_S_IOERR;
}

const struct backend_ops file_ops = {
	.submit	= file_submit,
	.range	= file_range,
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
	b->durable = true;
}
