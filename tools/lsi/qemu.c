// SPDX-License-Identifier: GPL-2.0-only
/*
 * Starts and ends QEMU, and speaks qtest with it: a line a command, a line an
 * answer.
 */
#define _GNU_SOURCE
#include "qemu.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "disk.h"

struct qemu qemu = { .log = -1, .patience_s = 60 };

void (*qemu_lost)(const char *what);

static pid_t child;
static bool started;		/* so that what ends it now is a finding */
static int ram_fd = -1, errors = -1;
static int qtest = -1;
static char answer[256];

/* --- How it ends ------------------------------------------------------------ */

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void end_child(int sig)
{
	if (child > 0) {
		kill(child, sig);
		waitpid(child, NULL, 0);
	}
	child = 0;
}

static void at_exit(void)
{
	end_child(SIGKILL);
}

static void on_signal(int sig)
{
	end_child(SIGKILL);
	signal(sig, SIG_DFL);
	raise(sig);
}

static void clean_up_at_end(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	static bool done;
	unsigned int i;

	if (done)
		return;
	done = true;
	atexit(at_exit);
	signal(SIGPIPE, SIG_IGN);
	for (i = 0; i < ITEMS(signals); i++)
		if (signal(signals[i], on_signal) == SIG_IGN)
			signal(signals[i], SIG_IGN);
}

/* What it said on standard error, which is a file. */
static char *said(void)
{
	static char text[4096];
	ssize_t n = pread(errors, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static char *first_words(void)
{
	char *text = said();

	text[strcspn(text, "\n")] = '\0';
	text[MIN(strlen(text), 400u)] = '\0';
	return text;
}

/* QEMU only warns of an event that it does not have. */
static void check_events(void)
{
	char *rest = said(), *line, name[64];

	while ((line = strsep(&rest, "\n")))
		if (strstr(line, "trace") && strstr(line, "does not exist") &&
		    sscanf(line, "%*[^']'%63[^']'", name) == 1)
			die("this QEMU (%s) has no trace event %s", qemu.version, name);
}

static void __attribute__((noreturn)) lost(const char *what)
{
	if (started)
		qemu_lost(what);
	die("%s", what);
}

static void __attribute__((noreturn)) gone(void)
{
	char what[480];
	const char *words;
	int status = 0;

	waitpid(child, &status, 0);
	child = 0;
	words = first_words();
	if (strstr(words, "not a valid device model"))
		die("this QEMU has no lsi53c895a or no scsi-hd: install qemu-system-x86");
	snprintf(what, sizeof(what), "QEMU ended with %s %d: %s",
		 WIFSIGNALED(status) ? "signal" : "status",
		 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), words);
	lost(what);
}

static void __attribute__((noreturn)) silent(void)
{
	char what[64];

	snprintf(what, sizeof(what), "QEMU has not answered for %u s", qemu.patience_s);
	lost(what);
}

/* --- qtest ------------------------------------------------------------------ */

/* Sends a line and waits for the one that answers it. */
static const char *ask(const char *format, ...)
{
	char line[128];
	size_t got = 0;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (send(qtest, line, n, 0) != n)
		gone();
	for (;;) {
		ssize_t r = recv(qtest, answer + got, sizeof(answer) - 1 - got, 0);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0 && errno == EAGAIN)
			silent();
		if (r <= 0)
			gone();
		got += r;
		answer[got] = '\0';
		if (answer[got - 1] == '\n')
			break;
	}
	if (strncmp(answer, "OK", 2))
		die("QEMU's answer to '%.*s' is '%.*s'", n - 1, line, (int)got - 1, answer);
	return answer + 2;
}

static uint64_t ask_number(const char *what, uint64_t address)
{
	return strtoull(ask("%s 0x%" PRIx64 "\n", what, address), NULL, 16);
}

uint32_t io_read(uint16_t port)
{
	return ask_number("inl", port);
}

void io_write(uint16_t port, uint32_t value)
{
	ask("outl 0x%x 0x%x\n", port, value);
}

uint8_t mmio_read8(uint64_t address)
{
	return ask_number("readb", address);
}

uint32_t mmio_read32(uint64_t address)
{
	return ask_number("readl", address);
}

void mmio_write8(uint64_t address, uint8_t value)
{
	ask("writeb 0x%" PRIx64 " 0x%x\n", address, value);
}

void mmio_write32(uint64_t address, uint32_t value)
{
	ask("writel 0x%" PRIx64 " 0x%x\n", address, value);
}

/* --- Starting --------------------------------------------------------------- */

