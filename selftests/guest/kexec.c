// SPDX-License-Identifier: GPL-2.0-only
/*
 * Starts another kernel at once, as "kexec -l" and "kexec -e" do: no process is
 * told, devices are shut down as for a reboot.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <linux/reboot.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int open_or_die(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "-l")) {
		if (syscall(SYS_kexec_file_load, open_or_die(argv[2]),
			    open_or_die(argv[3]), strlen(argv[4]) + 1, argv[4], 0UL))
			err(1, "kexec_file_load");
		return 0;
	}
	if (argc == 2 && !strcmp(argv[1], "-e")) {
		syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2,
			LINUX_REBOOT_CMD_KEXEC, NULL);
		err(1, "reboot");
	}
	errx(2, "usage: kexec -l KERNEL INITRAMFS COMMANDLINE | -e");
}
