// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/control_place.h"
#include "src/netns.h"

#define RUN_DIR	   "/run/einat"
#define LOCK_TRIES 8 /* the folder may be removed between its making and its locking */

void place_of(const char *ifname, struct place *ret_place)
{
	struct place *p = ret_place;
	size_t max = sizeof(p->path.sun_path);

	*p = (struct place){ .path = { .sun_family = AF_UNIX }, .name = { .sun_family = AF_UNIX } };
	netns_path(RUN_DIR, ifname, p->dir, sizeof(p->dir));
	snprintf(p->path.sun_path, max, "%.*s/control", (int)max - 9, p->dir);
	p->path_len = sizeof(p->path);
	/* the leading NUL makes it abstract */
	p->name_len =
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
			    (size_t)snprintf(p->name.sun_path + 1, max - 1, "einat:%s", ifname));
}

/* Each folder on the way is root's own, or is not gone through. */
static int make_dirs(const char *dir, struct err *err)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s/", dir);
	for (char *s = strchr(path + strlen(RUN_DIR), '/'); s; s = strchr(s + 1, '/')) {
		*s = '\0';
		if (mkdir(path, 0700) && errno != EEXIST)
			return err_sys(err, errno, "cannot make the folder %s", path);
		if (lstat(path, &st))
			return err_sys(err, errno, "cannot look at the folder %s", path);
		if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || st.st_mode & 022)
			return err_set(err, EPERM, "%s is not a folder that is root's alone", path);
		*s = '/';
	}
	return 0;
}

static bool same_file(int fd, const char *path)
{
	struct stat a, b;

	return !fstat(fd, &a) && !lstat(path, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

int place_lock(const struct place *p, struct err *err)
{
	for (int i = 0; i < LOCK_TRIES; i++) {
		int ret = make_dirs(p->dir, err);
		int fd, e;

		if (ret == -ENOENT)
			continue;
		if (ret)
			return ret;
		fd = open(p->dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB) && same_file(fd, p->dir))
			return fd;
		e = errno;
		if (fd >= 0)
			close(fd);
		if (e == EWOULDBLOCK)
			return err_set(err, EADDRINUSE, "%s is locked", p->dir);
	}
	return err_set(err, EAGAIN, "%s comes and goes", p->dir);
}

void place_remove(const struct place *p)
{
	char dir[PATH_MAX];
	char *slash;

	unlink(p->path.sun_path);
	snprintf(dir, sizeof(dir), "%s", p->dir);
	while (strlen(dir) >= strlen(RUN_DIR) && !rmdir(dir) && (slash = strrchr(dir, '/')))
		*slash = '\0';
}
