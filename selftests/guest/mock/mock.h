/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A virtio block device that lives in the guest's own kernel, for what no QEMU
 * offers: zones, secure erase, and a device that lies.
 *
 *   main.c       debugfs: adding, changing, removing, what was seen
 *   transport.c  the virtio transport: config space, status, features
 *   ring.c       the device's end of a split ring
 *   blk.c        what requests do; whether they are as the specification says
 *   zones.c      host-managed zones
 *   caller.c     bios that user space cannot make
 *
 * Names and numbers are those of VIRTIO 1.3, 5.2, and not of the kernel's
 * headers: older ones lack a part, and the driver is checked against this.
 */
#ifndef VBLK_MOCK_H
#define VBLK_MOCK_H

#include <linux/irq_work.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <linux/workqueue.h>

enum mock_feature {
	MOCK_F_SIZE_MAX = 1,
	MOCK_F_SEG_MAX = 2,
	MOCK_F_GEOMETRY = 4,
	MOCK_F_RO = 5,
	MOCK_F_BLK_SIZE = 6,
	MOCK_F_FLUSH = 9,
	MOCK_F_TOPOLOGY = 10,
	MOCK_F_CONFIG_WCE = 11,
	MOCK_F_MQ = 12,
	MOCK_F_DISCARD = 13,
	MOCK_F_WRITE_ZEROES = 14,
	MOCK_F_SECURE_ERASE = 16,
	MOCK_F_ZONED = 17,
};

enum mock_type {
	MOCK_T_IN = 0,
	MOCK_T_OUT = 1,
	MOCK_T_FLUSH = 4,
	MOCK_T_GET_ID = 8,
	MOCK_T_DISCARD = 11,
	MOCK_T_WRITE_ZEROES = 13,
	MOCK_T_SECURE_ERASE = 14,
	MOCK_T_ZONE_APPEND = 15,
	MOCK_T_ZONE_REPORT = 16,
	MOCK_T_ZONE_OPEN = 18,
	MOCK_T_ZONE_CLOSE = 20,
	MOCK_T_ZONE_FINISH = 22,
	MOCK_T_ZONE_RESET = 24,
	MOCK_T_ZONE_RESET_ALL = 26,
	MOCK_TYPES,
};

enum mock_status {
	MOCK_S_OK,
	MOCK_S_IOERR,
	MOCK_S_UNSUPP,
	MOCK_S_ZONE_INVALID_CMD,
	MOCK_S_ZONE_UNALIGNED_WP,
	MOCK_S_ZONE_OPEN_RESOURCE,
	MOCK_S_ZONE_ACTIVE_RESOURCE,
};

/* The ways to lie that are no value of config space; see main.c for the names. */
enum mock_lie {
	MOCK_LIE_NONE,
	MOCK_LIE_ZONE_START,
	MOCK_LIE_ZONE_CAP_0,
	MOCK_LIE_ZONE_CAP,
	MOCK_LIE_ZONE_WP,
	MOCK_LIE_ZONE_WP_LOW,
	MOCK_LIE_ZONE_TYPE,
	MOCK_LIE_ZONE_STATE,
	MOCK_LIE_ZONE_CONV,	/* a conventional zone with a write pointer */
	MOCK_LIE_REPORT_EMPTY,	/* no zone at all ... */
	MOCK_LIE_REPORT_FEW,	/* one at a time, which is allowed ... */
	MOCK_LIE_REPORT_MANY,	/* more than there is room for */
	MOCK_LIE_APPEND_BEFORE,
	MOCK_LIE_APPEND_AFTER,
	MOCK_LIE_APPEND_ACROSS,	/* starts in the zone, and ends beyond it */
	MOCK_LIE_APPEND_WRAP,
	MOCK_LIE_NO_STATUS,	/* leaves the status as it is */
};

#define MOCK_CONFIG_SIZE	96
#define MOCK_MAX_VQS		8

struct mock_zone {
	u64 wp;			/* in sectors of the disk */
	u8 type;
	u8 state;
};

struct mock_iov {
	void *base;
	u32 len;
};

/* A chain of descriptors as two buffers, that to read and that to write. */
struct mock_chain {
	struct mock_iov *iov;	/* first those to read */
	unsigned int num_out;
	unsigned int num_in;
	size_t out_len;
	size_t in_len;
};

