// SPDX-License-Identifier: GPL-2.0-only
/*
 * vblkdev with a file, where there is io_uring and where there is none: then
 * threads do the I/O. A seccomp filter takes it away.
 */
#include "front.h"
#include "ktap.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

static struct front f;
static char path[] = "/tmp/vblkdev-test.XXXXXX";

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
	check(threads() == 3);
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
	check(threads() == 1);
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

static const struct ktap_test tests[] = {
	TEST(with_io_uring),
	TEST(without_io_uring),
	TEST(noted_once),
	TEST(stopped),
};

int main(void)
{
	return ktap_main(tests, ITEMS(tests));
}
