// SPDX-License-Identifier: GPL-2.0-or-later
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check/host_owner.h"
#include "check/host_priv.h"

#define FDS_MAX 300000 /* descriptors looked at: about half a second */

struct search {
	struct capture_record *rec;
	uint64_t *inode; /* sorted; those that are wanted */
	bool *found;
	size_t n, left;
	unsigned fds;
};

static int number_order(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* "/proc/PID/comm": any bytes but the end of a line. */
static void command_of(int dir, char *ret_name, size_t size)
{
	int fd = openat(dir, "comm", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, ret_name, size - 1);

	if (fd >= 0)
		close(fd);
	ret_name[n > 0 ? n : 0] = '\0';
	ret_name[strcspn(ret_name, "\n")] = '\0';
}

static int note(struct search *s, int proc, const char *pid, uint64_t inode)
{
	uint64_t *at = bsearch(&inode, s->inode, s->n, sizeof(inode), number_order);
	char name[32];

	if (!at || s->found[at - s->inode])
		return 0;
	s->found[at - s->inode] = true;
	s->left--;
	command_of(proc, name, sizeof(name));
	return capture_printf(s->rec, "%llu %s %s\n", (unsigned long long)inode, pid, name);
}

/* A process may end meanwhile, or be one that may not be looked into: no error. */
static int search_process(struct search *s, int root, const char *pid)
{
	int proc = openat(root, pid, O_RDONLY | O_DIRECTORY | O_CLOEXEC), ret = 0;
	int fd = proc < 0 ? -1 : openat(proc, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	while (d && !ret && s->left && s->fds < FDS_MAX && (e = readdir(d))) {
		char link[64];
		ssize_t n;

		if (!isdigit((unsigned char)*e->d_name))
			continue;
		s->fds++;
		n = readlinkat(dirfd(d), e->d_name, link, sizeof(link) - 1);
		if (n < 9 || strncmp(link, "socket:[", 8))
			continue;
		link[n] = '\0';
		ret = note(s, proc, pid, strtoull(link + 8, NULL, 10));
	}
	if (d)
		closedir(d);
	else if (fd >= 0)
		close(fd);
	if (proc >= 0)
		close(proc);
	return ret;
}

static int search_all(struct search *s)
{
	DIR *root = opendir("/proc");
	struct dirent *e;
	int ret = 0;

	while (root && !ret && s->left && s->fds < FDS_MAX && (e = readdir(root)))
		if (isdigit((unsigned char)*e->d_name))
			ret = search_process(s, dirfd(root), e->d_name);
	if (root)
		closedir(root);
	return ret;
}

int host_capture_owners(struct capture *c, const struct host *h)
{
	struct search s = { .rec = capture_add(c, REC_OWNER, "") };
	int ret;

	if (!s.rec)
		return -ENOMEM;
	if (!h->n_sockets)
		return 0;
	s.inode = calloc(h->n_sockets, sizeof(*s.inode));
	s.found = calloc(h->n_sockets, sizeof(*s.found));
	ret = s.inode && s.found ? 0 : -ENOMEM;
	for (size_t i = 0; i < h->n_sockets && !ret; i++)
		if (h->sockets[i].inode)
			s.inode[s.n++] = h->sockets[i].inode;
	s.left = s.n;
	if (!ret && s.n) {
		qsort(s.inode, s.n, sizeof(*s.inode), number_order);
		ret = search_all(&s);
	}
	if (!ret && s.fds >= FDS_MAX)
		ret = host_gap_add(c, REC_OWNER, s.left,
				   "the processes of some sockets were not looked for");
	free(s.inode);
	free(s.found);
	return ret;
}
