// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counters: /sys/kernel/debug/virtio_blk/DISK, a line a queue, key=value. They
 * count up from probe and are documented in Documentation/ABI.
 */
#include "virtio_blk.h"

#include <linux/debugfs.h>
#include <linux/seq_file.h>

static struct dentry *vblk_debugfs_root;

/* The contexts that a queue serves; a kdump kernel may give none that poll. */
static const char *vblk_polls(const struct vblk_queue *q)
{
	if (q->vblk->set.nr_maps <= HCTX_TYPE_POLL)
		return "no";
	return q->dedicated ? "dedicated" : q->vblk->twin ? "twin" : "no";
}

static int vblk_counters_show(struct seq_file *m, void *v)
{
	struct vblk *vblk = m->private;
	unsigned int i;

	for (i = 0; i < vblk->num_vqs; i++) {
		struct vblk_queue *q = &vblk->queues[i];
		unsigned int plain, polled;
		struct vblk_stats s;
		bool on;

		spin_lock_irq(&q->lock);
		s = q->stats;
		on = q->gov.on;
		plain = q->inflight[VBLK_PLAIN];
		polled = q->inflight[VBLK_POLLED];
		spin_unlock_irq(&q->lock);

		seq_printf(m, "queue=%u plain=%llu polled=%llu reaped_poll=%llu reaped_irq=%llu reaped_guard=%llu reaped_timeout=%llu reaped_other=%llu ",
			   i, s.submitted[VBLK_PLAIN], s.submitted[VBLK_POLLED],
			   s.reaped[VBLK_REAP_POLL], s.reaped[VBLK_REAP_IRQ],
			   s.reaped[VBLK_REAP_GUARD], s.reaped[VBLK_REAP_TIMEOUT],
			   s.reaped[VBLK_REAP_OTHER]);
		seq_printf(m, "kicks=%llu kicks_saved=%llu kicks_core=%llu ring_full=%llu irqs=%llu irqs_idle=%llu irqs_lost=%llu ",
			   s.kicks, s.kicks_saved, s.kicks_core, s.ring_full,
			   s.irqs, s.irqs_idle, s.irqs_lost);
		seq_printf(m, "cb_on=%llu cb_off=%llu guard_fired=%llu stalls=%llu sleepers=%llu timeouts=%llu returned=%llu ",
			   s.cb_on, s.cb_off, s.guard_fired, s.stalls, s.sleepers,
			   s.timeouts, s.returned);
		seq_printf(m, "spins=%llu spins_won=%llu spins_lost=%llu spin_ns=%llu inflight_plain=%u inflight_polled=%u callbacks=%s polls=%s\n",
			   s.spins, s.spins_won, s.spins_lost, s.spin_ns,
			   plain, polled, on ? "on" : "off", vblk_polls(q));
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(vblk_counters);

/**
 * vblk_debugfs_add() - a file with the disk's counters
 * @vblk: the disk
 */
void vblk_debugfs_add(struct vblk *vblk)
{
	vblk->debugfs = debugfs_create_file(vblk->disk->disk_name, 0400,
					    vblk_debugfs_root, vblk,
					    &vblk_counters_fops);
}

/**
 * vblk_debugfs_del() - its end
 * @vblk: the disk
 *
 * Returns after the last reader has left.
 */
void vblk_debugfs_del(struct vblk *vblk)
{
	debugfs_remove(vblk->debugfs);
}

/**
 * vblk_debugfs_init() - the folder for these
 */
void vblk_debugfs_init(void)
{
	vblk_debugfs_root = debugfs_create_dir("virtio_blk", NULL);
}

/**
 * vblk_debugfs_exit() - its end, without disks
 */
void vblk_debugfs_exit(void)
{
	debugfs_remove(vblk_debugfs_root);
}
