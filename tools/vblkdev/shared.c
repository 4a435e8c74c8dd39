// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an access beyond the end of a mapped file becomes. Nothing here may need more
 * than a signal handler can have.
 */
#define _GNU_SOURCE
#include "shared.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mem.h"

/* Two tables of regions while one takes the other's place, and one of inflight. */
#define MAX_MAPS	(2 * MEM_MAX_REGIONS + 1)

/* Written by the main thread; a handler runs where something is accessed. */
static struct {
	atomic_uintptr_t from;		/* 0: unused */
	atomic_size_t size;
} maps[MAX_MAPS];

atomic_bool shared_gone;
static atomic_bool *hang_up;
static int wake_fd;

void *shared_map(size_t size, int fd)
{
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
	unsigned int i = 0;

	if (map == MAP_FAILED)
		return map;
	while (i < MAX_MAPS && maps[i].from)
		i++;
	if (i == MAX_MAPS)
		die("more shared memory than there can be");
	maps[i].size = size;
	maps[i].from = (uintptr_t)map;
	return map;
}

void shared_unmap(void *map, size_t size)
{
	unsigned int i;

	for (i = 0; i < MAX_MAPS; i++)
		if (maps[i].from == (uintptr_t)map)
			maps[i].from = 0;
	munmap(map, size);
}

static void replace(int sig, siginfo_t *info, void *context)
{
	uintptr_t at = (uintptr_t)info->si_addr;
	static const uint64_t one = 1;
	int error = errno;
	unsigned int i;

	for (i = 0; i < MAX_MAPS; i++) {
		uintptr_t from = maps[i].from;

		if (!from || at - from >= maps[i].size)
			continue;
		/* All of it: a page of a huge one cannot be had alone. */
		if (mmap((void *)from, maps[i].size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) ==
		    MAP_FAILED)
			break;
		shared_gone = true;
		*hang_up = true;
		if (write(wake_fd, &one, sizeof(one)) < 0)
			(void)0;
		errno = error;
		return;
	}
	/* Not ours: the same again, without us. */
	signal(sig, SIG_DFL);
	errno = error;
}

void shared_guard(atomic_bool *flag, int fd)
{
	struct sigaction action = { .sa_sigaction = replace, .sa_flags = SA_SIGINFO };

	hang_up = flag;
	wake_fd = fd;
	if (sigaction(SIGBUS, &action, NULL))
		die("no signal handler");
}
