// SPDX-License-Identifier: GPL-2.0-only
/*
 * vblkdev's rings: chains, notifications, and what breaks a ring, split and packed.
 */
#include "front.h"
#include "ktap.h"

#define S_OK	VIRTIO_BLK_S_OK

static struct front f;

/* A burst, put there before one kick. */
static const char *burst(unsigned int n)
{
	struct used u;
	unsigned int i;

	check(asleep(&f));
	for (i = 0; i < n; i++) {
		/* Two requests of three descriptors each would not fit n times. */
		struct piece p[2] = { HEADER(2 * i), STATUS(2 * i) };

		header(&f, 2 * i, VIRTIO_BLK_T_FLUSH, 0);
		put(&f, 2 * i, p, 2);
	}
	front_kick(&f);
	for (i = 0; i < n; i++) {
		check(wait_used(&f, &u, 2));
		check(u.id == 2 * i && f.ram[AT_STATUS + 2 * i] == S_OK);
	}
	return NULL;
}

static bool notified(unsigned long n)
{
	static const struct timespec ms = { .tv_nsec = 1000000 };
	unsigned int i;

	for (i = 0; i < 60000 && counted(&f.dev.queues[0].n.notified) < n; i++)
		nanosleep(&ms, NULL);
	return counted(&f.dev.queues[0].n.notified) == n;
}

static const char *one_notification_a_burst(void)
{
	const char *why;

	front_open(&f, "null");
	front_start(&f);
	why = burst(8);
	if (why)
		return why;
	check(notified(1));
	check(eventfd_drain(f.call) == 1);
	check(counted(&f.dev.queues[0].n.bursts) == 1);
	return NULL;
}

/* What went to the old eventfd may not have been heard: once more, to the new. */
static const char *notifies_again_over_another_eventfd(void)
{
	int call = eventfd(0, EFD_NONBLOCK);
	uint64_t index = 0;
	const char *why;

	front_open(&f, "null");
	front_start(&f);
	/* Nothing was notified of yet. */
	front_send(&f, 13, &index, sizeof(index), call);
	check(!front_hung_up(&f) && !front_notified(call, 50));
	front_send(&f, 13, &index, sizeof(index), f.call);
	check(!front_hung_up(&f));
	why = burst(8);
	if (why)
		return why;
	check(notified(1));
	front_send(&f, 13, &index, sizeof(index), call);
	check(front_notified(call, 60000));
	return NULL;
}

static const char *one_notification_a_request(void)
{
	const char *why;

	front_open(&f, "null");
	f.dev.opt.batch = false;
	front_start(&f);
	why = burst(8);
	if (why)
		return why;
	check(notified(8));
	check(eventfd_drain(f.call) == 8);
	return NULL;
}

static const char *no_notification_if_suppressed(void)
{
	struct vring_packed_desc_event *event = (void *)(f.ram + AT_DRIVER);
	const char *why;

	front_open(&f, "null");
	SPLIT_AVAIL(&f)->flags = VRING_AVAIL_F_NO_INTERRUPT;
	front_start(&f);
	why = burst(8);
	if (why)
		return why;
	front_close(&f);
	check(counted(&f.dev.queues[0].n.suppressed) == 1 && !eventfd_drain(f.call));

	front_open(&f, "null");
	event = (void *)(f.ram + AT_DRIVER);
	event->flags = VRING_PACKED_EVENT_FLAG_DISABLE;
	f.packed = true;
	f.event_idx = true;
	front_start(&f);
	why = burst(8);
	if (why)
		return why;
	front_close(&f);
	check(counted(&f.dev.queues[0].n.suppressed) == 1 && !eventfd_drain(f.call));
	return NULL;
}

/* As late as it was to be, however much comes after what it is for. */
static const char *a_late_notification_comes(void)
{
	uint64_t begin;

	front_open(&f, "null");
	faults_add(&f.dev.faults, "irq-late=500000");
	front_start(&f);
	begin = now_ns();
	do {
		check(request(&f, VIRTIO_BLK_T_FLUSH, 0, (struct piece) { }, NULL) == S_OK);
	} while (!front_notified(f.call, 0) && now_ns() - begin < 60000000000ull);
	check(now_ns() - begin < 60000000000ull && now_ns() - begin >= 500000000);
	return NULL;
}

