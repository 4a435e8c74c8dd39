// SPDX-License-Identifier: GPL-2.0-only
/*
 * The transport of a device without a bus: config space, status, features, and
 * virtqueues in memory that both ends share.
 */
#include "mock.h"

#include <linux/delay.h>
#include <linux/slab.h>

/* VIRTIO 1.3, 5.2.4. Fields of one feature are only there with it. */
static const struct mock_field {
	const char *name;
	u8 offset;
	u8 size;
	u8 feature;	/* 0: always there */
} mock_fields[] = {
	{ "capacity", 0, 8 },
	{ "size_max", 8, 4, MOCK_F_SIZE_MAX },
	{ "seg_max", 12, 4, MOCK_F_SEG_MAX },
	{ "cylinders", 16, 2, MOCK_F_GEOMETRY },
	{ "heads", 18, 1, MOCK_F_GEOMETRY },
	{ "sectors", 19, 1, MOCK_F_GEOMETRY },
	{ "blk_size", 20, 4, MOCK_F_BLK_SIZE },
	{ "physical_block_exp", 24, 1, MOCK_F_TOPOLOGY },
	{ "alignment_offset", 25, 1, MOCK_F_TOPOLOGY },
	{ "min_io_size", 26, 2, MOCK_F_TOPOLOGY },
	{ "opt_io_size", 28, 4, MOCK_F_TOPOLOGY },
	{ "writeback", 32, 1, MOCK_F_CONFIG_WCE },
	{ "num_queues", 34, 2, MOCK_F_MQ },
	{ "max_discard_sectors", 36, 4, MOCK_F_DISCARD },
	{ "max_discard_seg", 40, 4, MOCK_F_DISCARD },
	{ "discard_sector_alignment", 44, 4, MOCK_F_DISCARD },
	{ "max_write_zeroes_sectors", 48, 4, MOCK_F_WRITE_ZEROES },
	{ "max_write_zeroes_seg", 52, 4, MOCK_F_WRITE_ZEROES },
	{ "write_zeroes_may_unmap", 56, 1, MOCK_F_WRITE_ZEROES },
	{ "max_secure_erase_sectors", 60, 4, MOCK_F_SECURE_ERASE },
	{ "max_secure_erase_seg", 64, 4, MOCK_F_SECURE_ERASE },
	{ "secure_erase_sector_alignment", 68, 4, MOCK_F_SECURE_ERASE },
	{ "zone_sectors", 72, 4, MOCK_F_ZONED },
	{ "max_open_zones", 76, 4, MOCK_F_ZONED },
	{ "max_active_zones", 80, 4, MOCK_F_ZONED },
	{ "max_append_sectors", 84, 4, MOCK_F_ZONED },
	{ "write_granularity", 88, 4, MOCK_F_ZONED },
	{ "model", 92, 1, MOCK_F_ZONED },
};

static const struct mock_field *mock_find_field(const char *key)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(mock_fields); i++)
		if (!strcmp(mock_fields[i].name, key))
			return &mock_fields[i];
	return NULL;
}

bool mock_set_config(struct mock *mock, const char *key, u64 value)
{
	const struct mock_field *field = mock_find_field(key);
	__le64 le = cpu_to_le64(value);

	if (!field)
		return false;
	memcpy(mock->config + field->offset, &le, field->size);
	mock->generation++;
	return true;
}

u64 mock_config(const struct mock *mock, const char *key)
{
	const struct mock_field *field = mock_find_field(key);
	__le64 le = 0;

	memcpy(&le, mock->config + field->offset, field->size);
	return le64_to_cpu(le);
}

static void mock_check_access(struct mock *mock, unsigned int offset, unsigned int len)
{
	const struct mock_field *field = mock_fields;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(mock_fields); i++, field++)
		if (field->offset == offset && field->size == len)
			break;
	if (i == ARRAY_SIZE(mock_fields)) {
		mock_violation(mock, "config space: no field at %u of %u", offset, len);
		return;
	}
	if (field->feature && !mock_has(mock, field->feature))
		mock_violation(mock, "config space: %s read without its feature",
			       field->name);
	if (field->feature == MOCK_F_CONFIG_WCE &&
	    !(mock->status & VIRTIO_CONFIG_S_FEATURES_OK))
		mock_violation(mock, "%s read before FEATURES_OK", field->name);
}

static void mock_get(struct virtio_device *vdev, unsigned int offset, void *buf,
		     unsigned int len)
{
	struct mock *mock = to_mock(vdev);

	mock_check_access(mock, offset, len);
	if (offset + len > MOCK_CONFIG_SIZE) {
		memset(buf, 0xff, len);
		return;
	}
	memcpy(buf, mock->config + offset, len);
	if (!offset && mock->opt.tear) {
		/* Caught in the middle of a change. */
		mock->opt.tear--;
		mock->generation++;
		memset(buf, 0x5a, len / 2);
	}
}

static void mock_set_cache(struct mock *mock, u8 *writeback, u8 value)
{
	if (!mock->cache_set)
		mock->cache_was = *writeback;
	mock->cache_set = true;
	*writeback = value;
}

static void mock_set(struct virtio_device *vdev, unsigned int offset, const void *buf,
		     unsigned int len)
{
	struct mock *mock = to_mock(vdev);

	mock_check_access(mock, offset, len);
	if (offset != mock_find_field("writeback")->offset || len != 1)
		mock_violation(mock, "config space: written at %u", offset);
	else
		mock_set_cache(mock, mock->config + offset, *(const u8 *)buf);
}

