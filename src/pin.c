// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "src/netns.h"
#include "src/pin.h"

#define BPFFS "/sys/fs/bpf"

static bool is_bpffs(const char *path)
{
	struct statfs fs;

	return !statfs(path, &fs) && (unsigned long)fs.f_type == BPF_FS_MAGIC;
}

/* The folder itself or the nearest one above it that exists. */
static bool below_bpffs(const char *dir)
{
	char path[PATH_MAX];
	char *slash;

	snprintf(path, sizeof(path), "%s", dir);
	while (access(path, F_OK) && (slash = strrchr(path, '/')) && slash != path)
		*slash = '\0';
	return is_bpffs(path);
}

static int mkdir_all(const char *dir, struct err *err)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/", dir);
	for (char *s = strchr(path + 1, '/'); s; s = strchr(s + 1, '/')) {
		*s = '\0';
		if (mkdir(path, 0700) && errno != EEXIST)
			return err_sys(err, errno, "cannot make the folder %s", path);
		*s = '/';
	}
	return 0;
}

void pin_path(const char *dir, const char *ifname, char *ret_path, size_t size)
{
	const char *base = dir ? dir : PIN_DEFAULT_DIR;
	char name[64];

	/* A BPF file system takes no dot in a name, an interface's name has no colon. */
	snprintf(name, sizeof(name), "%s", ifname);
	for (char *dot = name; (dot = strchr(dot, '.'));)
		*dot = ':';
	netns_path(base, name, ret_path, size);
}

int pin_prepare(const char *dir, const char *ifname, char *ret_path, size_t size, struct err *err)
{
	bool usual = !dir || !strcmp(dir, PIN_DEFAULT_DIR);
	const char *base = usual ? PIN_DEFAULT_DIR : dir;

	pin_path(dir, ifname, ret_path, size);
	if (usual && !is_bpffs(BPFFS)) {
		if (!netns_same("mnt"))
			return err_set(err, ENOENT,
				       "no BPF file system at " BPFFS " in this mount namespace");
		if (mount("bpf", BPFFS, "bpf", 0, "mode=0700"))
			return err_sys(err, errno, "cannot mount a BPF file system at " BPFFS);
	}
	if (!below_bpffs(base))
		return err_set(err, EINVAL,
			       "%s is not on a BPF file system, so nothing can be "
			       "pinned there (mount one: mount -t bpf bpf DIR)",
			       base);
	return mkdir_all(ret_path, err);
}

void pin_remove(const char *path)
{
	char dir[PATH_MAX];
	char *slash;

	snprintf(dir, sizeof(dir), "%s", path);
	/* rmdir fails on the first folder that others use, at the latest on the mount point */
	while ((!rmdir(dir) || errno == ENOENT) && (slash = strrchr(dir, '/')) && slash != dir) {
		*slash = '\0';
		if (!strcmp(dir, BPFFS))
			break;
	}
}
