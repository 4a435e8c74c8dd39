/* SPDX-License-Identifier: GPL-2.0-only */
/* For Coccinelle, which cannot read a structure with these in it. */
#define QTAILQ_ENTRY(type) struct type *
#define QTAILQ_HEAD(name, type) struct type *
