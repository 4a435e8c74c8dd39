// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes a disk of the device mapper from whole disks, one behind the other, by
 * the ioctls themselves: not every release's sysroot has dmsetup. Prints its
 * name in /dev. "linear NAME" alone removes it.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <linux/fs.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define SECTOR	512
#define TARGET	256		/* room for a target and its parameters */

static struct {
	struct dm_ioctl head;
	char targets[16][TARGET];
} call;

static int control;

static void mapper(unsigned long request, const char *what, unsigned int flags,
		   unsigned int targets)
{
	char name[DM_NAME_LEN];

	memcpy(name, call.head.name, sizeof(name));
	memset(&call.head, 0, sizeof(call.head));
	memcpy(call.head.name, name, sizeof(name));
	call.head.version[0] = DM_VERSION_MAJOR;
	call.head.data_size = sizeof(call);
	call.head.data_start = offsetof(typeof(call), targets);
	call.head.flags = flags;
	call.head.target_count = targets;
	if (ioctl(control, request, &call))
		err(1, "device mapper: %s of %s", what, name);
}

/* Returns where the next one begins. */
static uint64_t add_target(unsigned int n, const char *disk, uint64_t start)
{
	struct dm_target_spec *target = (void *)call.targets[n];
	uint64_t bytes;
	int fd = open(disk, O_RDONLY);

	if (fd < 0 || ioctl(fd, BLKGETSIZE64, &bytes))
		err(1, "%s", disk);
	close(fd);
	target->sector_start = start;
	target->length = bytes / SECTOR;
	target->next = TARGET;
	strcpy(target->target_type, "linear");
	snprintf((char *)(target + 1), TARGET - sizeof(*target), "%s 0", disk);
	return start + target->length;
}

int main(int argc, char **argv)
{
	uint64_t size = 0;
	int n;

	if (argc < 2 || argc > 17)
		errx(2, "usage: linear NAME [DISK...]");
	control = open("/dev/mapper/control", O_RDWR);
	if (control < 0)
		err(1, "/dev/mapper/control");
	snprintf(call.head.name, sizeof(call.head.name), "%s", argv[1]);
	if (argc == 2) {
		mapper(DM_DEV_REMOVE, "removal", 0, 0);
		return 0;
	}

	mapper(DM_DEV_CREATE, "creation", 0, 0);
	for (n = 0; n < argc - 2; n++)
		size = add_target(n, argv[n + 2], size);
	mapper(DM_TABLE_LOAD, "table", 0, argc - 2);
	mapper(DM_DEV_SUSPEND, "start", 0, 0);	/* without the flag: resume */
	printf("dm-%u\n", minor(call.head.dev));
	return 0;
}
