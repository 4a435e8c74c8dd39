// SPDX-License-Identifier: GPL-2.0-only
/*
 * The disk's thread, and what the NBD protocol needs of a server: the fixed
 * newstyle handshake with one export, simple replies, reads, writes, flushes.
 */
#define _GNU_SOURCE
#include "disk.h"

#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define NBD_MAGIC		0x4e42444d41474943ull	/* "NBDMAGIC" */
#define NBD_OPTION_MAGIC	0x49484156454f5054ull	/* "IHAVEOPT" */
#define NBD_REPLY_MAGIC		0x3e889045565a9ull	/* to an option */
#define NBD_REQUEST		0x25609513u
#define NBD_REPLY		0x67446698u		/* to a request */

enum { NBD_FIXED_NEWSTYLE = 1, NBD_NO_ZEROES = 2 };
enum { NBD_HAS_FLAGS = 1, NBD_SEND_FLUSH = 4 };
enum { NBD_OPT_ABORT = 2, NBD_OPT_GO = 7 };
enum { NBD_REP_ACK = 1, NBD_REP_INFO = 3 };
#define NBD_REP_ERR_UNSUP	0x80000001u
enum { NBD_READ, NBD_WRITE, NBD_DISCONNECT, NBD_FLUSH };
#define NBD_EIO			5
#define NBD_EINVAL		22

#define MAX_REQUESTS		64
#define MAX_BYTES		(32 * MIB)

struct nbd_request {
	uint32_t magic;
	uint16_t flags, type;
	uint64_t handle, offset;
	uint32_t length;
} __attribute__((packed));

struct nbd_reply {
	uint32_t magic, error;
	uint64_t handle;
} __attribute__((packed));

struct pending {
	struct nbd_request request;	/* as the machine has numbers */
	uint64_t since;
};

struct disk {
	int ours, theirs, stop;
	uint8_t *data, *incoming, *outgoing;
	pthread_t thread;
	bool serving;

	pthread_mutex_t lock;		/* of all below */
	enum disk_mode mode;
	uint64_t latency_ns;
	struct pending pending[MAX_REQUESTS];	/* the oldest first */
	unsigned int n_pending;
	struct disk_counts counts;
	uint64_t lost, bad;		/* offsets, or NOWHERE */
};

#define NOWHERE		UINT64_MAX

/* --- Bytes -------------------------------------------------------------------- */

static bool get(struct disk *disk, void *to, size_t n)
{
	struct pollfd fds[2] = { { .fd = disk->ours, .events = POLLIN },
				 { .fd = disk->stop, .events = POLLIN } };
	char *at = to;

	while (n) {
		ssize_t got;

		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return false;
		if (fds[1].revents)
			return false;
		got = recv(disk->ours, at, n, MSG_DONTWAIT);
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (got <= 0)
			return false;
		at += got;
		n -= got;
	}
	return true;
}

