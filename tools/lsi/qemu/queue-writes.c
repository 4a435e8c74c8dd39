// SPDX-License-Identifier: GPL-2.0-only
/*
 * What queue-writes.cocci has QEMU's lsi53c895a do: included by it.
 */

/* The current command will go on later: SAVE DATA POINTER, DISCONNECT. */
static void lsi_leave_bus(LSIState *s)
{
	lsi_add_msg_byte(s, 0x02);
	lsi_add_msg_byte(s, 0x04);
	s->msg_action = LSI_MSG_ACTION_DISCONNECT;
	lsi_set_phase(s, PHASE_MI);
	lsi_queue_command(s);
}

/*
 * The target's buffer was filled, or emptied. A target that has all data of a write
 * has no use for the bus until there is a status. A MOVE of more than that has to
 * end with the status, though.
 */
static void lsi_data_moved(LSIState *s, int out)
{
	lsi_request *p = s->current;
	SCSIRequest *req = p->req;
	bool leave = out && p->may_disconnect && !s->dbc && !req->residual;

	/* First: the command may be over at once. */
	if (leave)
		lsi_leave_bus(s);
	scsi_req_continue(req);
	if (leave)
		lsi_resume_script(s);
}

/* A command that had left the bus is over: it comes back to tell its status. */
static void lsi_command_ended(LSIState *s, SCSIRequest *req)
{
	lsi_request *p = req->hba_private;
	bool reselected;

	p->status = req->status;
	p->ended = true;
	p->out = 0;
	p->req = NULL;
	reselected = !lsi_queue_req(s, req, 0);
	req->hba_private = NULL;
	scsi_req_unref(req);
	if (reselected && s->waiting == LSI_WAIT_RESELECT)
		lsi_resume_script(s);
}

/* The SCSI layer does not know those any more that have ended. */
static void lsi_cancel_request(LSIState *s, lsi_request *p)
{
	if (p->ended)
		lsi_request_free(s, p);
	else
		scsi_req_cancel(p->req);
}

static void lsi_drop_ended(LSIState *s)
{
	lsi_request *p, *after;

	QTAILQ_FOREACH_SAFE(p, &s->queue, next, after) {
		if (p->ended)
			lsi_request_free(s, p);
	}
	if (s->current && s->current->ended)
		lsi_request_free(s, s->current);
}
