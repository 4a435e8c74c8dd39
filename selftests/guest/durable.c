// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writers that remember what a flush acknowledged, and find out whether it is
 * there: after each power cut that this program asks the device for, or by what
 * an earlier run of it printed.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK		4096
#define SECTOR		512
#define SECTORS		(BLOCK / SECTOR)
#define BLOCKS		64	/* of a writer */
#define WRITERS		4
#define WINDOW		8	/* writes between two flushes, at the most */

/* Generation G of a writer is its block G % BLOCKS, each sector with this. */
struct stamp {
	uint64_t generation;
	uint64_t writer;
};

struct writer {
	pthread_t thread;
	unsigned int number;
	uint64_t written;		/* the last generation */
	uint64_t durable[BLOCKS];	/* lock: what is there at least */
	unsigned long flushes;		/* lock: that were acknowledged, and count */
};

static struct writer writers[WRITERS];
static int fd, control = -1;
static bool synchronous;		/* O_DSYNC: each write is its own flush */
static bool report;			/* print what is acknowledged */
static unsigned int epoch;		/* lock; grows as a cut begins and ends */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t writing;	/* who compares has it alone */

static off_t offset(const struct writer *w, unsigned int block)
{
	return ((off_t)w->number * BLOCKS + block) * BLOCK;
}

static void write_generation(struct writer *w, unsigned char *buf)
{
	struct stamp stamp = { w->written + 1, w->number };
	unsigned int i;

	for (i = 0; i < SECTORS; i++)
		memcpy(buf + i * SECTOR, &stamp, sizeof(stamp));
	pthread_rwlock_rdlock(&writing);
	w->written++;
	if (pwrite(fd, buf, BLOCK, offset(w, w->written % BLOCKS)) != BLOCK)
		err(1, "write");
	pthread_rwlock_unlock(&writing);
}

/* What was written before a cut, or during it, no later flush makes durable. */
static void acknowledged(struct writer *w, unsigned int since, uint64_t first)
{
	pthread_mutex_lock(&lock);
	if (epoch == since && since % 2 == 0) {
		for (; first <= w->written; first++)
			w->durable[first % BLOCKS] = first;
		w->flushes++;
		if (report)
			dprintf(1, "%u %llu\n", w->number, (unsigned long long)w->written);
	}
	pthread_mutex_unlock(&lock);
}

static void *write_on(void *arg)
{
	struct writer *w = arg;
	unsigned int left, since, random = w->number + 1;
	uint64_t first;
	unsigned char *buf = aligned_alloc(BLOCK, BLOCK);

	if (!buf)
		errx(1, "no memory");
	memset(buf, 0xa5, BLOCK);
	for (;;) {
		pthread_mutex_lock(&lock);
		since = epoch;
		pthread_mutex_unlock(&lock);
		first = w->written + 1;
		for (left = synchronous ? 1 : 1 + rand_r(&random) % WINDOW; left; left--)
			write_generation(w, buf);
		if (!synchronous && fdatasync(fd))
			err(1, "flush");
		acknowledged(w, since, first);
	}
	return NULL;
}

static void compare(const struct writer *w, const uint64_t *durable, uint64_t most)
{
	unsigned char *buf = aligned_alloc(BLOCK, BLOCKS * BLOCK);
	struct stamp stamp;
	unsigned int i;

	if (!buf || pread(fd, buf, BLOCKS * BLOCK, offset(w, 0)) != BLOCKS * BLOCK)
		err(1, "read");
	for (i = 0; i < BLOCKS * SECTORS; i++) {
		unsigned int block = i / SECTORS;

		memcpy(&stamp, buf + i * SECTOR, sizeof(stamp));
		if (stamp.generation < durable[block])
			errx(1, "LOST: writer %u, sector %u of block %u: generation %llu of %llu",
			     w->number, i % SECTORS, block, (unsigned long long)stamp.generation,
			     (unsigned long long)durable[block]);
		if (stamp.generation > most ||
		    (stamp.generation && (stamp.generation % BLOCKS != block ||
					  stamp.writer != w->number)))
			errx(1, "WRONG: writer %u, sector %u of block %u: %llu of writer %llu",
			     w->number, i % SECTORS, block, (unsigned long long)stamp.generation,
			     (unsigned long long)stamp.writer);
	}
	free(buf);
}

/* The device's answer: how many sectors were lost. */
static unsigned long power_cut(void)
{
	static const char command[] = "{\"cmd\": \"power-cut\"}\n";
	char answer[256] = "", *lost;
	size_t have = 0;
	ssize_t n;

	if (write(control, command, sizeof(command) - 1) != sizeof(command) - 1)
		err(1, "control");
	do {
		n = read(control, answer + have, sizeof(answer) - 1 - have);
		if (n <= 0)
			err(1, "control");
		have += n;
	} while (!memchr(answer, '\n', have) && have < sizeof(answer) - 1);
	lost = strstr(answer, "\"lost\": ");
	if (!lost)
		errx(1, "the device answers %s", answer);
	return strtoul(lost + 8, NULL, 10);
}

