// SPDX-License-Identifier: GPL-2.0-only
/*
 * The callback governor against a model of the device: every row of its table,
 * then random mixtures of them, and at the end of each that everything completes
 * although nobody polls.
 */
#include "model.h"
#include "ktap.h"

static const char *polled_added_turns_off(void)
{
	start(false);
	submit(VBLK_POLLED);
	check(!dev.enabled);
	check(q->gov.armed && !q->gov.armed_short);
	check(q->stats.cb_off == 1);
	return NULL;
}

static const char *polled_alone_never_toggles(void)
{
	unsigned int i;

	start(false);
	use(submit(VBLK_POLLED));
	check(poll() == 1);
	dev.toggles = 0;
	for (i = 0; i < 1000; i++) {
		use(submit(VBLK_POLLED));
		check(poll() == 1);
	}
	check(dev.toggles == 0);
	check(q->stats.cb_on + q->stats.cb_off == 1);
	check(q->stats.reaped[VBLK_REAP_POLL] == 1001);
	return NULL;
}

static const char *used_while_completing_needs_no_interrupt(void)
{
	struct request *first, *second;

	start(false);
	first = submit(VBLK_PLAIN);
	second = submit(VBLK_PLAIN);
	use(first);
	dev.use_on_complete = 1;
	interrupt();
	check(!second->busy && !dev.irq_pending && dev.enabled);
	check(q->stats.irqs == 1 && q->stats.irqs_idle == 0);
	return NULL;
}

static const char *plain_added_turns_on(void)
{
	start(false);
	use(submit(VBLK_POLLED));
	poll();
	check(!dev.enabled);
	submit(VBLK_PLAIN);
	check(dev.enabled && q->stats.cb_on == 1);
	return NULL;
}

static const char *plain_used_while_turning_on_is_drained(void)
{
	struct request *rq;

	start(false);
	use(submit(VBLK_POLLED));
	poll();
	dev.use_on_enable = 1;
	rq = submit(VBLK_PLAIN);
	check(!rq->busy && dev.enabled);
	check(q->stats.reaped[VBLK_REAP_OTHER] == 1);
	return NULL;
}

static const char *plain_beside_poller_leaves_off(void)
{
	start(false);
	submit(VBLK_POLLED);
	check(!q->gov.armed_short);
	submit(VBLK_PLAIN);
	check(!dev.enabled && q->gov.armed_short);
	check(q->gov.guard.expires - now <= 500 * NSEC_PER_USEC);
	return NULL;
}

static const char *last_polled_hands_back(void)
{
	struct request *plain;

	start(false);
	use(submit(VBLK_POLLED));
	plain = submit(VBLK_PLAIN);
	check(!dev.enabled);
	check(poll() == 1);
	check(dev.enabled && plain->busy);
	use(plain);
	check(dev.irq_pending);
	interrupt();
	check(!plain->busy);
	return NULL;
}

static const char *hand_back_finds_what_came_meanwhile(void)
{
	struct request *plain;

	start(false);
	use(submit(VBLK_POLLED));
	plain = submit(VBLK_PLAIN);
	dev.use_on_enable = 1;
	check(poll() == 2);
	check(!plain->busy && dev.enabled);
	return NULL;
}

static const char *poll_leaves_plain_to_the_interrupt(void)
{
	struct request *rq;

	start(false);
	rq = submit(VBLK_PLAIN);
	use(rq);
	check(poll() == 0 && rq->busy);
	interrupt();
	check(!rq->busy);
	return NULL;
}

static const char *poll_reaps_plain_while_off(void)
{
	struct request *rq;

	start(false);
	submit(VBLK_POLLED);
	rq = submit(VBLK_PLAIN);
	use(rq);
	check(poll() == 1 && !rq->busy && !dev.enabled);
	return NULL;
}

static const char *poll_does_not_wait_for_the_lock(void)
{
	start(false);
	use(submit(VBLK_POLLED));
	q->lock.held = true;
	check(vblk_poll(&hctx, NULL) == 0);
	check(!q->gov.poller);
	return NULL;
}

static const char *interrupt_keeps_on(void)
{
	struct request *a, *b;

	start(false);
	a = submit(VBLK_PLAIN);
	b = submit(VBLK_PLAIN);
	use(a);
	dev.use_on_enable = 1;
	interrupt();
	check(!a->busy && !b->busy && dev.enabled);
	check(q->stats.cb_on + q->stats.cb_off == 0);
	check(q->stats.irqs == 1 && q->stats.irqs_idle == 0);
	return NULL;
}

