// SPDX-License-Identifier: GPL-2.0-only
/*
 * vblkdev's side of the vhost-user protocol: what a front end may say, in which
 * pieces, and what ends the connection, which must never be more than that.
 */
#include "front.h"
#include "ktap.h"

#include <fcntl.h>

static struct front f;

#define NO_DATA	((struct piece) { })

static bool gone(void)
{
	unsigned int i;

	for (i = 0; i < 60000 && *(volatile int *)&f.dev.conn >= 0; i++)
		usleep(1000);
	return f.dev.conn < 0;
}

static bool works(void)
{
	return request(&f, VIRTIO_BLK_T_FLUSH, 0, NO_DATA, NULL) == VIRTIO_BLK_S_OK;
}

static const char *answers(void)
{
	uint64_t value;

	front_open(&f, "null");
	front_send(&f, 1, NULL, 0, -1);
	check(front_answer(&f, &value, sizeof(value)) && value == f.dev.offered);
	check(value >> VIRTIO_F_VERSION_1 & 1 && value >> 30 & 1);
	front_send(&f, 15, NULL, 0, -1);
	check(front_answer(&f, &value, sizeof(value)) && value >> 9 & 1);
	front_send(&f, 17, NULL, 0, -1);
	check(front_answer(&f, &value, sizeof(value)) && value == 2);
	return NULL;
}

/* A front end that asked once may set what it was told for as long as it is connected. */
static const char *features_of_the_next_connection(void)
{
	uint64_t before, value;

	front_open(&f, "null");
	before = f.dev.offered;
	check(!config_features(&f.dev, "-event_idx"));
	check(f.dev.offered != before);
	front_send(&f, 2, &before, sizeof(before), -1);
	check(!front_hung_up(&f));
	front_send(&f, 1, NULL, 0, -1);
	check(front_answer(&f, &value, sizeof(value)) && value == before);
	close(f.sock);
	check(gone());

	vu_connect(&f.dev, front_pair(&f));
	front_send(&f, 1, NULL, 0, -1);
	check(front_answer(&f, &value, sizeof(value)) && value == f.dev.offered);
	front_send(&f, 2, &before, sizeof(before), -1);
	check(front_hung_up(&f));
	return NULL;
}

/* The front end shares the eventfd, and so its flags. */
static const char *a_kick_that_blocks(void)
{
	front_open(&f, "null");
	front_start(&f);
	check(works());
	check(!fcntl(f.kick, F_SETFL, 0));
	front_close(&f);
	return NULL;
}

static const char *config_space(void)
{
	struct {
		uint32_t offset, size, flags;
		struct virtio_blk_config cfg;
	} c = { 0, sizeof(c.cfg), 0, { } };
	struct {
		uint32_t offset, size, flags;
		uint8_t wce;
	} __attribute__((packed)) set = { offsetof(struct virtio_blk_config, wce), 1, 0, 0 };

	front_open(&f, "ram:3M");
	front_send(&f, 24, &c, sizeof(c), -1);
	check(front_answer(&f, &c, sizeof(c)) && c.cfg.capacity == 3 * 2048);
	check(c.cfg.blk_size == 512 && c.cfg.seg_max == RING_SIZE - 2 && c.cfg.wce == 1);
	front_send(&f, 25, &set, sizeof(set), -1);
	check(!front_hung_up(&f) && f.dev.write_through);
	front_send(&f, 24, &c, sizeof(c), -1);
	check(front_answer(&f, &c, sizeof(c)) && c.cfg.wce == 0);
	/* No other field is the driver's to write. */
	set.offset = 0;
	front_send(&f, 25, &set, sizeof(set), -1);
	check(front_hung_up(&f));
	return NULL;
}

