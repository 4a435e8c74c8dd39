// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mock devices, by files in /sys/kernel/debug/vblk_mock:
 *
 *   add         KEY=VALUE...: makes a device; name=NAME makes NAME/
 *   remove      NAME
 *   call        see caller.c
 *   NAME/set    KEY=VALUE...: changes it; also "notify", a config change, and
 *               "needs_reset", after which it wants to be reset
 *   NAME/seen   what it saw of the driver
 *   NAME/zones  its zones, as they really are
 *   NAME/power  "suspend" or "resume": as a bus does before the machine sleeps,
 *               and after
 *
 * KEYs are the fields of config space (transport.c) and those below.
 */
#include "mock.h"

#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#define MOCK_ID_BLOCK	2

struct workqueue_struct *mock_wq;
static struct device *mock_root;
static struct dentry *mock_dir;
static LIST_HEAD(mocks);
static DEFINE_MUTEX(mocks_lock);	/* the list, and all that is written */

static const struct {
	const char *name;
	size_t offset;
} mock_keys[] = {
	{ "features", offsetof(struct mock_options, features) },
	{ "size", offsetof(struct mock_options, size) },
	{ "ring", offsetof(struct mock_options, ring) },
	{ "vqs", offsetof(struct mock_options, vqs) },
	{ "conv_zones", offsetof(struct mock_options, conv_zones) },
	{ "zone_cap", offsetof(struct mock_options, zone_cap) },
	{ "lie_zone", offsetof(struct mock_options, lie_zone) },
	{ "fail_type", offsetof(struct mock_options, fail_type) },
	{ "fail_status", offsetof(struct mock_options, fail_status) },
	{ "tear", offsetof(struct mock_options, tear) },
	{ "reset_late", offsetof(struct mock_options, reset_late) },
	{ "stuck", offsetof(struct mock_options, stuck) },
	{ "says_so", offsetof(struct mock_options, says_so) },
	{ "gone", offsetof(struct mock_options, gone) },
};

static const char * const mock_lies[] = {
	[MOCK_LIE_NONE] = "none",
	[MOCK_LIE_ZONE_START] = "zone-start",
	[MOCK_LIE_ZONE_CAP_0] = "zone-cap-0",
	[MOCK_LIE_ZONE_CAP] = "zone-cap",
	[MOCK_LIE_ZONE_WP] = "zone-wp",
	[MOCK_LIE_ZONE_WP_LOW] = "zone-wp-low",
	[MOCK_LIE_ZONE_TYPE] = "zone-type",
	[MOCK_LIE_ZONE_STATE] = "zone-state",
	[MOCK_LIE_ZONE_CONV] = "zone-conv",
	[MOCK_LIE_REPORT_EMPTY] = "report-empty",
	[MOCK_LIE_REPORT_FEW] = "report-few",
	[MOCK_LIE_REPORT_MANY] = "report-many",
	[MOCK_LIE_APPEND_BEFORE] = "append-before",
	[MOCK_LIE_APPEND_AFTER] = "append-after",
	[MOCK_LIE_APPEND_ACROSS] = "append-across",
	[MOCK_LIE_APPEND_WRAP] = "append-wrap",
	[MOCK_LIE_NO_STATUS] = "no-status",
};

/**
 * mock_violation() - the driver did what the specification forbids
 * @mock: the device that noticed
 * @fmt: what it was
 */
void mock_violation(struct mock *mock, const char *fmt, ...)
{
	va_list args;

	if (mock->seen.violations++)
		return;
	va_start(args, fmt);
	vsnprintf(mock->seen.violation, sizeof(mock->seen.violation), fmt, args);
	va_end(args);
}

