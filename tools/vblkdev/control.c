// SPDX-License-Identifier: GPL-2.0-only
/*
 * The control socket's commands, and as much JSON as they need: an object whose
 * values are strings and numbers.
 */
#define _GNU_SOURCE
#include "control.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "cache.h"
#include "vhost_user.h"

#define LINE	1024

static struct client {
	int fd;
	size_t have;
	char line[LINE];
} clients[CONTROL_CLIENTS] = { [0 ... CONTROL_CLIENTS - 1] = { .fd = -1 } };

/* --- JSON ----------------------------------------------------------------- */

static const char *skip_space(const char *at)
{
	return at + strspn(at, " \t\r\n");
}

/* A string at the opening quote; NULL if it is none or too long. */
static const char *read_string(const char *at, char *to, size_t size)
{
	size_t n = 0;

	if (*at++ != '"')
		return NULL;
	while (*at && *at != '"') {
		if (*at == '\\' && (at[1] == '"' || at[1] == '\\' || at[1] == '/'))
			at++;
		else if (*at == '\\')
			return NULL;
		if (n + 1 == size)
			return NULL;
		to[n++] = *at++;
	}
	to[n] = '\0';
	return *at ? at + 1 : NULL;
}

struct command {
	char name[32];
	char spec[256];
};

/* {"cmd": NAME[, "spec": TEXT]} */
static bool parse(const char *line, struct command *c)
{
	const char *at = skip_space(line);

	memset(c, 0, sizeof(*c));
	if (*at++ != '{')
		return false;
	do {
		char key[32];

		at = read_string(skip_space(at), key, sizeof(key));
		if (!at)
			return false;
		at = skip_space(at);
		if (*at++ != ':')
			return false;
		at = skip_space(at);
		if (!strcmp(key, "cmd"))
			at = read_string(at, c->name, sizeof(c->name));
		else if (!strcmp(key, "spec"))
			at = read_string(at, c->spec, sizeof(c->spec));
		else
			return false;
		if (!at)
			return false;
		at = skip_space(at);
	} while (*at++ == ',');
	return at[-1] == '}' && !*skip_space(at);
}

static void print_string(FILE *to, const char *text)
{
	fputc('"', to);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', to);
		fputc(*text, to);
	}
	fputc('"', to);
}

/* --- Commands ------------------------------------------------------------- */

static unsigned long sum(struct device *dev, size_t offset)
{
	unsigned long total = 0;
	unsigned int i;

	for (i = 0; i < dev->opt.queues; i++)
		total += counted((atomic_ulong *)((char *)&dev->queues[i].n + offset));
	return total;
}

void control_counters(struct device *dev, FILE *to)
{
	static const struct {
		const char *name;
		size_t offset;
	} names[] = {
#define COUNTER(name)	{ #name, offsetof(struct counters, name) }
		COUNTER(kicks), COUNTER(wakeups), COUNTER(requests), COUNTER(resumed),
		COUNTER(reads), COUNTER(writes), COUNTER(flushes), COUNTER(others),
		COUNTER(errors), COUNTER(malformed), COUNTER(bursts), COUNTER(notified),
		COUNTER(suppressed),
	};
	struct histogram notify_ns = { };
	unsigned long violations = 0;
	const char *comma = "";
	unsigned int i;

	for (i = 0; i < ITEMS(names); i++)
		fprintf(to, "\"%s\": %lu, ", names[i].name, sum(dev, names[i].offset));
	for (i = 0; i < dev->opt.queues; i++)
		histogram_merge(&notify_ns, &dev->queues[i].n.notify_ns);
	fprintf(to, "\"notify_ns\": {\"count\": %lu, \"p50\": %llu, \"p99\": %llu}, ",
		histogram_count(&notify_ns),
		(unsigned long long)histogram_percentile(&notify_ns, 50),
		(unsigned long long)histogram_percentile(&notify_ns, 99));
	for (i = 0; i < NUM_RULES; i++)
		violations += sum(dev, offsetof(struct counters, rules[i]));
	fprintf(to, "\"violations\": %lu, \"rules\": {", violations);
	pthread_mutex_lock(&dev->lock);
	for (i = 0; i < NUM_RULES; i++) {
		unsigned long n = sum(dev, offsetof(struct counters, rules[i]));

		if (!n)
			continue;
		fprintf(to, "%s\"%s\": {\"count\": %lu, \"first\": ", comma, rules[i].name, n);
		print_string(to, dev->violation[i]);
		fputc('}', to);
		comma = ", ";
	}
	pthread_mutex_unlock(&dev->lock);
	fputs("}, \"faults\": {", to);
	comma = "";
	pthread_mutex_lock(&dev->faults.lock);
	for (i = 0; i < NUM_FAULTS; i++) {
		if (!dev->faults.hits[i])
			continue;
		fprintf(to, "%s\"%s\": %lu", comma, fault_texts[i].name,
			(unsigned long)dev->faults.hits[i]);
		comma = ", ";
	}
	pthread_mutex_unlock(&dev->faults.lock);
	fprintf(to, "}, \"pid\": %d, \"connected\": %s", (int)getpid(),
		dev->conn >= 0 ? "true" : "false");
}

const char *change_config(struct device *dev, const char *assignments)
{
	const char *error = config_set(dev, assignments);

	if (!error && dev->features)
		vu_config_changed(dev);
	return error;
}

static void forget_violations(struct device *dev)
{
	unsigned int i, rule;

	for (i = 0; i < dev->opt.queues; i++)
		for (rule = 0; rule < NUM_RULES; rule++)
			atomic_store(&dev->queues[i].n.rules[rule], 0);
	pthread_mutex_lock(&dev->lock);
	memset(dev->violation, 0, sizeof(dev->violation));
	pthread_mutex_unlock(&dev->lock);
}

