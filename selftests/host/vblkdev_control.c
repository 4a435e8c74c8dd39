// SPDX-License-Identifier: GPL-2.0-only
/*
 * vblkdev's control socket: its commands, and how faults are specified.
 */
#include "front.h"
#include "ktap.h"

#include <sys/un.h>

#include "../../tools/vblkdev/control.h"

static struct front f;

static bool works(void)
{
	return request(&f, VIRTIO_BLK_T_FLUSH, 0, (struct piece) { }, NULL) == VIRTIO_BLK_S_OK;
}

static bool commanded(const char *line, const char *expected)
{
	char *answer = control_command(&f.dev, line);
	bool found = strstr(answer, expected);

	if (!found)
		fprintf(stderr, "%s", answer);
	free(answer);
	return found;
}

/* A client that asks and asks, and takes no answer. */
static const char *client_never_reads(void)
{
	static const char stats[] = "{\"cmd\": \"stats\"}\n";
	struct sockaddr_un addr = { .sun_family = AF_UNIX, .sun_path = "/tmp/vblkdev-XXXXXX" };
	struct pollfd fds[CONTROL_CLIENTS];
	int listener, client = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	unsigned int i;

	alarm(120);
	front_open(&f, "null");
	close(mkstemp(addr.sun_path));
	unlink(addr.sun_path);
	listener = listen_at("--control", addr.sun_path);
	check(!connect(client, (struct sockaddr *)&addr, sizeof(addr)));
	unlink(addr.sun_path);
	control_accept(listener);
	for (i = 0; i < 100000; i++) {
		if (send(client, stats, strlen(stats), MSG_NOSIGNAL) < 0 && errno == EPIPE)
			break;
		control_poll(fds);
		poll(fds, CONTROL_CLIENTS, 0);
		control_readable(&f.dev, fds);
	}
	check(i < 100000);
	return NULL;
}

/* What the last front end did wrong is known until somebody says that it is not to be. */
static const char *violations_stay(void)
{
	front_open(&f, "null");
	front_start(&f);
	check(request(&f, VIRTIO_BLK_T_FLUSH, 7, (struct piece) { }, NULL) >= 0);
	check(rule_count(&f, RULE_B9) == 1);
	front_close(&f);
	vu_connect(&f.dev, front_pair(&f));
	check(commanded("{\"cmd\":\"stats\"}", "\"violations\": 1"));
	check(commanded("{\"cmd\":\"stats\"}", "\"requests\": 0"));
	check(commanded("{\"cmd\":\"defaults\"}", "true"));
	check(commanded("{\"cmd\":\"stats\"}", "\"violations\": 0"));
	vu_disconnect(&f.dev);
	return NULL;
}

/* "release" ends a stop for good, on every queue. */
static const char *release_ends_stop_after(void)
{
	struct piece p[2] = { HEADER(2), STATUS(2) };
	unsigned int i;
	struct used u;

	front_open(&f, "null");
	check(commanded("{\"cmd\":\"fault\",\"spec\":\"stop-after=3\"}", "true"));
	front_start(&f);
	for (i = 0; i < 3; i++)
		check(works());
	header(&f, 2, VIRTIO_BLK_T_FLUSH, 0);
	put(&f, 2, p, 2);
	front_kick(&f);
	for (i = 0; i < 60000 && !f.dev.faults.hits[FAULT_STOP_AFTER]; i++)
		usleep(1000);
	usleep(20000);
	check(!take(&f, &u, 2));
	check(commanded("{\"cmd\":\"release\"}", "true"));
	check(wait_used(&f, &u, 2) && u.id == 2);
	for (i = 0; i < 8; i++)
		check(works());
	check(commanded("{\"cmd\":\"stats\"}", "\"stop-after\": 1"));
	return NULL;
}

static const char *commands(void)
{
	front_open(&f, "ram:1M");
	front_start(&f);
	check(works());
	front_close(&f);
	check(commanded("{\"cmd\": \"stats\"}", "\"requests\": 1,"));
	check(commanded(" { \"cmd\" : \"fault\" , \"spec\":\"status=3@1\" } ", "\"ok\": true"));
	check(commanded("{\"cmd\":\"fault\",\"spec\":\"nonsense\"}", "used-id"));
	check(commanded("{\"cmd\":\"config\",\"spec\":\"blk_size=3\"}", "true"));
	check(f.dev.cfg.blk_size == 3);
	check(commanded("{\"cmd\":\"config\",\"spec\":\"blk_size=4294967296\"}", "32 bits"));
	check(commanded("{\"cmd\":\"defaults\"}", "true") && f.dev.cfg.blk_size == 512);
	check(!f.dev.faults.armed);
	check(commanded("{\"cmd\":\"nonsense\"}", "one of stats"));
	check(commanded("", "not a command"));
	check(commanded("{", "not a command"));
	check(commanded("{\"cmd", "not a command"));
	check(commanded("{\"cmd\":\"stats\"", "not a command"));
	check(commanded("{\"cmd\":\"stats\"}}", "not a command"));
	check(commanded("{\"cmd\":\"\\u0000\"}", "not a command"));
	check(commanded("{\"cmd\":\"0123456789012345678901234567890123456789\"}", "not a command"));
	check(commanded("{\"cmd\":12}", "not a command"));
	return NULL;
}

static const char *specifications(void)
{
	static const char * const good[] = {
		"used-id", "used-id=7", "used-id=0x10@1000", "status-unwritten%0.1",
		"stop-after=5000", "used-idx-jump=65535", "late=5%50,op=read",
		"status=3@2,op=write,sector=8,count=4",
	};
	static const char * const bad[] = {
		"", "nonsense", "used-id=", "used-id=x", "never=3", "never@", "never@0",
		"never%", "never%0", "never%101", "never%x", "never,op=x", "never,x",
		"never,sector=x", "status=256", "never@1,", "never,count=x",
		"data-half=256", "used-idx-jump=65536", "used-id=65535", "late=0x100000000",
		"irq-lost,op=read", "irq-late=5,sector=1", "irq-unwanted,op=flush",
		"irq-early,sector=0", "kick-lost,op=write", "stop-after=5,op=read",
		"stop-after=5@3", "stop-after=5,count=2",
	};
	struct faults faults;
	unsigned int i;

	for (i = 0; i < ITEMS(good); i++) {
		faults_init(&faults, 1);
		if (faults_add(&faults, good[i]))
			return good[i];
	}
	for (i = 0; i < ITEMS(bad); i++) {
		faults_init(&faults, 1);
		if (!faults_add(&faults, bad[i]))
			return bad[i];
	}
	faults_init(&faults, 1);
	check(!faults_add(&faults, "never@3"));
	for (i = 1; i < 10; i++)
		check(fault(&faults, FAULT_NEVER, NULL, NULL) == (i == 3));
	faults_init(&faults, 1);
	check(!faults_add(&faults, "never%10"));
	for (i = 0; i < 10000; i++)
		fault(&faults, FAULT_NEVER, NULL, NULL);
	check(faults.hits[FAULT_NEVER] > 900 && faults.hits[FAULT_NEVER] < 1100);
	return NULL;
}

static const struct ktap_test tests[] = {
	TEST(client_never_reads),
	TEST(release_ends_stop_after),
	TEST(violations_stay),
	TEST(commands),
	TEST(specifications),
};

int main(void)
{
	return ktap_main(tests, ITEMS(tests));
}