static unsigned long all_flushes(void)
{
	unsigned long sum = 0;
	unsigned int i;

	pthread_mutex_lock(&lock);
	for (i = 0; i < WRITERS; i++)
		sum += writers[i].flushes;
	pthread_mutex_unlock(&lock);
	return sum;
}

static void cut(unsigned int cuts)
{
	unsigned long lost = 0, flushes = 0;
	unsigned int i, n, random = 1;
	static uint64_t durable[WRITERS][BLOCKS];

	for (n = 0; n < cuts; n++) {
		/* Each has something to lose that it must not. */
		while (all_flushes() == flushes)
			usleep(1000);
		usleep(rand_r(&random) % 20000);
		flushes = all_flushes();
		pthread_mutex_lock(&lock);
		epoch++;
		for (i = 0; i < WRITERS; i++)
			memcpy(durable[i], writers[i].durable, sizeof(durable[i]));
		pthread_mutex_unlock(&lock);
		lost += power_cut();
		pthread_mutex_lock(&lock);
		epoch++;
		pthread_mutex_unlock(&lock);

		pthread_rwlock_wrlock(&writing);
		for (i = 0; i < WRITERS; i++)
			compare(&writers[i], durable[i], writers[i].written);
		pthread_rwlock_unlock(&writing);
	}
	printf("cuts=%u lost=%lu flushes=%lu\n", cuts, lost, all_flushes());
}

/* What another run was told: the last generation of each writer. */
static void verify(char **last)
{
	uint64_t durable[BLOCKS];
	unsigned int i, block;

	for (i = 0; i < WRITERS; i++) {
		uint64_t most = strtoull(last[i], NULL, 10);

		for (block = 0; block < BLOCKS; block++) {
			uint64_t back = (most + BLOCKS - block) % BLOCKS;

			durable[block] = back < most ? most - back : 0;
		}
		compare(&writers[i], durable, UINT64_MAX);
	}
}

static void start(void)
{
	pthread_rwlockattr_t attr;
	unsigned int i;

	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&writing, &attr);
	for (i = 0; i < WRITERS; i++)
		if (pthread_create(&writers[i].thread, NULL, write_on, &writers[i]))
			errx(1, "no thread");
}

/* Generations begin with 1, and all blocks have 0. */
static void clear(void)
{
	unsigned char *buf = aligned_alloc(BLOCK, BLOCKS * BLOCK);
	unsigned int i;

	if (!buf)
		errx(1, "no memory");
	memset(buf, 0, BLOCKS * BLOCK);
	for (i = 0; i < WRITERS; i++)
		if (pwrite(fd, buf, BLOCKS * BLOCK, offset(&writers[i], 0)) != BLOCKS * BLOCK)
			err(1, "write");
	if (fdatasync(fd))
		err(1, "flush");
	free(buf);
}

static void usage(void)
{
	errx(2, "usage: durable [-s] -c CONTROL -n CUTS DISK (-s: O_DSYNC instead of flushes)\n"
	     "       durable [-s] DISK (until it is killed: prints WRITER GENERATION)\n"
	     "       durable -v DISK GENERATION... (those printed last, of each writer)");
}

int main(int argc, char **argv)
{
	const char *port = NULL;
	unsigned int cuts = 0, i;
	bool check = false;
	int option;

	while ((option = getopt(argc, argv, "sc:n:v")) != -1) {
		switch (option) {
		case 's':
			synchronous = true;
			break;
		case 'c':
			port = optarg;
			break;
		case 'n':
			cuts = atoi(optarg);
			break;
		case 'v':
			check = true;
			break;
		default:
			usage();
		}
	}
	if (argc - optind != 1 + (check ? WRITERS : 0) || !port != !cuts || (port && check))
		usage();
	fd = open(argv[optind], O_RDWR | O_DIRECT | (synchronous ? O_DSYNC : 0));
	if (fd < 0)
		err(1, "%s", argv[optind]);
	for (i = 0; i < WRITERS; i++)
		writers[i].number = i;
	if (check) {
		verify(argv + optind + 1);
		return 0;
	}
	clear();
	report = !port;
	if (port) {
		control = open(port, O_RDWR);
		if (control < 0)
			err(1, "%s", port);
	}
	start();
	if (port)
		cut(cuts);
	else
		pthread_join(writers[0].thread, NULL);
	return 0;
}
