// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the driver believes of config space: every field at and beyond its
 * bounds. No QEMU can be made to report most of this.
 */
#include "ktap.h"

#include <string.h>

#include "../../drivers/block/virtio_blk/limits.c"

#define PAGE	4096

static struct vblk_limits lim;
static const char *why;

static bool accepted(struct vblk_config cfg)
{
	why = NULL;
	memset(&lim, 0xa5, sizeof(lim));
	return !vblk_check_config(&cfg, PAGE, &lim, &why);
}

/* One value of one field; the reason must name it. */
#define takes(field, value)	\
	accepted((struct vblk_config) { .has_##field = true, .field = (value) })
#define refuses(field, value)	\
	(!takes(field, value) && why && strstr(why, #field))

static const char *nothing_negotiated(void)
{
	/* Garbage in fields that the device does not offer is not looked at. */
	check(accepted((struct vblk_config) {
		.size_max = 1, .blk_size = 3, .physical_block_exp = 200,
		.opt_io_size = ~0u,
	}));
	check(lim.logical_block_size == 512 && lim.physical_block_size == 512);
	check(lim.io_min == 512 && lim.io_opt == 0 && lim.alignment_offset == 0);
	check(lim.max_segments == 1 && lim.max_segment_size == ~0u);
	check(lim.num_queues == 1 && !lim.dropped);
	return NULL;
}

static const char *capacity(void)
{
	check(accepted((struct vblk_config) { .capacity = 0 }));
	check(accepted((struct vblk_config) { .capacity = INT64_MAX / 512 }));
	check(!accepted((struct vblk_config) { .capacity = INT64_MAX / 512 + 1 }));
	check(strstr(why, "capacity"));
	check(!accepted((struct vblk_config) { .capacity = UINT64_MAX }));
	check(vblk_check_capacity(1ull << 55, &why) == -EINVAL);
	check(vblk_check_capacity(0, &why) == 0);
	return NULL;
}

static const char *blk_size(void)
{
	static const u32 bad[] = { 0, 1, 3, 256, 511, 513, 1536, 8192, 8 << 20,
				   1u << 31, ~0u };
	unsigned int i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check(refuses(blk_size, bad[i]));
	for (i = 512; i <= PAGE; i *= 2) {
		check(takes(blk_size, i));
		check(lim.logical_block_size == i && lim.physical_block_size == i);
		check(lim.io_min == i);
	}
	return NULL;
}

static const char *seg_max(void)
{
	check(refuses(seg_max, 0));
	check(takes(seg_max, 1) && lim.max_segments == 1);
	check(takes(seg_max, 254) && lim.max_segments == 254);
	/* The block layer's limit is an unsigned short. */
	check(takes(seg_max, 65535) && lim.max_segments == 65535);
	check(takes(seg_max, 65536) && lim.max_segments == 65535);
	check(takes(seg_max, ~0u) && lim.max_segments == 65535);
	return NULL;
}

static const char *size_max(void)
{
	check(refuses(size_max, 0));
	check(refuses(size_max, 511));
	check(refuses(size_max, PAGE - 1));
	check(takes(size_max, PAGE) && lim.max_segment_size == PAGE);
	check(takes(size_max, ~0u) && lim.max_segment_size == ~0u);
	return NULL;
}

static const char *num_queues(void)
{
	struct vblk_config cfg = { .has_mq = true };

	check(!accepted(cfg) && strstr(why, "num_queues"));
	cfg.num_queues = 1;
	check(accepted(cfg) && lim.num_queues == 1);
	cfg.num_queues = 65535;
	check(accepted(cfg) && lim.num_queues == 65535);
	return NULL;
}

static struct vblk_config topology(u8 exp, u8 align, u32 min, u32 opt)
{
	return (struct vblk_config) {
		.has_topology = true, .physical_block_exp = exp,
		.alignment_offset = align, .min_io_size = min, .opt_io_size = opt,
	};
}

static const char *topology_believed(void)
{
	struct vblk_config cfg = topology(3, 7, 16, 128);

	check(accepted(cfg) && !lim.dropped);
	check(lim.physical_block_size == 4096 && lim.alignment_offset == 7 * 512);
	check(lim.io_min == 16 * 512 && lim.io_opt == 128 * 512);
	cfg.has_blk_size = true;
	cfg.blk_size = 4096;
	check(accepted(cfg) && !lim.dropped);
	check(lim.physical_block_size == 32768 && lim.io_opt == 128 * 4096);
	/* 0: no hint */
	check(accepted(topology(0, 0, 0, 0)) && !lim.dropped);
	check(lim.io_min == 512 && lim.io_opt == 0);
	return NULL;
}

/* A hint that makes no sense costs no disk, and no shift beyond 31 bits. */
static const char *physical_block_exp(void)
{
	unsigned int exp;

	for (exp = 0; exp <= 255; exp++) {
		check(accepted(topology(exp, 0, 0, 0)));
		if (exp <= 22) {
			check(!lim.dropped && lim.physical_block_size == 512u << exp);
		} else {
			check(!strcmp(lim.dropped, "physical_block_exp"));
			check(lim.physical_block_size == 512);
		}
	}
	return NULL;
}

static const char *alignment_offset(void)
{
	check(accepted(topology(3, 8, 0, 0)));
	check(!strcmp(lim.dropped, "alignment_offset") && !lim.alignment_offset);
	check(accepted(topology(0, 255, 0, 0)));
	check(!strcmp(lim.dropped, "alignment_offset"));
	check(accepted(topology(8, 255, 0, 0)) && !lim.dropped);
	return NULL;
}

static const char *io_sizes(void)
{
	check(accepted(topology(0, 0, 65535, 0)) && !lim.dropped);
	check(lim.io_min == 65535 * 512);
	check(accepted(topology(0, 0, 0, 1 << 17)) && !lim.dropped);
	check(lim.io_opt == 64 << 20);
	check(accepted(topology(0, 0, 0, (1 << 17) + 1)));
	check(!strcmp(lim.dropped, "opt_io_size") && lim.io_opt == 0);
	check(accepted(topology(0, 0, 0, ~0u)));
	check(!strcmp(lim.dropped, "opt_io_size"));
	check(accepted(topology(0, 0, ~0u, 0)));
	check(!strcmp(lim.dropped, "min_io_size") && lim.io_min == 512);
	return NULL;
}

static struct vblk_config erasing(u32 max, u32 align, u32 erase_max, u32 erase_align)
{
	return (struct vblk_config) {
		.has_discard = max, .max_discard_sectors = max,
		.discard_sector_alignment = align, .max_discard_seg = 4,
		.has_secure_erase = true, .max_secure_erase_sectors = erase_max,
		.secure_erase_sector_alignment = erase_align,
	};
}

static const char *secure_erase(void)
{
	/* Limits of its own, in whole units of its alignment. */
	check(accepted(erasing(4096, 8, 1000, 16)) && !lim.dropped);
	check(lim.max_discard_sectors == 4096 && lim.max_discard_segments == 4);
	check(lim.max_secure_erase_sectors == 992 && lim.discard_granularity == 16 * 512);
	check(accepted(erasing(0, 0, ~0u, 8)) && !lim.dropped);
	check(!lim.max_discard_sectors && lim.max_secure_erase_sectors == ~0u - 7);
	/* Less than a unit, none, an alignment that wraps or is at odds. */
	check(accepted(erasing(8, 8, 15, 16)) && lim.dropped);
	check(!lim.max_secure_erase_sectors && lim.max_discard_sectors == 8);
	check(accepted(erasing(8, 8, 0, 0)) && lim.dropped && !lim.max_secure_erase_sectors);
	check(accepted(erasing(8, 8, 64, 1u << 23)) && lim.dropped);
	check(!lim.max_secure_erase_sectors);
	check(accepted(erasing(8, 8, 64, 12)) && lim.dropped);
	check(!lim.max_secure_erase_sectors && lim.discard_granularity == 8 * 512);
	return NULL;
}

static bool zoned(u8 model, u32 zone, u32 unit, u32 append)
{
	return accepted((struct vblk_config) {
		.has_zoned = true, .zone_model = model, .zone_sectors = zone,
		.write_granularity = unit, .max_append_sectors = append,
	});
}

static const char *zones(void)
{
	check(zoned(0, 3, 3, 0) && !lim.zone_sectors);
	check(zoned(2, 3, 3, 0) && !lim.zone_sectors);
	check(!zoned(3, 64, 512, 8) && strstr(why, "model"));
	check(zoned(1, 64, 512, 8) && lim.zone_sectors == 64 && lim.max_append_sectors == 8);
	check(zoned(1, 64, 512, ~0u) && lim.max_append_sectors == 64);
	check(zoned(1, 64, 64 * 512, 64) && lim.zone_write_granularity == 64 * 512);
	check(!zoned(1, 0, 512, 8) && strstr(why, "zone_sectors"));
	check(!zoned(1, 96, 512, 8) && strstr(why, "zone_sectors"));
	check(!zoned(1, 64, 0, 8) && strstr(why, "write_granularity"));
	check(!zoned(1, 64, 1536, 8) && strstr(why, "write_granularity"));
	check(!zoned(1, 64, 128 * 512, 8) && strstr(why, "write_granularity"));
	check(!zoned(1, 64, 8 * 512, 7) && strstr(why, "max_append_sectors"));
	check(!zoned(1, 64, 512, 0) && strstr(why, "max_append_sectors"));
	return NULL;
}

static const struct ktap_test tests[] = {
	TEST(nothing_negotiated),
	TEST(capacity),
	TEST(blk_size),
	TEST(seg_max),
	TEST(size_max),
	TEST(num_queues),
	TEST(topology_believed),
	TEST(physical_block_exp),
	TEST(alignment_offset),
	TEST(io_sizes),
	TEST(secure_erase),
	TEST(zones),
};

int main(void)
{
	return ktap_main(tests, sizeof(tests) / sizeof(tests[0]));
}
