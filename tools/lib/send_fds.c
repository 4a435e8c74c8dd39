// SPDX-License-Identifier: GPL-2.0-only
#include "send_fds.h"

#include <string.h>
#include <sys/socket.h>

ssize_t send_fds(int sock, struct iovec *iov, size_t pieces, const int *fds,
		 unsigned int num_fds, int flags)
{
	char control[CMSG_SPACE(MAX_SENT_FDS * sizeof(int))] = { };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = pieces };

	if (num_fds) {
		struct cmsghdr *c;

		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(num_fds * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(num_fds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, num_fds * sizeof(int));
	}
	return sendmsg(sock, &msg, flags | MSG_NOSIGNAL);
}
