/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files of the front end, mapped. It can make them shorter at any time, and what is
 * beyond their end cannot be accessed any more: that ends the connection, and
 * nothing else.
 */
#ifndef VBLKDEV_SHARED_H
#define VBLKDEV_SHARED_H

#include "util.h"

/* size bytes from the file's beginning; MAP_FAILED where that cannot be. */
void *shared_map(size_t size, int fd);
void shared_unmap(void *map, size_t size);

/*
 * From now on what cannot be accessed becomes zeroes of our own, and who waits for
 * wake_fd is told to hang up. Threads must not block SIGBUS.
 */
void shared_guard(atomic_bool *hang_up, int wake_fd);

/* That happened; until it is set to false, what is read there is nobody's word. */
extern atomic_bool shared_gone;

#endif /* VBLKDEV_SHARED_H */