static const char *interrupt_while_off_stays_off(void)
{
	struct request *rq;

	start(false);
	rq = submit(VBLK_POLLED);
	submit(VBLK_POLLED);
	use(rq);
	interrupt();
	check(!rq->busy && rq->uncached && !dev.enabled);
	check(q->stats.reaped[VBLK_REAP_IRQ] == 1);
	interrupt();
	check(q->stats.irqs_idle == 1);
	return NULL;
}

static const char *interrupt_while_off_hands_back(void)
{
	struct request *rq;

	start(false);
	rq = submit(VBLK_POLLED);
	submit(VBLK_PLAIN);
	use(rq);
	interrupt();
	check(!rq->busy && dev.enabled);
	return NULL;
}

static const char *guard_trusts_a_poller(void)
{
	start(false);
	submit(VBLK_POLLED);
	poll();
	check(guard());
	check(!dev.enabled && q->stats.stalls == 0 && q->gov.armed);
	check(q->stats.guard_fired == 1);
	return NULL;
}

static const char *guard_finds_a_stall(void)
{
	struct request *used, *waits;

	start(false);
	used = submit(VBLK_POLLED);
	waits = submit(VBLK_POLLED);
	use(used);
	check(guard());
	check(!used->busy && used->uncached && waits->busy);
	check(dev.enabled && q->gov.stalled && q->stats.stalls == 1);
	check(q->stats.reaped[VBLK_REAP_GUARD] == 1);
	submit(VBLK_POLLED);
	check(dev.enabled);	/* stays on while the stall is marked */
	use(waits);
	interrupt();
	check(!waits->busy);
	return NULL;
}

static const char *poller_ends_a_stall(void)
{
	start(false);
	submit(VBLK_POLLED);
	guard();
	check(q->gov.stalled);
	poll();
	check(!q->gov.stalled && !dev.enabled && q->gov.armed);
	return NULL;
}

/* Polled requests that interrupts complete before their poller comes. */
static unsigned int polled_until_off(void)
{
	unsigned int n = 0;

	do {
		use(submit(VBLK_POLLED));
		n++;
		if (q->gov.on)
			interrupt();
	} while (q->gov.on && n < 10000);
	return n;
}

static const char *stall_ends_by_itself(void)
{
	unsigned int expected = 16;

	start(false);
	submit(VBLK_POLLED);
	guard();
	check(q->gov.stalled && dev.enabled);
	use(oldest_in_device());
	interrupt();
	/* Nobody polls: each time it takes longer, up to a bound. */
	while (expected <= 4096) {
		check(polled_until_off() == expected);
		check(!q->gov.stalled && !dev.enabled && q->gov.armed);
		guard();
		check(q->gov.stalled && q->gov.on);
		expected *= 2;
	}
	check(polled_until_off() == 4096);
	/* Somebody did: it starts from the beginning. */
	poll();
	submit(VBLK_POLLED);
	guard();
	guard();
	check(q->gov.stalled);
	use(oldest_in_device());
	interrupt();
	check(polled_until_off() == 16);
	return NULL;
}

static const char *guard_bounds_a_plain_wait(void)
{
	struct request *plain;
	ktime_t since;

	start(false);
	submit(VBLK_POLLED);
	poll();			/* the last sign of the poller */
	plain = submit(VBLK_PLAIN);
	since = now;
	use(plain);
	while (plain->busy && now - since <= 10 * NSEC_PER_MSEC)
		check(guard());
	check(!plain->busy);
	return NULL;
}

static const char *guard_lapses(void)
{
	start(false);
	use(submit(VBLK_POLLED));
	poll();
	check(q->gov.armed);	/* nothing in flight does not cancel it */
	check(guard());
	check(!q->gov.armed && !guard());

	use(submit(VBLK_POLLED));
	interrupt();
	check(guard());		/* without a poller, but nothing in flight: no stall */
	check(!q->gov.armed && q->stats.stalls == 0);
	return NULL;
}

static const char *sleeper_gets_an_interrupt(void)
{
	struct request *rq;

	start(false);
	rq = submit(VBLK_POLLED);
	test_task = (struct task_struct) { .running = false, .need_resched = true };
	check(poll() == 0);
	check(dev.enabled && q->gov.sleeping && q->stats.sleepers == 1);
	test_task.running = true;
	submit(VBLK_POLLED);
	check(poll() == 0 && dev.enabled);	/* and it is left to him */
	use(rq);
	interrupt();
	check(!rq->busy && q->gov.sleeping);
	use(oldest_in_device());
	interrupt();
	check(!q->gov.sleeping);		/* nobody polled is in flight */
	submit(VBLK_POLLED);
	check(!dev.enabled);
	return NULL;
}

