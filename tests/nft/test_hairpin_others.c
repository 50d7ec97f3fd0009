// SPDX-License-Identifier: GPL-2.0-or-later
/* Hairpin beside what others write, after crashes and failures (root). */
#include "hairpin_lab.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>

static void test_learnt_neighbour_is_replaced(void **state)
{
	struct lab *l = *state;

	sh("ip neigh add " EXT " dev wan lladdr 02:00:00:00:00:99 nud stale");
	apply(l);
	hasnt("ip neigh", "02:00:00:00:00:99");
	del(l);
	same(l->before);
}

static void test_foreign_neighbour(void **state)
{
	struct lab *l = *state;
	char *before;

	sh("ip neigh add " EXT " dev wan lladdr 02:00:00:00:00:99 nud permanent");
	refused(l, EEXIST, "permanent neighbour entry for " EXT " on wan");
	sh("ip neigh replace " EXT
	   " dev wan lladdr $(ip -o link show wan | sed 's/.*ether //;s/ .*//') nud permanent");
	hasnt("ip neigh", "02:00:00:00:00:99");
	before = sh_out(DUMP);
	apply(l); /* one that says the same serves, and stays */
	hasnt("ip neigh", "proto");
	del(l);
	same(before);
	free(before);
}

static void test_crash_leftovers(void **state)
{
	struct lab *l = *state;
	unsigned t = hairpin_table("wan");

	/* an older address, a range that is no longer wanted, a copy, and both `local` rules */
	apply(l);
	sh("ip rule add pref 0 lookup local protocol kernel");
	sh("ip rule add pref 100 iif lan to " EXT2 " ipproto udp dport 1-5 lookup %u", t);
	sh("ip rule add pref 90 iif lan to " EXT " ipproto udp dport 20000-29999 lookup %u", t);
	sh("ip rule add pref 90 from 10.0.0.0/8 lookup %u", t);
	sh("ip route add " EXT2 " dev wan table %u scope link", t);
	sh("ip route add default dev wan table %u metric 5", t);
	sh("ip neigh add " EXT2 " dev wan lladdr 02:00:00:00:00:01 nud permanent protocol 101");
	assert_int_equal(hairpin_check(&l->spec, &l->err), 0);
	apply(l);
	has("ip rule | grep -c .", "5\n");
	hasnt("ip neigh", EXT2 " dev wan lladdr");
	hasnt("ip route show table all", "metric 5");
	del(l);
	same(l->before);

	/* only the moved `local` rule is left */
	apply(l);
	sh("ip rule del pref 100; ip rule del pref 100; ip route flush table %u; ip neigh del " EXT
	   " dev wan",
	   t);
	del(l);
	same(l->before);

	/* it stopped between adding the new `local` rule and deleting the old one */
	apply(l);
	sh("ip rule add pref 0 lookup local protocol kernel");
	del(l);
	same(l->before);
}

static void test_flushed_by_others(void **state)
{
	struct lab *l = *state;
	static const char *const breakage[] = {
		"ip rule del pref 100",
		"ip rule add pref 0 lookup local",
		"ip neigh del " EXT " dev wan",
		"ip link set wan down; ip link set wan up",
		"ip rule add pref 7 lookup main",
		"ip neigh replace " EXT " dev wan lladdr 02:00:00:00:00:05 nud reachable",
	};

	for (size_t i = 0; i < sizeof(breakage) / sizeof(breakage[0]); i++) {
		apply(l);
		sh("%s", breakage[i]);
		if (hairpin_check(&l->spec, &l->err))
			fail_msg("not noticed: %s", breakage[i]);
	}
	sh("ip rule del pref 7");
	apply(l);
	del(l);
	same(l->before);
}

static void test_local_rule_moved_by_others(void **state)
{
	static const unsigned prefs[] = { 32765, 200, 101, 100, 50, 1 };
	struct lab *l = *state;
	char text[64];

	for (size_t i = 0; i < sizeof(prefs) / sizeof(prefs[0]); i++) {
		unsigned p = prefs[i], want = p > 100 ? 100 : p - 1;
		/* einat-ebpf's is at 200 with protocol kernel, iproute2's has protocol boot */
		const char *proto = i % 2 ? "kernel" : "boot";
		char *before;

		sh("ip rule add pref %u lookup local protocol %s; ip rule del pref 0 lookup local",
		   p, proto);
		before = sh_out(DUMP);
		apply(l);
		snprintf(text, sizeof(text), "%u:	from all to " EXT, want);
		has("ip rule", text);
		snprintf(text, sizeof(text), "%u:	from all lookup local", p);
		has("ip rule", text);
		has("ip route get " EXT " from 192.168.1.9 iif lan ipproto udp dport 25000",
		    "dev wan");
		has("ip rule | grep -c 'lookup local'", "1\n");
		del(l);
		same(before);
		free(before);
		sh("ip rule add pref 0 lookup local protocol kernel; ip rule del pref %u", p);
	}
	same(l->before);
}

