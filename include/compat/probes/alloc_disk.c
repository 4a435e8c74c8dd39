// SPDX-License-Identifier: GPL-2.0-only
// 5.14: blk_mq_alloc_disk(), disks that own their queue.
#include <linux/blk-mq.h>

#ifndef blk_mq_alloc_disk
#error "no blk_mq_alloc_disk()"
#endif
