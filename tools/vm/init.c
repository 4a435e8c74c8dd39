// SPDX-License-Identifier: GPL-2.0-only
/*
 * PID 1 of a guest, from the initramfs that tools/vm/run makes.
 *
 * Mounts the sysroot from the host (read-only, below a tmpfs), sets up what a
 * program expects of a Linux system, lets tools/vm/guest/vblk-start load the
 * driver, runs the command and hands its output and its status to the host,
 * each over a virtio-serial port of its own. Then powers off.
 *
 * A guest in which anything of this fails says why on the console and powers
 * off without a status; the host takes that for a lost guest.
 *
 * The command and its environment come in files of the initramfs, as words
 * ended by a NUL each: nothing needs quoting.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROOT		"/root"		/* in the initramfs: the root to be */
/*
 * The sysroot does not change under its guests. Of the tree, what was read may
 * be kept; the shared folder is one to talk over, so nothing of it is.
 */
#define P9_OPTIONS	"trans=virtio,version=9p2000.L,msize=512000,cache="
#define P9_FIXED	P9_OPTIONS "loose"
#define P9_TREE		P9_OPTIONS "mmap"
#define P9_SHARED	P9_OPTIONS "none"

/* Two streams of the command, each relayed from a pipe to a port. */
struct stream {
	const char *name;
	int pipe[2];
	int port;
};

static struct stream streams[] = {
	{ .name = "vblk.stdout" },
	{ .name = "vblk.stderr" },
};

#define NR_STREAMS	((int)(sizeof(streams) / sizeof(streams[0])))

static int sigchld_pipe[2];

static void __attribute__((noreturn)) power_off(void)
{
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

static void __attribute__((noreturn, format(printf, 1, 2)))
die(const char *fmt, ...)
{
	int error = errno;
	va_list args;

	va_start(args, fmt);
	fprintf(stderr, "init: ");
	vfprintf(stderr, fmt, args);
	fprintf(stderr, ": %s\n", strerror(error));
	va_end(args);
	power_off();
}

/* Reads a whole small file. The caller keeps it. */
static char *read_file(const char *path, size_t *size)
{
	size_t room = 1 << 20;
	char *buf = malloc(room);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (!buf || fd < 0)
		die("%s", path);
	for (*size = 0; *size < room - 1; *size += n) {
		n = read(fd, buf + *size, room - 1 - *size);
		if (n < 0)
			die("%s", path);
		if (!n)
			break;
	}
	buf[*size] = '\0';
	close(fd);
	return buf;
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die("%s", path);
	close(fd);
}

/* /modules.order has one path a line, dependencies first. */
static void load_modules(void)
{
	size_t size;
	char *list = read_file("/modules.order", &size), *path;

	for (path = strtok(list, "\n"); path; path = strtok(NULL, "\n")) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);

		if (fd < 0 || syscall(SYS_finit_module, fd, "", 0))
			die("%s", path);
		close(fd);
	}
	free(list);
}

static void make_dir(const char *path)
{
	if (mkdir(path, 0755) && errno != EEXIST)
		die("%s", path);
}

static void mount_at(const char *type, const char *source, const char *target,
		     unsigned long flags, const char *options)
{
	make_dir(target);
	if (mount(source, target, type, flags, options))
		die("mount of %s at %s", source, target);
}

/* For what a kernel may have been built without. */
static void try_mount(const char *type, const char *target)
{
	if (mount(type, target, type, 0, NULL) && errno != ENODEV &&
	    errno != ENOENT)
		die("mount of %s at %s", type, target);
}

/* A folder of the host, over what the kernel has: 9p or virtiofs. */
static void mount_folder(const char *tag, const char *target,
			 unsigned long flags, const char *p9_options)
{
	const char *type = getenv("VBLK_FS");

	if (!type)
		type = "9p";
	mount_at(type, tag, target, flags,
		 strcmp(type, "9p") ? NULL : p9_options);
}

