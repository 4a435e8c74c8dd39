// SPDX-License-Identifier: GPL-2.0-only
//
// Has QEMU's lsi53c895a (hw/scsi/lsi53c895a.c) queue writes: once the disk has all
// data of a command, or if it needs none, the command leaves the bus, and the target
// reselects for its status. Documentation/lsi.md has that as a drawing.
//
// tools/lsi/qemu/make applies it. If a rule finds nothing to change, or leaves some of
// it, the last one is not applied, by which that can be seen.

// --- What a command knows of itself ----------------------------------------------

@granted@
@@
 struct LSIState {
 	...
 	int command_complete;
+	bool may_disconnect;	/* said the last IDENTIFY */
 	...
 };

@status@
@@
 struct lsi_request {
 	...
 	int out;
+	bool may_disconnect;
+	bool ended;		/* only its status is left; req is gone */
+	uint8_t status;
 	...
 };

@declarations@
@@
 lsi_irq_on_rsl(...) { ... }
+
+#include "queue-writes.h"

// --- Its direction: when it is known, not when the phase has changed ----------------

@no_direction@
expression p, e;
@@
 lsi_queue_command(...)
 {
 	...
-	p->out = e;
 }

@direction@
expression s;
@@
 lsi_do_command(...)
 {
 	<+...
 	lsi_set_phase(s, PHASE_DO);
+	s->current->out = 1;
 	...+>
 }

// --- Leaving the bus ----------------------------------------------------------------

@not_granted@
expression s, e;
@@
 lsi_execute_script(...)
 {
 	<+...
 	s->select_tag = e;
+	s->may_disconnect = false;
 	...+>
 }

@identify@
expression s, msg;
@@
 lsi_do_msgout(...)
 {
 	<+...
 	s->current_lun = msg & 7;
+	s->may_disconnect = msg & 0x40;
 	...+>
 }

@of_the_command@
expression s;
@@
 lsi_do_command(...)
 {
 	<+...
 	s->current->tag = s->select_tag;
+	s->current->may_disconnect = s->may_disconnect;
 	...+>
 }

@after_command@
expression s;
identifier n;
statement other;
@@
 lsi_do_command(...)
 {
 	<+...
 	if (!s->command_complete) {
-		if (n) { ... } else other
+		if (n || s->may_disconnect)
+			lsi_leave_bus(s);
+		else
+			other
 	}
 	...+>
 }

@after_data@
identifier s, out;
typedef LSIState;
@@
 lsi_do_dma(LSIState *s, int out)
 {
 	<+...
-	scsi_req_continue(s->current->req);
+	lsi_data_moved(s, out);
 	...+>
 }

// --- Coming back for the status -----------------------------------------------------

@ended@
typedef SCSIRequest;
identifier s, req;
expression e;
@@
 lsi_command_complete(SCSIRequest *req, ...)
 {
 	LSIState *s = e;
 	<+...
 	trace_lsi_command_complete(req->status);
+	if (req->hba_private != s->current) {
+		lsi_command_ended(s, req);
+		return;
+	}
 	...+>
 }

@pending@
identifier p;
@@
 get_pending_req(...)
 {
 	<+...
-	if (p->pending)
+	if (p->pending || p->ended)
 		{ ... }
 	...+>
 }

@reselection@
identifier s, p;
typedef lsi_request;
@@
 lsi_reselect(LSIState *s, lsi_request *p)
 {
 	<+...
 	s->current->dma_len = p->pending;
+	if (p->ended) {
+		s->status = p->status;
+	}
 	...+>
 }

@phase@
expression s;
@@
 lsi_do_msgin(...)
 {
 	<+...
-	lsi_set_phase(s, PHASE_DI);
+	lsi_set_phase(s, s->current && s->current->ended ? PHASE_ST : PHASE_DI);
 	...+>
 }

@told@
expression s;
@@
 lsi_do_status(...)
 {
 	<+...
+	if (s->current && s->current->ended) {
+		lsi_request_free(s, s->current);
+	}
 	lsi_add_msg_byte(s, 0);
 	...+>
 }

// --- Aborts and resets --------------------------------------------------------------

// The tag that an ABORT TAG is for stands before it in the same message.
@tagged@
expression s, e;
identifier current_tag, current_req, f;
@@
 lsi_do_msgout(...)
 {
 	...
 	if (f->current) { ... } else { ... current_req = lsi_find_by_tag(s, current_tag); }
 	<+...
 	s->select_tag |= e;
+	if (!s->current) {
+		current_tag = s->select_tag;
+		current_req = lsi_find_by_tag(s, current_tag);
+	}
 	...+>
 }

@abort_tag@
identifier current_req;
statement list abort;
@@
 lsi_do_msgout(...)
 {
 	<+...
-	if (current_req && current_req->req)
+	if (current_req)
 		{ abort }
 	...+>
 }

// Another abort may follow, in the same message.
@abort@
identifier s, tagged.current_req;
expression p;
@@
 lsi_do_msgout(LSIState *s)
 {
 	<+...
(
-	scsi_req_cancel(p->req);
+	lsi_cancel_request(s, p);
 	current_req = NULL;
|
-	scsi_req_cancel(p->req);
+	lsi_cancel_request(s, p);
+	current_req = NULL;
)
 	...+>
 }

@bus_reset@
expression s;
@@
 lsi_reg_writeb(...)
 {
 	<+...
 	bus_cold_reset(BUS(&s->bus));
+	lsi_drop_ended(s);
 	...+>
 }

@reset@
expression s;
@@
 lsi_soft_reset(...)
 {
 	...
+	s->may_disconnect = false;
+	lsi_drop_ended(s);
 	assert(QTAILQ_EMPTY(&s->queue));
 	...
 }

// --- Migration: what is queued is not in the stream -----------------------------------

@report@
@@
 #include "qemu/osdep.h"
+#include "qemu/error-report.h"

@save@
expression s;
@@
 lsi_pre_save(...)
 {
 	...
-	assert(QTAILQ_EMPTY(&s->queue));
+	if (!QTAILQ_EMPTY(&s->queue) || (s->current && s->current->ended)) {
+		error_report("lsi53c895a: commands are queued, and cannot be saved");
+		return -EBUSY;
+	}
 	...
 }

// --- What was left as it was, of what stands in more places than one -----------------

@cancels@
@@
 lsi_do_msgout(...)
 {
 	<+...
 	scsi_req_cancel(...)
 	...+>
 }

@takes@
expression s, e;
identifier current_tag;
position at;
@@
 s->select_tag@at |= e;
 if (!s->current) { current_tag = s->select_tag; ... }

@ignores@
expression s, e;
assignment operator op;
position at != takes.at;
@@
 lsi_do_msgout(...)
 {
 	<+...
 	s->select_tag@at op e
 	...+>
 }

// --- The functions: only if all of that could be done -------------------------------

@all_done depends on
	granted && status && declarations && no_direction && direction &&
	not_granted && identify && of_the_command && after_command && after_data &&
	ended && pending && reselection && phase && told && tagged && abort_tag &&
	abort && bus_reset && reset && report && save && !cancels && !ignores
@
@@
 lsi_queue_req(...) { ... }
+
+#include "queue-writes.c"
