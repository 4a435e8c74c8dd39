// SPDX-License-Identifier: GPL-2.0-only
/*
 * What outlives vblkdev: a region in which it keeps what is in flight (the
 * vhost-user protocol, "Inflight I/O tracking"), so that the next device can do
 * again what the last one, killed, had not given back.
 */
#include "front.h"
#include "ktap.h"

#include <signal.h>
#include <sys/stat.h>

#define S_OK	VIRTIO_BLK_S_OK

/* The protocol's layout, in words of its own. */
#define SPLIT_BYTES	(16 + 16 * RING_SIZE)
#define PACKED_BYTES	(32 + 32 * RING_SIZE)
#define ROUND_UP(n)	(((n) + 63) / 64 * 64)

static struct front f;
static uint8_t *region;

static uint16_t *field16(unsigned int at)
{
	return (uint16_t *)(region + at);
}

/* Of an entry */
static uint8_t *entry(unsigned int i)
{
	return region + (f.packed ? 32 + 32 * i : 16 + 16 * i);
}

/* A new region, as a front end asks for it when the features are known. */
static bool get_region(void)
{
	struct {
		uint64_t size, offset;
		uint16_t queues, queue_size;
		uint32_t padding;
	} ask = { 0, 0, 2, RING_SIZE, 0 };
	uint64_t features = f.dev.offered;
	char control[CMSG_SPACE(sizeof(int))];
	uint32_t head[3];
	struct iovec iov = { head, sizeof(head) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };

	if (!f.packed)
		features &= ~(1ull << VIRTIO_F_RING_PACKED);
	front_send(&f, 2, &features, sizeof(features), -1);
	front_send(&f, 31, &ask, sizeof(ask), -1);
	if (recvmsg(f.sock, &msg, MSG_WAITALL) != sizeof(head) || head[2] != sizeof(ask) ||
	    recv(f.sock, &ask, sizeof(ask), MSG_WAITALL) != sizeof(ask) || !CMSG_FIRSTHDR(&msg))
		return false;
	memcpy(&f.region, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(f.region));
	f.region_size = ask.size;
	region = mmap(NULL, ask.size, PROT_READ | PROT_WRITE, MAP_SHARED, f.region, 0);
	return region != MAP_FAILED && ask.queues == 2 && ask.queue_size == RING_SIZE;
}

/* In the same process: what was in flight is dropped, as if it had been killed. */
static void lose_connection(void)
{
	close(f.sock);
	while (*(volatile int *)&f.dev.conn >= 0)
		usleep(1000);
}

/* As QEMU does: with the used index, or, for a packed ring, with what it knew. */
static void connect_again(void)
{
	vu_connect(&f.dev, front_pair(&f));
	front_setup(&f, f.packed ? 0x80008000 : SPLIT_USED(&f)->idx);
}

static void put_flush(unsigned int id, unsigned int descs)
{
	struct piece p[4] = { HEADER(id), STATUS(id) };

	if (descs == 3) {
		p[1] = (struct piece)OUT(AT_DATA + 512 * id, 512);
		p[2] = (struct piece)STATUS(id);
	}
	header(&f, id, descs == 3 ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_FLUSH, descs == 3 ? id : 0);
	put(&f, id, p, descs);
	front_kick(&f);
}

static bool requests(unsigned long n)
{
	unsigned int i;

	for (i = 0; i < 5000 && counted(&f.dev.queues[0].n.requests) < n; i++)
		usleep(1000);
	return counted(&f.dev.queues[0].n.requests) == n;
}

static const char *open_tracked(bool packed)
{
	front_open(&f, "ram:1M");
	f.packed = packed;
	check(get_region());
	return NULL;
}

static const char *layout(bool packed)
{
	struct stat st;
	const char *why = open_tracked(packed);

	if (why)
		return why;
	check(f.region_size == 2 * ROUND_UP(packed ? PACKED_BYTES : SPLIT_BYTES));
	check(!fstat(f.region, &st) && st.st_size == (off_t)f.region_size);
	/* Nobody can take it away. */
	check(ftruncate(f.region, 0));
	check(!*field16(8));
	front_start(&f);
	put_flush(0, 2);
	check(requests(1) && wait_used(&f, &(struct used) { }, 2));
	check(*field16(8) == 1 && *field16(10) == RING_SIZE);
	check(!front_hung_up(&f));
	front_close(&f);
	check(!*entry(0));
	if (packed) {
		/* next free one, used index, wrap: new and old */
		check(*field16(12) == 0 && *field16(14) == 0);
		check(*field16(16) == 2 && *field16(18) == 2);
		check(region[20] == 1 && region[21] == 1);
	} else {
		check(*field16(12) == 0 && *field16(14) == 1);
	}
	return NULL;
}

static const char *split_layout(void)
{
	return layout(false);
}

static const char *packed_layout(void)
{
	return layout(true);
}