static void switch_root(void)
{
	mount_folder("sysroot", "/lower", MS_RDONLY, P9_FIXED);
	mount_at("tmpfs", "tmpfs", "/upper", 0, "mode=755");
	make_dir("/upper/data");
	make_dir("/upper/work");
	mount_at("overlay", "overlay", ROOT, 0,
		 "lowerdir=/lower,upperdir=/upper/data,workdir=/upper/work");
	/* The overlay holds on to both; so they go when it is unmounted. */
	if (umount("/lower") || umount("/upper"))
		die("umount below the overlay");

	/* The modules of this run stay in the initramfs. */
	mount_at(NULL, "/modules", ROOT "/modules", MS_BIND, NULL);
	mount_at(NULL, "/dev", ROOT "/dev", MS_MOVE, NULL);

	if (chdir(ROOT) || mount(".", "/", NULL, MS_MOVE, NULL) ||
	    chroot(".") || chdir("/"))
		die("switch to the sysroot");
}

static void mount_all(void)
{
	mount_at("proc", "proc", "/proc", 0, NULL);
	mount_at("sysfs", "sysfs", "/sys", 0, NULL);
	mount_at("devpts", "devpts", "/dev/pts", 0, "mode=620,ptmxmode=666");
	mount_at("tmpfs", "tmpfs", "/dev/shm", 0, NULL);
	mount_at("tmpfs", "tmpfs", "/run", 0, "mode=755");
	mount_at("tmpfs", "tmpfs", "/tmp", 0, NULL);
	try_mount("debugfs", "/sys/kernel/debug");
	try_mount("tracefs", "/sys/kernel/tracing");
	try_mount("cgroup2", "/sys/fs/cgroup");
	mount_folder("vblk", "/vblk", MS_RDONLY, P9_TREE);
	if (getenv("VBLK_SHARE"))
		mount_folder("share", "/share", 0, P9_SHARED);

	symlink("/proc/self/fd", "/dev/fd");
	symlink("/proc/self/fd/0", "/dev/stdin");
	symlink("/proc/self/fd/1", "/dev/stdout");
	symlink("/proc/self/fd/2", "/dev/stderr");
}

/* Ports have names, but no udev makes links of them. */
static int open_port(const char *name)
{
	char path[64], port[41], *given;
	glob_t names;
	size_t size, i;
	int fd = -1;

	if (glob("/sys/class/virtio-ports/vport*/name", 0, NULL, &names))
		return -1;
	for (i = 0; i < names.gl_pathc && fd < 0; i++) {
		given = read_file(names.gl_pathv[i], &size);
		given[strcspn(given, "\n")] = '\0';
		if (!strcmp(given, name) &&
		    sscanf(names.gl_pathv[i], "/sys/class/virtio-ports/%40[^/]",
			   port) == 1) {
			snprintf(path, sizeof(path), "/dev/%s", port);
			fd = open(path, O_WRONLY | O_CLOEXEC);
		}
		free(given);
	}
	globfree(&names);
	return fd;
}

/* Ports are announced by the device after its probe: wait for them. */
static int wait_for_port(const char *name)
{
	int tries, fd;

	for (tries = 0; tries < 1000; tries++) {
		fd = open_port(name);
		if (fd >= 0)
			return fd;
		usleep(10 * 1000);
	}
	die("port %s", name);
}

static void write_all(int fd, const char *buf, size_t size)
{
	ssize_t n;

	for (; size; buf += n, size -= n) {
		n = write(fd, buf, size);
		if (n < 0)
			die("write to the host");
	}
}

/* Relays what there is; false at the end of the stream. */
static bool relay(struct stream *s)
{
	static char buf[32 << 10];
	ssize_t n = read(s->pipe[0], buf, sizeof(buf));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n <= 0)
		return false;
	write_all(s->port, buf, n);
	return true;
}

static void on_sigchld(int sig)
{
	int error = errno;

	(void)sig;
	write(sigchld_pipe[1], "", 1);
	errno = error;
}

/* True when the child has gone; reaps the orphans that init inherits. */
static bool reap(pid_t child, int *status)
{
	bool gone = false;
	int some_status;
	pid_t pid;

	while ((pid = waitpid(-1, &some_status, WNOHANG)) > 0) {
		if (pid != child)
			continue;
		*status = some_status;
		gone = true;
	}
	return gone;
}

