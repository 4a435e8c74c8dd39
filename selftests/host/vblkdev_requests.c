// SPDX-License-Identifier: GPL-2.0-only
/*
 * vblkdev's requests: what a driver may ask for, and what it may not. Each test
 * runs on a split and on a packed ring where that makes a difference.
 */
#include "front.h"
#include "ktap.h"

#define S_OK	VIRTIO_BLK_S_OK
#define IOERR	VIRTIO_BLK_S_IOERR
#define UNSUPP	VIRTIO_BLK_S_UNSUPP

static struct front f;

/* A kick may be read after what it was for was done. */
static bool kicks(unsigned long n)
{
	unsigned int i;

	for (i = 0; i < 60000 && counted(&f.dev.queues[0].n.kicks) < n; i++)
		usleep(1000);
	return counted(&f.dev.queues[0].n.kicks) == n;
}

static const char *moves_data(void)
{
	uint8_t *data = f.ram + AT_DATA;
	uint32_t len;
	unsigned int i;

	for (i = 0; i < 50; i++) {
		memset(data, i + 1, 4096);
		check(request(&f, VIRTIO_BLK_T_OUT, 8 * i, (struct piece)OUT(AT_DATA, 4096),
			      &len) == S_OK);
		check(len == 1);
	}
	for (i = 0; i < 50; i++) {
		memset(data, 0xee, 4096 + 512);
		check(request(&f, VIRTIO_BLK_T_IN, 8 * i, (struct piece)IN(AT_DATA, 4096),
			      &len) == S_OK);
		check(len == 4097 && data[0] == i + 1 && data[4095] == i + 1);
		check(data[4096] == 0xee);
	}
	check(request(&f, VIRTIO_BLK_T_FLUSH, 0, (struct piece) { }, &len) == S_OK && len == 1);
	check(request(&f, VIRTIO_BLK_T_GET_ID, 0, (struct piece)IN(AT_DATA, 20), &len) == S_OK);
	check(len == 21 && !strcmp((char *)data, "a serial number"));
	check(counted(&f.dev.queues[0].n.requests) == 102);
	check(kicks(102));
	check(counted(&f.dev.queues[0].n.reads) == 50);
	for (i = 0; i < NUM_RULES; i++)
		check(!rule_count(&f, i));
	return NULL;
}

static const char *split_moves_data(void)
{
	front_open(&f, "ram:1M");
	front_start(&f);
	return moves_data();
}

static const char *packed_moves_data(void)
{
	front_open(&f, "ram:1M");
	f.packed = true;
	front_start(&f);
	return moves_data();
}

static const char *file_moves_data(void)
{
	char path[] = "/tmp/vblkdev-test.XXXXXX", spec[64];
	const char *why;

	if (ftruncate(mkstemp(path), 1 << 20))
		return "no file";
	snprintf(spec, sizeof(spec), "file:%s", path);
	front_open(&f, spec);
	front_start(&f);
	why = moves_data();
	front_close(&f);
	unlink(path);
	return why;
}