/* The base that the ring has when it stops is where it goes on. */
static const char *stop_and_go(void)
{
	uint32_t state[2] = { 0, 0 };
	uint64_t index = 0;
	unsigned int i;

	front_open(&f, "null");
	front_start(&f);
	for (i = 0; i < 20; i++)
		check(works());
	front_send(&f, 11, state, sizeof(state), -1);
	check(front_answer(&f, state, sizeof(state)) && state[1] == 20);
	front_state(&f, 10, 20);
	front_send(&f, 12, &index, sizeof(index), f.kick);
	for (i = 0; i < 20; i++)
		check(works());
	/* A new table of the same memory, in the middle. */
	front_memory(&f, GUEST_SIZE);
	for (i = 0; i < 20; i++)
		check(works());
	/* Disabled it does nothing, and enabled what has come meanwhile. */
	front_state(&f, 18, 0);
	check(!front_hung_up(&f));
	front_kick(&f);
	front_state(&f, 18, 1);
	check(works());
	return NULL;
}

static const char *packed_stop_and_go(void)
{
	uint32_t state[2] = { 0, 0 };
	uint64_t index = 0;
	unsigned int i;

	front_open(&f, "null");
	f.packed = true;
	front_start(&f);
	for (i = 0; i < 11; i++)
		check(works());
	front_send(&f, 11, state, sizeof(state), -1);
	/* 22 descriptors: the second time round, at 6. */
	check(front_answer(&f, state, sizeof(state)) && state[1] == 0x00060006);
	front_state(&f, 10, state[1]);
	front_send(&f, 12, &index, sizeof(index), f.kick);
	for (i = 0; i < 11; i++)
		check(works());
	return NULL;
}

static const char *in_pieces(void)
{
	unsigned char message[20] = { 8, 0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 64 };
	unsigned int i;

	front_open(&f, "null");
	for (i = 0; i < sizeof(message); i++) {
		check(send(f.sock, message + i, 1, 0) == 1);
		usleep(1000);
	}
	check(!front_hung_up(&f) && f.dev.queues[0].ring.size == 64);
	return NULL;
}

/* Nothing that a front end says does more than end its connection. */
static const char *ends_connection(void)
{
	static const struct {
		uint32_t request, size;
		uint64_t payload[6];
		bool fd;
	} bad[] = {
		{ 0, 0, { }, false },				/* no such message */
		{ 99, 8, { }, false },
		{ 2, 8, { ~0ull }, false },			/* never offered */
		{ 2, 4, { }, false },				/* too short */
		{ 16, 8, { ~0ull }, false },
		{ 5, 4, { }, true },				/* memory: */
		{ 5, 40, { 0 }, true },
		{ 5, 40, { 9 }, true },
		{ 5, 40, { 1, GPA, GUEST_SIZE, UVA, 0 }, false },
		{ 5, 40, { 1, GPA, GUEST_SIZE + 4096, UVA, 0 }, true },
		{ 5, 40, { 1, GPA, GUEST_SIZE, UVA, 4096 }, true },
		{ 5, 40, { 1, GPA, 0, UVA, 0 }, true },
		{ 5, 40, { 1, ~0ull - 4096, GUEST_SIZE, UVA, 0 }, true },
		{ 5, 40, { 1, GPA, GUEST_SIZE, ~0ull, 0 }, true },
		{ 5, 40, { 1, GPA, ~0ull, UVA, 0 }, true },
		{ 8, 8, { 0ull << 32 | 2 }, false },		/* no such queue */
		{ 8, 8, { 0 }, false },				/* a size of 0 */
		{ 8, 8, { 4096ull << 32 }, false },
		{ 9, 40, { 7 }, false },
		{ 9, 8, { 0 }, false },
		{ 12, 8, { 5 }, true },
		{ 12, 8, { 0 }, false },			/* no descriptor */
		{ 12, 8, { 0 }, true },				/* no eventfd */
		{ 21, 0, { }, false },
		{ 24, 12, { 4096ull << 32 }, false },
		{ 24, 12, { 100ull << 32 | 0xffffff00 }, false },
		{ 25, 13, { 1ull << 32 | 32, 0x200000000 }, false },
		{ 1, 100000, { }, false },
	};
	unsigned int i;

	for (i = 0; i < ITEMS(bad); i++) {
		front_open(&f, "null");
		front_start(&f);
		check(works());
		if (bad[i].size <= sizeof(bad[i].payload)) {
			front_send(&f, bad[i].request, bad[i].payload, bad[i].size,
				   bad[i].fd ? f.memfd : -1);
		} else {
			uint32_t h[3] = { bad[i].request, 1, bad[i].size };

			send(f.sock, h, sizeof(h), MSG_NOSIGNAL);
		}
		if (!front_hung_up(&f)) {
			fprintf(stderr, "bad[%u] is taken\n", i);
			return "the connection has ended";
		}
		front_close(&f);
		close(f.memfd);
		close(f.kick);
		close(f.call);
		munmap(f.ram, GUEST_SIZE);
	}
	return NULL;
}