/* One KEY=VALUE. */
static int mock_set_one(struct mock *mock, const char *key, const char *value)
{
	unsigned int i;
	u64 number;
	int lie;

	if (!strcmp(key, "name")) {
		strscpy(mock->name, value, sizeof(mock->name));
		return 0;
	}
	if (!strcmp(key, "lie")) {
		lie = match_string(mock_lies, ARRAY_SIZE(mock_lies), value);
		if (lie >= 0)
			mock->lie = lie;
		return min(lie, 0);
	}
	if (kstrtou64(value, 0, &number))
		return -EINVAL;
	for (i = 0; i < ARRAY_SIZE(mock_keys); i++) {
		if (!strcmp(key, mock_keys[i].name)) {
			*(u64 *)((void *)&mock->opt + mock_keys[i].offset) = number;
			return 0;
		}
	}
	return mock_set_config(mock, key, number) ? 0 : -EINVAL;
}

/* Words that are no KEY=VALUE are given back in @rest, the last one of them. */
static int mock_parse(struct mock *mock, char *words, const char **rest)
{
	char *word, *value;
	int err;

	while ((word = strsep(&words, " "))) {
		if (!*word)
			continue;
		value = strchr(word, '=');
		if (!value) {
			if (!rest)
				return -EINVAL;
			*rest = word;
			continue;
		}
		*value++ = '\0';
		err = mock_set_one(mock, word, value);
		if (err)
			return err;
	}
	return 0;
}

static void mock_free(struct mock *mock)
{
	kvfree(mock->zones);
	vfree(mock->memory);
	kfree(mock);
}

static void mock_release(struct device *dev)
{
	mock_free(to_mock(dev_to_virtio(dev)));
}

static struct mock *mock_new(char *words)
{
	struct mock *mock = kzalloc(sizeof(*mock), GFP_KERNEL);
	int err;

	if (!mock)
		return ERR_PTR(-ENOMEM);
	mutex_init(&mock->lock);
	mock->opt = (struct mock_options) {
		.features = BIT_ULL(VIRTIO_F_VERSION_1) | BIT_ULL(VIRTIO_RING_F_EVENT_IDX) |
			    BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC) | BIT(MOCK_F_SEG_MAX) |
			    BIT(MOCK_F_BLK_SIZE) | BIT(MOCK_F_FLUSH) | BIT(MOCK_F_MQ),
		.size = 16,
		.ring = 128,
		.vqs = MOCK_MAX_VQS,
	};
	mock_set_config(mock, "seg_max", 126);
	mock_set_config(mock, "blk_size", 512);
	mock_set_config(mock, "num_queues", 1);
	err = mock_parse(mock, words, NULL);
	if (err)
		goto free;
	err = -EINVAL;
	if (!mock->name[0] || !mock->opt.size || mock->opt.size > 64)
		goto free;
	mock->memory_sectors = mock->opt.size << 11;
	if (!mock_config(mock, "capacity"))
		mock_set_config(mock, "capacity", mock->memory_sectors);
	mock->memory = vzalloc(mock->opt.size << 20);
	err = -ENOMEM;
	if (!mock->memory || mock_zones_init(mock))
		goto free;
	return mock;
free:
	mock_free(mock);
	return ERR_PTR(err);
}

static struct mock *mock_find(const char *name)
{
	struct mock *mock;

	list_for_each_entry(mock, &mocks, list)
		if (!strcmp(mock->name, name))
			return mock;
	return NULL;
}

