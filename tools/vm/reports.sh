# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# How a kernel's reports of its own faults are found on a guest's console: by
# tools/vm/run, and in the guest by tests that provoke them. To be sourced.

# What the kernel's reports of its own faults have in their first line; "ODEBUG: "
# alone is none.
kernel_reports='(^|[^E])BUG: |kernel BUG at |KASAN: |UBSAN: |WARNING: CPU|\] WARNING: '
kernel_reports+='|possible (circular|recursive|irq lock) |inconsistent lock state'
kernel_reports+='|suspicious RCU usage|sleeping function called|non-static key'
kernel_reports+='|blocked for more than |nobody cared'
kernel_reports+='|rcu: INFO: [^ ]* (self-)?detected (expedited )?stall'
# An oops: "general protection fault, ...: 0000 [#1]" is not introduced by "BUG: ".
kernel_reports+='|: [0-9a-f]+ \[#[0-9]'
# The same for what ends the watching.
kernel_reports+='|DMA-API: .*disabl|ODEBUG: Out of memory|list_(add|del) corruption'

# Those of others, "LINE BEFORE IT | FIRST LINE", each with a reason:
# - An interrupt has a folder below /proc/irq, whose name nobody looks after when
#   memory for it is refused (debug/injected does that); the kernel warns when the
#   interrupt goes and there is nothing to remove.
reports_of_others="\\] name '[^']*' \\| .*WARNING: .* remove_proc_entry"

# reports_in CONSOLE: the first lines of them, but those of others; also of what dmesg
# said. Of KCSAN's those of races that our modules have a part in: one of their
# functions made an access, or is at most two calls away from it, as from one to a
# ring. The kernel has many races of its own, and takes them for harmless.
reports_in()
{
	tr -d '\r' <"$1" | kernel_reports=$kernel_reports others=$reports_of_others awk '
	function end_race() {
		if (race != "" && ours)
			print race
		race = ""
	}
	/BUG: KCSAN: / { end_race(); race = $0; ours = 0 }
	race != "" && / of [0-9]+ bytes by / { frame = 0; next }
	race != "" && /\[(virtio_blk|vblk_[a-z]*)\]/ && frame < 3 { ours = 1 }
	race != "" { frame++ }
	race != "" && /==========/ { end_race() }
	race == "" && $0 ~ ENVIRON["kernel_reports"] && before " | " $0 !~ ENVIRON["others"]
	{ before = $0 }
	END { end_race() }'
}

# races_of_others CONSOLE: how many races our modules have no part in
races_of_others()
{
	echo $(($(grep -a -c 'BUG: KCSAN: ' "$1") - $(reports_in "$1" | grep -c 'BUG: KCSAN: ')))
}
