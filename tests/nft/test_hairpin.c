// SPDX-License-Identifier: GPL-2.0-or-later
/* Hairpin: what is written, changed and removed (root). */
#include "hairpin_lab.h"

#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "lib/rtnl.h"

static void test_apply_and_remove(void **state)
{
	struct lab *l = *state;
	char text[256];

	assert_int_equal(hairpin_check(&l->spec, &l->err), 0);
	apply(l);
	snprintf(text, sizeof(text), "lookup %u", hairpin_table("wan"));
	has("ip rule", text);
	has("ip rule", "100:	from all to " EXT " iif lan ipproto udp dport 20000-29999");
	has("ip rule", "100:	from all to " EXT " iif lan ipproto tcp dport 20000-29999");
	hasnt("ip rule", "icmp");
	has("ip rule", "200:	from all lookup local");
	hasnt("ip rule", "\n0:");
	snprintf(text, sizeof(text), "ip route show table %u", hairpin_table("wan"));
	has(text, EXT " dev wan proto kernel scope link src " EXT);
	snprintf(text, sizeof(text),
		 EXT " lladdr %02x:%02x:%02x:%02x:%02x:%02x PERMANENT proto 101", l->spec.mac[0],
		 l->spec.mac[1], l->spec.mac[2], l->spec.mac[3], l->spec.mac[4], l->spec.mac[5]);
	has("ip neigh show dev wan", text);
	del(l);
	same(l->before);
	del(l); /* nothing left is fine too */
	same(l->before);
}

static int events_open(void)
{
	struct sockaddr_nl sa = { .nl_family = AF_NETLINK,
				  .nl_groups = RTMGRP_NEIGH | RTMGRP_IPV4_ROUTE |
					       (1 << (RTNLGRP_IPV4_RULE - 1)) };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

/*
 * Reads all events, follows the number of rules that look table local up from @locals on, and fails
 * when it is ever 0. Returns how many events there were.
 */
static unsigned events_count(int fd, int *locals)
{
	char buf[32768] __attribute__((aligned(NLMSG_ALIGNTO)));
	unsigned events = 0;
	ssize_t n;

	while ((n = recv(fd, buf, sizeof(buf), 0)) > 0) {
		struct nlmsghdr *nlh = (struct nlmsghdr *)buf;
		int left = (int)n;

		for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
			struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);

			events++;
			if (rtm->rtm_table != RT_TABLE_LOCAL)
				continue;
			if (nlh->nlmsg_type == RTM_NEWRULE)
				++*locals;
			else if (nlh->nlmsg_type == RTM_DELRULE)
				assert_true(--*locals > 0);
		}
	}
	return events;
}

static void test_idempotent(void **state)
{
	struct lab *l = *state;
	int locals = 1, fd;

	apply(l);
	fd = events_open();
	apply(l);
	apply(l);
	assert_int_equal(events_count(fd, &locals), 0);
	close(fd);
}

static void test_local_rule_never_absent(void **state)
{
	struct lab *l = *state;
	int locals = 1, fd = events_open();

	for (int i = 0; i < 5; i++) {
		apply(l);
		assert_true(events_count(fd, &locals) >= 6);
		assert_int_equal(locals, 1);
		sh("ip rule add pref 50 fwmark 1 lookup main"); /* the `local` rule must go below it
								 */
		apply(l);
		has("ip rule", "49:	from all lookup local");
		sh("ip rule del pref 50");
		del(l);
		assert_true(events_count(fd, &locals) >= 10);
		assert_int_equal(locals, 1);
	}
	close(fd);
	same(l->before);
}

static void test_incremental(void **state)
{
	struct lab *l = *state;
	int locals = 1, fd;

	apply(l);
	fd = events_open();
	l->in_ifs[1] = "lan2";
	l->spec.n_in_ifs = 2;
	apply(l);
	assert_int_equal(events_count(fd, &locals), 2); /* two rules, nothing else */
	ports(&l->spec, "20000-24999,40000", "20000-29999");
	apply(l);
	assert_int_equal(events_count(fd, &locals), 6); /* udp: 2 x 2 new, 2 x 1 old */
	has("ip rule", "ipproto udp dport 40000 ");
	l->ext[1] = addr(EXT2);
	l->spec.n_external = 2;
	apply(l);
	assert_int_equal(events_count(fd, &locals), 8); /* neighbour, route, 6 rules */
	l->ext[0] = addr(EXT2);
	l->spec.n_external = 1;
	apply(l);
	hasnt("ip rule; ip neigh show dev wan; ip route show table all type unicast | grep '^" EXT
	      " '",
	      EXT " ");
	l->spec.protos = PROTO_TCP | PROTO_ICMP;
	apply(l);
	hasnt("ip rule", "udp");
	l->spec.n_in_ifs = 0; /* nothing to turn around */
	apply(l);
	close(fd);
	same(l->before);
}

static void test_many_ranges(void **state)
{
	struct lab *l = *state;
	char *p = calloc(1, 64 * 16);
	size_t at = 0;

	assert_non_null(p);
	for (unsigned i = 0; i < 63; i++) /* MAP-E */
		at += (size_t)sprintf(p + at, "%s%u-%u", i ? "," : "", 1024 * (i + 1) + 16,
				      1024 * (i + 1) + 31);
	ports(&l->spec, p, p);
	free(p);
	apply(l);
	has("ip rule | grep -c iif", "126\n");
	del(l);
	same(l->before);
}

