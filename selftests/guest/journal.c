// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes to a part of a disk, in rounds, plain and polled at once, and says which
 * rounds are durable: flushed, or (every fourth) written with RWF_DSYNC. Which
 * blocks a round writes, and what, follows from the seed. So whatever happened in
 * between, a later look at the disk ("check") tells each block that is older than
 * what was promised, or that nobody has written: each must be of the last durable
 * round that wrote it, or of the one that was under way.
 *
 * The first round writes all blocks. Reports "start NAME ROUND" when that one is
 * durable, and then "acked NAME ROUND", on standard output.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <liburing.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECTOR		512
#define BLOCK		4096
#define BLOCKS		1024
#define OFFSET		(32 << 20)	/* of the part, from where the disk starts */
#define DEPTH		32		/* of each of the two rings */
#define SHARE		16		/* a round writes one of so many blocks */
#define FLUSHES		4		/* one round of so many does without a flush */
#define BREAK_US	50000		/* at most, between two rounds, for others */

static struct io_uring rings[2];	/* the second polls */
static unsigned char *bufs;
static uint64_t seed;
static int fd;
static volatile sig_atomic_t ended;

static void on_term(int sig)
{
	ended = 1;
}

/* Distributes well, no more is asked of it. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

static bool writes(uint64_t round, uint64_t block)
{
	return mix(mix(seed + round) + block) % SHARE == 0;
}

/* Its first word is the round, so that a later look knows what to expect. */
static void fill_sector(uint64_t *words, uint64_t round, uint64_t sector)
{
	uint64_t state = mix(mix(seed + round) ^ ~sector);
	unsigned int i;

	words[0] = round;
	for (i = 1; i < SECTOR / sizeof(*words); i++)
		words[i] = mix(state += 0x9e3779b97f4a7c15);
}

static void fill_block(unsigned char *buf, uint64_t round, uint64_t block)
{
	unsigned int i;

	for (i = 0; i < BLOCK / SECTOR; i++)
		fill_sector((uint64_t *)(buf + i * SECTOR), round, block * (BLOCK / SECTOR) + i);
}

static off_t place(uint64_t block)
{
	return OFFSET + (off_t)block * BLOCK;
}

/* --- Writing --- */

static unsigned int in_ring[2];

static void reap_all(unsigned int which)
{
	struct io_uring_cqe *cqe;
	int error;

	for (; in_ring[which]; in_ring[which]--) {
		do {
			error = io_uring_wait_cqe(&rings[which], &cqe);
		} while (error == -EINTR);
		if (error)
			errx(1, "wait: %s", strerror(-error));
		if (cqe->res != BLOCK)
			errx(1, "a write of block %llu returned %d",
			     (unsigned long long)cqe->user_data, cqe->res);
		io_uring_cqe_seen(&rings[which], cqe);
	}
}

static void submit(unsigned int which)
{
	int n = io_uring_submit(&rings[which]);

	if (n < 0)
		errx(1, "submit: %s", strerror(-n));
}

static void write_block(uint64_t round, uint64_t block, int flags)
{
	unsigned int which = block % 2;
	struct io_uring_sqe *sqe;
	unsigned char *buf;

	if (in_ring[which] == DEPTH) {
		submit(0);
		submit(1);
		reap_all(which);
	}
	buf = bufs + (which * DEPTH + in_ring[which]++) * (size_t)BLOCK;
	fill_block(buf, round, block);
	sqe = io_uring_get_sqe(&rings[which]);
	io_uring_prep_write(sqe, fd, buf, BLOCK, place(block));
	io_uring_sqe_set_data64(sqe, block);
	sqe->rw_flags = flags;
}

static void write_round(uint64_t round, bool all)
{
	bool flush = all || round % FLUSHES;
	uint64_t block;

	for (block = 0; block < BLOCKS; block++)
		if (all || writes(round, block))
			write_block(round, block, flush ? 0 : RWF_DSYNC);
	submit(0);
	submit(1);
	reap_all(0);
	reap_all(1);
	if (flush && fdatasync(fd))
		err(1, "fdatasync");
}