static u32 mock_generation(struct virtio_device *vdev)
{
	return to_mock(vdev)->generation;
}

static u8 mock_get_status(struct virtio_device *vdev)
{
	struct mock *mock = to_mock(vdev);

	/* Once there are no queues, it is the core that complains of one not reset. */
	if (mock->opt.gone)
		return mock->num_vqs ? 0xff : 0;
	return mock->status;
}

static void mock_log_status(struct mock *mock, u8 status)
{
	size_t len = strlen(mock->seen.status);

	snprintf(mock->seen.status + len, sizeof(mock->seen.status) - len, "%s%02x",
		 len ? "," : "", status);
	mock->status = status;
}

static void mock_set_status(struct virtio_device *vdev, u8 status)
{
	struct mock *mock = to_mock(vdev);

	/* The core says that there is a driver before that can reset. */
	if (mock->status & VIRTIO_CONFIG_S_FAILED && status & ~mock->status &
	    (VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK))
		mock_violation(mock, "status %02x after FAILED without a reset", status);
	mock_log_status(mock, status);
}

static void mock_reset(struct virtio_device *vdev)
{
	struct mock *mock = to_mock(vdev);
	unsigned int i;

	for (i = 0; i < mock->num_vqs; i++)
		mock_vq_stop(&mock->vqs[i]);
	if (mock->opt.gone) {
		/* Others wait for it for ever. */
		msleep(60000);
		return;
	}
	mock->seen.resets++;
	if (mock->opt.stuck)
		mock->opt.stuck--;
	if (mock->cache_set)
		mock_set_config(mock, "writeback", mock->cache_was);
	mock->cache_set = false;
	if (mock->opt.reset_late)
		msleep(mock->opt.reset_late);
	mock_log_status(mock, 0);
}

static void mock_del_vqs(struct virtio_device *vdev)
{
	struct mock *mock = to_mock(vdev);
	unsigned int i;

	if (mock->status & VIRTIO_CONFIG_S_DRIVER_OK && !mock->opt.gone)
		mock_violation(mock, "queues deleted without a reset");
	for (i = 0; i < mock->num_vqs; i++) {
		mock_vq_stop(&mock->vqs[i]);
		vring_del_virtqueue(mock->vqs[i].vq);
		kfree(mock->vqs[i].iov);
		mock->vqs[i].vq = NULL;
		mock->vqs[i].iov = NULL;
	}
	mock->num_vqs = 0;
}

static int mock_find_vq(struct mock *mock, unsigned int i, vq_callback_t *callback,
			const char *name)
{
	struct mock_vq *mq = &mock->vqs[i];

	if (i >= mock->opt.vqs || !name)
		return -ENOENT;
	mq->iov = kcalloc(mock->opt.ring + 1, sizeof(*mq->iov), GFP_KERNEL);
	if (!mq->iov)
		return -ENOMEM;
	mq->vq = vring_create_virtqueue(i, mock->opt.ring, PAGE_SIZE, &mock->vdev,
					true, false, false, mock_notify, callback,
					name);
	if (!mq->vq) {
		kfree(mq->iov);
		return -ENOMEM;
	}
	mq->vq->priv = mq;
	mock_vq_init(mock, i);
	mock->num_vqs = i + 1;
	return 0;
}

#ifdef COMPAT_HAS_VIRTQUEUE_INFO
static int mock_find_vqs(struct virtio_device *vdev, unsigned int n,
			 struct virtqueue *vqs[], struct virtqueue_info info[],
			 struct irq_affinity *affinity)
{
#define callback_of(i)	(info[i].callback)
#define name_of(i)	(info[i].name)
#else
static int mock_find_vqs(struct virtio_device *vdev, unsigned int n,
			 struct virtqueue *vqs[], vq_callback_t *callbacks[],
			 const char * const names[], const bool *ctx,
			 struct irq_affinity *affinity)
{
#define callback_of(i)	(callbacks[i])
#define name_of(i)	(names[i])
#endif
	struct mock *mock = to_mock(vdev);
	unsigned int i;
	int err;

	for (i = 0; i < n; i++) {
		err = mock_find_vq(mock, i, callback_of(i), name_of(i));
		if (err) {
			mock_del_vqs(vdev);
			return err;
		}
		vqs[i] = mock->vqs[i].vq;
	}
	return 0;
}

static u64 mock_get_features(struct virtio_device *vdev)
{
	return to_mock(vdev)->opt.features;
}

static int mock_finalize_features(struct virtio_device *vdev)
{
	vring_transport_features(vdev);
	return 0;
}

static const char *mock_bus_name(struct virtio_device *vdev)
{
	return "mock";
}

const struct virtio_config_ops mock_config_ops = {
	.get			= mock_get,
	.set			= mock_set,
	.generation		= mock_generation,
	.get_status		= mock_get_status,
	.set_status		= mock_set_status,
	.reset			= mock_reset,
	.find_vqs		= mock_find_vqs,
	.del_vqs		= mock_del_vqs,
	.get_features		= mock_get_features,
	.finalize_features	= mock_finalize_features,
	.bus_name		= mock_bus_name,
};
