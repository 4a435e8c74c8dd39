// SPDX-License-Identifier: GPL-2.0-only
/*
 * vblkdev with a file, where there is io_uring and where there is none: then
 * threads do the I/O. A seccomp filter takes it away.
 */
#include "front.h"
#include "ktap.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

static struct front f;
static char path[] = "/tmp/vblkdev-test.XXXXXX";

/* --- What the device asks of the kernel, which may answer otherwise --------- */

static atomic_uint durable, volatile_;	/* writes */
static atomic_uint refusals;		/* of what io_uring is handed, to come */
static bool big_blocks;			/* O_DIRECT wants multiples of 4 KiB */

static bool direct_cannot(int fd, const struct iovec *iov, int num, off_t offset)
{
	uint64_t all = offset;

	while (num--)
		all |= iov[num].iov_len;
	return big_blocks && fd == f.dev.backend.direct_fd && all % 4096;
}

static void count_write(int flags)
{
	if (flags & RWF_DSYNC)
		durable++;
	else
		volatile_++;
}

ssize_t preadv(int fd, const struct iovec *iov, int num, off_t offset)
{
	if (direct_cannot(fd, iov, num, offset)) {
		errno = EINVAL;
		return -1;
	}
	return syscall(SYS_preadv, fd, iov, num, offset, 0);
}

ssize_t pwritev2(int fd, const struct iovec *iov, int num, off_t offset, int flags)
{
	if (direct_cannot(fd, iov, num, offset)) {
		errno = EINVAL;
		return -1;
	}
	count_write(flags);
	return syscall(SYS_pwritev2, fd, iov, num, offset, 0, flags);
}

int io_uring_submit(struct io_uring *ring)
{
	static int (*submit)(struct io_uring *ring);
	unsigned int i;

	if (!submit)
		submit = dlsym(RTLD_NEXT, "io_uring_submit");
	if (refusals) {
		refusals--;
		return -EAGAIN;
	}
	for (i = ring->sq.sqe_head; i != ring->sq.sqe_tail; i++) {
		struct io_uring_sqe *sqe = &ring->sq.sqes[i & ring->sq.ring_mask];
		const struct iovec *iov = (const void *)(uintptr_t)sqe->addr;

		if (sqe->opcode != IORING_OP_WRITEV && sqe->opcode != IORING_OP_READV)
			continue;
		if (direct_cannot(sqe->fd, iov, sqe->len, sqe->off))
			sqe->ioprio = 0xffff;	/* EINVAL, too */
		else if (sqe->opcode == IORING_OP_WRITEV)
			count_write(sqe->rw_flags);
	}
	return submit(ring);
}

/* As in a container that forbids it. */
static bool forbid_io_uring(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { ITEMS(code), code };

	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
}

/* Of this process, without io_uring's own. */
static unsigned int threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	unsigned int n = 0;
	struct dirent *d;

	while ((d = readdir(dir))) {
		char name[300], comm[16] = "";
		FILE *file;

		snprintf(name, sizeof(name), "/proc/self/task/%s/comm", d->d_name);
		file = *d->d_name == '.' ? NULL : fopen(name, "r");
		if (!file)
			continue;
		n += fgets(comm, sizeof(comm), file) && strncmp(comm, "iou-", 4);
		fclose(file);
	}
	closedir(dir);
	return n;
}

/* One that was joined is still there for a moment, as is io_uring's without its name. */
static bool threads_become(unsigned int n)
{
	unsigned int i;

	for (i = 0; i < 60000 && threads() != n; i++)
		usleep(1000);
	return threads() == n;
}

static const char *open_file(void)
{
	char spec[64];

	if (ftruncate(mkstemp(path), 1 << 20))
		return "no file";
	snprintf(spec, sizeof(spec), "file:%s", path);
	front_open(&f, spec);
	unlink(path);
	front_start(&f);
	return NULL;
}

/* Five writes at once, of a size and a place of their own, and back. */
static const char *moves_data(unsigned int rounds)
{
	static const uint32_t types[] = { VIRTIO_BLK_T_OUT, VIRTIO_BLK_T_IN };
	unsigned int round, i, t;
	struct used u;

	for (round = 0; round < rounds; round++) {
		for (t = 0; t < 2; t++) {
			for (i = 0; i < 5; i++) {
				unsigned int at = AT_DATA + 8192 * i;
				unsigned int len = 512 * (i + 1 + round % 3);
				struct piece p[] = { HEADER(3 * i), OUT(at, len), STATUS(3 * i) };

				if (types[t] == VIRTIO_BLK_T_IN)
					p[1].flags = VRING_DESC_F_WRITE;
				memset(f.ram + at, t ? 0 : 16 * round + i, len);
				header(&f, 3 * i, types[t], 64 * i + round);
				put(&f, 3 * i, p, 3);
			}
			front_kick(&f);
			for (i = 0; i < 5; i++)
				check(wait_used(&f, &u, 3) && !f.ram[AT_STATUS + u.id]);
		}
		for (i = 0; i < 5; i++) {
			const uint8_t *data = f.ram + AT_DATA + 8192 * i;

			check(data[0] == (uint8_t)(16 * round + i));
			check(!memcmp(data, data + 1, 512 * (i + 1 + round % 3) - 1));
		}
		check(request(&f, VIRTIO_BLK_T_FLUSH, 0, (struct piece) { }, NULL) == 0);
	}
	return NULL;
}

static const char *with_io_uring(void)
{
	const char *why = open_file();

	if (why)
		return why;
	why = moves_data(20);
	if (why)
		return why;
	/* This one, the device's main one, and a queue's */
	check(threads_become(3));
	return NULL;
}