/* The driver asks for the 5th. */
static const char *event_index(bool packed)
{
	struct vring_packed_desc_event *event;
	const char *why;

	front_open(&f, "null");
	f.packed = packed;
	f.event_idx = true;
	if (packed) {
		/* Five requests of two descriptors each */
		event = (void *)(f.ram + AT_DRIVER);
		event->flags = VRING_PACKED_EVENT_FLAG_DESC;
		event->off_wrap = 8 | 1 << VRING_PACKED_EVENT_F_WRAP_CTR;
	} else {
		SPLIT_AVAIL(&f)->ring[RING_SIZE] = 4;
	}
	front_start(&f);
	/* The first is always told, as nothing is known before it. */
	why = burst(1);
	check(!why && notified(1));
	why = burst(3);
	check(!why);
	why = burst(1);
	check(!why && notified(2));
	why = burst(3);
	check(!why);
	front_close(&f);
	check(counted(&f.dev.queues[0].n.notified) == 2);
	check(counted(&f.dev.queues[0].n.suppressed) == 2);
	return NULL;
}

static const char *split_event_index(void)
{
	return event_index(false);
}

static const char *packed_event_index(void)
{
	return event_index(true);
}

/* A driver that refills it gets more back in one burst than a packed ring has slots. */
static const char *a_burst_of_more_than_a_ring(void)
{
	static struct vring_packed_desc desc[RING_SIZE];
	struct vring_packed_desc_event event = {
		.off_wrap = 8 | 1 << VRING_PACKED_EVENT_F_WRAP_CTR,
		.flags = VRING_PACKED_EVENT_FLAG_DESC,
	};
	struct ring r = {
		.size = RING_SIZE, .packed = true, .event_idx = true, .pdesc = desc,
		.driver_event = &event, .used_wrap = true, .signalled_valid = true,
	};
	struct chain c = { .slots = 2 };
	unsigned int i;

	for (i = 0; i < RING_SIZE / 2 + 1; i++)
		ring_push(&r, &c, 0, 0);
	check(ring_should_notify(&r));
	ring_push(&r, &c, 0, 0);
	check(!ring_should_notify(&r));
	return NULL;
}

/* In both formats a table in the guest's memory. */
static const char *indirect(bool packed)
{
	struct piece data[] = { HEADER(0), OUT(AT_DATA, 512), OUT(AT_DATA + 4096, 512),
				STATUS(0) };
	struct piece table = OUT(AT_TABLE, 16 * 4);
	struct used u;
	unsigned int i;

	front_open(&f, "ram:1M");
	f.packed = packed;
	front_start(&f);
	for (i = 0; i < 4; i++) {
		if (packed)
			((struct vring_packed_desc *)(f.ram + AT_TABLE))[i] =
				(struct vring_packed_desc) { data[i].addr, data[i].len, 0,
							     data[i].flags };
		else
			((struct vring_desc *)(f.ram + AT_TABLE))[i] = (struct vring_desc) {
				data[i].addr, data[i].len,
				data[i].flags | (i < 3 ? VRING_DESC_F_NEXT : 0), i + 1 };
	}
	table.flags = VRING_DESC_F_INDIRECT;
	memset(f.ram + AT_DATA, 0x11, 512);
	memset(f.ram + AT_DATA + 4096, 0x22, 512);
	header(&f, 0, VIRTIO_BLK_T_OUT, 3);
	put(&f, 0, &table, 1);
	front_kick(&f);
	check(wait_used(&f, &u, 1) && u.id == 0 && f.ram[AT_STATUS] == S_OK);
	check(f.dev.backend.image[3 * 512] == 0x11 && f.dev.backend.image[4 * 512] == 0x22);
	check(!rule_count(&f, RULE_C10) && !rule_count(&f, RULE_R3));

	/* Within itself; of no length; and outside the memory. */
	if (packed)
		((struct vring_packed_desc *)(f.ram + AT_TABLE))[1].flags = VRING_DESC_F_INDIRECT;
	else
		((struct vring_desc *)(f.ram + AT_TABLE))[1].flags = VRING_DESC_F_INDIRECT;
	for (i = 0; i < 3; i++) {
		table.len = i == 1 ? 0 : 64;
		if (i == 2)
			table.addr = GPA + GUEST_SIZE - 32;
		put(&f, 0, &table, 1);
		front_kick(&f);
		check(wait_used(&f, &u, 1) && u.len == 0);
		check(rule_count(&f, RULE_R3) == i + 1);
	}
	check(request(&f, VIRTIO_BLK_T_FLUSH, 0, (struct piece) { }, NULL) == S_OK);
	return NULL;
}

