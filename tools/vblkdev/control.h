/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The control socket: a line of JSON is a command, a line of JSON its answer.
 * The main thread's.
 */
#ifndef VBLKDEV_CONTROL_H
#define VBLKDEV_CONTROL_H

#include <poll.h>

#include "device.h"

#define CONTROL_CLIENTS	4

/* Returns a socket that listens there; die()s where it cannot. */
int listen_at(const char *option, const char *path);

/* fds has room for CONTROL_CLIENTS; unused ones are -1. */
void control_poll(struct pollfd *fds);
void control_accept(int listener);
void control_readable(struct device *dev, const struct pollfd *fds);

/* One command; the answer is one line, to be freed. */
char *control_command(struct device *dev, const char *line);
/* All counters, as an object. */
void control_counters(struct device *dev, FILE *to);

/* Config space says something else from now on, and the driver hears of it. */
const char *change_config(struct device *dev, const char *assignments);

#endif /* VBLKDEV_CONTROL_H */
