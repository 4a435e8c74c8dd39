// SPDX-License-Identifier: GPL-2.0-only
/*
 * vblkdev or its front end is killed under load: what one had taken and not given
 * back, the next one does, once.
 */
#include "region.h"

#include <signal.h>
#include <sys/prctl.h>

#include "ktap.h"

#define S_OK	VIRTIO_BLK_S_OK

#define IN_FLIGHT	12u		/* by name, in a ring of 16 */
#define KILLS		60u

static char path[] = "/tmp/vblkdev-test.XXXXXX";

/* A device in a process of its own, that completes out of order. */
static pid_t start_device(void)
{
	int conn = front_pair(&f);
	pid_t pid = fork();

	if (pid) {
		close(conn);
		return pid;
	}
	/* Not to outlive a test that fails */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(f.sock);
	device_init(&f.dev);
	faults_add(&f.dev.faults, "late=1%20");
	vu_connect(&f.dev, conn);
	front_device(&f);
	_exit(0);
}

static void put_write(unsigned int id, uint8_t with)
{
	struct piece p[] = { HEADER(id), OUT(AT_DATA + 4096 * id, 4096), STATUS(id) };
	struct piece table = { GPA + AT_TABLE + 64 * id, sizeof(struct vring_desc) * 3,
			       VRING_DESC_F_INDIRECT };
	unsigned int i;

	memset(f.ram + AT_DATA + 4096 * id, with, 4096);
	header(&f, id, VIRTIO_BLK_T_OUT, 8 * id);
	for (i = 0; i < 3; i++) {
		if (f.packed)
			((struct vring_packed_desc *)(f.ram + AT_TABLE + 64 * id))[i] =
				(struct vring_packed_desc) { p[i].addr, p[i].len, 0, p[i].flags };
		else
			((struct vring_desc *)(f.ram + AT_TABLE + 64 * id))[i] =
				(struct vring_desc) { p[i].addr, p[i].len, p[i].flags |
						      (i < 2 ? VRING_DESC_F_NEXT : 0), i + 1 };
	}
	put(&f, id, &table, 1);
	front_kick(&f);
}

/* Takes so many, and puts new ones in their place. */
static const char *serve_writes(uint8_t *with, unsigned int n, bool more)
{
	struct used u;

	while (n--) {
		check(wait_used(&f, &u, 1));
		if (u.id >= IN_FLIGHT || !with[u.id] || f.ram[AT_STATUS + u.id] != S_OK)
			return "each is done once";
		with[u.id] = more ? with[u.id] % 250 + 1 : 0;
		if (more)
			put_write(u.id, with[u.id]);
	}
	return NULL;
}

static const char *kill_devices(bool packed)
{
	uint8_t with[IN_FLIGHT], data[4096];
	unsigned int kill_no, i, seed = packed;
	int file = mkstemp(path);
	const char *why;
	pid_t device;
	char spec[64];

	if (ftruncate(file, 1 << 20))
		return "no file";
	snprintf(spec, sizeof(spec), "file:%s", path);
	front_new(&f, spec);
	f.packed = packed;
	device = start_device();
	check(get_region());
	front_start(&f);
	for (i = 0; i < IN_FLIGHT; i++) {
		with[i] = i + 1;
		put_write(i, with[i]);
	}
	for (kill_no = 0; kill_no < KILLS; kill_no++) {
		why = serve_writes(with, rand_r(&seed) % 200, true);
		if (why)
			return why;
		/* and somewhere in the middle of the next ones */
		usleep(rand_r(&seed) % 300);
		kill(device, SIGKILL);
		waitpid(device, NULL, 0);
		close(f.sock);
		device = start_device();
		front_setup(&f, f.packed ? 0x80008000 : SPLIT_USED(&f)->idx);
	}
	why = serve_writes(with, 200, true);
	memcpy(data, with, sizeof(with));
	if (!why)
		why = serve_writes(with, IN_FLIGHT, false);
	kill(device, SIGKILL);
	waitpid(device, NULL, 0);
	if (why)
		return why;
	memcpy(with, data, sizeof(with));
	for (i = 0; i < IN_FLIGHT; i++) {
		check(pread(file, data, 4096, 4096 * i) == 4096);
		check(data[0] == with[i] && !memcmp(data, data + 1, 4095));
	}
	return NULL;
}

static const char *split_killed(void)
{
	const char *why = kill_devices(false);

	unlink(path);
	return why;
}

static const char *packed_killed(void)
{
	const char *why = kill_devices(true);

	unlink(path);
	return why;
}

/* A front end that is gone for good, as QEMU killed: what it was told is kept. */
static const char *front_end_killed(void)
{
	struct piece data_in = IN(AT_DATA, 512), data_out = OUT(AT_DATA, 512);
	char spec[64];
	unsigned int i;
	uint32_t len;

	if (ftruncate(mkstemp(path), 1 << 20))
		return "no file";
	snprintf(spec, sizeof(spec), "file:%s", path);
	front_open(&f, spec);
	unlink(path);
	for (i = 1; i < 10; i++) {
		front_start(&f);
		if (i > 1)
			check(!request(&f, VIRTIO_BLK_T_IN, 0, data_in, &len) &&
			      f.ram[AT_DATA] == i - 1);
		memset(f.ram + AT_DATA, i, 512);
		check(!request(&f, VIRTIO_BLK_T_OUT, 0, data_out, &len));
		/* Half of these are on their way when it goes. */
		put_flush(3, 2);
		put_flush(6, 2);
		lose_connection();
		memset(f.ram, 0, AT_HEADER);
		f.avail = 0;
		f.used = 0;
		vu_connect(&f.dev, front_pair(&f));
	}
	return NULL;
}

static const struct ktap_test tests[] = {
	TEST(split_killed),
	TEST(packed_killed),
	TEST(front_end_killed),
};

int main(void)
{
	return ktap_main(tests, ITEMS(tests));
}
