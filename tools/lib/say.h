/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What programs of the host share: messages and time.
 */
#ifndef LIB_SAY_H
#define LIB_SAY_H

#include <stdint.h>

#define ITEMS(array)	(sizeof(array) / sizeof((array)[0]))

/*
 * One line on standard error, with the program's name; die() then ends the program
 * with status 2.
 */
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Nanoseconds of a clock that never jumps. */
uint64_t now_ns(void);

#endif /* LIB_SAY_H */
