// SPDX-License-Identifier: GPL-2.0-or-later
/* The capture of iptables-legacy: the kernel's own table blobs, IPv4 and IPv6. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <net/if.h>
#include <netinet/in.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>

#include "capture_priv.h"

#define BLOB_MAX (256u << 20)
#define TRIES	 20

/* What differs between the two; their structures for these calls are of one layout. */
struct source {
	const char *kind, *names; /* of the records; file that lists the tables */
	int domain, level, get_info, get_entries;
};

static const struct source sources[2] = {
	{ FW_REC_LEGACY4, "/proc/thread-self/net/ip_tables_names", AF_INET, IPPROTO_IP,
	  IPT_SO_GET_INFO, IPT_SO_GET_ENTRIES },
	{ FW_REC_LEGACY6, "/proc/thread-self/net/ip6_tables_names", AF_INET6, IPPROTO_IPV6,
	  IP6T_SO_GET_INFO, IP6T_SO_GET_ENTRIES },
};

_Static_assert(sizeof(struct ipt_getinfo) == sizeof(struct ip6t_getinfo) &&
		       sizeof(struct ipt_get_entries) == sizeof(struct ip6t_get_entries),
	       "one layout");

/* -EAGAIN: the table changed between the two calls. */
static int capture_table(struct capture *c, int fd, const struct source *s, const char *name)
{
	struct ipt_getinfo info = { 0 };
	uint8_t head[FW_LEGACY_HEAD] = { 0 };
	struct ipt_get_entries *entries;
	struct capture_record *r;
	socklen_t len = sizeof(info);
	int ret;

	if (strlen(name) >= sizeof(info.name))
		return -EBADMSG;
	strcpy(info.name, name);
	if (getsockopt(fd, s->level, s->get_info, &info, &len))
		return -errno;
	if (info.size > BLOB_MAX)
		return -E2BIG;
	len = (socklen_t)(sizeof(*entries) + info.size);
	entries = calloc(1, len);
	if (!entries)
		return -ENOMEM;
	strcpy(entries->name, name);
	entries->size = info.size;
	ret = getsockopt(fd, s->level, s->get_entries, entries, &len) ? -errno : 0;
	r = ret ? NULL : capture_add(c, s->kind, name);
	memcpy(head, &info, sizeof(info));
	if (r)
		ret = capture_put(r, head, sizeof(head));
	if (r && !ret)
		ret = capture_put(r, entries->entrytable, info.size);
	free(entries);
	return ret ? ret : r ? 0 : -ENOMEM;
}

int legacy_capture(struct capture *c, int family, struct err *err)
{
	const struct source *s = &sources[family == NFPROTO_IPV6];
	char name[XT_TABLE_MAXNAMELEN + 2];
	FILE *f = fopen(s->names, "re");
	int fd, ret = 0;

	if (!f) /* not in this kernel, or not loaded: no rules */
		return errno == ENOENT ? 0 : err_sys(err, errno, "cannot read %s", s->names);
	fd = socket(s->domain, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	if (fd < 0)
		ret = err_sys(err, errno, "cannot open a raw socket to read %s rules", s->kind);
	while (!ret && fgets(name, sizeof(name), f)) {
		name[strcspn(name, "\n")] = '\0';
		ret = -EAGAIN;
		for (int i = 0; i < TRIES && ret == -EAGAIN; i++)
			ret = capture_table(c, fd, s, name);
		if (ret)
			err_sys(err, -ret, "cannot read the %s table %s", s->kind, name);
	}
	if (fd >= 0)
		close(fd);
	fclose(f);
	return ret;
}
