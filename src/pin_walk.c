// SPDX-License-Identifier: GPL-2.0-or-later
/* Finds pins of links again without being told where they are. */
#include <bpf/bpf.h>
#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/netns.h"
#include "src/pin.h"

#define LINK_TCX  11 /* the headers of Debian 12 do not have it */
#define DEPTH_MAX 8 /* folders within a BPF file system */

struct search {
	uint32_t id[2]; /* of links; 0: none */
	char folder[64]; /* how the interface's folder ends, see pin_path() */
	bool plain; /* the namespace of process 1, whose folders are in no "netns-N" */
};

/* BPF objects of all kinds are opened alike ("bpf-map", "bpf-prog"), each kind has its own numbers.
 */
static bool is_link(int fd)
{
	char path[32], what[32] = "";

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return readlink(path, what, sizeof(what) - 1) > 0 && strstr(what, "link");
}

/* The first number that the kernel tells of a TCX link is its interface; 0: that is gone. */
static bool link_info(const char *path, uint32_t *ret_id, uint32_t *ret_ifindex)
{
	struct bpf_link_info info = { 0 };
	uint32_t len = sizeof(info);
	int fd = bpf_obj_get(path);
	bool ok;

	if (fd < 0)
		return false;
	ok = is_link(fd) && !bpf_obj_get_info_by_fd(fd, &info, &len) && info.type == LINK_TCX;
	close(fd);
	*ret_id = info.id;
	*ret_ifindex = info.xdp.ifindex;
	return ok;
}

static bool is_folder(const struct search *s, const char *dir)
{
	size_t n = strlen(dir), m = strlen(s->folder);
	const char *end = dir + n - m;

	if (n < m || strcmp(end, s->folder))
		return false;
	while (end > dir && end[-1] != '/')
		end--;
	return !s->plain || strncmp(end, "netns-", 6);
}

static bool ours(const struct search *s, const char *dir, const char *path)
{
	uint32_t id, ifindex;

	if (!link_info(path, &id, &ifindex))
		return false;
	return id == s->id[0] || id == s->id[1] || (!ifindex && is_folder(s, dir));
}

static void walk(const struct search *s, const char *dir, int depth)
{
	DIR *d = opendir(dir);
	bool removed = false;
	struct dirent *e;
	char path[PATH_MAX];

	while (d && (e = readdir(d))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") ||
		    snprintf(path, sizeof(path), "%s/%s", dir, e->d_name) >= (int)sizeof(path))
			continue;
		if (e->d_type == DT_DIR && depth < DEPTH_MAX)
			walk(s, path, depth + 1);
		else if (!strncmp(e->d_name, "link_", 5) && ours(s, dir, path))
			removed |= !unlink(path);
	}
	if (d)
		closedir(d);
	if (removed)
		pin_remove(dir);
}

/* As mountinfo writes blanks and the like: \040. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		unsigned v;

		if (*s == '\\' && sscanf(s + 1, "%3o", &v) == 1) {
			*to++ = (char)v;
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

void pin_forget(const char *ifname, const uint32_t link_ids[2])
{
	struct search s = { .id = { link_ids[0], link_ids[1] }, .plain = netns_same("net") };
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char *line = NULL, path[PATH_MAX];
	size_t size = 0;

	pin_path("", ifname, path, sizeof(path));
	snprintf(s.folder, sizeof(s.folder), "%.63s", path);
	while (f && getline(&line, &size, f) > 0) {
		/* 36 35 98:0 /root /mount/point options ... - type source options */
		const char *type = strstr(line, " - ");

		if (!type || strncmp(type, " - bpf ", 7) ||
		    sscanf(line, "%*s %*s %*s %*s %4095s", path) != 1)
			continue;
		unescape(path);
		walk(&s, path, 0);
	}
	free(line);
	if (f)
		fclose(f);
}