static const char *without_io_uring(void)
{
	const char *why = forbid_io_uring() ? open_file() : "no seccomp";

	if (why)
		return why;
	why = moves_data(100);
	if (why)
		return why;
	check(threads() > 3);
	front_close(&f);
	check(threads_become(1));
	return NULL;
}

/* One line, however often queues start. */
static const char *noted_once(void)
{
	char said[1024] = "", *first;
	int err[2], i;
	const char *why;

	if (pipe2(err, O_NONBLOCK) || dup2(err[1], STDERR_FILENO) < 0)
		return "no pipe";
	why = forbid_io_uring() ? open_file() : "no seccomp";
	for (i = 0; !why && i < 3; i++) {
		why = moves_data(1);
		front_memory(&f, GUEST_SIZE);
	}
	if (why)
		return why;
	front_close(&f);
	check(read(err[0], said, sizeof(said) - 1) > 0);
	first = strstr(said, "no io_uring (Operation not permitted): threads do the I/O\n");
	check(first && !strstr(first + 10, "io_uring"));
	return NULL;
}

/* Stopped with requests under way: all of them come back first. */
static const char *stopped(void)
{
	const char *why = forbid_io_uring() ? open_file() : "no seccomp";
	uint32_t state[2] = { 0, 0 };
	uint64_t index = 0;
	unsigned int round, i;
	struct used u;

	for (round = 0; !why && round < 50; round++) {
		for (i = 0; i < 8; i++) {
			struct piece p[2] = { HEADER(2 * i), STATUS(2 * i) };

			header(&f, 2 * i, VIRTIO_BLK_T_FLUSH, 0);
			put(&f, 2 * i, p, 2);
		}
		front_kick(&f);
		front_send(&f, 11, state, sizeof(state), -1);
		check(front_answer(&f, state, sizeof(state)));
		for (i = 0; i < (uint16_t)(state[1] - 8 * round); i++)
			check(take(&f, &u, 2));
		front_state(&f, 10, state[1]);
		front_send(&f, 12, &index, sizeof(index), f.kick);
		for (; i < 8; i++)
			check(wait_used(&f, &u, 2));
	}
	return why;
}

static bool writes(void)
{
	struct piece data = OUT(AT_DATA, 4096);

	durable = 0;
	volatile_ = 0;
	return request(&f, VIRTIO_BLK_T_OUT, 0, data, NULL) == VIRTIO_BLK_S_OK;
}

static void turn_cache(uint8_t on)
{
	struct {
		uint32_t offset, size, flags;
		uint8_t wce;
	} __attribute__((packed)) set = { offsetof(struct virtio_blk_config, wce), 1, 0, on };

	front_send(&f, 25, &set, sizeof(set), -1);
}

/* With its cache off, or where a driver knows of none, a write is durable at once. */
static const char *writes_through(void)
{
	uint64_t features = f.dev.offered & ~(1ull << VIRTIO_F_RING_PACKED |
					      1ull << VIRTIO_RING_F_EVENT_IDX);

	check(writes() && volatile_ == 1 && !durable);
	turn_cache(0);
	check(!front_hung_up(&f) && writes() && durable == 1 && !volatile_);
	turn_cache(1);
	check(!front_hung_up(&f) && writes() && volatile_ == 1 && !durable);
	config_set(&f.dev, "writeback=0");
	check(writes() && durable == 1 && !volatile_);
	/* The driver relies on it, whatever else is forgotten. */
	config_set(&f.dev, "blk_size=3");
	config_init(&f.dev);
	check(f.dev.cfg.blk_size == 512 && !f.dev.cfg.wce);
	check(writes() && durable == 1 && !volatile_);
	config_set(&f.dev, "writeback=1");
	check(writes() && volatile_ == 1 && !durable);
	features &= ~(1ull << VIRTIO_BLK_F_FLUSH);
	front_send(&f, 2, &features, sizeof(features), -1);
	check(!front_hung_up(&f) && writes() && durable == 1 && !volatile_);
	turn_cache(0);
	check(!front_hung_up(&f));
	config_init(&f.dev);
	front_close(&f);
	check(f.dev.cfg.wce == 1 && !f.dev.write_through);
	return NULL;
}

static const char *io_uring_writes_through(void)
{
	const char *why = open_file();

	return why ? why : writes_through();
}

static const char *threads_write_through(void)
{
	const char *why = forbid_io_uring() ? open_file() : "no seccomp";

	return why ? why : writes_through();
}

/* A disk with blocks of 4 KiB, and requests for less. */
static const char *io_uring_with_big_blocks(void)
{
	const char *why = open_file();

	big_blocks = true;
	return why ? why : moves_data(20);
}

static const char *threads_with_big_blocks(void)
{
	const char *why = forbid_io_uring() ? open_file() : "no seccomp";

	big_blocks = true;
	return why ? why : moves_data(20);
}

/* The kernel has no memory for it, but soon. */
static const char *io_uring_refuses_at_first(void)
{
	const char *why = open_file();

	if (why)
		return why;
	refusals = 50;
	check(writes() && !refusals);
	return NULL;
}

static const struct ktap_test tests[] = {
	TEST(with_io_uring),
	TEST(without_io_uring),
	TEST(noted_once),
	TEST(stopped),
	TEST(io_uring_writes_through),
	TEST(threads_write_through),
	TEST(io_uring_with_big_blocks),
	TEST(threads_with_big_blocks),
	TEST(io_uring_refuses_at_first),
};

int main(void)
{
	return ktap_main(tests, ITEMS(tests));
}
