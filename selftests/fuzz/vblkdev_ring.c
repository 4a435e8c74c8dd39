// SPDX-License-Identifier: GPL-2.0-only
/*
 * For libFuzzer: the input is the guest's memory, rings, tables and headers
 * included, and vblkdev serves what it finds there.
 */
#include <string.h>

#include "../../tools/vblkdev/device.h"

#define MEMORY	0x8000u
#define RING	16u
#define BASE	0x1000ull	/* where the guest has it: small numbers hit it */

static struct device dev;
static uint8_t memory[MEMORY] __attribute__((aligned(4096)));
static struct mem mem = {
	.num = 2,
	.regions = {
		{ .gpa = BASE, .uva = 0, .size = MEMORY / 2, .base = memory },
		{ .gpa = BASE + MEMORY / 2, .uva = MEMORY / 2, .size = MEMORY / 2,
		  .base = memory + MEMORY / 2 },
	},
};

static void set_up(void)
{
	static struct request pool[RING];
	unsigned int i;

	dev.opt.queues = 1;
	dev.opt.queue_size = RING;
	dev.opt.batch = true;
	dev.opt.serial = "fuzz";
	faults_init(&dev.faults, 1);
	backend_open(&dev.backend, "ram:64K");
	config_init(&dev);
	pthread_mutex_init(&dev.lock, NULL);
	queue_init(&dev, &dev.queues[0], 0);
	for (i = 0; i < RING; i++) {
		pool[i].q = &dev.queues[0];
		chain_init(&pool[i].chain);
		queue_free_request(&pool[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct queue *q = &dev.queues[0];
	struct ring *r = &q->ring;
	unsigned int n = 0;

	if (!dev.opt.queues)
		set_up();
	if (!size)
		return 0;
	memset(memory, 0, sizeof(memory));
	memcpy(memory, data + 1, size - 1 < MEMORY ? size - 1 : MEMORY);
	memset(r, 0, sizeof(*r));
	r->size = RING;
	r->packed = data[0] & 1;
	r->indirect = data[0] & 2;
	r->event_idx = data[0] & 4;
	r->avail_wrap = true;
	r->used_wrap = true;
	dev.features = dev.offered;
	/* Descriptors, then the driver's and the device's part. */
	if (ring_map(r, &mem, 0, 16 * RING, 16 * RING + 64))
		return 0;
	while (n++ < 2 * RING && q->free) {
		struct request *req = q->free;

		if (ring_pop(r, &req->chain) != 1)
			break;
		q->free = req->next;
		request_begin(req);
	}
	complete_burst(q);
	ring_want_kicks(r, true);
	return 0;
}