static void release(struct device *dev)
{
	unsigned int i;

	/* Before, or a queue would stop again at once. */
	faults_retire(&dev->faults, FAULT_STOP_AFTER);
	for (i = 0; i < dev->opt.queues; i++) {
		dev->queues[i].release = true;
		queue_wake(&dev->queues[i]);
	}
}

char *control_command(struct device *dev, const char *line)
{
	const char *error = NULL;
	struct command c;
	char *answer;
	size_t size;
	FILE *to = open_memstream(&answer, &size);

	if (!to)
		die("no memory");
	if (!parse(line, &c)) {
		error = "not a command: {\"cmd\": NAME, \"spec\": TEXT}";
	} else if (!strcmp(c.name, "stats")) {
		fputs("{\"ok\": true, ", to);
		control_counters(dev, to);
		fputs("}\n", to);
	} else if (!strcmp(c.name, "fault")) {
		error = faults_add(&dev->faults, c.spec);
	} else if (!strcmp(c.name, "clear")) {
		faults_clear(&dev->faults);
	} else if (!strcmp(c.name, "release")) {
		release(dev);
	} else if (!strcmp(c.name, "config")) {
		error = change_config(dev, c.spec);
	} else if (!strcmp(c.name, "features")) {
		error = config_features(dev, c.spec);
	} else if (!strcmp(c.name, "defaults")) {
		faults_clear(&dev->faults);
		config_init(dev);
		forget_violations(dev);
	} else if (!strcmp(c.name, "power-cut")) {
		if (dev->backend.cache)
			fprintf(to, "{\"ok\": true, \"lost\": %llu}\n", (unsigned long long)
				cache_power_cut(dev->backend.cache));
		else
			error = "only with --cache volatile";
	} else if (!strcmp(c.name, "disconnect")) {
		dev->hang_up = true;
	} else if (!strcmp(c.name, "crash")) {
		kill(getpid(), SIGKILL);
	} else {
		error = "no such command: one of stats fault clear release config "
			"features defaults power-cut disconnect crash";
	}
	if (error) {
		fputs("{\"ok\": false, \"error\": ", to);
		print_string(to, error);
		fputs("}\n", to);
	} else if (!ftell(to)) {
		fputs("{\"ok\": true}\n", to);
	}
	fclose(to);
	return answer;
}

/* --- Sockets -------------------------------------------------------------- */

/*
 * A socket that nobody listens at any more is replaced; other files never are. It is
 * asked for with a type that it does not have, for a device that is there is not to
 * find a front end in this.
 */
static bool is_stale(const struct sockaddr_un *addr)
{
	struct stat st;
	bool stale;
	int fd;

	if (lstat(addr->sun_path, &st) || !S_ISSOCK(st.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	stale = fd >= 0 && connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) &&
		errno == ECONNREFUSED;
	if (fd >= 0)
		close(fd);
	return stale;
}

/* What we listen at, which goes with us however we end. */
static const char *listening[2];

static void stop_listening(void)
{
	unsigned int i;

	for (i = 0; i < ITEMS(listening); i++)
		if (listening[i])
			unlink(listening[i]);
}

int listen_at(const char *option, const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		die("no socket: %s", strerror(errno));
	if (!*path)
		die("%s is empty: it takes a path", option);
	if (strlen(path) >= sizeof(addr.sun_path))
		die("%s %s: longer than the %zu characters of a socket's name", option, path,
		    sizeof(addr.sun_path) - 1);
	strcpy(addr.sun_path, path);
	if (is_stale(&addr))
		unlink(path);
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
		die("%s %s: %s", option, path,
		    errno == EADDRINUSE ? "in use, by another device or as a file" :
		    strerror(errno));
	if (!listening[0])
		atexit(stop_listening);
	listening[listening[0] ? 1 : 0] = path;
	if (listen(fd, CONTROL_CLIENTS))
		die("%s %s: %s", option, path, strerror(errno));
	return fd;
}

void control_poll(struct pollfd *fds)
{
	unsigned int i;

	for (i = 0; i < CONTROL_CLIENTS; i++) {
		fds[i].fd = clients[i].fd;
		fds[i].events = POLLIN;
		fds[i].revents = 0;
	}
}

void control_accept(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	unsigned int i;

	for (i = 0; fd >= 0 && i < CONTROL_CLIENTS; i++) {
		if (clients[i].fd < 0) {
			clients[i].fd = fd;
			clients[i].have = 0;
			return;
		}
	}
	if (fd >= 0)
		close(fd);
}

static bool serve(struct device *dev, struct client *c)
{
	ssize_t n = recv(c->fd, c->line + c->have, LINE - 1 - c->have, MSG_DONTWAIT);
	char *end;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (!n)
		return false;
	c->have += n;
	c->line[c->have] = '\0';
	while ((end = memchr(c->line, '\n', c->have))) {
		char *answer;
		bool sent;

		*end++ = '\0';
		answer = control_command(dev, c->line);
		n = strlen(answer);
		/* Who does not read is not waited for. */
		sent = send(c->fd, answer, n, MSG_NOSIGNAL | MSG_DONTWAIT) == n;
		free(answer);
		if (!sent)
			return false;
		c->have -= end - c->line;
		memmove(c->line, end, c->have);
	}
	return c->have < LINE - 1;
}

void control_readable(struct device *dev, const struct pollfd *fds)
{
	unsigned int i;

	for (i = 0; i < CONTROL_CLIENTS; i++) {
		if (fds[i].fd < 0 || !fds[i].revents || serve(dev, &clients[i]))
			continue;
		close(clients[i].fd);
		clients[i].fd = -1;
	}
}