static bool put(struct disk *disk, const void *from, size_t n)
{
	const char *at = from;

	while (n) {
		ssize_t sent = send(disk->ours, at, n, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			return false;
		at += sent;
		n -= sent;
	}
	return true;
}

/* --- The handshake ------------------------------------------------------------- */

static bool answer_option(struct disk *disk, uint32_t option, uint32_t type, const void *data,
			  uint32_t length)
{
	struct {
		uint64_t magic;
		uint32_t option, type, length;
	} __attribute__((packed)) reply = {
		htobe64(NBD_REPLY_MAGIC), htobe32(option), htobe32(type), htobe32(length)
	};

	return put(disk, &reply, sizeof(reply)) && put(disk, data, length);
}

static bool describe(struct disk *disk)
{
	struct {
		uint16_t what;
		uint64_t size;
		uint16_t flags;
	} __attribute__((packed)) export = {
		0, htobe64(DISK_SIZE), htobe16(NBD_HAS_FLAGS | NBD_SEND_FLUSH)
	};

	return answer_option(disk, NBD_OPT_GO, NBD_REP_INFO, &export, sizeof(export)) &&
	       answer_option(disk, NBD_OPT_GO, NBD_REP_ACK, NULL, 0);
}

static bool shake_hands(struct disk *disk)
{
	struct {
		uint64_t magic, option_magic;
		uint16_t flags;
	} __attribute__((packed)) hello = {
		htobe64(NBD_MAGIC), htobe64(NBD_OPTION_MAGIC),
		htobe16(NBD_FIXED_NEWSTYLE | NBD_NO_ZEROES)
	};
	struct {
		uint64_t magic;
		uint32_t option, length;
	} __attribute__((packed)) option;
	uint32_t flags;

	if (!put(disk, &hello, sizeof(hello)) || !get(disk, &flags, sizeof(flags)))
		return false;
	for (;;) {
		uint32_t length, what;

		if (!get(disk, &option, sizeof(option)) ||
		    option.magic != htobe64(NBD_OPTION_MAGIC))
			return false;
		length = be32toh(option.length);
		what = be32toh(option.option);
		if (length > MAX_BYTES || !get(disk, disk->incoming, length))
			return false;
		if (what == NBD_OPT_GO)
			return describe(disk);
		if (!answer_option(disk, what,
				   what == NBD_OPT_ABORT ? NBD_REP_ACK : NBD_REP_ERR_UNSUP,
				   NULL, 0) ||
		    what == NBD_OPT_ABORT)
			return false;
	}
}

/* --- Requests: with the lock held ---------------------------------------------- */

static bool finish(struct disk *disk, unsigned int i)
{
	const struct nbd_request request = disk->pending[i].request;
	struct nbd_reply reply = {
		.magic = htobe32(NBD_REPLY), .handle = request.handle,
		.error = htobe32(request.offset == disk->bad ? NBD_EIO : 0),
	};

	disk->n_pending--;
	memmove(disk->pending + i, disk->pending + i + 1,
		(disk->n_pending - i) * sizeof(disk->pending[0]));
	memcpy(disk->outgoing, &reply, sizeof(reply));
	if (request.type != NBD_READ || reply.error)
		return put(disk, disk->outgoing, sizeof(reply));
	memcpy(disk->outgoing + sizeof(reply), disk->data + request.offset, request.length);
	return put(disk, disk->outgoing, sizeof(reply) + request.length);
}

static void count(struct disk *disk, const struct nbd_request *request)
{
	struct disk_counts *counts = &disk->counts;

	if (request->type == NBD_READ) {
		counts->reads++;
		counts->read_bytes += request->length;
	} else if (request->type == NBD_WRITE) {
		counts->writes++;
		counts->written_bytes += request->length;
	}
	if (request->length > counts->largest)
		counts->largest = request->length;
	if (disk->n_pending > counts->max_outstanding)
		counts->max_outstanding = disk->n_pending;
}

static bool refuse(struct disk *disk, const struct nbd_request *request)
{
	struct nbd_reply reply = {
		.magic = htobe32(NBD_REPLY), .error = htobe32(NBD_EINVAL),
		.handle = request->handle,
	};

	return put(disk, &reply, sizeof(reply));
}

/* A request, and what a write brings: kept at once, as a disk's cache would. */
static bool receive(struct disk *disk)
{
	struct nbd_request request;
	bool ok = true;

	if (!get(disk, &request, sizeof(request)) || request.magic != htobe32(NBD_REQUEST))
		return false;
	request.type = be16toh(request.type);
	request.offset = be64toh(request.offset);
	request.length = be32toh(request.length);
	if (request.type == NBD_DISCONNECT || request.length > MAX_BYTES)
		return false;
	if (request.type == NBD_WRITE && !get(disk, disk->incoming, request.length))
		return false;

	pthread_mutex_lock(&disk->lock);
	if (request.type > NBD_FLUSH || disk->n_pending == MAX_REQUESTS ||
	    request.offset > DISK_SIZE || request.length > DISK_SIZE - request.offset) {
		ok = refuse(disk, &request);
	} else {
		if (request.type == NBD_WRITE)
			memcpy(disk->data + request.offset, disk->incoming, request.length);
		disk->pending[disk->n_pending++] = (struct pending){ request, now_ns() };
		count(disk, &request);
		if (request.offset == disk->lost)
			disk->n_pending--;
		else if (disk->mode == DISK_AT_ONCE)
			ok = finish(disk, disk->n_pending - 1);
	}
	pthread_mutex_unlock(&disk->lock);
	return ok;
}

/* Milliseconds until something is due, or -1. */
static int due(struct disk *disk)
{
	int64_t left;

	if (disk->mode != DISK_REVERSED || !disk->n_pending)
		return -1;
	left = disk->pending[0].since + disk->latency_ns - now_ns();
	return left > 0 ? left / MS + 1 : 0;
}

static void *serve(void *arg)
{
	struct disk *disk = arg;
	struct pollfd fds[2] = { { .fd = disk->ours, .events = POLLIN },
				 { .fd = disk->stop, .events = POLLIN } };
	bool ok = shake_hands(disk);

	while (ok) {
		int timeout;

		pthread_mutex_lock(&disk->lock);
		timeout = due(disk);
		if (!timeout)
			while (ok && disk->n_pending)
				ok = finish(disk, disk->n_pending - 1);
		pthread_mutex_unlock(&disk->lock);
		if (!timeout)
			continue;
		if (poll(fds, 2, timeout) < 0 && errno != EINTR)
			break;
		if (fds[1].revents)
			break;
		if (fds[0].revents)
			ok = receive(disk);
	}
	shutdown(disk->ours, SHUT_RDWR);
	return NULL;
}

/* --- For the probe -------------------------------------------------------------- */

struct disk *disk_open(void)
{
	struct disk *disk = calloc(1, sizeof(*disk));
	int sockets[2];

	if (disk) {
		disk->data = calloc(1, DISK_SIZE);
		disk->incoming = malloc(MAX_BYTES);
		disk->outgoing = malloc(sizeof(struct nbd_reply) + MAX_BYTES);
	}
	if (!disk || !disk->data || !disk->incoming || !disk->outgoing)
		die("no memory for a disk");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets))
		die("no sockets: %s", strerror(errno));
	disk->lost = NOWHERE;
	disk->bad = NOWHERE;
	disk->ours = sockets[0];
	disk->theirs = sockets[1];
	disk->stop = eventfd(0, EFD_CLOEXEC);
	if (disk->stop < 0)
		die("no eventfd: %s", strerror(errno));
	pthread_mutex_init(&disk->lock, NULL);
	return disk;
}