/*
 * Of five in flight the 2nd and 4th come back, which leaves holes; the others the
 * next device does, in the order of old, before what is new. rounds: the ring is
 * that far when it happens.
 */
static const char *again(bool packed, unsigned int rounds)
{
	static const unsigned int ids[] = { 12, 0, 9, 3, 6 }, left[] = { 12, 9, 6, 0 };
	const char *why = open_tracked(packed);
	struct used u;
	unsigned int i;

	if (why)
		return why;
	front_start(&f);
	for (i = 0; i < rounds; i++) {
		put_flush(0, 2);
		check(wait_used(&f, &u, 2));
	}
	faults_add(&f.dev.faults, "never,sector=12");
	faults_add(&f.dev.faults, "never,sector=9");
	faults_add(&f.dev.faults, "never,sector=6");
	for (i = 0; i < ITEMS(ids); i++) {
		memset(f.ram + AT_DATA + 512 * ids[i], 0x40 + ids[i], 512);
		put_flush(ids[i], 3);
	}
	check(wait_used(&f, &u, 3) && u.id == 0);
	check(wait_used(&f, &u, 3) && u.id == 3);
	check(requests(rounds + 5));
	lose_connection();
	faults_clear(&f.dev.faults);
	memset(f.dev.backend.image, 0, 16 * 512);
	/* What the device can take when it comes, and has not seen. */
	put_flush(0, 3);
	eventfd_drain(f.call);
	connect_again();
	for (i = 0; i < ITEMS(left); i++) {
		check(wait_used(&f, &u, 3));
		if (u.id != left[i]) {
			fprintf(stderr, "%u: %u\n", i, u.id);
			return "in the order of old";
		}
		check(f.ram[AT_STATUS + left[i]] == S_OK);
		check(f.dev.backend.image[512 * left[i]] == 0x40 + left[i]);
	}
	check(!take(&f, &u, 3));
	/* The driver hears of it, although no one can know whether it had to. */
	check(!front_hung_up(&f) && eventfd_drain(f.call));
	for (i = 0; i < 40; i++) {
		put_flush(3, 3);
		check(wait_used(&f, &u, 3) && u.id == 3);
	}
	check(counted(&f.dev.queues[0].n.requests) == 44);
	check(counted(&f.dev.queues[0].n.resumed) == 3);
	for (i = 0; i < NUM_RULES; i++)
		check(!rule_count(&f, i));
	return NULL;
}

static const char *split_again(void)
{
	return again(false, 0);
}

static const char *packed_again(void)
{
	return again(true, 0);
}

static const char *split_again_later(void)
{
	return again(false, 65530);
}

static const char *packed_again_across_the_wrap(void)
{
	return again(true, 7);
}

/* Stopped in an orderly way, with requests that never complete. */
static const char *stopped(bool packed)
{
	const char *why = open_tracked(packed);
	uint32_t state[2] = { 0, 0 };
	uint64_t index = 0;
	struct used u;

	if (why)
		return why;
	front_start(&f);
	faults_add(&f.dev.faults, "never@1");
	put_flush(0, 2);
	put_flush(2, 2);
	check(wait_used(&f, &u, 2) && u.id == 2);
	front_send(&f, 11, state, sizeof(state), -1);
	check(front_answer(&f, state, sizeof(state)));
	check(state[1] == (packed ? 0x80028004 : 2));
	front_state(&f, 10, state[1]);
	front_send(&f, 12, &index, sizeof(index), f.kick);
	check(wait_used(&f, &u, 2) && u.id == 0);
	put_flush(2, 2);
	check(wait_used(&f, &u, 2) && u.id == 2);
	return NULL;
}

static const char *split_stopped(void)
{
	return stopped(false);
}

static const char *packed_stopped(void)
{
	return stopped(true);
}

/*
 * Killed within giving back: the used entry is there, and not yet noted. It must
 * not be done again; and before it is there, it must.
 */
static const char *within(bool packed, bool given)
{
	const char *why = open_tracked(packed);
	struct used u;

	if (why)
		return why;
	front_start(&f);
	if (!given)
		faults_add(&f.dev.faults, "never");
	put_flush(4, 2);
	if (given)
		check(wait_used(&f, &u, 2));
	check(requests(1));
	lose_connection();
	if (packed) {
		check(*entry(0) == !given);
		*entry(0) = 1;
		*field16(12) = 0;		/* free: again */
		*field16(14) = 2;		/* but was not yet */
		*field16(16) = 2;		/* used index: behind it */
		*field16(18) = 0;
	} else {
		check(*entry(4) == !given);
		*entry(4) = 1;
		*field16(12) = 4;		/* given back last */
		*field16(14) = 0;		/* used index */
	}
	faults_clear(&f.dev.faults);
	connect_again();
	check(!front_hung_up(&f));
	if (!given)
		check(wait_used(&f, &u, 2) && u.id == 4);
	put_flush(6, 2);
	check(wait_used(&f, &u, 2) && u.id == 6 && !take(&f, &u, 2));
	check(counted(&f.dev.queues[0].n.requests) == (given ? 1 : 2));
	return NULL;
}

