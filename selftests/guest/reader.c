// SPDX-License-Identifier: GPL-2.0-only
/*
 * A plain reader: O_DIRECT preads of 4 KiB, one at a time, and how long they
 * took, as key=value on standard output.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define BLOCK	4096
#define BLOCKS	4096

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	static char buf[BLOCK] __attribute__((aligned(BLOCK)));
	double start, before, *took;
	int fd, i, n;

	if (argc != 3)
		errx(2, "usage: reader DISK COUNT");
	n = atoi(argv[2]);
	took = n > 0 ? calloc(n, sizeof(*took)) : NULL;
	if (!took)
		errx(2, "COUNT?");
	fd = open(argv[1], O_RDONLY | O_DIRECT);
	if (fd < 0)
		err(1, "%s", argv[1]);

	start = now_us();
	for (i = 0; i < n; i++) {
		before = now_us();
		if (pread(fd, buf, BLOCK, (off_t)(i % BLOCKS) * BLOCK) != BLOCK)
			err(1, "pread");
		took[i] = now_us() - before;
	}
	printf("reads=%d mean_us=%.0f ", n, (now_us() - start) / n);
	qsort(took, n, sizeof(*took), compare);
	printf("p50_us=%.0f p95_us=%.0f p99_us=%.0f max_us=%.0f\n", took[(n - 1) / 2],
	       took[(n - 1) * 95 / 100], took[(n - 1) * 99 / 100], took[n - 1]);
	return 0;
}
