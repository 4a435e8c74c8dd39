// SPDX-License-Identifier: GPL-2.0-only
/* Makes the tracepoints of include/trace/events/virtio_blk.h. */
#include "virtio_blk.h"

#define CREATE_TRACE_POINTS
#include <trace/events/virtio_blk.h>
