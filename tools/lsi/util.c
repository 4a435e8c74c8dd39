// SPDX-License-Identifier: GPL-2.0-only
/*
 * Time and memory.
 */
#define _GNU_SOURCE
#include "util.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

void sleep_ns(uint64_t ns)
{
	struct timespec ts = { ns / 1000000000, ns % 1000000000 };

	nanosleep(&ts, NULL);
}

int anonymous_file(const char *name, uint64_t size)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, size))
		die("no memory for %s: %s", name, strerror(errno));
	return fd;
}
