// SPDX-License-Identifier: GPL-2.0-only
/*
 * lsi-probe: how QEMU's lsi53c895a queues, without a guest. The command line.
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests.h"

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
	{ "overlap", test_overlap },
	{ "content", test_content },
	{ "sizes", test_sizes },
	{ "order", test_order },
	{ "abort", test_abort },
	{ "status", test_status },
	{ "reset", test_reset },
	{ "phases", test_phases },
};

static const char *const plants[] = {
	[FLIP_DIRECTION] = "direction", [DROP_TAG] = "drop", [SWAP_DATA] = "swap",
};

static void usage(FILE *to)
{
	fputs("usage: lsi-probe [OPTION...] [TEST...]\n"
	      "\n"
	      "Drives the lsi53c895a of QEMU as a driver would, without a guest, and reports in\n"
	      "KTAP, with a table at the end, what it does with tagged commands. Tests (default:\n"
	      "all): overlap content sizes order abort status reset phases.\n"
	      "\n"
	      "  --qemu PROGRAM   default: qemu-system-x86_64\n"
	      "  --json FILE      write what \"overlap\" measured\n"
	      "  --name NAME      of this QEMU there (default: installed)\n"
	      "  --strict         of a QEMU that queues writes: no failure is expected\n"
	      "  --plant FAULT    simulate a faulty device, for \"content\" to find: direction,\n"
	      "                   drop or swap\n"
	      "  --patience SECONDS\n"
	      "                   how long QEMU may take for an answer (default: 60)\n"
	      "\n"
	      "Exit status: 1 a test failed, 2 it could not run.\n", to);
}

static enum plant plant_named(const char *name)
{
	unsigned int i;

	for (i = 1; i < ITEMS(plants); i++)
		if (!strcmp(name, plants[i]))
			return i;
	die("--plant %s: direction, drop or swap", name);
}

static unsigned int test_named(const char *name)
{
	unsigned int i;

	for (i = 0; i < ITEMS(tests); i++)
		if (!strcmp(name, tests[i].name))
			return i;
	die("no test '%s', see --help", name);
}

static unsigned int seconds(const char *text)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*text < '1' || *text > '9' || *end || value > 3600)
		die("--patience %s: 1 to 3600 seconds", text);
	return value;
}

enum { QEMU = 1, JSON, NAME, STRICT, PLANT, PATIENCE, HELP };

static const struct option options[] = {
	{ "qemu", required_argument, NULL, QEMU },
	{ "json", required_argument, NULL, JSON },
	{ "name", required_argument, NULL, NAME },
	{ "strict", no_argument, NULL, STRICT },
	{ "plant", required_argument, NULL, PLANT },
	{ "patience", required_argument, NULL, PATIENCE },
	{ "help", no_argument, NULL, HELP },
	{ }
};

int main(int argc, char **argv)
{
	const char *json = NULL, *name = "installed";
	bool wanted[ITEMS(tests)] = { };
	unsigned int i;
	int which;

	probe.program = "qemu-system-x86_64";
	opterr = 0;
	while ((which = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (which) {
		case QEMU:
			probe.program = optarg;
			break;
		case JSON:
			json = optarg;
			break;
		case NAME:
			if (strspn(optarg, "abcdefghijklmnopqrstuvwxyz0123456789.-") !=
			    strlen(optarg))
				die("--name %s: small letters, digits, '.' and '-'", optarg);
			name = optarg;
			break;
		case STRICT:
			report_strict = true;
			break;
		case PLANT:
			probe.plant = plant_named(optarg);
			break;
		case PATIENCE:
			qemu.patience_s = seconds(optarg);
			break;
		case HELP:
			usage(stdout);
			report_flush();
			return 0;
		default:
			die("'%s' is unknown or lacks its value, see --help", argv[optind - 1]);
		}
	}
	for (i = optind; i < (unsigned int)argc; i++)
		wanted[test_named(argv[i])] = true;

	report_to(json, name);
	qemu_lost = report_lost;
	qemu_version(probe.program);
	for (i = 0; i < ITEMS(tests); i++)
		if (optind == argc || wanted[i])
			tests[i].run();
	return report_end();
}
