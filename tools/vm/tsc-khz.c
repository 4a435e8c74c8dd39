// SPDX-License-Identifier: GPL-2.0-only
/*
 * Prints the rate of this machine's time stamp counter in kHz. Under QEMU's own
 * emulation it is the guest's clock, too, and a guest that has to measure it on
 * a busy host can be wrong several times over.
 */
#include <stdio.h>
#include <time.h>

#include <x86intrin.h>

static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	return ts.tv_sec * 1e3 + ts.tv_nsec / 1e6;
}

/* Both clocks, read as close to each other as one of a few attempts manages. */
static void sample(double *ms, double *ticks)
{
	double best = 1e9;
	int i;

	for (i = 0; i < 20; i++) {
		double before = now_ms();
		double tsc = __rdtsc();
		double took = now_ms() - before;

		if (took < best) {
			best = took;
			*ms = before + took / 2;
			*ticks = tsc;
		}
	}
}

int main(void)
{
	const struct timespec pause = { .tv_nsec = 50 * 1000 * 1000 };
	double ms[2], ticks[2];

	sample(&ms[0], &ticks[0]);
	nanosleep(&pause, NULL);
	sample(&ms[1], &ticks[1]);
	printf("%.0f\n", (ticks[1] - ticks[0]) / (ms[1] - ms[0]));
	return 0;
}
