// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <sys/stat.h>

#include "src/netns.h"

bool netns_same(const char *what)
{
	char self[64], init[64];
	struct stat a, b;

	snprintf(self, sizeof(self), "/proc/self/ns/%s", what);
	snprintf(init, sizeof(init), "/proc/1/ns/%s", what);
	return !stat(self, &a) && !stat(init, &b) && a.st_ino == b.st_ino;
}

void netns_path(const char *base, const char *name, char *ret_path, size_t size)
{
	struct stat ns;

	if (netns_same("net") || stat("/proc/self/ns/net", &ns))
		snprintf(ret_path, size, "%s/%s", base, name);
	else
		snprintf(ret_path, size, "%s/netns-%lu/%s", base, (unsigned long)ns.st_ino, name);
}