static const char *sleeper_finds_what_came_meanwhile(void)
{
	start(false);
	submit(VBLK_POLLED);
	test_task = (struct task_struct) { .running = false, .need_resched = true };
	dev.use_on_enable = 1;
	check(poll() == 1);
	return NULL;
}

static const char *sleeper_without_need_resched_spins(void)
{
	start(false);
	submit(VBLK_POLLED);
	test_task.running = false;
	check(poll() == 0 && !dev.enabled);
	return NULL;
}

static const char *running_poller_is_no_sleeper(void)
{
	start(false);
	submit(VBLK_POLLED);
	test_task.need_resched = true;
	check(poll() == 0 && !dev.enabled);
	return NULL;
}

static const char *hold_keeps_on(void)
{
	struct request *a, *b;

	start(false);
	a = submit(VBLK_POLLED);
	b = submit(VBLK_POLLED);
	use(a);
	hold();
	check(dev.enabled && !a->busy && b->busy);
	submit(VBLK_POLLED);
	check(dev.enabled);
	check(poll() == 0 && dev.enabled);
	use(b);
	interrupt();
	check(!b->busy);
	return NULL;
}

static const char *dedicated_queue_is_drained_by_the_guard(void)
{
	struct request *a, *b;

	start(true);
	a = submit(VBLK_POLLED);
	b = submit(VBLK_POLLED);
	use(a);
	check(guard() && !a->busy && !dev.enabled);
	hold();
	use(b);
	check(guard() && !b->busy && !dev.enabled);
	check(!guard() || !guard());
	check(dev.toggles == 0);
	return NULL;
}

/* As submit.c does for who spins: the request is polled until he leaves. */
static void leave(struct request *rq)
{
	struct vblk_done done = VBLK_DONE_INIT(done);
	struct vblk_req *vbr = blk_mq_rq_to_pdu(rq);
	unsigned long flags;

	spin_lock_irqsave(&q->lock, flags);
	vbr->kind = VBLK_PLAIN;
	vblk_gov_left(q, &done);
	spin_unlock_irqrestore(&q->lock, flags);
	vblk_finish(&done, NULL);
	check_rules();
}

static const char *left_alone_turns_on(void)
{
	struct request *rq, *other;

	start(false);
	rq = submit(VBLK_POLLED);
	check(!dev.enabled);
	leave(rq);
	check(dev.enabled && rq->busy);
	use(rq);
	interrupt();
	check(!rq->busy);

	rq = submit(VBLK_POLLED);
	dev.use_on_enable = 1;
	leave(rq);
	check(!rq->busy);

	other = submit(VBLK_POLLED);
	rq = submit(VBLK_POLLED);
	leave(rq);
	check(!dev.enabled && q->gov.armed_short);
	use(other);
	check(poll() == 1 && dev.enabled && rq->busy);
	return NULL;
}

static const char *who_spins_is_told(void)
{
	struct vblk_spin spin = { .found = false };
	struct vblk_req *vbr;
	struct request *rq;

	start(false);
	rq = submit(VBLK_POLLED);
	vbr = blk_mq_rq_to_pdu(rq);
	vbr->spin = &spin;
	use(rq);
	check(!spin.found);
	interrupt();
	check(spin.found);
	return NULL;
}

static const char *flush_to_follow_is_uncached(void)
{
	struct request *rq;

	start(false);
	rq = submit(VBLK_POLLED);
	rq->rq_flags = RQF_FLUSH_SEQ;
	use(rq);
	poll();
	check(!rq->busy && rq->uncached);
	rq = submit(VBLK_POLLED);
	use(rq);
	poll();
	check(!rq->busy && !rq->uncached);
	return NULL;
}

static const char *status_unwritten_is_an_error(void)
{
	struct vblk_req vbr = { .tail.status = 0xff };

	check(vblk_result(&vbr) == BLK_STS_IOERR);
	vbr.tail.status = 3;
	check(vblk_result(&vbr) == BLK_STS_IOERR);
	vbr.tail.status = VIRTIO_BLK_S_UNSUPP;
	check(vblk_result(&vbr) == BLK_STS_NOTSUPP);
	vbr.tail.status = VIRTIO_BLK_S_OK;
	check(vblk_result(&vbr) == BLK_STS_OK);
	return NULL;
}