static int mock_seen_show(struct seq_file *file, void *unused)
{
	struct mock *mock = file->private;
	const struct mock_seen *seen = &mock->seen;
	unsigned int i;

	seq_printf(file, "device=%s\ndriver_features=%#llx\nstatus=%s\nwriteback=%llu\n",
		   dev_name(&mock->vdev.dev), *(u64 *)&mock->vdev.features, seen->status,
		   mock_config(mock, "writeback"));
	for (i = 0; i < MOCK_TYPES; i++)
		if (seen->requests[i])
			seq_printf(file, "type%u=%llu\n", i, seen->requests[i]);
	seq_printf(file, "unknown=%llu\nfailed=%llu\nnotifications=%llu\n", seen->unknown,
		   seen->failed, seen->notifications);
	seq_printf(file, "interrupts=%llu\ninterrupts_idle=%llu\n", seen->interrupts,
		   seen->interrupts_idle);
	seq_printf(file, "ranges=%llu\nmost_ranges=%llu\nlargest_range=%llu\nunmap=%llu\n",
		   seen->ranges, seen->most_ranges, seen->largest_range, seen->unmap);
	seq_printf(file, "resets=%llu\n", seen->resets);
	seq_printf(file, "violations=%llu\nviolation=%s\n", seen->violations, seen->violation);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(mock_seen);

static int mock_zones_show(struct seq_file *file, void *unused)
{
	struct mock *mock = file->private;
	size_t size = mock->num_zones * 96 + 1;
	char *buf = kvmalloc(size, GFP_KERNEL);

	if (!buf)
		return -ENOMEM;
	mutex_lock(&mock->lock);
	seq_write(file, buf, mock_zone_show(mock, buf, size));
	mutex_unlock(&mock->lock);
	kvfree(buf);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(mock_zones);

/* What was put into the rings while it took nothing announces itself no more. */
static void mock_go_on(struct mock *mock)
{
	unsigned int i;

	if (mock->status & VIRTIO_CONFIG_S_DRIVER_OK)
		for (i = 0; i < mock->num_vqs; i++)
			queue_work(mock_wq, &mock->vqs[i].work);
}

static int mock_change(struct mock *mock, char *words)
{
	const char *rest = "";
	bool was_stuck;
	int err;

	mutex_lock(&mock->lock);
	was_stuck = mock->opt.stuck;
	err = mock_parse(mock, words, &rest) ?: mock_zones_init(mock);
	if (!err && !strcmp(rest, "needs_reset"))
		mock->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	if (was_stuck && !mock->opt.stuck)
		mock_go_on(mock);
	mutex_unlock(&mock->lock);
	if (!err && *rest)
		virtio_config_changed(&mock->vdev);
	return err;
}

/* What is written to a file, and what is done with it. */
static ssize_t mock_written(const char __user *from, size_t len,
			    int (*act)(void *data, char *words), void *data)
{
	char *words;
	int err;

	words = memdup_user_nul(from, min_t(size_t, len, PAGE_SIZE));
	if (IS_ERR(words))
		return PTR_ERR(words);
	mutex_lock(&mocks_lock);
	err = act(data, strim(words));
	mutex_unlock(&mocks_lock);
	kfree(words);
	return err ?: len;
}

static int mock_set_words(void *mock, char *words)
{
	return mock_change(mock, words);
}

static ssize_t mock_set_write(struct file *file, const char __user *from, size_t len,
			      loff_t *pos)
{
	return mock_written(from, len, mock_set_words, file->private_data);
}

static const struct file_operations mock_set_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = mock_set_write,
};

/* Not with the list's lock: the driver may wait for what is set. */
static ssize_t mock_power_write(struct file *file, const char __user *from, size_t len,
				loff_t *pos)
{
	struct mock *mock = file->private_data;
	char words[16] = "";
	int err = -EINVAL;

	if (copy_from_user(words, from, min(len, sizeof(words) - 1)))
		return -EFAULT;
	if (sysfs_streq(words, "suspend"))
		err = virtio_device_freeze(&mock->vdev);
	else if (sysfs_streq(words, "resume"))
		err = virtio_device_restore(&mock->vdev);
	return err ?: len;
}

static const struct file_operations mock_power_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = mock_power_write,
};

