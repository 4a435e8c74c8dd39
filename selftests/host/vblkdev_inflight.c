// SPDX-License-Identifier: GPL-2.0-only
/*
 * The region in which vblkdev keeps what is in flight (the vhost-user protocol,
 * "Inflight I/O tracking"): what is in it when, and what the next device makes of
 * it, be it true or not.
 */
#include "region.h"

#include <sys/stat.h>

#include "ktap.h"

#define S_OK	VIRTIO_BLK_S_OK

/* The protocol's layout, in words of its own. */
#define SPLIT_BYTES	(16 + 16 * RING_SIZE)
#define PACKED_BYTES	(32 + 32 * RING_SIZE)
#define ROUND_UP(n)	(((n) + 63) / 64 * 64)

static uint16_t *field16(unsigned int at)
{
	return (uint16_t *)(region + at);
}

/* Of an entry */
static uint8_t *entry(unsigned int i)
{
	return region + (f.packed ? 32 + 32 * i : 16 + 16 * i);
}

static bool requests(unsigned long n)
{
	unsigned int i;

	for (i = 0; i < 60000 && counted(&f.dev.queues[0].n.requests) < n; i++)
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
	check(!front_hung_up(&f) && front_notified(f.call, 60000));
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
	eventfd_drain(f.call);
	connect_again();
	check(!front_hung_up(&f));
	/* Perhaps the last device was killed before it could. */
	check(front_notified(f.call, 60000));
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
};

int main(void)
{
	return ktap_main(tests, ITEMS(tests));
}