/* Rings that are not in the memory, or crooked in it. */
static const char *bad_rings(void)
{
	static const uint64_t at[][3] = {
		{ UVA + GUEST_SIZE - 16, UVA + AT_DEVICE, UVA + AT_DRIVER },
		{ UVA + 8, UVA + AT_DEVICE, UVA + AT_DRIVER },
		{ UVA, UVA + GUEST_SIZE - 128, UVA + AT_DRIVER },
		{ UVA, UVA + AT_DEVICE, UVA + GUEST_SIZE - 8 },
		{ UVA, UVA + AT_DEVICE, ~0ull - 1 },
		{ 0, 0, 0 },
	};
	unsigned int i;

	for (i = 0; i < 2 * ITEMS(at); i++) {
		uint64_t addr[5] = { 0 };

		front_open(&f, "null");
		f.packed = i >= ITEMS(at);
		front_start(&f);
		check(works());
		memcpy(addr + 1, at[i % ITEMS(at)], sizeof(at[0]));
		front_send(&f, 9, addr, sizeof(addr), -1);
		/* 4 bytes at the memory's end are enough for a packed one's events. */
		if (i != ITEMS(at) + 2 && i != ITEMS(at) + 3)
			check(front_hung_up(&f));
		front_close(&f);
	}
	return NULL;
}

static void features(bool packed)
{
	uint64_t bits = f.dev.offered;

	if (!packed)
		bits &= ~(1ull << VIRTIO_F_RING_PACKED);
	front_send(&f, 2, &bits, sizeof(bits), -1);
}

/* Refused when a packed ring is to start there, whatever it was when it was said. */
static const char *base_beyond_the_ring(void)
{
	static const struct {
		bool packed;
		uint32_t num, base, later;
	} bad[] = {
		{ false, RING_SIZE, 0xffff, RING_SIZE },
		{ false, RING_SIZE, 0x7fff, RING_SIZE },
		{ true, 1024, 0x80008000 | 1000, RING_SIZE },
		{ true, 1024, 0x80008000 | 1000 << 16, RING_SIZE },
		{ true, RING_SIZE, 0x80008000 | RING_SIZE, RING_SIZE },
	};
	uint64_t index = 0;
	unsigned int i;

	for (i = 0; i < ITEMS(bad); i++) {
		front_open(&f, "null");
		features(bad[i].packed);
		front_memory(&f, GUEST_SIZE);
		front_state(&f, 8, bad[i].num);
		front_state(&f, 10, bad[i].base);
		features(true);
		front_state(&f, 8, bad[i].later);
		front_addresses(&f);
		front_send(&f, 12, &index, sizeof(index), f.kick);
		front_state(&f, 18, 1);
		if (!front_hung_up(&f)) {
			fprintf(stderr, "bad[%u] is taken\n", i);
			return "the connection has ended";
		}
		/* The next one begins at the beginning, without a base of its own. */
		check(gone());
		vu_connect(&f.dev, front_pair(&f));
		features(false);
		front_memory(&f, GUEST_SIZE);
		front_state(&f, 8, RING_SIZE);
		front_addresses(&f);
		front_send(&f, 12, &index, sizeof(index), f.kick);
		front_state(&f, 18, 1);
		check(works());
		front_close(&f);
	}
	return NULL;
}

static const char *odd_size(void)
{
	front_open(&f, "null");
	front_start(&f);
	front_state(&f, 8, 15);
	front_addresses(&f);
	check(front_hung_up(&f));
	return NULL;
}

