// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/control.h"

static bool add(struct control_names *names, const char *name)
{
	char(*grown)[IF_NAMESIZE];

	for (size_t i = 0; i < names->n; i++)
		if (!strcmp(names->name[i], name))
			return true;
	grown = realloc(names->name, (names->n + 1) * sizeof(*grown));
	if (!grown)
		return false;
	names->name = grown;
	snprintf(names->name[names->n++], IF_NAMESIZE, "%s", name);
	return true;
}

/* The interface in "@einat:IF" or "/run/einat/.../IF/control", which is cut apart; or NULL. */
static const char *interface_of(char *path)
{
	char *end = path + strlen(path), *slash;
	const char *name;

	if (!strncmp(path, "@einat:", 7)) {
		name = path + 7;
	} else {
		if (strncmp(path, "/run/einat/", 11) || end - path < 8 ||
		    strcmp(end - 8, "/control"))
			return NULL;
		end[-8] = '\0';
		slash = strrchr(path, '/');
		name = slash + 1;
	}
	return *name && strlen(name) < IF_NAMESIZE && !strpbrk(name, "/:") ? name : NULL;
}

/*
 * /proc/net/unix holds the sockets that were bound in this network namespace; their path, which may
 * be anything, is the eighth and last word of a line. See proc(5).
 */
static bool add_bound(struct control_names *names)
{
	FILE *f = fopen("/proc/net/unix", "re");
	char *line = NULL;
	size_t size = 0;
	bool ok = true;

	while (f && ok && getline(&line, &size, f) >= 0) {
		char path[128];
		const char *name;

		if (sscanf(line, "%*s %*s %*s %*s %*s %*s %*s %127s", path) != 1)
			continue;
		name = interface_of(path);
		ok = !name || add(names, name);
	}
	free(line);
	if (f)
		fclose(f);
	return ok;
}

int control_names(struct control_names *ret_names, struct err *err)
{
	struct if_nameindex *ifs = if_nameindex();
	struct control_names names = { 0 };
	bool ok = true;

	for (struct if_nameindex *i = ifs; i && i->if_index && ok; i++)
		ok = add(&names, i->if_name);
	if_freenameindex(ifs);
	if (!ok || !add_bound(&names)) {
		control_names_clear(&names);
		return err_sys(err, ENOMEM, "cannot list interfaces");
	}
	*ret_names = names;
	return 0;
}

void control_names_clear(struct control_names *names)
{
	free(names->name);
	*names = (struct control_names){ 0 };
}