static int mock_add(void *unused, char *words)
{
	struct mock *mock = mock_new(words);
	int err;

	if (IS_ERR(mock))
		return PTR_ERR(mock);
	if (mock_find(mock->name)) {
		mock_free(mock);
		return -EEXIST;
	}
	mock->vdev.dev.parent = mock_root;
	mock->vdev.dev.release = mock_release;
	mock->vdev.id.device = MOCK_ID_BLOCK;
	mock->vdev.id.vendor = VIRTIO_DEV_ANY_ID;
	mock->vdev.config = &mock_config_ops;
	err = register_virtio_device(&mock->vdev);
	if (err) {
		put_device(&mock->vdev.dev);
		return err;
	}
	list_add(&mock->list, &mocks);
	mock->dir = debugfs_create_dir(mock->name, mock_dir);
	debugfs_create_file("set", 0200, mock->dir, mock, &mock_set_fops);
	debugfs_create_file("seen", 0400, mock->dir, mock, &mock_seen_fops);
	debugfs_create_file("zones", 0400, mock->dir, mock, &mock_zones_fops);
	debugfs_create_file("power", 0200, mock->dir, mock, &mock_power_fops);
	return 0;
}

static ssize_t mock_add_write(struct file *file, const char __user *from, size_t len,
			      loff_t *pos)
{
	return mock_written(from, len, mock_add, NULL);
}

static const struct file_operations mock_add_fops = {
	.owner = THIS_MODULE,
	.write = mock_add_write,
};

static void mock_del(struct mock *mock)
{
	/* As a bus does that finds it gone. */
	if (mock->opt.gone)
		virtio_break_device(&mock->vdev);
	unregister_virtio_device(&mock->vdev);
}

static int mock_remove(void *found, char *words)
{
	struct mock **mock = found;

	*mock = mock_find(words);
	if (!*mock)
		return -ENOENT;
	list_del(&(*mock)->list);
	return 0;
}

/* Not with the list's lock: a driver may never let it go, and another device comes. */
static ssize_t mock_remove_write(struct file *file, const char __user *from, size_t len,
				 loff_t *pos)
{
	struct mock *mock;
	ssize_t written = mock_written(from, len, mock_remove, &mock);

	if (written >= 0) {
		debugfs_remove(mock->dir);
		mock_del(mock);
	}
	return written;
}

static const struct file_operations mock_remove_fops = {
	.owner = THIS_MODULE,
	.write = mock_remove_write,
};

/* Not with the list's lock: what is called may wait for what is set. */
static char mock_answer[128];

static ssize_t mock_call_write(struct file *file, const char __user *from, size_t len,
			       loff_t *pos)
{
	char *words = memdup_user_nul(from, min_t(size_t, len, PAGE_SIZE));
	int err;

	if (IS_ERR(words))
		return PTR_ERR(words);
	err = mock_call(strim(words), mock_answer, sizeof(mock_answer));
	kfree(words);
	return err ?: len;
}

static ssize_t mock_call_read(struct file *file, char __user *to, size_t len, loff_t *pos)
{
	return simple_read_from_buffer(to, len, pos, mock_answer, strlen(mock_answer));
}

static const struct file_operations mock_call_fops = {
	.owner = THIS_MODULE,
	.read = mock_call_read,
	.write = mock_call_write,
};

static int __init mock_init(void)
{
	mock_wq = alloc_workqueue("vblk_mock", WQ_UNBOUND | WQ_HIGHPRI, 0);
	if (!mock_wq)
		return -ENOMEM;
	mock_root = root_device_register("vblk_mock");
	if (IS_ERR(mock_root)) {
		destroy_workqueue(mock_wq);
		return PTR_ERR(mock_root);
	}
	mock_dir = debugfs_create_dir("vblk_mock", NULL);
	debugfs_create_file("add", 0200, mock_dir, NULL, &mock_add_fops);
	debugfs_create_file("remove", 0200, mock_dir, NULL, &mock_remove_fops);
	debugfs_create_file("call", 0600, mock_dir, NULL, &mock_call_fops);
	return 0;
}
module_init(mock_init);

static void __exit mock_exit(void)
{
	struct mock *mock, *next;

	debugfs_remove(mock_dir);
	list_for_each_entry_safe(mock, next, &mocks, list)
		mock_del(mock);
	root_device_unregister(mock_root);
	destroy_workqueue(mock_wq);
}
module_exit(mock_exit);

MODULE_DESCRIPTION("Virtio block devices for tests, in the guest's own memory");
MODULE_LICENSE("GPL");
