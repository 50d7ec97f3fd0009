// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/sock_priv.h"

/*
 * "  sl  local_address rem_address   st ...", "   0: 0100007F:0035 00000000:0000 07 ...": addresses
 * as 32-bit words in the machine's byte order, 8 hex digits each, one for IPv4 and four for IPv6.
 */
static bool parse_line(const char *line, struct net_addr *ret_addr, unsigned *ret_port,
		       unsigned *ret_state)
{
	char local[40], remote[40];
	uint32_t word[4];
	size_t words;

	if (sscanf(line, " %*u: %39[0-9A-Fa-f]:%x %39[0-9A-Fa-f]:%*x %x", local, ret_port, remote,
		   ret_state) != 4)
		return false;
	words = strlen(local) / 8;
	if (strlen(local) % 8 || (words != 1 && words != 4))
		return false;
	for (size_t i = 0; i < words; i++)
		if (sscanf(local + 8 * i, "%8x", &word[i]) != 1)
			return false;
	if (words == 1)
		*ret_addr = net_addr_from4(word[0]);
	else
		memcpy(ret_addr->b, word, sizeof(ret_addr->b));
	return *ret_port <= 65535;
}

static int read_file(const char *name, unsigned proto, bool must_exist, struct sock_scan *scan,
		     struct err *err)
{
	char path[64], *line = NULL;
	unsigned port, state;
	struct net_addr addr;
	size_t size = 0;
	int ret = 0;
	FILE *f;

	/* not /proc/net, which shows the namespace of the process's first thread */
	snprintf(path, sizeof(path), "/proc/thread-self/net/%s", name);
	f = fopen(path, "re");
	if (!f && errno == ENOENT && !must_exist)
		return 0;
	if (!f)
		return err_sys(err, errno, "sockets: cannot open %s", path);
	while (getline(&line, &size, f) > 0)
		if (parse_line(line, &addr, &port, &state) && sock_owns_state(proto, state))
			sock_note(scan, proto, &addr, false, port);
	if (ferror(f))
		ret = err_sys(err, EIO, "sockets: cannot read %s", path);
	free(line);
	fclose(f);
	return ret;
}

int sockets_read_proc(const struct net_addr *ext, size_t n_ext,
		      struct port_set ret_ports[PROTO_COUNT], struct err *err)
{
	struct sock_scan *scan = sock_scan_new(ext, n_ext);
	int ret;

	if (!scan)
		return err_set(err, ENOMEM, "sockets: out of memory");
	ret = read_file("udp", 0, true, scan, err);
	if (!ret)
		ret = read_file("udp6", 0, false, scan, err);
	if (!ret)
		ret = read_file("tcp", 1, true, scan, err);
	if (!ret)
		ret = read_file("tcp6", 1, false, scan, err);
	if (!ret) {
		ret = sock_scan_take(scan, ret_ports);
		if (ret)
			err_set(err, ENOMEM, "sockets: out of memory");
	}
	free(scan);
	return ret;
}