void disk_close(struct disk *disk)
{
	eventfd_write(disk->stop, 1);
	if (disk->serving)
		pthread_join(disk->thread, NULL);
	close(disk->ours);
	close(disk->stop);
	free(disk->data);
	free(disk->incoming);
	free(disk->outgoing);
	free(disk);
}

int disk_socket(struct disk *disk)
{
	return disk->theirs;
}

void disk_serve(struct disk *disk)
{
	close(disk->theirs);
	if (pthread_create(&disk->thread, NULL, serve, disk))
		die("no thread for the disk");
	disk->serving = true;
}

uint8_t *disk_data(struct disk *disk)
{
	return disk->data;
}

void disk_mode(struct disk *disk, enum disk_mode mode, uint64_t latency_ns)
{
	pthread_mutex_lock(&disk->lock);
	disk->mode = mode;
	disk->latency_ns = latency_ns;
	pthread_mutex_unlock(&disk->lock);
}

void disk_lose(struct disk *disk, uint64_t offset)
{
	pthread_mutex_lock(&disk->lock);
	disk->lost = offset;
	pthread_mutex_unlock(&disk->lock);
}

void disk_fail(struct disk *disk, uint64_t offset)
{
	pthread_mutex_lock(&disk->lock);
	disk->bad = offset;
	pthread_mutex_unlock(&disk->lock);
}

unsigned int disk_pending(struct disk *disk)
{
	unsigned int n;

	pthread_mutex_lock(&disk->lock);
	n = disk->n_pending;
	pthread_mutex_unlock(&disk->lock);
	return n;
}

struct disk_counts disk_counts(struct disk *disk)
{
	struct disk_counts counts;

	pthread_mutex_lock(&disk->lock);
	counts = disk->counts;
	memset(&disk->counts, 0, sizeof(disk->counts));
	pthread_mutex_unlock(&disk->lock);
	return counts;
}
