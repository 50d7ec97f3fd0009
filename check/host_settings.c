// SPDX-License-Identifier: GPL-2.0-or-later
/* Settings (sysctls) that decide what becomes of translated packets, and other einats. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check/host_priv.h"

#define PIN_DIR	   "/sys/fs/bpf/einat"
#define EINATS_MAX 1000

/* Below /proc/sys, which shows the caller's network namespace. */
static const char *const settings[] = {
	"net/bridge/bridge-nf-call-arptables",
	"net/bridge/bridge-nf-call-ip6tables",
	"net/bridge/bridge-nf-call-iptables",
	"net/bridge/bridge-nf-filter-vlan-tagged",
	"net/core/bpf_jit_enable",
	"net/ipv4/fwmark_reflect",
	"net/ipv4/ip_early_demux",
	"net/ipv4/ip_forward",
	"net/ipv4/ip_forward_use_pmtu",
	"net/ipv4/ip_local_port_range",
	"net/ipv4/ip_local_reserved_ports",
	"net/ipv4/ip_no_pmtu_disc",
	"net/ipv4/ip_nonlocal_bind",
	"net/ipv4/ip_unprivileged_port_start",
	"net/ipv4/ipfrag_high_thresh",
	"net/ipv4/ipfrag_max_dist",
	"net/ipv4/ipfrag_time",
	"net/ipv4/ping_group_range",
	"net/ipv4/tcp_early_demux",
	"net/ipv4/tcp_fwmark_accept",
	"net/ipv4/udp_early_demux",
	"net/ipv6/bindv6only",
	"net/ipv6/ip6frag_high_thresh",
	"net/ipv6/ip6frag_time",
	"net/ipv6/ip_nonlocal_bind",
	"net/netfilter/nf_conntrack_acct",
	"net/netfilter/nf_conntrack_buckets",
	"net/netfilter/nf_conntrack_checksum",
	"net/netfilter/nf_conntrack_count",
	"net/netfilter/nf_conntrack_events",
	"net/netfilter/nf_conntrack_generic_timeout",
	"net/netfilter/nf_conntrack_helper",
	"net/netfilter/nf_conntrack_icmp_timeout",
	"net/netfilter/nf_conntrack_max",
	"net/netfilter/nf_conntrack_tcp_be_liberal",
	"net/netfilter/nf_conntrack_tcp_loose",
	"net/netfilter/nf_conntrack_tcp_timeout_established",
	"net/netfilter/nf_conntrack_udp_timeout",
	"net/netfilter/nf_conntrack_udp_timeout_stream",
};

/* Below net/FAMILY/conf/, for "all", "default" and each interface. */
static const struct {
	const char *dir;
	const char *names[8];
} per_link[] = {
	{ "net/ipv4/conf",
	  { "accept_local", "forwarding", "route_localnet", "rp_filter", "send_redirects",
	    "src_valid_mark", "proxy_arp" } },
	{ "net/ipv6/conf", { "accept_ra", "disable_ipv6", "forwarding", "proxy_ndp" } },
};

/* ---- capture ---------------------------------------------------------------------------- */

