// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "src/control.h"

static socklen_t control_addr(const char *ifname, struct sockaddr_un *sa)
{
	*sa = (struct sockaddr_un){ .sun_family = AF_UNIX };
	/* the leading NUL makes it abstract */
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
			   (size_t)snprintf(sa->sun_path + 1, sizeof(sa->sun_path) - 1, "einat:%s",
					    ifname));
}

static int control_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static void set_timeouts(int fd, int receive_ms, int send_ms)
{
	struct timeval in = { receive_ms / 1000, receive_ms % 1000 * 1000 };
	struct timeval out = { send_ms / 1000, send_ms % 1000 * 1000 };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &in, sizeof(in));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &out, sizeof(out));
}

static struct ucred peer_of(int fd)
{
	struct ucred cred = { .uid = (uid_t)-1 };
	socklen_t len = sizeof(cred);

	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len);
	return cred;
}

/* Who holds the name; all 0 if nobody answers. */
static struct ucred peer(const char *ifname)
{
	struct ucred cred = { 0 };
	struct sockaddr_un sa;
	socklen_t n = control_addr(ifname, &sa);
	int fd = control_socket();

	if (fd < 0)
		return cred;
	if (!connect(fd, (struct sockaddr *)&sa, n))
		cred = peer_of(fd);
	close(fd);
	return cred;
}

int control_listen(const char *ifname, struct err *err)
{
	struct sockaddr_un sa;
	socklen_t n = control_addr(ifname, &sa);
	int fd = control_socket();
	int e;

	if (fd >= 0 && !bind(fd, (struct sockaddr *)&sa, n) && !listen(fd, 8))
		return fd;
	e = errno;
	if (fd >= 0)
		close(fd);
	if (e == EADDRINUSE) {
		struct ucred cred = peer(ifname);

		if (cred.uid)
			return err_set(
				err, EPERM,
				"process %d of user %u holds the name of %s's control socket; "
				"einat goes without: stop it by a signal",
				cred.pid, cred.uid, ifname);
		return err_set(err, e,
			       "einat already runs on %s (process %d); stop it with: einat "
			       "stop -i %s",
			       ifname, cred.pid, ifname);
	}
	return err_sys(err, e, "cannot open the control socket of %s", ifname);
}

int control_accept(int listen_fd, char *request, int size)
{
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	/* a busy machine may not run the client at once; only root's clients are waited for */
	set_timeouts(fd, 500, 1000);
	n = peer_of(fd).uid ? -1 : recv(fd, request, (size_t)size - 1, 0);
	if (n <= 0) {
		close(fd);
		return -EPERM;
	}
	request[n] = '\0';
	request[strcspn(request, "\n")] = '\0';
	return fd;
}

static int send_all(int fd, const char *s)
{
	size_t left = strlen(s);

	while (left) {
		ssize_t n = send(fd, s, left, MSG_NOSIGNAL);

		if (n < 0)
			return -errno;
		s += n;
		left -= (size_t)n;
	}
	return 0;
}

void control_reply(int client_fd, const char *json)
{
	send_all(client_fd, json);
	close(client_fd);
}

static int read_all(int fd, char **ret_text)
{
	size_t size = 4096, n = 0;
	char *buf = malloc(size);

	while (buf) {
		ssize_t got = recv(fd, buf + n, size - n - 1, 0);
		char *grown;

		if (got < 0) {
			int e = errno;

			free(buf);
			return -e;
		}
		if (!got) {
			buf[n] = '\0';
			*ret_text = buf;
			return 0;
		}
		n += (size_t)got;
		if (n + 1 < size)
			continue;
		size *= 2;
		grown = realloc(buf, size);
		if (!grown)
			free(buf);
		buf = grown;
	}
	return -ENOMEM;
}

int control_ask(const char *ifname, const char *request, char **ret_answer, struct err *err)
{
	struct sockaddr_un sa;
	socklen_t n = control_addr(ifname, &sa);
	int fd = control_socket();
	int ret = 0;

	if (fd < 0)
		return err_sys(err, errno, "cannot open a socket");
	set_timeouts(fd, 30000, 30000);
	if (connect(fd, (struct sockaddr *)&sa, n)) {
		ret = errno == ECONNREFUSED ? -ENOENT : -errno;
		err_set(err, -ret, "no einat runs on %s", ifname);
	} else if (peer_of(fd).uid) {
		ret = err_set(err, ENOENT, "no einat that can be asked runs on %s", ifname);
	}
	if (!ret)
		ret = send_all(fd, request);
	if (!ret)
		ret = read_all(fd, ret_answer);
	if (ret == -ECONNRESET) /* it ended before it came to answer */
		ret = err_set(err, ENOENT, "no einat runs on %s", ifname);
	if (ret && ret != -ENOENT)
		err_sys(err, -ret, "einat on %s does not answer", ifname);
	close(fd);
	return ret;
}
