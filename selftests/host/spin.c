// SPDX-License-Identifier: GPL-2.0-only
/*
 * Spinning submitters (spin.c): who may, for how long, and what a queue learns
 * of it. Time passes as they look at the clock; the governor is a stub, that has
 * the answer when it is due.
 */
#include "shim.h"

#include <stdio.h>
#include <string.h>

/* What spin.c needs of the kernel beyond the shim */
#define NSEC_PER_SEC		1000000000LL
#define clamp(x, low, high)	((x) < (low) ? (low) : (x) > (high) ? (high) : (x))
#define IS_ENABLED(CONFIG_NAME)	1
#define CONFIG_PREEMPT_COUNT	1
#define PF_KTHREAD		1
#define PF_IO_WORKER		2
#define PF_USER_WORKER		4
#define REQ_OP_READ		0
#define REQ_OP_WRITE		1
#define REQ_SYNC		0x10
#define REQ_IDLE		0x20
#define REQ_NOWAIT		0x40
#define REQ_RAHEAD		0x80
#define COMPAT_LONE_PLUGS	(lone_plugs)
#define req_op(rq)		((rq)->cmd_flags & 1)
#define req_get_ioprio(rq)	IOPRIO_PRIO_VALUE(test_ioprio, 0)
#define in_task()		(test_in_task)
#define irqs_disabled()		(test_irqs_disabled)
#define preemptible()		(test_preemptible)
#define object_is_on_stack(p)	((const void *)(p) == &test_stack)
#define bio_list_empty(list)	((list)->empty)
#define single_task_running()	(test_alone)
#define local_clock()		(test_now += 100)
#define cpu_relax()		((void)0)
#define pr_err(...)		(test_messages++)
#define module_param_cb(name, ops, arg, mode)
#define __MODULE_PARM_TYPE(name, type)
#define MODULE_PARM_DESC(name, text)
#define param_get_uint		NULL
struct kernel_param;
struct kernel_param_ops {
	int (*set)(const char *value, const struct kernel_param *kp);
	void *get;
};

static int kstrtouint(const char *s, unsigned int base, unsigned int *value)
{
	char *end;

	*value = strtoul(s, &end, base);
	return end == s || *end ? -EINVAL : 0;
}

static int test_ioprio, test_stack;
static unsigned int test_messages;
static bool test_in_task, test_irqs_disabled, test_preemptible, test_alone;
static u64 test_now;

static bool lone_plugs;
#include "../../drivers/block/virtio_blk/virtio_blk.h"
#include "ktap.h"
#include "../../drivers/block/virtio_blk/spin.c"

struct task_struct test_task;
bool test_in_interrupt;

static union {
	struct vblk vblk;
	char room[sizeof(struct vblk) + sizeof(struct vblk_queue)];
} disk;
static struct vblk_queue *q;
static struct vblk_req *in_ring;
static u64 answer_at, first_looked_at;
static unsigned int left;

void vblk_gov_poll(struct vblk_queue *queue, bool may_sleep, struct vblk_done *done)
{
	assert(queue == q && q->lock.held && !may_sleep);
	if (!first_looked_at)
		first_looked_at = test_now;
	if (in_ring && test_now >= answer_at) {
		vblk_spin_found(in_ring);
		in_ring = NULL;
	}
}

void vblk_gov_left(struct vblk_queue *queue, struct vblk_done *done)
{
	assert(queue == q && q->lock.held && !in_ring->spin &&
	       in_ring->kind == VBLK_PLAIN);
	left++;
	in_ring = NULL;
}

unsigned int vblk_finish(struct vblk_done *done, struct io_comp_batch *iob)
{
	assert(!q->lock.held);
	return 0;
}

static void start(unsigned int us)
{
	memset(&disk, 0, sizeof(disk));
	q = &disk.vblk.queues[0];
	q->vblk = &disk.vblk;
	q->vq = (void *)1;
	disk.vblk.num_vqs = 1;
	vblk_spin_set(&disk.vblk, us);
	test_task = (struct task_struct) { .running = true };
	test_alone = true;
	in_ring = NULL;
	left = 0;
}

