/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Threads that do the I/O of a queue where the kernel has no io_uring: blocking,
 * a request each.
 */
#ifndef VBLKDEV_POOL_H
#define VBLKDEV_POOL_H

#include "device.h"

struct pool;

/* What they do with a request: returns its status. */
typedef int (*pool_work)(struct backend *b, struct request *req);

struct pool *pool_new(struct backend *b, pool_work work);
/* When nothing is under way any more. */
void pool_free(struct pool *pool);

void pool_submit(struct pool *pool, struct request *req);
/* One that is done, with its status in ->result; NULL: none. */
struct request *pool_reap(struct pool *pool);
/* Readable when one may be done. */
int pool_fd(const struct pool *pool);

#endif /* VBLKDEV_POOL_H */