void qemu_version(const char *program)
{
	const char *words;
	char line[256] = "";
	int fds[2], status;
	pid_t pid;
	FILE *from;

	if (pipe2(fds, O_CLOEXEC))
		die("no pipe: %s", strerror(errno));
	pid = fork();
	if (!pid) {
		dup2(fds[1], 1);
		execlp(program, program, "--version", NULL);
		_exit(127);
	}
	close(fds[1]);
	from = fdopen(fds[0], "r");
	if (pid < 0 || !from)
		die("cannot start %s: %s", program, strerror(errno));
	if (!fgets(line, sizeof(line), from))
		line[0] = '\0';
	fclose(from);
	waitpid(pid, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		die("cannot start %s: install qemu-system-x86", program);
	words = strstr(line, "version ");
	if (!words || sscanf(words, "version %63s", qemu.version) != 1 ||
	    sscanf(qemu.version, "%u.%u", &qemu.major, &qemu.minor) != 2)
		die("%s --version does not name a version of QEMU", program);
}

static void set_inherited(int fd)
{
	fcntl(fd, F_SETFD, 0);
}

struct arguments {
	char *list[64];
	unsigned int n;
};

static void add(struct arguments *args, const char *option, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void add(struct arguments *args, const char *option, const char *format, ...)
{
	va_list values;
	char *text;

	va_start(values, format);
	if (vasprintf(&text, format, values) < 0)
		die("out of memory");
	va_end(values);
	if (args->n + 3 > ITEMS(args->list))
		die("too many arguments for QEMU");
	args->list[args->n++] = (char *)option;
	args->list[args->n++] = text;
	args->list[args->n] = NULL;
}

/* In the child, which keeps no descriptor but what is named. */
static void __attribute__((noreturn)) run(const char *program, const struct medium *medium,
					  const char *const *events, int socket)
{
	struct arguments args = { .list = { (char *)program }, .n = 1 };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* glibc fills what is freed with this, so that its use shows. */
	setenv("MALLOC_PERTURB_", "165", 1);
	add(&args, "-machine", "pc,memory-backend=ram");
	add(&args, "-object", "memory-backend-file,id=ram,share=on,size=%u,mem-path=" FD_PATH,
	    RAM_SIZE, ram_fd);
	add(&args, "-m", "%u", RAM_SIZE / MIB);
	/* The processor never runs; "qtest" as an accelerator is not in every build. */
	add(&args, "-accel", "tcg");
	args.list[args.n++] = "-S";
	args.list[args.n++] = "-nodefaults";
	args.list[args.n++] = "-no-user-config";
	add(&args, "-display", "none");
	add(&args, "-chardev", "socket,id=qtest,fd=%d", socket);
	add(&args, "-qtest", "chardev:qtest");
	add(&args, "-qtest-log", "none");
	if (medium->disk)
		add(&args, "-blockdev", "driver=nbd,node-name=disk,server.type=fd,server.str=%d",
		    disk_socket(medium->disk));
	else
		add(&args, "-blockdev",
		    "driver=null-co,node-name=disk,read-zeroes=on,size=%u,latency-ns=%" PRIu64,
		    DISK_SIZE, medium->latency_ns);
	add(&args, "-device", "lsi53c895a,id=hba");
	add(&args, "-device", "scsi-hd,bus=hba.0,drive=disk,scsi-id=%u", TARGET);
	for (; *events; events++)
		add(&args, "-trace", "enable=%s", *events);
	add(&args, "-D", FD_PATH, qemu.log);

	set_inherited(ram_fd);
	set_inherited(qemu.log);
	set_inherited(socket);
	if (medium->disk)
		set_inherited(disk_socket(medium->disk));
	dup2(errors, 1);
	dup2(errors, 2);
	execvp(program, args.list);
	dprintf(2, "%s\n", strerror(errno));
	_exit(127);
}

void qemu_start(const char *program, const struct medium *medium, const char *const *events)
{
	const struct timeval patience = { .tv_sec = qemu.patience_s };
	int sockets[2];

	clean_up_at_end();
	ram_fd = anonymous_file("guest memory", RAM_SIZE);
	qemu.log = anonymous_file("log", 0);
	qemu.log_taken = 0;
	errors = anonymous_file("messages", 0);
	qemu.ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, ram_fd, 0);
	if (qemu.ram == MAP_FAILED)
		die("no memory for the guest: %s", strerror(errno));
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets))
		die("no sockets: %s", strerror(errno));
	qtest = sockets[0];
	if (setsockopt(qtest, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)))
		die("no timeout for a socket: %s", strerror(errno));

	child = fork();
	if (!child)
		run(program, medium, events, sockets[1]);
	close(sockets[1]);
	if (child < 0)
		die("cannot start QEMU: %s", strerror(errno));
	if (medium->disk)
		disk_serve(medium->disk);
	/* Answered once all devices are there. */
	io_read(0xcf8);

	started = true;
	check_events();
}

void qemu_stop(void)
{
	started = false;
	end_child(SIGKILL);
	munmap(qemu.ram, RAM_SIZE);
	close_fd(&ram_fd);
	close_fd(&qemu.log);
	close_fd(&errors);
	close_fd(&qtest);
}