static pid_t spawn(char **argv)
{
	pid_t pid = fork();
	int i;

	if (pid < 0)
		die("fork");
	if (pid)
		return pid;

	/* Not in init itself, which would keep the root from being unmounted. */
	if (chdir(getenv("HOME")))
		die("%s", getenv("HOME"));
	setsid();
	signal(SIGCHLD, SIG_DFL);
	for (i = 0; i < NR_STREAMS; i++)
		dup2(streams[i].pipe[1], i + 1);
	execvp(argv[0], argv);
	fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

/*
 * Runs a program to its end and returns its status as a shell would. What it
 * wrote has reached the host by then; what programs that it left behind write
 * later is lost.
 */
static int run(char **argv)
{
	struct pollfd fds[NR_STREAMS + 1];
	bool gone = false;
	int status = 0, i;
	pid_t child = spawn(argv);
	char token;

	for (i = 0; i < NR_STREAMS; i++)
		fds[i] = (struct pollfd){ streams[i].pipe[0], POLLIN, 0 };
	fds[NR_STREAMS] = (struct pollfd){ sigchld_pipe[0], POLLIN, 0 };

	for (;;) {
		int ready = poll(fds, NR_STREAMS + 1, gone ? 0 : -1);

		if (gone && ready == 0)
			break;
		for (i = 0; ready > 0 && i < NR_STREAMS; i++)
			if (fds[i].revents)
				relay(&streams[i]);
		while (read(sigchld_pipe[0], &token, 1) > 0)
			;
		gone |= reap(child, &status);
	}
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) :
				     WEXITSTATUS(status);
}

static char **read_words(const char *path)
{
	size_t size, i, n = 0;
	char *text = read_file(path, &size), **words;

	words = calloc(size + 1, sizeof(*words));
	if (!words)
		die("%s", path);
	for (i = 0; i < size; i += strlen(text + i) + 1)
		words[n++] = text + i;
	return words;
}

static void set_up_environment(char **assignments)
{
	while (*assignments)
		putenv(*assignments++);
	setenv("PATH", "/vblk/tools/vm/guest:/usr/local/sbin:/usr/local/bin:"
	       "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("HOME", "/root", 1);
	setenv("LANG", "C.UTF-8", 1);
	unsetenv("TERM");
	sethostname("vblk", 4);
}

static void set_up_streams(void)
{
	int i;

	for (i = 0; i < NR_STREAMS; i++) {
		streams[i].port = wait_for_port(streams[i].name);
		if (pipe2(streams[i].pipe, O_CLOEXEC) ||
		    fcntl(streams[i].pipe[0], F_SETFL, O_NONBLOCK))
			die("pipe");
	}
	if (pipe2(sigchld_pipe, O_CLOEXEC | O_NONBLOCK))
		die("pipe");
	signal(SIGCHLD, on_sigchld);
}

int main(void)
{
	char *start[] = { "vblk-start", NULL };
	char **command, **environment, text[16];
	int status_port, fd;

	make_dir("/dev");
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);

	/* Nothing here reads; the console is for messages of init alone. */
	fd = open("/dev/console", O_WRONLY);
	dup2(fd, 1);
	dup2(fd, 2);
	fprintf(stderr, "init: started\n");
	fd = open("/dev/null", O_RDONLY);
	dup2(fd, 0);

	command = read_words("/command");
	environment = read_words("/environment");
	set_up_environment(environment);
	load_modules();
	switch_root();
	mount_all();
	set_up_streams();
	status_port = wait_for_port("vblk.status");

	/* From here on the console shows all but debug messages. */
	write_file("/proc/sys/kernel/printk", "7 4 1 7\n");

	if (run(start)) {
		errno = ECANCELED;
		die("vblk-start failed, so the command was not run");
	}
	snprintf(text, sizeof(text), "%d\n", run(command));
	write_all(status_port, text, strlen(text));
	power_off();
}
