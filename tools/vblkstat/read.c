// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads the driver's counters and what the block layer says about its disks.
 * Nothing of it is trusted to be well-formed: the tree may come from another
 * machine, and disks may go while they are read. What cannot be understood is
 * as if it were not there.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "vblkstat.h"

#define DEBUGFS		"sys/kernel/debug"
#define COUNTERS	DEBUGFS "/virtio_blk"
#define MODULE		"sys/module/virtio_blk"
#define MAX_FILE	(32 << 20)	/* 65535 queues have 26 MB */

static void *grow(void *array, size_t num, size_t size)
{
	/* Room is doubled when the number is a power of two. */
	if (num & (num - 1))
		return array;
	array = reallocarray(array, num ? 2 * num : 1, size);
	if (!array)
		errx(1, "out of memory");
	return array;
}

/*
 * A file as one string, to be freed. NULL with errno if it cannot be read. A
 * captured tree may have anything in its place, such as a FIFO.
 */
static char *slurp(int root, const char *path)
{
	size_t len = 0, room = 4096;
	struct stat st;
	char *text;
	ssize_t n;
	int fd;

	fd = openat(root, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		errno = EINVAL;
		return NULL;
	}
	text = malloc(room);
	while (text && (n = read(fd, text + len, room - len - 1)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int error = errno;

			free(text);
			close(fd);
			errno = error;
			return NULL;
		}
		len += n;
		if (len >= MAX_FILE)
			break;
		if (room - len < 2) {
			room *= 2;
			text = realloc(text, room);
		}
	}
	if (!text)
		errx(1, "out of memory");
	close(fd);
	text[len] = '\0';
	return text;
}

/* Digits alone, and no more than fit. */
static bool parse_number(const char *text, unsigned long long *number)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*number = strtoull(text, &end, 10);
	return !errno && (!*end || isspace((unsigned char)*end));
}

static void parse_pair(struct queue *q, const char *name, const char *value)
{
	int i;

	if (!strcmp(name, "callbacks")) {
		for (i = CALLBACKS_ON; i <= CALLBACKS_OFF; i++)
			if (!strcmp(value, callbacks_names[i]))
				q->callbacks = i;
		return;
	}
	if (!strcmp(name, "polls")) {
		for (i = POLLS_TWIN; i <= POLLS_NO; i++)
			if (!strcmp(value, polls_names[i]))
				q->polls = i;
		return;
	}
	for (i = 0; i < KEY_COUNT; i++)
		if (!strcmp(name, key_names[i]) && parse_number(value, &q->value[i]))
			q->has |= 1U << i;
}

/* A queue a line. A line without a number of its own is damaged. */
static void parse_counters(struct disk *disk, char *text)
{
	char *line, *word, *value;

	while ((line = strsep(&text, "\n"))) {
		struct queue q = { };

		while ((word = strsep(&line, " \t\r"))) {
			value = strchr(word, '=');
			if (!value)
				continue;
			*value++ = '\0';
			parse_pair(&q, word, value);
		}
		if (!has(&q, KEY_QUEUE) ||
		    (disk->num_queues && q.value[KEY_QUEUE] <=
		     disk->queues[disk->num_queues - 1].value[KEY_QUEUE]))
			continue;
		disk->queues = grow(disk->queues, disk->num_queues, sizeof(q));
		disk->queues[disk->num_queues++] = q;
	}
}

/* Names go into messages and into JSON. */
static bool name_is_sane(const char *name)
{
	const char *c;

	for (c = name; *c; c++)
		if (!isalnum((unsigned char)*c) && (c == name || !strchr("_-.", *c)))
			return false;
	return c > name && c - name < NAME_SIZE;
}

static char *attribute(int root, const char *disk, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "sys/block/%s/%s", disk, name);
	return slurp(root, path);
}

static long number_attribute(int root, const char *disk, const char *name)
{
	char *text = attribute(root, disk, name);
	unsigned long long number;
	long value = -1;

	if (text && parse_number(text, &number) && number <= 0x7fffffff)
		value = number;
	free(text);
	return value;
}

/* "none", or the one in brackets of "[none] mq-deadline" */
static void read_scheduler(int root, struct disk *disk)
{
	char *text = attribute(root, disk->name, "queue/scheduler");
	char *from, *end;

	if (!text)
		return;
	from = strchr(text, '[');
	from = from ? from + 1 : text;
	end = from + strcspn(from, "] \t\n");
	*end = '\0';
	if (name_is_sane(from))
		strcpy(disk->scheduler, from);
	free(text);
}

/* Fields of stat: I/Os, merged, sectors, time of reads; the same of writes. */
static void read_stat(int root, struct disk *disk)
{
	char *text = attribute(root, disk->name, "stat");
	unsigned long long field[7];
	char *next = text, *word;
	int n = 0;

	while (next && n < 7 && (word = strsep(&next, " \t\n"))) {
		if (!*word)
			continue;
		if (!parse_number(word, &field[n]))
			break;
		n++;
	}
	if (n == 7) {
		disk->ios = field[0] + field[4];
		disk->sectors = field[2] + field[6];
	}
	free(text);
}

static void read_attributes(int root, struct disk *disk)
{
	disk->io_poll = number_attribute(root, disk->name, "queue/io_poll");
	disk->max_sectors_kb = number_attribute(root, disk->name, "queue/max_sectors_kb");
	disk->max_segments = number_attribute(root, disk->name, "queue/max_segments");
	read_scheduler(root, disk);
	read_stat(root, disk);
}