/* A request that takes so long. True: its submitter was allowed to spin. */
static bool io(u64 ns)
{
	struct vblk_spin spin = { .vbr = NULL };
	struct vblk_req vbr = { .kind = VBLK_PLAIN, .spin = &spin };

	q->lock.held = true;
	vblk_spin_start(q, &vbr);
	q->lock.held = false;
	if (!spin.vbr) {
		assert(vbr.kind == VBLK_PLAIN && !vbr.spin);
		return false;
	}
	assert(vbr.kind == VBLK_POLLED);
	in_ring = &vbr;
	answer_at = test_now + ns;
	first_looked_at = 0;
	vblk_spin(q, &spin);
	assert(!in_ring);
	return true;
}

static const char *off_is_off(void)
{
	start(0);
	check(!io(1000) && q->stats.spins == 0);
	return NULL;
}

static const char *finds_what_comes_in_time(void)
{
	start(50);
	check(io(10000));
	check(q->stats.spins == 1 && q->stats.spins_won == 1 && left == 0);
	check(q->stats.spin_ns >= 10000 && q->stats.spin_ns < 11000);
	return NULL;
}

static const char *gives_up_in_time(void)
{
	u64 before;

	start(50);
	before = test_now;
	check(io(1000000));
	check(test_now - before < 51000);
	check(q->stats.spins_lost == 1 && q->stats.spins_won == 0 && left == 1);
	return NULL;
}

static const char *knows_when_to_look(void)
{
	unsigned int i;
	u64 before;

	start(500);
	for (i = 0; i < 100; i++)
		check(io(20000));
	before = test_now;
	io(20000);
	check(first_looked_at - before > 8000 && first_looked_at - before < 12000);
	/* And when it will not come any more, long before the limit */
	before = test_now;
	check(io(400000) && left == 1);
	check(test_now - before < 100000);
	return NULL;
}

/* Becomes faster: not half of the old time, for ever. */
static const char *follows_the_device(void)
{
	unsigned int i, spun;

	start(500);
	for (i = 0; i < 100; i++)
		io(100000);
	for (i = 0; i < 100; i++)
		check(io(5000));
	check(q->spinning.answer < 8000);
	/* Becomes slower, and is still worth it */
	for (i = spun = 0; i < 1000; i++)
		spun += io(60000);
	check(spun > 500);
	check(q->spinning.answer > 50000 && q->spinning.answer < 70000);
	return NULL;
}

static const char *stops_in_vain(void)
{
	unsigned int i, spun = 0, again = 0;

	start(50);
	for (i = 0; i < 40000; i++)
		spun += io(1000000);
	check(spun >= 40 && spun < 120);
	check(q->stats.spins_won == 0 && left == spun);
	/* The device has become fast: most requests, soon. */
	for (i = 0; i < 10000; i++)
		again += io(10000);
	check(again > 5800);
	return NULL;
}

/* Fast, slow for long, and fast again: as at first */
static const char *comes_back(void)
{
	unsigned int i, spun = 0;

	start(50);
	for (i = 0; i < 1000; i++)
		check(io(10000));
	for (i = 0; i < 40000; i++)
		io(1000000);
	for (i = 0; i < 10000; i++)
		spun += io(10000);
	check(spun > 5800);
	check(q->spinning.answer < 12000);
	return NULL;
}

/* A thread that sleeps unless it was asked a moment ago answers late at first. */
static const char *wakes_the_device(void)
{
	unsigned int i, awake = 0, spun, late = 0;

	start(50);
	for (i = 0; i < 10000; i++) {
		if (i % 1000 == 0)
			awake = 0;	/* as when the host was busy */
		spun = io(awake < 3 ? 90000 : 10000);
		awake = spun ? awake + 1 : 0;
		late += !spun;
	}
	check(late < 1000);
	return NULL;
}