static void write_all(const char *name, uint64_t round, const char *state)
{
	int state_fd = open(state, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	const char *what = "start";
	char line[64];
	int n;

	if (state_fd < 0)
		err(1, "%s", state);
	for (; !ended; round++) {
		write_round(round, *what == 's');
		/* One write, which others' do not mix with. */
		n = snprintf(line, sizeof(line), "%s %s %llu\n", what, name,
			     (unsigned long long)round);
		if (write(STDOUT_FILENO, line, n) != n)
			err(1, "standard output");
		n = snprintf(line, sizeof(line), "%llu\n", (unsigned long long)round);
		if (pwrite(state_fd, line, n, 0) != n)
			err(1, "%s", state);
		what = "acked";
		usleep(mix(round) % BREAK_US);
	}
}

/* --- Looking --- */

/* The last round up to "acked" that wrote the block. */
static uint64_t last_round(uint64_t start, uint64_t acked, uint64_t block)
{
	uint64_t round;

	for (round = acked; round > start; round--)
		if (writes(round, block))
			break;
	return round;
}

static void check(const char *name, uint64_t start, uint64_t acked)
{
	uint64_t expected[SECTOR / 8], block, sector, round, durable;
	unsigned int lost = 0, wrong = 0, i;

	for (block = 0; block < BLOCKS; block++) {
		if (pread(fd, bufs, BLOCK, place(block)) != BLOCK)
			err(1, "%s: pread", name);
		durable = last_round(start, acked, block);
		for (i = 0; i < BLOCK / SECTOR; i++) {
			sector = block * (BLOCK / SECTOR) + i;
			memcpy(&round, bufs + i * SECTOR, sizeof(round));
			fill_sector(expected, round, sector);
			if (memcmp(expected, bufs + i * SECTOR, SECTOR)) {
				if (!wrong++)
					warnx("%s: sector %llu of the journal was never written so",
					      name, (unsigned long long)sector);
			} else if (round != durable &&
				   !(round == acked + 1 && writes(round, block))) {
				if (!lost++)
					warnx("%s: block %llu is of %llu, %llu was durable",
					      name, (unsigned long long)block,
					      (unsigned long long)round,
					      (unsigned long long)durable);
			}
		}
	}
	printf("%s: rounds %llu to %llu: %u sectors lost, %u wrong\n", name,
	       (unsigned long long)start, (unsigned long long)acked, lost, wrong);
	if (lost || wrong)
		exit(3);
}

static uint64_t number(const char *text)
{
	char *end;
	uint64_t n = strtoull(text, &end, 10);

	if (!*text || *end)
		errx(2, "'%s' is not a number", text);
	return n;
}

int main(int argc, char **argv)
{
	struct sigaction term = { .sa_handler = on_term };
	const char *name;
	int error;

	if (argc != 6 || (strcmp(argv[1], "write") && strcmp(argv[1], "check")))
		errx(2, "usage: journal write DISK SEED FIRST-ROUND STATE-FILE\n"
		     "       journal check DISK SEED START ACKED");
	name = basename(argv[2]);
	fd = open(argv[2], O_RDWR | O_DIRECT);
	if (fd < 0)
		err(1, "%s", argv[2]);
	seed = mix(number(argv[3]));
	if (posix_memalign((void **)&bufs, BLOCK, 2 * DEPTH * BLOCK))
		errx(1, "no memory");
	if (!strcmp(argv[1], "check")) {
		check(name, number(argv[4]), number(argv[5]));
		return 0;
	}
	error = io_uring_queue_init(DEPTH, &rings[0], 0) ?:
		io_uring_queue_init(DEPTH, &rings[1], IORING_SETUP_IOPOLL);
	if (error)
		errx(1, "io_uring_setup: %s", strerror(-error));
	sigaction(SIGTERM, &term, NULL);
	write_all(name, number(argv[4]), argv[5]);
	return 0;
}