static const char *split_given_back_not_noted(void)
{
	return within(false, true);
}

static const char *packed_given_back_not_noted(void)
{
	return within(true, true);
}

static const char *split_noted_not_given_back(void)
{
	return within(false, false);
}

static const char *packed_noted_not_given_back(void)
{
	return within(true, false);
}

/* What a front end may not say of a region. */
static const char *bad_regions(void)
{
	static const struct {
		uint64_t size, offset;
		uint16_t queues, queue_size;
	} bad[] = {
		{ 0, 0, 2, RING_SIZE }, { 64, 0, 2, RING_SIZE }, { ~0ull, 0, 2, RING_SIZE },
		{ 1u << 20, 0, 2, RING_SIZE }, { 640, 4096, 2, RING_SIZE },
		{ 640, 8, 2, RING_SIZE }, { 640, ~63ull, 2, RING_SIZE }, { 640, 0, 0, RING_SIZE },
		{ 640, 0, 2, 0 }, { 640, 0, 2, 0xffff }, { 640, 0, 0xffff, RING_SIZE },
		{ 640, 0, 2, RING_SIZE / 2 },
	};
	unsigned int i;

	for (i = 0; i <= ITEMS(bad); i++) {
		const char *why = open_tracked(false);

		if (why)
			return why;
		front_start(&f);
		put_flush(0, 2);
		check(wait_used(&f, &(struct used) { }, 2));
		if (i == ITEMS(bad))
			front_send(&f, 32, &bad[i - 1], 20, -1);	/* no region at all */
		else
			front_send(&f, 32, &bad[i], 20, f.region);
		if (!front_hung_up(&f)) {
			fprintf(stderr, "bad[%u] is taken\n", i);
			return "the connection has ended";
		}
		front_close(&f);
	}
	return NULL;
}

/* Whatever it says: the device neither harms itself nor hangs. */
static const char *lies(bool packed)
{
	unsigned int i, n, refused = 0, seed = 1;
	const char *why = open_tracked(packed);
	uint8_t honest[PACKED_BYTES];
	uint16_t used;

	if (why)
		return why;
	front_start(&f);
	faults_add(&f.dev.faults, "never,sector=3");
	put_flush(0, 3);
	put_flush(3, 3);
	check(wait_used(&f, &(struct used) { }, 3) && requests(2));
	lose_connection();
	faults_clear(&f.dev.faults);
	memcpy(honest, region, sizeof(honest));
	used = SPLIT_USED(&f)->idx;
	for (i = 0; i < 500; i++) {
		memcpy(region, honest, sizeof(honest));
		for (n = 1 + rand_r(&seed) % 4; n; n--) {
			unsigned int at = rand_r(&seed) % (packed ? PACKED_BYTES : SPLIT_BYTES);

			/* Rather what is small, and near the beginning */
			if (rand_r(&seed) % 2)
				at %= 64;
			region[at] = rand_r(&seed) % (rand_r(&seed) % 2 ? 256 : RING_SIZE);
		}
		vu_connect(&f.dev, front_pair(&f));
		front_setup(&f, packed ? 0x80008000 : used);
		refused += front_hung_up(&f);
		lose_connection();
	}
	/* Some were seen through, and some looked right. */
	fprintf(stderr, "%u of %u refused\n", refused, i);
	check(refused > i / 10 && refused < i);
	return NULL;
}

static const char *split_lies(void)
{
	return lies(false);
}

static const char *packed_lies(void)
{
	return lies(true);
}

/* --- Killed for real ------------------------------------------------------ */

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
			check(!request(&f, VIRTIO_BLK_T_IN, 0, (struct piece)IN(AT_DATA, 512), &len) &&
			      f.ram[AT_DATA] == i - 1);
		memset(f.ram + AT_DATA, i, 512);
		check(!request(&f, VIRTIO_BLK_T_OUT, 0, (struct piece)OUT(AT_DATA, 512), &len));
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
	TEST(split_layout),
	TEST(packed_layout),
	TEST(split_again),
	TEST(packed_again),
	TEST(split_again_later),
	TEST(packed_again_across_the_wrap),
	TEST(split_stopped),
	TEST(packed_stopped),
	TEST(split_given_back_not_noted),
	TEST(packed_given_back_not_noted),
	TEST(split_noted_not_given_back),
	TEST(packed_noted_not_given_back),
	TEST(bad_regions),
	TEST(split_lies),
	TEST(packed_lies),
	TEST(split_killed),
	TEST(packed_killed),
	TEST(front_end_killed),
};

int main(void)
{
	return ktap_main(tests, ITEMS(tests));
}