/* Half of them are in vain: fewer than that. */
static const char *seldom_where_it_mostly_fails(void)
{
	unsigned int i, spun = 0;

	srand(1);
	start(50);
	for (i = 0; i < 10000; i++)
		spun += io(rand() % 4 ? 1000000 : 10000);
	check(spun < 1000);
	return NULL;
}

static const char *leaves_the_cpu_to_others(void)
{
	start(500);
	test_alone = false;
	check(io(100000) && left == 1 && q->stats.spin_ns < 1000);
	check(q->spinning.answer == 0);		/* says nothing about the device */

	start(500);
	test_task.need_resched = true;
	check(io(100000) && left == 1 && q->stats.spin_ns < 1000);
	return NULL;
}

static const char *found_by_others(void)
{
	struct vblk_spin spin = { .vbr = NULL };
	struct vblk_req vbr = { .spin = &spin };

	start(500);
	vblk_spin_start(q, &vbr);
	vblk_spin_found(&vbr);
	in_ring = NULL;
	vblk_spin(q, &spin);
	check(q->stats.spins_won == 1 && left == 0);

	/* So late that it was no use */
	vblk_spin_start(q, &vbr);
	vblk_spin_found(&vbr);
	spin.limit = 0;
	vblk_spin(q, &spin);
	check(q->stats.spins_lost == 1 && left == 0);
	return NULL;
}

static const char *busy_lock_is_not_waited_for(void)
{
	struct vblk_spin spin = { .limit = 10000 };

	start(500);
	q->lock.held = true;
	check(!vblk_spin_look(q, &spin, test_now));
	return NULL;
}

static const char *not_while_held(void)
{
	start(500);
	q->gov.held = true;
	check(!io(1000));
	q->gov.held = false;
	q->gov.sleeping = true;
	check(!io(1000));
	return NULL;
}

static const char *set_forgets(void)
{
	unsigned int i;

	start(50);
	for (i = 0; i < 1000; i++)
		io(1000000);
	check(!io(1000));
	vblk_spin_set(&disk.vblk, 50);
	check(io(1000));
	return NULL;
}

static struct bio bio;
static struct blk_mq_hw_ctx hctx;
static struct request rq;
static struct request_queue queue;

/* A raw pread: the bio is on the stack of who submits it. */
static bool may_spin_after(void (*change)(void))
{
	start(50);
	hctx.type = HCTX_TYPE_DEFAULT;
	bio.bi_private = &test_stack;
	queue.elevator = NULL;
	rq = (struct request) { .bio = &bio, .q = &queue, .mq_hctx = &hctx };
	test_ioprio = 0;
	test_in_task = true;
	test_irqs_disabled = false;
	test_preemptible = true;
	change();
	return vblk_may_spin(&disk.vblk, &rq);
}

static void nothing(void)
{
}

static void polled_context(void)
{
	hctx.type = HCTX_TYPE_POLL;
}

static void no_bio(void)
{
	rq.bio = NULL;
}

static void nowait(void)
{
	rq.cmd_flags |= REQ_NOWAIT;
}

static void kthread(void)
{
	test_task.flags = PF_KTHREAD;
}

static void io_worker(void)
{
	test_task.flags = PF_IO_WORKER;
}

static void user_worker(void)
{
	test_task.flags = PF_USER_WORKER;
}

static void in_softirq(void)
{
	test_in_task = false;
}

static void irqs_off(void)
{
	test_irqs_disabled = true;
}

static void no_preemption(void)
{
	test_preemptible = false;
}

static void elsewhere(void)
{
	bio.bi_private = NULL;
}

static void a_write(void)
{
	elsewhere();
	rq.cmd_flags = REQ_OP_WRITE | REQ_SYNC;
}

static void cloned(void)
{
	elsewhere();
	rq.cmd_flags = REQ_OP_READ | REQ_SYNC;
}

static void direct_read_of_a_file(void)
{
	cloned();
	rq.cmd_flags |= REQ_IDLE;
}

static void real_time(void)
{
	elsewhere();
	test_ioprio = IOPRIO_CLASS_RT;
}

static void real_time_allowed(void)
{
	real_time();
	disk.vblk.sync_poll_rt = true;
}