/* False if the disk has gone. */
static bool read_counters(int root, struct disk *disk)
{
	char path[128], *text;

	snprintf(path, sizeof(path), COUNTERS "/%s", disk->name);
	text = slurp(root, path);
	if (!text && (errno == EACCES || errno == EPERM))
		errx(1, "not allowed to read /" COUNTERS ": run it as root");
	if (!text)
		return false;
	parse_counters(disk, text);
	free(text);
	return true;
}

static bool is_wanted(char **wanted, const char *name)
{
	if (!*wanted)
		return true;
	for (; *wanted; wanted++)
		if (!strcmp(*wanted, name))
			return true;
	return false;
}

static void add_disk(struct snapshot *s, int root, const char *name, enum driver driver)
{
	struct disk disk = { .driver = driver };

	strcpy(disk.name, name);
	if (driver == OURS && !read_counters(root, &disk))
		return;
	read_attributes(root, &disk);
	s->disks = grow(s->disks, s->num_disks, sizeof(disk));
	s->disks[s->num_disks++] = disk;
}

/* Where there is no link, as in a captured tree, the name has to do. */
static bool is_virtio(int root, const char *name)
{
	char path[128], link[512], *base;
	ssize_t len;

	if (strncmp(name, "vd", 2))
		return false;
	snprintf(path, sizeof(path), "sys/block/%s/device/driver", name);
	len = readlinkat(root, path, link, sizeof(link) - 1);
	if (len < 0)
		return true;
	link[len] = '\0';
	base = strrchr(link, '/');
	return !strcmp(base ? base + 1 : link, "virtio_blk");
}

static DIR *open_folder(int root, const char *path)
{
	int fd = openat(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? NULL : fdopendir(fd);
}

static bool exists(int root, const char *path)
{
	return !faccessat(root, path, F_OK, 0);
}

static void add_ours(struct snapshot *s, int root, char **wanted, bool first)
{
	bool loaded = exists(root, MODULE);
	bool ours = exists(root, MODULE "/parameters/twin");
	DIR *folder = open_folder(root, COUNTERS);
	struct dirent *entry;

	if (!folder && (errno == EACCES || errno == EPERM) && (ours || !loaded))
		errx(1, "not allowed to read /" DEBUGFS ": run it as root");
	/* Later it may be that the driver is being loaded or unloaded. */
	if (!folder && ours && first)
		errx(1, "no /" COUNTERS ": mount debugfs (mount -t debugfs none /" DEBUGFS ")");
	if (!folder)
		return;
	while ((entry = readdir(folder)))
		if (name_is_sane(entry->d_name) && is_wanted(wanted, entry->d_name))
			add_disk(s, root, entry->d_name, OURS);
	closedir(folder);
}

static void add_others(struct snapshot *s, int root, char **wanted)
{
	enum driver driver = exists(root, MODULE "/parameters/twin") ? NO_COUNTERS : STOCK;
	DIR *folder = open_folder(root, "sys/block");
	struct dirent *entry;

	if (!folder)
		return;
	while ((entry = readdir(folder))) {
		const char *name = entry->d_name;

		if (name_is_sane(name) && is_wanted(wanted, name) &&
		    !snapshot_find(s, name) && is_virtio(root, name))
			add_disk(s, root, name, driver);
	}
	closedir(folder);
}

/* vdb, vdaa: the shorter first */
static int compare_disks(const void *a, const void *b)
{
	const struct disk *x = a, *y = b;
	size_t i = strlen(x->name), j = strlen(y->name);

	return i != j ? (i > j) - (i < j) : strcmp(x->name, y->name);
}

/*
 * snapshot_take() - read everything
 * @root: the folder that stands for /
 * @wanted: names of disks, then NULL; all disks if there is none
 * @first: complain if the driver is there and its counters are not
 */
void snapshot_take(struct snapshot *s, int root, char **wanted, bool first)
{
	struct timespec now;
	char *text;

	*s = (struct snapshot) { };
	clock_gettime(CLOCK_MONOTONIC, &now);
	s->when = now.tv_sec + now.tv_nsec / 1e9;
	add_ours(s, root, wanted, first);
	add_others(s, root, wanted);
	if (s->num_disks)
		qsort(s->disks, s->num_disks, sizeof(*s->disks), compare_disks);

	text = slurp(root, MODULE "/parameters/twin");
	s->no_twin = text && *text == 'N';
	free(text);
	text = slurp(root, "proc/sys/kernel/osrelease");
	s->keeps_split = text && !strncmp(text, "5.10.", 5);
	free(text);
	text = slurp(root, "proc/cmdline");
	s->kdump = exists(root, "proc/vmcore") || (text && strstr(text, "elfcorehdr="));
	free(text);
}

void snapshot_free(struct snapshot *s)
{
	size_t i;

	for (i = 0; i < s->num_disks; i++)
		free(s->disks[i].queues);
	free(s->disks);
	*s = (struct snapshot) { };
}

const struct disk *snapshot_find(const struct snapshot *s, const char *name)
{
	size_t i;

	for (i = 0; i < s->num_disks; i++)
		if (!strcmp(s->disks[i].name, name))
			return &s->disks[i];
	return NULL;
}
