// SPDX-License-Identifier: GPL-2.0-only
/*
 * vblkdev's latencies: what is drawn, and when requests come back.
 */
#include "front.h"
#include "ktap.h"

#define DRAWS	100000u
#define MS	1000000ull

static struct front f;

static const char *specifications(void)
{
	static const char * const good[] = {
		"fixed:200us", "fixed:0s", "uniform:50us-500us", "uniform:1ms-1ms", "exp:1.5ms",
		"pareto:50us", "pareto:100ns,3", "fixed:10s",
	};
	static const char * const bad[] = {
		"", "fixed", "fixed:", "fixed:200", "fixed:200us,1", "fixed:-1us", "fixed:11s",
		"fixed:us", "uniform:50us", "uniform:5us-4us", "uniform:5us-", "exp:1ms-2ms",
		"exp:1ms,2ms", "pareto:1us,0", "pareto:1us,x", "pareto:1us,", "normal:1us",
		"fixed:nan", "fixed:1us ", "pareto:1us,1e9",
	};
	struct latency l;
	unsigned int i;

	for (i = 0; i < ITEMS(good); i++)
		if (latency_parse(&l, good[i]))
			return good[i];
	for (i = 0; i < ITEMS(bad); i++)
		if (!latency_parse(&l, bad[i]))
			return bad[i];
	check(!latency_parse(&l, "uniform:1.5us-2ms") && l.ns == 1500 && l.most_ns == 2 * MS);
	return NULL;
}

static uint64_t sorted[DRAWS];

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Draws, sorted; the mean. */
static double draw(const char *spec)
{
	uint64_t state = latency_seed(1, 0);
	struct latency l;
	double sum = 0;
	unsigned int i;

	if (latency_parse(&l, spec))
		abort();
	for (i = 0; i < DRAWS; i++) {
		sorted[i] = latency_draw(&l, &state);
		sum += sorted[i];
	}
	qsort(sorted, DRAWS, sizeof(sorted[0]), compare);
	return sum / DRAWS;
}

static bool near(double value, double expected)
{
	fprintf(stderr, "%g for %g\n", value, expected);
	return value > 0.98 * expected && value < 1.02 * expected;
}

static const char *distributions(void)
{
	check(draw("fixed:200us") == 200000 && sorted[0] == 200000);
	check(near(draw("uniform:100us-300us"), 200000));
	check(sorted[0] >= 100000 && sorted[DRAWS - 1] <= 300000);
	check(near(sorted[DRAWS / 4], 150000));
	check(near(draw("exp:100us"), 100000));
	check(near(sorted[DRAWS / 2], 69315));		/* ln 2 */
	check(near(draw("pareto:100us,3"), 150000));
	check(sorted[0] >= 100000);
	check(near(sorted[DRAWS / 2], 125992));		/* 2 to the power of 1/3 */
	/* A tail without end is cut off. */
	draw("pareto:1s,0.5");
	check(sorted[DRAWS - 1] == LATENCY_MAX_NS);
	return NULL;
}

static const char *repeats(void)
{
	uint64_t a = latency_seed(7, 0), b = latency_seed(7, 0), other = latency_seed(7, 1);
	unsigned int i, same = 0;
	struct latency l;

	latency_parse(&l, "exp:100us");
	for (i = 0; i < 1000; i++) {
		uint64_t ns = latency_draw(&l, &a);

		check(ns == latency_draw(&l, &b));
		same += ns == latency_draw(&l, &other);
	}
	check(same < 10);
	return NULL;
}

static void put_flushes(unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		struct piece p[2] = { HEADER(2 * i), STATUS(2 * i) };

		header(&f, 2 * i, VIRTIO_BLK_T_FLUSH, 0);
		put(&f, 2 * i, p, 2);
	}
	front_kick(&f);
}

static const char *never_early(bool poll)
{
	unsigned int round, i;
	struct used u;

	front_open(&f, "null");
	latency_parse(&f.dev.opt.latency, "fixed:3ms");
	f.dev.opt.poll = poll;
	f.dev.opt.poll_ns = 20000;
	front_start(&f);
	for (round = 0; round < 20; round++) {
		uint64_t begin = now_ns();

		put_flushes(8);
		for (i = 0; i < 8; i++) {
			check(wait_used(&f, &u, 2));
			check(now_ns() - begin >= 3 * MS);
		}
	}
	return NULL;
}

static const char *sleeper_is_never_early(void)
{
	return never_early(false);
}

static const char *poller_is_never_early(void)
{
	return never_early(true);
}