static void best_effort_allowed(void)
{
	elsewhere();
	disk.vblk.sync_poll_rt = true;
}

static void scheduled(void)
{
	queue.elevator = &queue;
}

static void cloned_and_scheduled(void)
{
	cloned();
	scheduled();
}

static struct bio_list bios[2];
static void more_pieces(void)
{
	bios[0].empty = false;
	bios[1].empty = true;
	test_task.bio_list = bios;
}

static void more_below(void)
{
	bios[0].empty = true;
	bios[1].empty = false;
	test_task.bio_list = bios;
}

static void last_piece(void)
{
	more_below();
	bios[1].empty = true;
}

static struct blk_plug plug;
static void plug_ended(void)
{
	plug.multiple_queues = false;
	test_task.plug = &plug;
}

static void plug_full(void)
{
	plug_ended();
	last_piece();
}

static void lone_plug(void)
{
	plug_full();
	rq.bytes = VBLK_PLUG_ENOUGH - 1;
}

static void lone_plug_of_much(void)
{
	plug_full();
	rq.bytes = VBLK_PLUG_ENOUGH;
}

static void plug_of_many_disks(void)
{
	plug_ended();
	plug.multiple_queues = true;
}

static void read_ahead(void)
{
	real_time_allowed();
	rq.cmd_flags |= REQ_RAHEAD;
}

static const char *who_may(void)
{
	check(may_spin_after(plug_ended));
	lone_plugs = true;
	check(may_spin_after(lone_plug));
	check(may_spin_after(nothing));
	check(may_spin_after(last_piece));
	check(may_spin_after(scheduled));
	check(may_spin_after(cloned));
	check(may_spin_after(real_time_allowed));
	return NULL;
}

static const char *who_may_not(void)
{
	check(!may_spin_after(polled_context));
	check(!may_spin_after(no_bio));
	check(!may_spin_after(nowait));
	check(!may_spin_after(kthread));
	check(!may_spin_after(io_worker));
	check(!may_spin_after(user_worker));
	check(!may_spin_after(in_softirq));
	check(!may_spin_after(irqs_off));
	check(!may_spin_after(no_preemption));
	check(!may_spin_after(elsewhere));
	check(!may_spin_after(a_write));
	check(!may_spin_after(direct_read_of_a_file));
	check(!may_spin_after(cloned_and_scheduled));
	check(!may_spin_after(real_time));
	check(!may_spin_after(best_effort_allowed));
	check(!may_spin_after(more_pieces));
	check(!may_spin_after(more_below));
	check(!may_spin_after(plug_full));
	lone_plugs = true;
	check(!may_spin_after(lone_plug_of_much));
	check(!may_spin_after(plug_of_many_disks));
	check(!may_spin_after(read_ahead));
	return NULL;
}

static const char *range(void)
{
	check(vblk_set_sync_poll("1000", NULL) == 0 && sync_poll_us == 1000);
	check(vblk_set_sync_poll("1001", NULL) == -ERANGE && test_messages == 1);
	check(vblk_set_sync_poll("soon", NULL) == -EINVAL && sync_poll_us == 1000);
	vblk_spin_init(&disk.vblk);
	check(disk.vblk.sync_poll_us == 1000);
	return NULL;
}

static const struct ktap_test tests[] = {
	TEST(off_is_off),
	TEST(finds_what_comes_in_time),
	TEST(gives_up_in_time),
	TEST(knows_when_to_look),
	TEST(follows_the_device),
	TEST(stops_in_vain),
	TEST(comes_back),
	TEST(wakes_the_device),
	TEST(seldom_where_it_mostly_fails),
	TEST(leaves_the_cpu_to_others),
	TEST(found_by_others),
	TEST(busy_lock_is_not_waited_for),
	TEST(not_while_held),
	TEST(set_forgets),
	TEST(who_may),
	TEST(who_may_not),
	TEST(range),
};

int main(void)
{
	return ktap_main(tests, sizeof(tests) / sizeof(tests[0]));
}