/* Each of them is answered with an error and counted, and the device goes on. */
static const char *bad_requests(bool packed)
{
	static const struct {
		uint32_t type;
		uint64_t sector;
		struct piece data;
		int status;
		enum rule rule;
	} bad[] = {
		{ VIRTIO_BLK_T_IN, 0, IN(AT_DATA, 100), IOERR, RULE_B10 },
		{ VIRTIO_BLK_T_OUT, 0, OUT(AT_DATA, 513), IOERR, RULE_B10 },
		{ VIRTIO_BLK_T_OUT, 0, IN(AT_DATA, 512), IOERR, RULE_R3 },
		{ VIRTIO_BLK_T_IN, 0, OUT(AT_DATA, 512), IOERR, RULE_R3 },
		{ VIRTIO_BLK_T_IN, 2047, IN(AT_DATA, 1024), IOERR, RULE_B7 },
		{ VIRTIO_BLK_T_OUT, 2048, OUT(AT_DATA, 512), IOERR, RULE_B7 },
		{ VIRTIO_BLK_T_OUT, ~0ull, OUT(AT_DATA, 512), IOERR, RULE_B7 },
		{ VIRTIO_BLK_T_OUT, 1ull << 55, OUT(AT_DATA, 512), IOERR, RULE_B7 },
		{ VIRTIO_BLK_T_IN, 0, { GPA - 512, 1024, VRING_DESC_F_WRITE }, IOERR, RULE_R3 },
		{ VIRTIO_BLK_T_OUT, 0, OUT(GUEST_SIZE - 512, 1024), IOERR, RULE_R3 },
		{ VIRTIO_BLK_T_OUT, 0, { ~0ull - 100, 512, 0 }, IOERR, RULE_R3 },
		{ VIRTIO_BLK_T_OUT, 0, OUT(AT_DATA, 0xfffffff0), IOERR, RULE_R3 },
		{ VIRTIO_BLK_T_FLUSH, 5, { }, S_OK, RULE_B9 },
		{ VIRTIO_BLK_T_FLUSH, 0, OUT(AT_DATA, 512), S_OK, RULE_B9 },
		{ VIRTIO_BLK_T_GET_ID, 0, IN(AT_DATA, 19), S_OK, RULE_B12 },
		{ VIRTIO_BLK_T_DISCARD, 0, OUT(AT_DATA, 15), IOERR, RULE_B11 },
		{ VIRTIO_BLK_T_DISCARD, 0, OUT(AT_DATA, 32), IOERR, RULE_B13 },
		{ VIRTIO_BLK_T_WRITE_ZEROES, 0, OUT(AT_DATA, 32), IOERR, RULE_B15 },
		{ VIRTIO_BLK_T_DISCARD, 0, OUT(AT_TABLE, 16), UNSUPP, RULE_B17 },
		{ VIRTIO_BLK_T_DISCARD, 0, OUT(AT_TABLE + 16, 16), IOERR, RULE_B7 },
	};
	unsigned int i;

	front_open(&f, "ram:1M");
	f.packed = packed;
	front_start(&f);
	for (i = 0; i < ITEMS(bad); i++) {
		struct virtio_blk_discard_write_zeroes ranges[] = {
			{ .num_sectors = 1, .flags = 1 }, { .sector = 2048, .num_sectors = 1 },
		};
		unsigned long before = rule_count(&f, bad[i].rule);
		int status;

		memset(f.ram + AT_DATA, 0, 4096);
		memcpy(f.ram + AT_TABLE, ranges, sizeof(ranges));
		status = request(&f, bad[i].type, bad[i].sector, bad[i].data, NULL);
		if (status != bad[i].status || rule_count(&f, bad[i].rule) != before + 1) {
			fprintf(stderr, "bad[%u]: status %d\n", i, status);
			return "answered and counted as expected";
		}
	}
	/* A command that nobody knows is no violation. */
	check(request(&f, 0x1234, 0, (struct piece) { }, NULL) == UNSUPP);
	check(request(&f, VIRTIO_BLK_T_IN, 2046, (struct piece)IN(AT_DATA, 1024), NULL) == S_OK);
	return NULL;
}

static const char *split_bad_requests(void)
{
	return bad_requests(false);
}

static const char *packed_bad_requests(void)
{
	return bad_requests(true);
}

static const char *ranges(void)
{
	struct virtio_blk_discard_write_zeroes range = { .sector = 2, .num_sectors = 2 };
	struct piece data = OUT(AT_DATA, sizeof(range));

	front_open(&f, "ram:1M");
	front_start(&f);
	memset(f.dev.backend.image, 0x55, 4096);
	memcpy(f.ram + AT_DATA, &range, sizeof(range));
	check(request(&f, VIRTIO_BLK_T_WRITE_ZEROES, 0, data, NULL) == S_OK);
	check(f.dev.backend.image[2 * 512 - 1] == 0x55 && !f.dev.backend.image[2 * 512]);
	check(!f.dev.backend.image[4 * 512 - 1] && f.dev.backend.image[4 * 512] == 0x55);
	check(request(&f, VIRTIO_BLK_T_DISCARD, 0, data, NULL) == S_OK);
	check(!rule_count(&f, RULE_B17));
	return NULL;
}