/* The next front end finds a device that knows nothing of the last one. */
static const char *second_connection(void)
{
	front_open(&f, "ram:1M");
	front_start(&f);
	check(works());
	close(f.sock);
	check(gone() && !f.dev.queues[0].running && !f.dev.mem);
	vu_connect(&f.dev, front_pair(&f));
	memset(f.ram, 0, AT_HEADER);
	f.avail = 0;
	f.used = 0;
	front_start(&f);
	check(works());
	check(counted(&f.dev.queues[0].n.requests) == 1);
	return NULL;
}

/* Memory that the front end takes away ends its connection, and nothing else. */
static const char *takes_memory_away(bool packed)
{
	unsigned int i;

	front_open(&f, "ram:1M");
	for (i = 0; i < 3; i++) {
		f.packed = packed;
		front_start(&f);
		check(works());
		/* all, the header and data of a request, or only what it shares later */
		if (ftruncate(f.memfd, i == 0 ? 0 : i == 1 ? AT_HEADER : GUEST_SIZE))
			return "no file";
		if (i == 1)
			put(&f, 0, (struct piece[]) { HEADER(0), STATUS(0) }, 2);
		if (i == 2) {
			front_memory(&f, GUEST_SIZE);
			check(!front_hung_up(&f));
			if (ftruncate(f.memfd, 0))
				return "no file";
		}
		front_kick(&f);
		check(gone() && !rule_count(&f, RULE_R2) && !rule_count(&f, RULE_R3));
		if (ftruncate(f.memfd, GUEST_SIZE))
			return "no file";
		memset(f.ram, 0, AT_DATA);
		f.avail = 0;
		f.used = 0;
		f.off = 0;
		vu_connect(&f.dev, front_pair(&f));
	}
	front_start(&f);
	check(works());
	return NULL;
}

static const char *split_takes_memory_away(void)
{
	return takes_memory_away(false);
}

static const char *packed_takes_memory_away(void)
{
	return takes_memory_away(true);
}

/* A front end that asks and asks, and takes no answer. */
static const char *never_reads(void)
{
	uint32_t features[3] = { 1, 1, 0 };
	unsigned int i;

	alarm(120);
	front_open(&f, "null");
	for (i = 0; i < 100000; i++)
		if (send(f.sock, features, sizeof(features), MSG_NOSIGNAL) < 0)
			break;
	check(i < 100000 && gone());
	return NULL;
}

/* With the status told, what is in the ring before DRIVER_OK is seen. */
static const char *before_driver_ok(bool packed)
{
	struct piece p[2] = { HEADER(0), STATUS(0) };
	uint64_t protocol = 1ull << 16;

	front_open(&f, "null");
	f.packed = packed;
	front_send(&f, 16, &protocol, sizeof(protocol), -1);
	front_start(&f);
	/* As a front end does, which asks for the status first. */
	check(!front_hung_up(&f) && works() && !rule_count(&f, RULE_C3));
	front_close(&f);

	front_open(&f, "null");
	f.packed = packed;
	f.wrap = true;
	front_send(&f, 16, &protocol, sizeof(protocol), -1);
	put(&f, 0, p, 2);
	front_start(&f);
	check(!front_hung_up(&f) && rule_count(&f, RULE_C3) == 1);
	return NULL;
}

static const char *split_before_driver_ok(void)
{
	return before_driver_ok(false);
}

static const char *packed_before_driver_ok(void)
{
	return before_driver_ok(true);
}

static const struct ktap_test tests[] = {
	TEST(split_before_driver_ok),
	TEST(packed_before_driver_ok),
	TEST(answers),
	TEST(features_of_the_next_connection),
	TEST(a_kick_that_blocks),
	TEST(config_space),
	TEST(stop_and_go),
	TEST(packed_stop_and_go),
	TEST(in_pieces),
	TEST(ends_connection),
	TEST(bad_rings),
	TEST(base_beyond_the_ring),
	TEST(odd_size),
	TEST(second_connection),
	TEST(split_takes_memory_away),
	TEST(packed_takes_memory_away),
	TEST(never_reads),
};

int main(void)
{
	return ktap_main(tests, ITEMS(tests));
}
