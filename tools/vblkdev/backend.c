// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which backend: null, ram:SIZE or file:PATH.
 */
#include "device.h"

#include <string.h>

#define NULL_SIZE	(1ull << 30)
#define MAX_SIZE	(1ull << 46)	/* that memory can be asked for */

static bool kind(const char *spec, const char *name, const char **arg)
{
	size_t len = strlen(name);

	if (strncmp(spec, name, len) || (spec[len] && spec[len] != ':'))
		return false;
	*arg = spec[len] ? spec + len + 1 : "";
	return true;
}

static uint64_t size_arg(const char *spec, const char *text)
{
	uint64_t size;

	if (!parse_number(text, &size) || size < SECTOR || size % SECTOR || size > MAX_SIZE)
		die("--backend %s: '%s' is not a size such as 512M", spec, text);
	return size;
}

void backend_open(struct backend *b, const char *spec)
{
	const char *arg;

	if (kind(spec, "null", &arg)) {
		b->ops = &null_ops;
		b->size = *arg ? size_arg(spec, arg) : NULL_SIZE;
	} else if (kind(spec, "ram", &arg)) {
		b->ops = &ram_ops;
		ram_open(b, size_arg(spec, arg));
	} else if (kind(spec, "file", &arg)) {
		b->ops = &file_ops;
		file_open(b, arg);
	} else {
		die("--backend %s: one of null[:SIZE], ram:SIZE, file:PATH", spec);
	}
}
