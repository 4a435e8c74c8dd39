/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For host tests in C: a table of functions that return NULL, or what did not
 * hold. Each runs in a process of its own, so that an assertion, a sanitizer or
 * a crash fails one test and not the rest. selftests/run makes KTAP of it.
 */
#ifndef VBLK_KTAP_H
#define VBLK_KTAP_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct ktap_test {
	const char *name;
	const char *(*run)(void);
};

#define TEST(fn)	{ #fn, fn }

/* For such a function: go on if it is true. */
#define check(cond)	do { if (!(cond)) return #cond; } while (0)

static inline int ktap_main(const struct ktap_test *tests, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		int status;

		fflush(stdout);
		if (!fork()) {
			const char *why = tests[i].run();

			if (why)
				fprintf(stderr, "%s: not true: %s\n", tests[i].name, why);
			fflush(stderr);
			_exit(why ? 1 : 0);
		}
		wait(&status);
		printf("%sok - %s\n", status ? "not " : "", tests[i].name);
		if (WIFSIGNALED(status))
			printf("# ended by signal %d\n", WTERMSIG(status));
	}
	printf("1..%u\n", n);
	return 0;
}

#endif /* VBLK_KTAP_H */
