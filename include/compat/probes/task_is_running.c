// SPDX-License-Identifier: GPL-2.0-only
// 5.14: task_is_running().
#include <linux/sched.h>

#ifndef task_is_running
#error "no task_is_running()"
#endif