static const char *waiting_contexts_run_again(void)
{
	start(false);
	q->waiting[VBLK_PLAIN] = &hctx;
	use(submit(VBLK_POLLED));
	check(restarts == 0);
	poll();
	check(restarts == 1 && !q->waiting[VBLK_PLAIN]);
	return NULL;
}

static const char *late_callers_find_no_ring(void)
{
	start(false);
	q->vq = NULL;
	check(poll() == 0);
	interrupt();
	q->inflight[VBLK_POLLED] = 1;
	q->gov.guard.pending = true;
	dev.enabled = false;
	q->gov.on = false;
	q->gov.guard.function(&q->gov.guard);
	check(q->stats.stalls == 0);
	/* After a reset that failed; with a dedicated queue callbacks are never on. */
	start(true);
	q->vq = NULL;
	vblk_gov_hold(q);
	check(q->stats.cb_on == 0);
	return NULL;
}

static const char *broken_ring_is_recovered(void)
{
	struct request *rq;

	start(false);
	use(submit(VBLK_PLAIN));
	interrupt();
	check(dev.recoveries == 0);
	rq = submit(VBLK_PLAIN);
	dev.vq.broken = true;
	interrupt();
	check(dev.recoveries >= 1 && rq->busy);
	/* And when the guard, a poller, or a timeout look */
	dev.recoveries = 0;
	submit(VBLK_POLLED);
	poll();
	check(dev.recoveries >= 1);
	vblk_check_ring(q);
	q->vq = NULL;
	dev.recoveries = 0;
	vblk_check_ring(q);
	check(dev.recoveries == 0);
	return NULL;
}

static const char *reset_takes_back(void)
{
	struct vblk_done done = VBLK_DONE_INIT(done);
	struct request *rq[3];

	start(false);
	rq[0] = submit(VBLK_PLAIN);
	rq[1] = submit(VBLK_POLLED);
	rq[2] = submit(VBLK_POLLED);
	use(rq[1]);
	q->waiting[VBLK_PLAIN] = &hctx;
	vblk_take_back(q, &done);
	check(done.first == blk_mq_rq_to_pdu(rq[0]) &&
	      done.first->next == blk_mq_rq_to_pdu(rq[2]) && !done.first->next->next);
	check(q->inflight[VBLK_PLAIN] == 0 && q->inflight[VBLK_POLLED] == 1);
	check(q->stats.returned == 2 && !q->waiting[VBLK_PLAIN] && rq[1]->busy);
	q->vq = NULL;
	vblk_take_back(q, &done);
	check(q->stats.returned == 2);
	return NULL;
}

/* What a reset ends: every mark. A hold is ended by who has asked for it. */
static const char *starts_anew_after_a_reset(void)
{
	start(false);
	use(submit(VBLK_POLLED));
	hold();
	check(!q->inflight[VBLK_POLLED]);
	q->gov.stalled = true;
	q->gov.sleeping = true;
	q->plain_waits = true;
	q->gov.guard.pending = false;
	q->lock.held = true;
	vblk_gov_start(q);
	q->lock.held = false;
	check(q->gov.on && !q->plain_waits);
	use(submit(VBLK_POLLED));
	check(q->gov.on);
	interrupt();
	vblk_gov_release(q);
	submit(VBLK_POLLED);
	check(!q->gov.on);
	return NULL;
}

/* The guard was armed when the ring went, and its timer has been cancelled. */
static const char *guards_anew_after_a_reset(void)
{
	struct vblk_done done = VBLK_DONE_INIT(done);

	start(false);
	submit(VBLK_POLLED);
	submit(VBLK_PLAIN);
	check(q->gov.armed);
	vblk_take_back(q, &done);
	q->gov.guard.pending = false;
	dev.enabled = true;
	q->lock.held = true;
	vblk_gov_start(q);
	q->lock.held = false;
	submit(VBLK_POLLED);
	check(!q->gov.on && q->gov.guard.pending);
	return NULL;
}

static bool timeout(void)
{
	struct vblk_done done = VBLK_DONE_INIT(done);
	unsigned long flags;
	bool lost;

	spin_lock_irqsave(&q->lock, flags);
	lost = vblk_gov_timeout(q, &done);
	spin_unlock_irqrestore(&q->lock, flags);
	vblk_finish(&done, NULL);
	return lost;
}

static const char *timeout_finds_what_no_interrupt_announced(void)
{
	struct request *rq;

	start(false);
	rq = submit(VBLK_PLAIN);
	check(!timeout() && rq->busy);
	check_rules();
	dev.event_ahead = false;	/* lost */
	device_use(rq);
	check(timeout() && !rq->busy && dev.enabled);
	check(q->stats.reaped[VBLK_REAP_TIMEOUT] == 1);
	check_rules();
	return NULL;
}

