# SPDX-License-Identifier: GPL-2.0-only
#
# The kinds of rows that plots tell apart.
include "summary";

# By what a row is, so that a colour means the same everywhere.
def kinds: [
	{name: "stock",                   color: "#b8bcc4"},
	{name: "stock hipri",             color: "#8a909c"},
	{name: "stock, own poll queue",   color: "#5b7fb5"},
	{name: "ours",                    color: "#f3c48b"},
	{name: "ours hipri",              color: "#d9641e"},
	{name: "ours, sync_poll_us",      color: "#8a3a12"}];
def kind: if .driver == "stock" then
		if .params != "" then 2 elif .hipri then 1 else 0 end
	  elif may_spin then 5 elif .hipri then 4 else 3 end;