struct mock;

struct mock_vq {
	struct mock *mock;
	struct virtqueue *vq;
	struct vring vring;
	u16 last_avail;
	u16 used_idx;
	struct work_struct work;
	struct irq_work irq;
	struct mock_iov *iov;	/* as many as a chain can have */
};

/**
 * struct mock_options - what a device is told to be, all of it 64 bits wide
 */
struct mock_options {
	u64 features;		/* bits 0 to 63 that it offers */
	u64 size;		/* MiB of memory behind the disk */
	u64 ring;		/* descriptors a queue */
	u64 vqs;		/* that it has, whatever num_queues says */
	u64 conv_zones;		/* the first ones are conventional */
	u64 zone_cap;		/* sectors of a zone that can be written; 0: all */
	u64 lie_zone;		/* which zone a lie is about */
	u64 fail_type;		/* requests of this type ... */
	u64 fail_status;	/* ... get this status unless it is 0 */
	u64 tear;		/* reads of the capacity that find it half changed */
	u64 reset_late;		/* milliseconds that a reset takes */
	u64 stuck;		/* resets until it does what it is asked ... */
	u64 says_so;		/* ... for which it asks when it is asked something */
	u64 gone;		/* it was pulled out */
};

struct mock_seen {
	u64 requests[MOCK_TYPES];
	u64 unknown;
	u64 notifications;
	u64 interrupts;
	u64 interrupts_idle;
	u64 failed;		/* requests that got a bad status */
	u64 ranges;		/* of discard, write zeroes and secure erase ... */
	u64 most_ranges;	/* ... in one request */
	u64 largest_range;	/* in sectors */
	u64 unmap;		/* ranges with that flag */
	u64 resets;
	u64 violations;
	char violation[96];	/* the first one */
	char status[256];	/* every status that the driver wrote, in hex */
};

struct mock {
	struct virtio_device vdev;
	struct list_head list;
	struct dentry *dir;
	char name[32];
	struct mock_options opt;
	enum mock_lie lie;
	u8 config[MOCK_CONFIG_SIZE];
	u32 generation;
	u8 status;
	bool cache_set;		/* by the driver, until the next reset ... */
	u8 cache_was;		/* ... that sets it back to this */
	u64 memory_sectors;
	void *memory;
	unsigned int num_vqs;	/* found */
	struct mock_vq vqs[MOCK_MAX_VQS];

	struct mutex lock;	/* requests one by one; the rest, too */
	struct mock_zone *zones;
	unsigned int num_zones;
	u32 zone_size;		/* in sectors, of these */
	struct mock_seen seen;
};

static inline struct mock *to_mock(struct virtio_device *vdev)
{
	return container_of(vdev, struct mock, vdev);
}

static inline bool mock_has(const struct mock *mock, unsigned int feature)
{
	return __virtio_test_bit(&mock->vdev, feature);
}

/* main.c */
extern struct workqueue_struct *mock_wq;
__printf(2, 3) void mock_violation(struct mock *mock, const char *fmt, ...);

/* transport.c */
extern const struct virtio_config_ops mock_config_ops;
bool mock_set_config(struct mock *mock, const char *key, u64 value);
u64 mock_config(const struct mock *mock, const char *key);

/* ring.c */
bool mock_notify(struct virtqueue *vq);
void mock_vq_init(struct mock *mock, unsigned int i);
void mock_vq_stop(struct mock_vq *mq);

/* blk.c */
u32 mock_request(struct mock *mock, const struct mock_chain *chain);
size_t mock_copy(const struct mock_iov *iov, unsigned int num, size_t offset,
		 void *buf, size_t len, bool to_iov);

/* zones.c */
int mock_zones_init(struct mock *mock);
u8 mock_zone_op(struct mock *mock, u32 type, u64 sector);
u8 mock_zone_write(struct mock *mock, u64 sector, u64 count);
u8 mock_zone_append(struct mock *mock, u64 sector, u64 count, u64 *at, u64 *told);
size_t mock_zone_report(struct mock *mock, u64 sector, void *buf, size_t len);
int mock_zone_show(struct mock *mock, char *buf, size_t size);

/* caller.c */
int mock_call(char *command, char *answer, size_t size);

#endif /* VBLK_MOCK_H */