static void test_rules_of_others_keep_their_place(void **state)
{
	struct lab *l = *state;
	char *before;

	/* a policy route, as netplan writes it: the host itself must stay in reach */
	sh("ip route add default dev wan2 table 77");
	sh("ip rule add pref 100 from 192.168.1.0/24 lookup 77");
	before = sh_out(DUMP);
	apply(l);
	has("ip rule", "99:	from all lookup local");
	has("ip rule", "98:	from all to " EXT " iif lan");
	has("ip route get 192.168.1.1 from 192.168.1.9 iif lan", "local 192.168.1.1");
	has("ip route get " EXT " from 192.168.1.9 iif lan ipproto udp dport 25000", "dev wan ");
	del(l);
	same(before);
	sh("ip rule del pref 100");
	sh("ip rule add pref 1 from 192.168.1.0/24 lookup 77");
	refused(l, EBUSY, "preference 1");
	sh("ip rule del pref 1");
	sh("ip rule add pref 2 from 192.168.1.0/24 lookup 77");
	apply(l);
	has("ip rule", "0:	from all to " EXT " iif lan");
	has("ip rule", "1:	from all lookup local");
	has("ip route get " EXT " from 192.168.1.9 iif lan ipproto udp dport 25000", "dev wan ");
	assert_int_equal(hairpin_apply(&l->spec, &l->err), 0);
	del(l);
	sh("ip rule del pref 2");
	sh("ip rule add pref 0 from 192.168.1.0/24 lookup 77");
	refused(l, EBUSY, "preference 0");
	sh("ip rule del pref 0 from 192.168.1.0/24; ip route flush table 77");
	same(l->before);
	free(before);
}

static void test_local_rule_of_protocol_boot(void **state)
{
	struct lab *l = *state;

	sh("ip rule add pref 0 lookup local protocol boot; ip rule del pref 0 lookup local "
	   "protocol "
	   "kernel");
	apply(l);
	hasnt("ip rule", "\n0:");
	del(l);
	same(l->before);
}

static void test_no_local_rule_at_all(void **state)
{
	struct lab *l = *state;

	/* `ip rule flush` deletes all but the one at 0: the moved one too */
	apply(l);
	sh("ip rule flush; ip rule add pref 32766 lookup main; "
	   "ip rule add pref 32767 lookup default");
	hasnt("ip rule", "lookup local");
	assert_int_equal(hairpin_check(&l->spec, &l->err), 0);
	apply(l);
	has("ip rule", "200:\tfrom all lookup local");
	assert_int_equal(hairpin_check(&l->spec, &l->err), 1);
	/* not mended before the end: it is put where it belongs all the same */
	sh("ip rule flush; ip rule add pref 32766 lookup main; "
	   "ip rule add pref 32767 lookup default");
	del(l);
	has("ip rule", "0:\tfrom all lookup local");
	hasnt("ip rule", "200:");
	/* without any of einat's, whoever deleted it may have meant it */
	sh("ip rule del pref 0");
	del(l);
	hasnt("ip rule", "lookup local");
	sh("ip rule add pref 0 lookup local protocol kernel");
}

static void test_refusals(void **state)
{
	struct lab *l = *state;

	l->spec.n_external = 0;
	refused(l, EADDRNOTAVAIL, "no address");
	l->spec.n_external = 2;
	l->ext[1] = addr("203.0.113.77"); /* the first is added, then undone */
	refused(l, EINVAL, "203.0.113.77 dev wan");
	l->spec.n_external = 1;
	l->in_ifs[0] = "wan";
	refused(l, EINVAL, "wan is the external interface");
	l->in_ifs[0] = "a-name-of-16-chr";
	refused(l, EINVAL, "a-name-of-16-chr");
	l->in_ifs[0] = "";
	refused(l, EINVAL, "cannot be an interface");
	l->in_ifs[0] = "not-there-yet";
	apply(l);
	has("ip rule", "iif not-there-yet [detached]");
	del(l);
	same(l->before);
	l->in_ifs[0] = "lan";
	sh("ip link set wan down");
	refused(l, ENETDOWN, "set wan up first");
}

/* A failed change leaves what was there before it, changed objects included. */
static void test_failed_change_is_undone(void **state)
{
	struct lab *l = *state;

	apply(l);
	l->ext[1] = addr("203.0.113.77");
	l->spec.n_external = 2;
	ports(&l->spec, "21000-22000", "23000");
	l->spec.mac[5] ^= 1;
	refused(l, EINVAL, "203.0.113.77");
	l->spec.n_external = 1;
	l->spec.mac[5] ^= 1;
	ports(&l->spec, "20000-29999", "20000-29999");
	assert_int_equal(hairpin_check(&l->spec, &l->err), 1);
}

static void test_without_privilege(void **state)
{
	struct lab *l = *state;
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		if (setuid(65534))
			_exit(1);
		_exit(hairpin_apply(&l->spec, &l->err) == -EPERM &&
				      strstr(l->err.text, "CAP_NET_ADMIN")
			      ? 0
			      : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	same(l->before);
}

static void test_lock_is_honoured(void **state)
{
	struct lab *l = *state;
	int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	char *before = sh_out(DUMP);

	assert_true(fd >= 0);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(hairpin_apply(&l->spec, &l->err), -EBUSY);
	same(before);
	close(fd);
	apply(l);
	free(before);
}

/* Two names that give one table: the second is refused, and its removal spares the first. */
static void test_colliding_names(void **state)
{
	struct lab *l = *state, *l2;
	char name[16];
	unsigned i = 0;

	do
		sprintf(name, "x%u", i++);
	while (hairpin_table(name) != hairpin_table("wan"));
	sh("ip link set wan2 down; ip link set wan2 name %s; ip link set %s up", name, name);
	l2 = spec_new(name, "198.51.100.1", "lan");
	apply(l);
	refused(l2, EEXIST, "same routing table");
	del(l2);
	assert_int_equal(hairpin_check(&l->spec, &l->err), 1);
	spec_free(l2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_learnt_neighbour_is_replaced),
		T(test_foreign_neighbour),
		T(test_crash_leftovers),
		T(test_flushed_by_others),
		T(test_local_rule_moved_by_others),
		T(test_rules_of_others_keep_their_place),
		T(test_local_rule_of_protocol_boot),
		T(test_no_local_rule_at_all),
		T(test_refusals),
		T(test_failed_change_is_undone),
		T(test_without_privilege),
		T(test_lock_is_honoured),
		T(test_colliding_names),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("hairpin_others", tests, NULL, NULL);
}