static void test_mac_changes(void **state)
{
	struct lab *l = *state;

	apply(l);
	sh("ip link set wan address 02:00:00:00:00:07");
	spec_read(l, "wan");
	assert_int_equal(hairpin_check(&l->spec, &l->err), 0);
	apply(l);
	has("ip neigh show dev wan", EXT " lladdr 02:00:00:00:00:07 PERMANENT");
	del(l);
	same(l->before);
}

static void test_interface_made_anew(void **state)
{
	struct lab *l = *state;

	apply(l);
	sh("ip link del wan");
	assert_int_equal(hairpin_check(&l->spec, &l->err), -ENODEV);
	refused(l, ENODEV, "no interface wan");
	veth("wan", EXT "/24");
	refused(l, ENODEV, "made anew");
	spec_read(l, "wan");
	assert_int_equal(hairpin_check(&l->spec, &l->err), 0);
	apply(l);
	sh("ip link del wan");
	del(l); /* its name is enough */
	hasnt("ip rule", "iif");
	has("ip -d rule", "0:	from all lookup local proto kernel");
}

static void test_interface_renamed(void **state)
{
	struct lab *l = *state;
	int was = l->spec.ifindex;

	apply(l);
	/* only down: not every kernel renames an interface that is up */
	sh("ip link set wan down; ip link set wan name old; ip link set old up; "
	   "ip link set wan-p down; ip link set wan-p name old-p; ip link set old-p up");
	sh("ip route add " EXT " dev old table %u scope link src " EXT, hairpin_table("wan"));
	sh("ip neigh add " EXT " dev old lladdr 02:00:00:00:00:01 nud permanent protocol 101");
	veth("wan", "203.0.113.9/24");
	spec_read(l, "wan");
	assert_int_not_equal(was, l->spec.ifindex);
	l->ext[0] = addr("203.0.113.9");
	apply(l);
	hasnt("ip neigh show dev old", "PERMANENT");
	hasnt("ip route show table all dev old", "table 17");
	del(l);
	hasnt("ip neigh", "PERMANENT");
}

static void test_two_interfaces(void **state)
{
	struct lab *l = *state, *l2 = spec_new("wan2", "198.51.100.1", "lan");
	char *one;

	apply(l);
	one = sh_out(DUMP);
	apply(l2);
	assert_int_equal(hairpin_check(&l->spec, &l->err), 1);
	has("ip route get 198.51.100.1 from 192.168.1.9 iif lan ipproto tcp dport 25000",
	    "dev wan2");
	has("ip route get " EXT " from 192.168.1.9 iif lan ipproto tcp dport 25000", "dev wan ");
	del(l2);
	same(one);
	assert_int_equal(hairpin_check(&l->spec, &l->err), 1);
	apply(l2);
	del(l);
	has("ip rule", "200:	from all lookup local");
	assert_int_equal(hairpin_check(&l2->spec, &l2->err), 1);
	del(l2);
	same(l->before);
	free(one);
	spec_free(l2);
}

/* Two processes that come and go at once: the `local` rule is never absent, nothing is left. */
static void test_two_processes_at_once(void **state)
{
	struct lab *l = *state, *l2 = spec_new("wan2", "198.51.100.1", "lan2");
	int locals = 1, fd = events_open(), status, size = 8 << 20;
	pid_t pid[2];

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)), 0);
	for (int i = 0; i < 2; i++) {
		struct lab *mine = i ? l2 : l;

		pid[i] = fork();
		assert_true(pid[i] >= 0);
		if (pid[i])
			continue;
		for (int n = 0; n < 40; n++)
			if (hairpin_apply(&mine->spec, &mine->err) ||
			    hairpin_check(&mine->spec, &mine->err) != 1 ||
			    hairpin_remove(mine->spec.ifname, &mine->err))
				_exit(1);
		_exit(0);
	}
	for (int i = 0; i < 2; i++) {
		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_int_equal(status, 0);
	}
	assert_true(events_count(fd, &locals) > 80 * 8);
	assert_int_equal(locals, 1);
	close(fd);
	same(l->before);
	spec_free(l2);
}

/* What print shows is what apply does: the shell runs it, and check finds nothing to do. */
static void test_print(void **state)
{
	struct lab *l = *state;
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	ports(&l->spec, "20000-29999,40000", "443");
	assert_int_equal(hairpin_print(&l->spec, f), 0);
	fclose(f);
	same(l->before);
	assert_non_null(strstr(text, "ip rule add pref 100 iif lan to " EXT
				     " ipproto udp dport 20000-29999 lookup 1701"));
	sh("set -e\n%s", text);
	assert_int_equal(hairpin_check(&l->spec, &l->err), 1);
	free(text);
	del(l);
	same(l->before);
}

static void test_tables(void **state)
{
	char name[16];

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		sprintf(name, "eth%u", i);
		assert_true(hairpin_owns_table(hairpin_table(name)));
	}
	assert_false(hairpin_owns_table(RT_TABLE_MAIN));
	assert_false(hairpin_owns_table(RT_TABLE_LOCAL));
	assert_false(hairpin_owns_table(HAIRPIN_TABLE_BASE - 1));
	assert_false(hairpin_owns_table(HAIRPIN_TABLE_BASE + 0x10000));
	assert_int_not_equal(hairpin_table("wan"), hairpin_table("wan2"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_apply_and_remove),
		T(test_idempotent),
		T(test_local_rule_never_absent),
		T(test_incremental),
		T(test_many_ranges),
		T(test_mac_changes),
		T(test_interface_made_anew),
		T(test_interface_renamed),
		T(test_two_interfaces),
		T(test_two_processes_at_once),
		T(test_print),
		cmocka_unit_test(test_tables),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("hairpin", tests, NULL, NULL);
}