static const char *timeout_while_off_hands_back(void)
{
	struct request *plain;

	start(false);
	use(submit(VBLK_POLLED));
	plain = submit(VBLK_PLAIN);
	check(!timeout() && dev.enabled && plain->busy);
	check_rules();
	return NULL;
}

/* Any order of events keeps the rules; then, unpolled, everything completes. */
static const char *random_mixtures(void)
{
	unsigned int seed, step, i, busy;
	ktime_t since;

	for (seed = 1; seed <= 2000; seed++) {
		srand(seed);
		start(seed % 5 == 0);
		for (step = 0; step < 300; step++) {
			for (busy = i = 0; i < MAX_REQS; i++)
				busy += reqs[i].busy;
			test_task.running = rand() % 4;
			test_task.need_resched = rand() % 2;
			dev.use_on_enable = rand() % 4 ? 0 : rand() % 3;
			dev.use_on_complete = rand() % 4 ? 0 : rand() % 3;
			switch (rand() % 10) {
			case 0:
			case 1:
				if (busy < MAX_REQS)
					submit(q->dedicated || rand() % 2 ?
					       VBLK_POLLED : VBLK_PLAIN);
				break;
			case 2:
			case 3:
				device_use_one();
				break;
			case 4:
				poll();
				break;
			case 5:
				if (dev.irq_pending || (!q->dedicated && rand() % 8 == 0))
					interrupt();
				break;
			case 6:
				guard();
				break;
			case 7:
				if (step > 250 && rand() % 16 == 0)
					hold();
				break;
			case 8:
				if (rand() % 16 == 0) {
					timeout();
					check_rules();
				}
				break;
			case 9:
				i = rand() % MAX_REQS;
				if (reqs[i].busy && !reqs[i].used && !q->dedicated &&
				    ((struct vblk_req *)reqs[i].pdu)->kind == VBLK_POLLED)
					leave(&reqs[i]);
				break;
			}
		}

		dev.use_on_enable = 0;
		dev.use_on_complete = 0;
		while (device_use_one())
			;
		since = now;
		while (now - since <= 10 * NSEC_PER_MSEC) {
			for (busy = i = 0; i < MAX_REQS; i++)
				busy += reqs[i].busy;
			if (!busy)
				break;
			if (dev.irq_pending)
				interrupt();
			else
				check(guard());
		}
		check(!busy);
	}
	return NULL;
}

static const struct ktap_test tests[] = {
	TEST(polled_added_turns_off),
	TEST(polled_alone_never_toggles),
	TEST(used_while_completing_needs_no_interrupt),
	TEST(plain_added_turns_on),
	TEST(plain_used_while_turning_on_is_drained),
	TEST(plain_beside_poller_leaves_off),
	TEST(last_polled_hands_back),
	TEST(hand_back_finds_what_came_meanwhile),
	TEST(poll_leaves_plain_to_the_interrupt),
	TEST(poll_reaps_plain_while_off),
	TEST(poll_does_not_wait_for_the_lock),
	TEST(interrupt_keeps_on),
	TEST(interrupt_while_off_stays_off),
	TEST(interrupt_while_off_hands_back),
	TEST(guard_trusts_a_poller),
	TEST(guard_finds_a_stall),
	TEST(poller_ends_a_stall),
	TEST(stall_ends_by_itself),
	TEST(guard_bounds_a_plain_wait),
	TEST(guard_lapses),
	TEST(sleeper_gets_an_interrupt),
	TEST(sleeper_finds_what_came_meanwhile),
	TEST(sleeper_without_need_resched_spins),
	TEST(running_poller_is_no_sleeper),
	TEST(hold_keeps_on),
	TEST(dedicated_queue_is_drained_by_the_guard),
	TEST(left_alone_turns_on),
	TEST(who_spins_is_told),
	TEST(flush_to_follow_is_uncached),
	TEST(status_unwritten_is_an_error),
	TEST(waiting_contexts_run_again),
	TEST(late_callers_find_no_ring),
	TEST(broken_ring_is_recovered),
	TEST(reset_takes_back),
	TEST(starts_anew_after_a_reset),
	TEST(guards_anew_after_a_reset),
	TEST(timeout_finds_what_no_interrupt_announced),
	TEST(timeout_while_off_hands_back),
	TEST(random_mixtures),
};

int main(void)
{
	return ktap_main(tests, sizeof(tests) / sizeof(tests[0]));
}
