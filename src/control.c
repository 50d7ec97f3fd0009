// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "src/control.h"
#include "src/control_place.h"

#define CONNECT_MS 2000 /* for a queue that is full; root's einat empties its own at once */
#define ANSWER_MS  30000

struct control {
	struct place place;
	int lock_fd; /* of the folder; -1: there is none */
	int epoll_fd;
	int listen_fd[2]; /* in the folder, abstract; -1: not to be had */
};

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

/* Connect to one of root's processes; a descriptor, or -ENOENT: there is none at that address. */
static int connect_root(const struct sockaddr_un *sa, socklen_t len)
{
	int fd = control_socket();

	if (fd < 0)
		return -errno;
	set_timeouts(fd, CONNECT_MS, CONNECT_MS);
	if (!connect(fd, (const struct sockaddr *)sa, len) && !peer_of(fd).uid)
		return fd;
	close(fd);
	return -ENOENT;
}

/* The einat that can be asked: by its folder, else by its name. */
static int connect_einat(const struct place *p)
{
	int fd = connect_root(&p->path, p->path_len);

	return fd == -ENOENT ? connect_root(&p->name, p->name_len) : fd;
}

static int in_use(const struct place *p, const char *ifname, struct err *err)
{
	int fd = connect_einat(p);
	char who[32] = "";

	if (fd >= 0) {
		snprintf(who, sizeof(who), " (process %d)", peer_of(fd).pid);
		close(fd);
	}
	return err_set(err, EADDRINUSE,
		       "einat already runs on %s%s; stop it with: einat stop -i %s", ifname, who,
		       ifname);
}

/* A listening socket, watched by @c; -errno. */
static int listen_at(struct control *c, const struct sockaddr_un *sa, socklen_t len)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };
	int e;

	if (fd >= 0 && !bind(fd, (const struct sockaddr *)sa, len) && !listen(fd, 8) &&
	    !epoll_ctl(c->epoll_fd, EPOLL_CTL_ADD, fd, &ev))
		return fd;
	e = errno;
	if (fd >= 0)
		close(fd);
	return -e;
}

/* The name is only looked at, and taken if it is free: see control.h. */
static int open_name(struct control *c, const char *ifname, struct err *err)
{
	int fd;

	c->listen_fd[1] = listen_at(c, &c->place.name, c->place.name_len);
	if (c->listen_fd[1] != -EADDRINUSE)
		return 0;
	fd = connect_root(&c->place.name, c->place.name_len);
	if (fd < 0)
		return 0;
	close(fd);
	return in_use(&c->place, ifname, err);
}

int control_open(const char *ifname, struct control **ret_control, struct err *err)
{
	struct control *c = calloc(1, sizeof(*c));
	struct err why = { "" };
	int ret;

	if (!c)
		return err_sys(err, ENOMEM, "cannot open the control socket of %s", ifname);
	place_of(ifname, &c->place);
	c->listen_fd[0] = c->listen_fd[1] = -1;
	c->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	c->lock_fd = place_lock(&c->place, &why);
	ret = c->lock_fd == -EADDRINUSE ? in_use(&c->place, ifname, err)
					: open_name(c, ifname, err);
	if (!ret && c->lock_fd >= 0) {
		unlink(c->place.path.sun_path); /* of one that was killed */
		c->listen_fd[0] = listen_at(c, &c->place.path, c->place.path_len);
		if (c->listen_fd[0] < 0)
			err_sys(&why, -c->listen_fd[0], "cannot listen in %s", c->place.dir);
	}
	if (!ret && c->listen_fd[0] < 0 && c->listen_fd[1] < 0)
		ret = err_set(err, EPERM,
			      "%s: no control socket (%s); einat goes without: stop it by a signal",
			      ifname, why.text);
	if (ret) {
		control_close(c);
		return ret;
	}
	*ret_control = c;
	return 0;
}

void control_close(struct control *c)
{
	if (!c)
		return;
	if (c->lock_fd >= 0)
		place_remove(&c->place);
	for (int i = 0; i < 2; i++)
		if (c->listen_fd[i] >= 0)
			close(c->listen_fd[i]);
	if (c->lock_fd >= 0)
		close(c->lock_fd);
	if (c->epoll_fd >= 0)
		close(c->epoll_fd);
	free(c);
}

void control_purge(const char *ifname)
{
	struct place p;
	int fd;

	place_of(ifname, &p);
	if (access(p.dir, F_OK))
		return;
	fd = place_lock(&p, NULL);
	if (fd < 0)
		return;
	place_remove(&p);
	close(fd);
}

int control_fd(const struct control *c)
{
	return c->epoll_fd;
}

int control_accept(struct control *c, char *request, int size)
{
	struct epoll_event ev;
	ssize_t n;
	int fd;

	if (epoll_wait(c->epoll_fd, &ev, 1, 0) != 1)
		return -EAGAIN;
	fd = accept4(ev.data.fd, NULL, NULL, SOCK_CLOEXEC);
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
	struct place p;
	int ret = 0;
	int fd;

	place_of(ifname, &p);
	fd = connect_einat(&p);
	if (fd == -ENOENT)
		return err_set(err, ENOENT, "no einat runs on %s", ifname);
	if (fd < 0)
		return err_sys(err, -fd, "cannot open a socket");
	set_timeouts(fd, ANSWER_MS, ANSWER_MS);
	ret = send_all(fd, request);
	if (!ret)
		ret = read_all(fd, ret_answer);
	close(fd);
	if (ret == -ECONNRESET) /* it ended before it came to answer */
		return err_set(err, ENOENT, "no einat runs on %s", ifname);
	return ret ? err_sys(err, -ret, "einat on %s does not answer", ifname) : 0;
}