/* Names as sysctl(8) has them: '/' becomes '.', a dot in an interface's name '/'. */
static int put_setting(struct capture_record *r, int sys, const char *path)
{
	char value[HOST_LINE_MAX - 256], name[128];
	size_t n = 0;
	ssize_t len;
	int fd = openat(sys, path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0; /* this kernel, or this namespace, has none */
	len = read(fd, value, sizeof(value) - 1);
	close(fd);
	if (len < 0)
		return 0;
	for (ssize_t i = 0; i < len; i++) {
		bool space = isspace((unsigned char)value[i]);

		if (!space || (n && value[n - 1] != ' '))
			value[n++] = space ? ' ' : value[i];
	}
	if (n && value[n - 1] == ' ')
		n--;
	value[n] = '\0';
	snprintf(name, sizeof(name), "%s", path);
	for (char *p = name; *p; p++)
		*p = *p == '/' ? '.' : *p == '.' ? '/' : *p;
	return capture_printf(r, "%s=%s\n", name, value);
}

static int put_links(struct capture_record *r, int sys, const char *dir, const char *const *names)
{
	int fd = openat(sys, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), ret = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	while (d && !ret && (e = readdir(d)))
		for (size_t i = 0; names[i] && !ret && *e->d_name != '.'; i++) {
			char path[320];

			snprintf(path, sizeof(path), "%s/%s/%s", dir, e->d_name, names[i]);
			ret = put_setting(r, sys, path);
		}
	if (d)
		closedir(d);
	else if (fd >= 0)
		close(fd);
	return ret;
}

static int capture_sysctls(struct capture *c, struct err *err)
{
	int sys = open("/proc/sys", O_PATH | O_DIRECTORY | O_CLOEXEC), ret = 0;
	struct capture_record *r;

	if (sys < 0)
		return err_sys(err, errno, "cannot open /proc/sys");
	r = capture_add(c, REC_SYSCTL, "");
	if (!r)
		ret = -ENOMEM;
	for (size_t i = 0; i < sizeof(settings) / sizeof(*settings) && !ret; i++)
		ret = put_setting(r, sys, settings[i]);
	for (size_t i = 0; i < sizeof(per_link) / sizeof(*per_link) && !ret; i++)
		ret = put_links(r, sys, per_link[i].dir, per_link[i].names);
	close(sys);
	return ret ? err_sys(err, -ret, "cannot read the settings below /proc/sys") : 0;
}

/* The control sockets are abstract: "@einat:IF", of the network namespace. */
static int capture_running(struct capture_record *r)
{
	FILE *f = fopen("/proc/thread-self/net/unix", "re");
	char *line = NULL;
	size_t size = 0;
	int ret = 0;

	if (!f)
		return 0;
	while (!ret && getline(&line, &size, f) > 0) {
		char *name = strstr(line, " @einat:");
		unsigned flags;

		/* "Num RefCount Protocol Flags Type St Inode Path": listening ones alone */
		if (!name || sscanf(line, "%*s %*s %*s %x", &flags) != 1 || !(flags & 0x10000))
			continue;
		name[strcspn(name, "\n")] = '\0';
		ret = capture_printf(r, "socket %s\n", name + strlen(" @einat:"));
	}
	free(line);
	fclose(f);
	return ret;
}

/* Pins of this network namespace: DIR/IF, outside of that of process 1 DIR/netns-N/IF. */
static int capture_pins(struct capture_record *r)
{
	char dir[64] = PIN_DIR;
	struct stat self, init;
	struct dirent *e;
	int ret = 0;
	DIR *d;

	if (stat("/proc/thread-self/ns/net", &self))
		return 0;
	if (stat("/proc/1/ns/net", &init) || self.st_ino != init.st_ino)
		snprintf(dir, sizeof(dir), PIN_DIR "/netns-%lu", (unsigned long)self.st_ino);
	d = opendir(dir);
	while (d && !ret && (e = readdir(d))) {
		if (*e->d_name == '.' || !strncmp(e->d_name, "netns-", 6))
			continue;
		for (char *p = e->d_name; *p; p++)
			*p = *p == ':' ? '.' : *p; /* a BPF file system takes no dot */
		ret = capture_printf(r, "pins %s\n", e->d_name);
	}
	if (d)
		closedir(d);
	return ret;
}

int host_capture_settings(struct capture *c, struct err *err)
{
	int ret = capture_sysctls(c, err);
	struct capture_record *r;

	if (ret)
		return ret;
	r = capture_add(c, REC_EINAT, "");
	ret = r ? capture_running(r) : -ENOMEM;
	if (!ret)
		ret = capture_pins(r);
	return ret ? err_sys(err, -ret, "cannot look for other einats") : 0;
}

/* ---- parse ------------------------------------------------------------------------------ */

static int on_sysctl(struct host *h, const char *record, const char *line)
{
	const char *eq = strchr(line, '=');
	struct host_sysctl *s;

	(void)record;
	if (!eq || eq == line)
		return -EBADMSG;
	s = HOST_ADD(&h->sysctls, &h->n_sysctls);
	if (!s)
		return -ENOMEM;
	snprintf(s->name, sizeof(s->name), "%.*s", (int)(eq - line), line);
	s->value = strdup(eq + 1);
	return s->value ? 0 : -ENOMEM;
}

static int on_einat(struct host *h, const char *record, const char *line)
{
	char what[8], ifname[HOST_IFNAME];
	struct host_einat *e = NULL;

	(void)record;
	if (sscanf(line, "%7s %15s", what, ifname) != 2)
		return -EBADMSG;
	for (size_t i = 0; i < h->n_einats && !e; i++)
		if (!strcmp(h->einats[i].ifname, ifname))
			e = &h->einats[i];
	if (h->n_einats == EINATS_MAX)
		return -EBADMSG;
	if (!e)
		e = HOST_ADD(&h->einats, &h->n_einats);
	if (!e)
		return -ENOMEM;
	memcpy(e->ifname, ifname, sizeof(ifname));
	if (!strcmp(what, "socket"))
		e->running = true;
	else
		e->pins = true;
	return 0;
}

static int sysctl_order(const void *a, const void *b)
{
	return strcmp(((const struct host_sysctl *)a)->name, ((const struct host_sysctl *)b)->name);
}

int host_parse_settings(struct host *h, const struct capture *c, struct err *err)
{
	int ret = host_each_line(h, c, REC_SYSCTL, on_sysctl, err);

	if (h->n_sysctls)
		qsort(h->sysctls, h->n_sysctls, sizeof(*h->sysctls), sysctl_order);
	return ret ? ret : host_each_line(h, c, REC_EINAT, on_einat, err);
}
