/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * File descriptors that go with a message.
 */
#ifndef LIB_SEND_FDS_H
#define LIB_SEND_FDS_H

#include <sys/types.h>
#include <sys/uio.h>

#define MAX_SENT_FDS	8

/**
 * send_fds() - send a message through a Unix socket
 * @sock: the socket
 * @iov: where the message lies
 * @pieces: in how many
 * @fds: what goes with it; the sender's stay open
 * @num_fds: how many, MAX_SENT_FDS at the most
 * @flags: of sendmsg(2); a closed socket is no signal anyway
 *
 * Return: as sendmsg(2).
 */
ssize_t send_fds(int sock, struct iovec *iov, size_t pieces, const int *fds,
		 unsigned int num_fds, int flags);

#endif /* LIB_SEND_FDS_H */