static const char *split_indirect(void)
{
	return indirect(false);
}

static const char *packed_indirect(void)
{
	return indirect(true);
}

static const char *loops(void)
{
	struct piece p[] = { HEADER(0), OUT(AT_DATA, 512), STATUS(0) };
	struct used u;

	front_open(&f, "ram:1M");
	header(&f, 0, VIRTIO_BLK_T_OUT, 0);
	split_put(&f, 0, p, 3);
	SPLIT_DESC(&f)[1].next = 1;
	front_start(&f);
	front_kick(&f);
	check(wait_used(&f, &u, 3) && u.id == 0 && u.len == 0);
	check(rule_count(&f, RULE_R3) == 1);
	/* and one that leads out of the table */
	split_put(&f, 0, p, 3);
	SPLIT_DESC(&f)[1].next = RING_SIZE;
	front_kick(&f);
	check(wait_used(&f, &u, 3) && u.len == 0);
	return NULL;
}

/* After these nothing on the ring can be trusted: the queue stops, alone. */
static const char *broken(void (*breaks)(void), enum rule rule)
{
	struct used u;
	unsigned int i;

	front_open(&f, "ram:1M");
	front_start(&f);
	check(request(&f, VIRTIO_BLK_T_FLUSH, 0, (struct piece) { }, NULL) == S_OK);
	breaks();
	front_kick(&f);
	for (i = 0; i < 60000 && !rule_count(&f, rule); i++)
		usleep(1000);
	front_kick(&f);
	check(!front_hung_up(&f));
	front_close(&f);
	check(rule_count(&f, rule) == 1);
	check(!take(&f, &u, 1));
	return NULL;
}

static void breaks_head(void)
{
	SPLIT_AVAIL(&f)->ring[1] = RING_SIZE;
	SPLIT_AVAIL(&f)->idx = 2;
}

static void breaks_index(void)
{
	SPLIT_AVAIL(&f)->idx = RING_SIZE + 2;
}

static const char *head_beyond_the_ring(void)
{
	return broken(breaks_head, RULE_R2);
}

static const char *index_jumps(void)
{
	return broken(breaks_index, RULE_R2);
}

static const char *busy_head(void)
{
	struct piece p[] = { HEADER(0), STATUS(0) };

	front_open(&f, "null");
	faults_add(&f.dev.faults, "never");
	front_start(&f);
	header(&f, 0, VIRTIO_BLK_T_FLUSH, 0);
	split_put(&f, 0, p, 2);
	split_put(&f, 0, p, 2);
	front_kick(&f);
	while (!rule_count(&f, RULE_R1))
		;
	front_close(&f);
	check(counted(&f.dev.queues[0].n.requests) == 1);
	return NULL;
}

static const struct ktap_test tests[] = {
	TEST(one_notification_a_burst),
	TEST(notifies_again_over_another_eventfd),
	TEST(one_notification_a_request),
	TEST(no_notification_if_suppressed),
	TEST(a_late_notification_comes),
	TEST(split_event_index),
	TEST(packed_event_index),
	TEST(a_burst_of_more_than_a_ring),
	TEST(split_indirect),
	TEST(packed_indirect),
	TEST(loops),
	TEST(head_beyond_the_ring),
	TEST(index_jumps),
	TEST(busy_head),
};

int main(void)
{
	return ktap_main(tests, ITEMS(tests));
}