/* A request without a header, without a status, and with neither. */
static const char *truncated(void)
{
	struct piece no_status[] = { HEADER(0), OUT(AT_DATA, 512) };
	struct piece short_header[] = { OUT(AT_HEADER, 15), STATUS(0) };
	struct piece backwards[] = { STATUS(0), HEADER(0) };
	struct used u;

	front_open(&f, "ram:1M");
	front_start(&f);
	header(&f, 0, VIRTIO_BLK_T_OUT, 0);
	put(&f, 0, no_status, 2);
	front_kick(&f);
	check(wait_used(&f, &u, 2) && u.len == 0);
	put(&f, 0, short_header, 2);
	front_kick(&f);
	check(wait_used(&f, &u, 2) && u.len == 1 && f.ram[AT_STATUS] == IOERR);
	f.ram[AT_STATUS] = 0xff;
	put(&f, 0, backwards, 2);
	front_kick(&f);
	check(wait_used(&f, &u, 2) && f.ram[AT_STATUS] == IOERR);
	check(rule_count(&f, RULE_C9) == 1);
	check(counted(&f.dev.queues[0].n.malformed) == 3);
	return NULL;
}

/* What the device did not offer is counted, and a read-only one is not written. */
static const char *not_negotiated(void)
{
	front_new(&f, "ram:1M");
	config_features(&f.dev, "-flush,-discard,ro");
	front_connect(&f);
	front_start(&f);
	check(request(&f, VIRTIO_BLK_T_FLUSH, 0, (struct piece) { }, NULL) == S_OK);
	check(rule_count(&f, RULE_F1) == 1);
	check(request(&f, VIRTIO_BLK_T_DISCARD, 0, (struct piece)OUT(AT_DATA, 16), NULL) == UNSUPP);
	check(rule_count(&f, RULE_F1) == 2);
	check(request(&f, VIRTIO_BLK_T_OUT, 0, (struct piece)OUT(AT_DATA, 512), NULL) == IOERR);
	check(rule_count(&f, RULE_B8) == 1);
	return NULL;
}

static void *reset_config(void *until)
{
	while (!*(atomic_bool *)until)
		config_init(&f.dev);
	return NULL;
}

/* The command "defaults" with requests under way: they see the old or the new. */
static const char *config_changes_at_once(void)
{
	struct piece data = IN(AT_DATA, 512);
	atomic_bool done = false;
	unsigned int i, failed = 0;
	pthread_t thread;

	front_open(&f, "ram:1M");
	front_start(&f);
	/* It knows all of that before its features change below it. */
	check(!front_hung_up(&f));
	pthread_create(&thread, NULL, reset_config, &done);
	for (i = 0; i < 20000 && !failed; i++)
		failed += request(&f, VIRTIO_BLK_T_IN, 2047, data, NULL) != S_OK;
	done = true;
	pthread_join(thread, NULL);
	check(!failed && !rule_count(&f, RULE_B7));
	return NULL;
}

static const char *longer_than_the_ring(void)
{
	struct piece table = OUT(AT_TABLE, 16 * (RING_SIZE + 1));
	struct vring_desc *desc;
	struct used u;
	unsigned int i;

	front_open(&f, "ram:1M");
	front_start(&f);
	desc = (struct vring_desc *)(f.ram + AT_TABLE);
	for (i = 0; i <= RING_SIZE; i++)
		desc[i] = (struct vring_desc) { GPA + AT_DATA + 512 * i, 512,
						VRING_DESC_F_NEXT, i + 1 };
	desc[0] = (struct vring_desc) { GPA + AT_HEADER, 16, VRING_DESC_F_NEXT, 1 };
	desc[RING_SIZE] = (struct vring_desc) { GPA + AT_STATUS, 1, VRING_DESC_F_WRITE, 0 };
	table.flags = VRING_DESC_F_INDIRECT;
	header(&f, 0, VIRTIO_BLK_T_OUT, 0);
	split_put(&f, 0, &table, 1);
	front_kick(&f);
	check(wait_used(&f, &u, 1) && f.ram[AT_STATUS] == S_OK);
	check(rule_count(&f, RULE_C10) == 1 && rule_count(&f, RULE_S1) == 1);
	return NULL;
}

static const struct ktap_test tests[] = {
	TEST(split_moves_data),
	TEST(packed_moves_data),
	TEST(file_moves_data),
	TEST(split_bad_requests),
	TEST(packed_bad_requests),
	TEST(ranges),
	TEST(truncated),
	TEST(not_negotiated),
	TEST(config_changes_at_once),
	TEST(longer_than_the_ring),
};

int main(void)
{
	return ktap_main(tests, ITEMS(tests));
}