/* Each falls due by itself, and those before it in the ring do not matter. */
static const char *out_of_order(void)
{
	uint64_t state = latency_seed(5, 0), drawn[8], due[8] = { }, at[8], last = 0, begin;
	const struct request *pool;
	unsigned int i, swaps = 0, order[8];
	struct used u;

	front_open(&f, "null");
	latency_parse(&f.dev.opt.latency, "uniform:0ms-300ms");
	f.dev.opt.seed = 5;
	for (i = 0; i < 8; i++)
		drawn[i] = latency_draw(&f.dev.opt.latency, &state);
	front_start(&f);
	check(asleep(&f));
	begin = now_ns();
	put_flushes(8);
	for (i = 0; i < 8; i++) {
		check(wait_used(&f, &u, 2) && u.id % 2 == 0 && u.id < 16);
		order[i] = u.id / 2;
		at[i] = now_ns();
	}
	/* They were taken one by one, perhaps long after each other, and keep when. */
	pool = f.dev.queues[0].pool;
	for (i = 0; i < RING_SIZE; i++)
		if (pool[i].due)
			due[pool[i].chain.id / 2] = pool[i].due;
	for (i = 0; i < 8; i++) {
		uint64_t this = due[order[i]];

		check(this && this - drawn[order[i]] >= begin);
		check(this >= last && this <= at[i]);
		last = this;
		swaps += i && order[i] < order[i - 1];
	}
	check(swaps);
	front_close(&f);
	/*
	 * No notification for what was not there yet. A thread that got no CPU
	 * for a while finds two that fell due.
	 */
	check(counted(&f.dev.queues[0].n.bursts) <= 8);
	return NULL;
}

/* By a timer when it is far, and by the clock when it is near. */
static const char *sleeping(void)
{
	check(queue_sleep_ns(1000, 1000, false) == 0 && queue_sleep_ns(900, 1000, false) == 0);
	check(queue_sleep_ns(51000, 1000, false) == 50000);
	check(queue_sleep_ns(51000, 1000, true) == 0);
	check(queue_sleep_ns(101000, 1000, true) == 0);
	check(queue_sleep_ns(501000, 1000, true) == 400000);
	return NULL;
}

static const char *histogram(void)
{
	static struct histogram h, sum;
	static const struct {
		uint64_t ns, least, most;
	} ones[] = {
		{ 0, 0, 0 }, { 7, 7, 7 }, { 8, 8, 8 }, { 1000, 1000, 1125 },
		{ 1ull << 30, 1ull << 30, 9ull << 27 }, { UINT64_MAX, 1ull << 39, UINT64_MAX },
	};
	unsigned int i;

	check(histogram_percentile(&h, 50) == 0);
	for (i = 0; i < ITEMS(ones); i++) {
		memset(&h, 0, sizeof(h));
		histogram_add(&h, ones[i].ns);
		check(histogram_percentile(&h, 50) >= ones[i].least);
		check(histogram_percentile(&h, 50) <= ones[i].most);
	}
	memset(&h, 0, sizeof(h));
	for (i = 1; i <= DRAWS; i++)
		histogram_add(&h, i);
	histogram_merge(&sum, &h);
	histogram_merge(&sum, &h);
	check(histogram_count(&sum) == 2 * DRAWS);
	for (i = 1; i <= 100; i++) {
		uint64_t exact = (uint64_t)DRAWS * i / 100, p = histogram_percentile(&sum, i);

		check(p >= exact && p <= exact + exact / 8);
	}
	return NULL;
}

/* From a burst's last completion to its notification, each that there was. */
static const char *notifications(void)
{
	struct counters *n = &f.dev.queues[0].n;
	struct used u;
	unsigned int i;

	front_open(&f, "null");
	faults_add(&f.dev.faults, "irq-late=2000");
	front_start(&f);
	/* Another burst before it would share the notification of this one. */
	for (i = 0; i < 10; i++) {
		put_flushes(1);
		check(wait_used(&f, &u, 2));
		while (counted(&n->notified) <= i)
			;
	}
	front_close(&f);
	check(counted(&n->notified) == 10);
	check(histogram_count(&n->notify_ns) == counted(&n->notified));
	check(histogram_percentile(&n->notify_ns, 50) >= 2 * MS);
	return NULL;
}

static const struct ktap_test tests[] = {
	TEST(specifications),
	TEST(distributions),
	TEST(repeats),
	TEST(sleeper_is_never_early),
	TEST(poller_is_never_early),
	TEST(out_of_order),
	TEST(sleeping),
	TEST(histogram),
	TEST(notifications),
};

int main(void)
{
	return ktap_main(tests, ITEMS(tests));
}
