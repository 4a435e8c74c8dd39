// SPDX-License-Identifier: GPL-2.0-only
/*
 * vblkdev: a virtio block device behind a vhost-user socket. The command line,
 * and the main thread's loop.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cache.h"
#include "control.h"
#include "vhost_user.h"

#define DEFAULT_POLL_US	100

static struct device dev = {
	.opt = {
		.backend = "null",
		.queues = 1,
		.queue_size = 128,
		.batch = true,
		.serial = "vblkdev",
		.seed = 1,
	},
};

static void usage(FILE *to)
{
	fputs("usage: vblkdev --socket PATH [OPTION...]\n"
	      "\n"
	      "A virtio block device for QEMU's vhost-user-blk-pci, well-behaved or not.\n"
	      "\n"
	      "  --socket PATH         where the front end (QEMU) connects\n"
	      "  --backend BACKEND     null[:SIZE], ram:SIZE or file:PATH (default: null)\n"
	      "  --cache volatile      ram: what was not flushed may be lost in a power cut\n"
	      "  --queues N            at most (default: 1)\n"
	      "  --queue-size N        of a ring, for seg_max (default: 128)\n"
	      "  --poll[=US]           look at the rings without being kicked, until nothing\n"
	      "                        came for so long (default: 100)\n"
	      "  --latency DIST        a request takes at least so long: fixed:200us,\n"
	      "                        uniform:50us-500us, exp:100us, pareto:50us[,SHAPE]\n"
	      "  --batch on|off        one notification a burst (default), or one a request\n"
	      "  --serial TEXT         of up to 20 characters (default: vblkdev)\n"
	      "  --features LIST       offer NAME, or not: -NAME\n"
	      "  --config K=V,...      fields of config space, whatever they should be\n"
	      "  --fault SPEC          repeatable: KIND[=VALUE][@N][%P][,op=OP][,sector=N]\n"
	      "                        [,count=N]; --fault help lists the kinds\n"
	      "  --seed N              of faults and latencies (default: 1)\n"
	      "  --control PATH        a socket for commands and counters, in JSON\n"
	      "  --stats               print the counters when a front end leaves\n", to);
}

static unsigned int small_number(const char *option, const char *text, unsigned int max)
{
	uint64_t value;

	if (!parse_number(text, &value) || !value || value > max)
		die("--%s %s: a number from 1 to %u", option, text, max);
	return value;
}

enum { SOCKET = 1, BACKEND, CACHE, QUEUES, QUEUE_SIZE, POLL, LATENCY, BATCH, SERIAL, FEATURES,
	CONFIG, FAULT, SEED, CONTROL, STATS, HELP };

static const struct option options[] = {
	{ "socket", required_argument, NULL, SOCKET },
	{ "backend", required_argument, NULL, BACKEND },
	{ "cache", required_argument, NULL, CACHE },
	{ "queues", required_argument, NULL, QUEUES },
	{ "queue-size", required_argument, NULL, QUEUE_SIZE },
	{ "poll", optional_argument, NULL, POLL },
	{ "latency", required_argument, NULL, LATENCY },
	{ "batch", required_argument, NULL, BATCH },
	{ "serial", required_argument, NULL, SERIAL },
	{ "features", required_argument, NULL, FEATURES },
	{ "config", required_argument, NULL, CONFIG },
	{ "fault", required_argument, NULL, FAULT },
	{ "seed", required_argument, NULL, SEED },
	{ "control", required_argument, NULL, CONTROL },
	{ "stats", no_argument, NULL, STATS },
	{ "help", no_argument, NULL, HELP },
	{ }
};

static void check(const char *option, const char *arg, const char *error)
{
	if (error)
		die("--%s %s: %s", option, arg, error);
}

static void set_option(struct options *opt, int which, char *arg)
{
	uint64_t us = DEFAULT_POLL_US;

	switch (which) {
	case SOCKET:
		opt->socket = arg;
		break;
	case BACKEND:
		opt->backend = arg;
		break;
	case CACHE:
		if (strcmp(arg, "volatile"))
			die("--cache %s: volatile is all there is", arg);
		opt->volatile_cache = true;
		break;
	case QUEUES:
		opt->queues = small_number("queues", arg, MAX_QUEUES);
		break;
	case QUEUE_SIZE:
		opt->queue_size = small_number("queue-size", arg, RING_MAX_SIZE);
		if (opt->queue_size < 4 || opt->queue_size & (opt->queue_size - 1))
			die("--queue-size %s: a power of two from 4 to %u", arg, RING_MAX_SIZE);
		break;
	case POLL:
		if (arg && (!parse_number(arg, &us) || us > 1ull << 40))
			die("--poll=%s: a number of microseconds", arg);
		opt->poll = true;
		opt->poll_ns = us * 1000;
		break;
	case LATENCY:
		check("latency", arg, latency_parse(&opt->latency, arg));
		break;
	case BATCH:
		opt->batch = !strcmp(arg, "on");
		if (!opt->batch && strcmp(arg, "off"))
			die("--batch %s: on or off", arg);
		break;
	case SERIAL:
		if (strlen(arg) > VIRTIO_BLK_ID_BYTES)
			die("--serial %s: up to 20 characters", arg);
		opt->serial = arg;
		break;
	case SEED:
		if (!parse_number(arg, &opt->seed))
			die("--seed %s: a number", arg);
		break;
	case CONTROL:
		opt->control = arg;
		break;
	case STATS:
		opt->print_stats = true;
		break;
	case HELP:
		usage(stdout);
		exit(0);
	}
}

static void parse_options(int argc, char **argv)
{
	int which, at = 1;

	/* getopt's complaint is not ours; and what needs the rest comes later. */
	opterr = 0;
	while ((which = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (which == '?')
			die("'%s' is unknown or lacks its value, see --help", argv[at]);
		at = optind;
		set_option(&dev.opt, which, optarg);
		if (which == FAULT && !strcmp(optarg, "help")) {
			faults_list(stdout);
			exit(0);
		}
	}
	if (optind < argc)
		die("unknown argument '%s', see --help", argv[optind]);
	if (!dev.opt.socket)
		die("--socket is missing, see --help");
	faults_init(&dev.faults, dev.opt.seed);
	backend_open(&dev.backend, dev.opt.backend);
	if (dev.opt.volatile_cache) {
		if (!dev.backend.image)
			die("--cache volatile needs --backend ram:SIZE");
		dev.backend.cache = cache_new(dev.backend.image, dev.backend.size);
		dev.faults.has_cache = true;
	}
	config_init(&dev);

	optind = 1;
	while ((which = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (which == FEATURES)
			check("features", optarg, config_features(&dev, optarg));
		if (which == CONFIG)
			check("config", optarg, config_set(&dev, optarg));
		if (which == FAULT)
			check("fault", optarg, faults_add(&dev.faults, optarg));
	}
}

static int open_signals(void)
{
	sigset_t set;
	int fd;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (fd < 0)
		die("no signalfd: %s", strerror(errno));
	return fd;
}

static void print_stats(void)
{
	fputs("{", stdout);
	control_counters(&dev, stdout);
	fputs("}\n", stdout);
	fflush(stdout);
}

static void hang_up(void)
{
	vu_disconnect(&dev);
	if (dev.opt.print_stats)
		print_stats();
}

/* What queues asked the main thread for. */
static void on_behalf_of_queues(void)
{
	uint64_t sectors = dev.backend.size / SECTOR;
	char text[64];

	eventfd_drain(dev.main_fd);
	if (atomic_exchange(&dev.flip, false)) {
		snprintf(text, sizeof(text), "capacity=%llu", (unsigned long long)
			 (dev.cfg.capacity == sectors ? sectors / 2 : sectors));
		change_config(&dev, text);
	}
}

static void loop(int listener, int control, int signals)
{
	enum { LISTENER, CONN, CONTROLLER, SIGNALS, WAKE, CLIENTS };
	struct pollfd fds[CLIENTS + CONTROL_CLIENTS] = {
		[LISTENER] = { .events = POLLIN }, [CONN] = { .events = POLLIN },
		[CONTROLLER] = { .fd = control, .events = POLLIN },
		[SIGNALS] = { .fd = signals, .events = POLLIN },
		[WAKE] = { .fd = dev.main_fd, .events = POLLIN },
	};

	for (;;) {
		/* One front end at a time; the next waits in the backlog. */
		fds[LISTENER].fd = dev.conn < 0 ? listener : -1;
		fds[CONN].fd = dev.conn;
		control_poll(fds + CLIENTS);
		if (poll(fds, ITEMS(fds), -1) < 0 && errno != EINTR)
			die("poll: %s", strerror(errno));
		if (fds[SIGNALS].revents)
			return;
		if (fds[WAKE].revents)
			on_behalf_of_queues();
		if (fds[CONN].revents && !vu_readable(&dev))
			dev.hang_up = true;
		if (fds[LISTENER].revents) {
			int conn = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

			if (conn >= 0)
				vu_connect(&dev, conn);
		}
		if (fds[CONTROLLER].revents)
			control_accept(control);
		control_readable(&dev, fds + CLIENTS);
		if (dev.hang_up)
			hang_up();
	}
}

int main(int argc, char **argv)
{
	int listener, control = -1, signals;

	parse_options(argc, argv);
	device_init(&dev);
	signals = open_signals();
	listener = listen_at("--socket", dev.opt.socket);
	if (dev.opt.control)
		control = listen_at("--control", dev.opt.control);

	loop(listener, control, signals);

	if (dev.conn >= 0)
		hang_up();
	return 0;
}
