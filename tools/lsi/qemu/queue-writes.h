/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What queue-writes.cocci has QEMU's lsi53c895a call, in queue-writes.c.
 */
static void lsi_leave_bus(LSIState *s);
static void lsi_data_moved(LSIState *s, int out);
static void lsi_command_ended(LSIState *s, SCSIRequest *req);
static void lsi_cancel_request(LSIState *s, lsi_request *p);
static void lsi_drop_ended(LSIState *s);
