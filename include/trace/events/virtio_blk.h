/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints of virtio_blk: requests in and out of the ring, by whom, and what
 * the callback governor decides, and why.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM virtio_blk

#if !defined(VBLK_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define VBLK_TRACE_H

#include <linux/tracepoint.h>

struct request;
struct vblk;
struct vblk_queue;

/* For those who read the events in user space. */
TRACE_DEFINE_ENUM(VBLK_PLAIN);
TRACE_DEFINE_ENUM(VBLK_POLLED);
TRACE_DEFINE_ENUM(VBLK_REAP_POLL);
TRACE_DEFINE_ENUM(VBLK_REAP_IRQ);
TRACE_DEFINE_ENUM(VBLK_REAP_GUARD);
TRACE_DEFINE_ENUM(VBLK_REAP_TIMEOUT);
TRACE_DEFINE_ENUM(VBLK_REAP_OTHER);
TRACE_DEFINE_ENUM(VBLK_CB_POLLED);
TRACE_DEFINE_ENUM(VBLK_CB_POLLER);
TRACE_DEFINE_ENUM(VBLK_CB_PLAIN);
TRACE_DEFINE_ENUM(VBLK_CB_DRAINED);
TRACE_DEFINE_ENUM(VBLK_CB_SLEEPER);
TRACE_DEFINE_ENUM(VBLK_CB_STALL);
TRACE_DEFINE_ENUM(VBLK_CB_HOLD);

#define vblk_show_kind(kind)			\
	__print_symbolic(kind,			\
		{ VBLK_PLAIN, "plain" },	\
		{ VBLK_POLLED, "polled" })

#define vblk_show_reaper(who)			\
	__print_symbolic(who,			\
		{ VBLK_REAP_POLL, "poll" },	\
		{ VBLK_REAP_IRQ, "irq" },	\
		{ VBLK_REAP_GUARD, "guard" },	\
		{ VBLK_REAP_TIMEOUT, "timeout" },	\
		{ VBLK_REAP_OTHER, "other" })

#define vblk_show_reason(why)				\
	__print_symbolic(why,				\
		{ VBLK_CB_POLLED, "polled-added" },	\
		{ VBLK_CB_POLLER, "poller" },		\
		{ VBLK_CB_PLAIN, "plain-added" },	\
		{ VBLK_CB_DRAINED, "drained" },		\
		{ VBLK_CB_SLEEPER, "sleeper" },		\
		{ VBLK_CB_STALL, "stall" },		\
		{ VBLK_CB_HOLD, "hold" })

#define VBLK_DEV_FMT	"%d,%d q%u"
#define VBLK_DEV_ARGS	MAJOR(__entry->dev), MINOR(__entry->dev), __entry->queue

/* A request was added to the ring; the device may not have been told yet. */
TRACE_EVENT(vblk_submit,
	TP_PROTO(const struct vblk_queue *q, struct request *rq),
	TP_ARGS(q, rq),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(unsigned int, queue)
		__field(int, tag)
		__field(unsigned int, op)
		__field(u8, kind)
		__field(u64, sector)
		__field(unsigned int, sectors)
	),
	TP_fast_assign(
		struct vblk_req *vbr = blk_mq_rq_to_pdu(rq);

		__entry->dev = disk_devt(q->vblk->disk);
		__entry->queue = q->index;
		__entry->tag = rq->tag;
		__entry->op = (__force unsigned int)req_op(rq);
		__entry->kind = vbr->kind;
		__entry->sector = blk_rq_is_passthrough(rq) ? 0 : blk_rq_pos(rq);
		__entry->sectors = blk_rq_is_passthrough(rq) ? 0 : blk_rq_sectors(rq);
	),
	TP_printk(VBLK_DEV_FMT " tag=%d %s op=%u sector=%llu sectors=%u",
		  VBLK_DEV_ARGS, __entry->tag, vblk_show_kind(__entry->kind),
		  __entry->op, __entry->sector, __entry->sectors)
);

/* A request was taken off the ring. */
TRACE_EVENT(vblk_reap,
	TP_PROTO(const struct vblk_queue *q, struct request *rq, unsigned int who),
	TP_ARGS(q, rq, who),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(unsigned int, queue)
		__field(int, tag)
		__field(u8, kind)
		__field(u8, who)
		__field(u8, status)
	),
	TP_fast_assign(
		struct vblk_req *vbr = blk_mq_rq_to_pdu(rq);

		__entry->dev = disk_devt(q->vblk->disk);
		__entry->queue = q->index;
		__entry->tag = rq->tag;
		__entry->kind = vbr->kind;
		__entry->who = who;
		__entry->status = vbr->tail.status;
	),
	TP_printk(VBLK_DEV_FMT " tag=%d %s by=%s status=%u",
		  VBLK_DEV_ARGS, __entry->tag, vblk_show_kind(__entry->kind),
		  vblk_show_reaper(__entry->who), __entry->status)
);

/* The governor turned the device's interrupts on or off. */
TRACE_EVENT(vblk_callbacks,
	TP_PROTO(const struct vblk_queue *q, bool on, unsigned int why),
	TP_ARGS(q, on, why),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(unsigned int, queue)
		__field(bool, on)
		__field(u8, why)
	),
	TP_fast_assign(
		__entry->dev = disk_devt(q->vblk->disk);
		__entry->queue = q->index;
		__entry->on = on;
		__entry->why = why;
	),
	TP_printk(VBLK_DEV_FMT " %s reason=%s", VBLK_DEV_ARGS,
		  __entry->on ? "on" : "off", vblk_show_reason(__entry->why))
);

/* The guard found requests in flight and nobody who polls for them. */
TRACE_EVENT(vblk_stall,
	TP_PROTO(const struct vblk_queue *q),
	TP_ARGS(q),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(unsigned int, queue)
		__field(unsigned int, plain)
		__field(unsigned int, polled)
	),
	TP_fast_assign(
		__entry->dev = disk_devt(q->vblk->disk);
		__entry->queue = q->index;
		__entry->plain = q->inflight[VBLK_PLAIN];
		__entry->polled = q->inflight[VBLK_POLLED];
	),
	TP_printk(VBLK_DEV_FMT " plain=%u polled=%u", VBLK_DEV_ARGS,
		  __entry->plain, __entry->polled)
);

/* The device was reset (begin) or set up again, or could not be (error). */
TRACE_EVENT(vblk_reset,
	TP_PROTO(const struct vblk *vblk, bool begin, int error),
	TP_ARGS(vblk, begin, error),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(bool, begin)
		__field(int, error)
	),
	TP_fast_assign(
		__entry->dev = disk_devt(vblk->disk);
		__entry->begin = begin;
		__entry->error = error;
	),
	TP_printk("%d,%d %s error=%d", MAJOR(__entry->dev), MINOR(__entry->dev),
		  __entry->begin ? "begin" : "end", __entry->error)
);

#endif /* VBLK_TRACE_H */

#include <trace/define_trace.h>
