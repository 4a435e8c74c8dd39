// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process that polls for its reads (io_uring, IOPOLL), and can go away while
 * they are in flight: it stops itself, as any process may be stopped, frozen or
 * throttled. Reports key=value on standard output.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <liburing.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define BLOCK		4096
#define BLOCKS		4096		/* the first 32 MiB of the disk: */
#define STRIDE		(2 * BLOCK)	/* neighbours would become one request */
#define MAX_DEPTH	1024

enum mode {
	STOP,		/* submit all, stop, and reap when continued */
	AGAIN,		/* the same, again and again: continued by a child */
	RUN,		/* never stop; until SIGTERM, or so many reads */
	LEAVE,		/* submit all and exit, nothing reaped */
	BURSTS,		/* so many times: submit all, reap all */
};

static struct io_uring ring;
static unsigned char *bufs;
static unsigned int depth;
static int fd;
static unsigned long reads, errors, next_block, limit = -1UL;
static unsigned int pause_us;	/* between two looks, when there is work to do */
static volatile sig_atomic_t ended;

static void on_term(int sig)
{
	ended = 1;
}

static void submit_one(unsigned int slot)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
	unsigned char *buf = bufs + (size_t)slot * BLOCK;

	/* Neither zeroes nor what a disk may well hold. */
	memset(buf, 0xa5, BLOCK);
	io_uring_prep_read(sqe, fd, buf, BLOCK,
			   (off_t)(next_block++ % BLOCKS) * STRIDE);
	io_uring_sqe_set_data64(sqe, slot);
}

static void submit(void)
{
	int n = io_uring_submit(&ring);

	if (n < 0)
		errx(1, "submit: %s", strerror(-n));
}

/* Waits, polling, for one; returns its slot. */
static unsigned int reap_one(void)
{
	struct io_uring_cqe *cqe;
	unsigned int slot;
	int err;

	if (pause_us && io_uring_peek_cqe(&ring, &cqe))
		usleep(pause_us);
	do {
		err = io_uring_wait_cqe(&ring, &cqe);
	} while (err == -EINTR);
	if (err)
		errx(1, "wait: %s", strerror(-err));
	slot = io_uring_cqe_get_data64(cqe);
	reads++;
	if (cqe->res != BLOCK) {
		if (!errors++)
			warnx("a read returned %d", cqe->res);
	}
	io_uring_cqe_seen(&ring, cqe);
	return slot;
}

/* What the slots hold against what a plain read says; all slots are full. */
static void compare(void)
{
	unsigned char plain[BLOCK] __attribute__((aligned(BLOCK)));
	unsigned int slot;

	for (slot = 0; slot < depth; slot++) {
		if (pread(fd, plain, BLOCK, (off_t)slot * STRIDE) != BLOCK)
			err(1, "pread");
		if (memcmp(plain, bufs + (size_t)slot * BLOCK, BLOCK))
			errx(1, "block %u is not what a plain read returns", slot);
	}
}

static void one_round(bool stop)
{
	unsigned int i;

	for (i = 0; i < depth; i++)
		submit_one(i);
	submit();
	if (stop)
		raise(SIGSTOP);
	for (i = 0; i < depth; i++)
		reap_one();
}

/* Continues its parent a little after each time it stopped. */
static void start_continuer(void)
{
	pid_t parent = getpid();
	char path[32], stat[512], *state;
	FILE *file;

	if (fork())
		return;
	snprintf(path, sizeof(path), "/proc/%d/stat", parent);
	while (getppid() == parent) {
		file = fopen(path, "r");
		if (!file || !fgets(stat, sizeof(stat), file))
			_exit(0);
		fclose(file);
		state = strrchr(stat, ')') + 2;
		usleep(20 * 1000);
		if (*state == 'T')
			kill(parent, SIGCONT);
	}
	_exit(0);
}

static void run(void)
{
	unsigned int i;

	for (i = 0; i < depth; i++)
		submit_one(i);
	submit();
	while (!ended && next_block < limit) {
		submit_one(reap_one());
		submit();
	}
	for (i = 0; i < depth; i++)
		reap_one();
}

int main(int argc, char **argv)
{
	struct sigaction term = { .sa_handler = on_term };
	enum mode mode = STOP;
	bool check = false;
	int opt, error;

	while ((opt = getopt(argc, argv, "acrxn:b:s:")) > 0) {
		switch (opt) {
		case 'a':
			mode = AGAIN;
			break;
		case 'r':
			mode = RUN;
			break;
		case 'n':
			limit = atol(optarg);
			mode = RUN;
			break;
		case 'b':
			limit = atol(optarg);
			mode = BURSTS;
			break;
		case 's':
			pause_us = atoi(optarg);
			mode = RUN;
			break;
		case 'x':
			mode = LEAVE;
			break;
		case 'c':
			check = true;
			break;
		default:
			return 2;
		}
	}
	if (argc - optind != 2)
		errx(2, "usage: poller [-a again|-r run|-n READS|-b BURSTS|-s PAUSE_US|-x exit] "
		     "[-c compare] DISK DEPTH");
	depth = atoi(argv[optind + 1]);
	if (!depth || depth > MAX_DEPTH)
		errx(2, "DEPTH is 1 to %d", MAX_DEPTH);
	fd = open(argv[optind], O_RDONLY | O_DIRECT);
	if (fd < 0)
		err(1, "%s", argv[optind]);
	bufs = mmap(NULL, (size_t)depth * BLOCK, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (bufs == MAP_FAILED)
		err(1, "mmap");
	error = io_uring_queue_init(MAX_DEPTH, &ring, IORING_SETUP_IOPOLL);
	if (error)
		errx(1, "io_uring_setup: %s", strerror(-error));
	sigaction(SIGTERM, &term, NULL);

	switch (mode) {
	case STOP:
		one_round(true);
		if (check)
			compare();
		break;
	case AGAIN:
		start_continuer();
		while (!ended)
			one_round(true);
		break;
	case LEAVE:
		while (depth--)
			submit_one(depth);
		submit();
		return 0;
	case BURSTS:
		while (limit--)
			one_round(false);
		break;
	case RUN:
		run();
		break;
	}
	printf("reads=%lu errors=%lu\n", reads, errors);
	return errors ? 3 : 0;
}
