// SPDX-License-Identifier: GPL-2.0-or-later
/* Conntrack's dump and events: complete, whole after an overrun, quiet about what does not matter.
 */
#include "tests/nft/ct_lab.h"

static int stop_at_third(const struct ct_flow *f, void *data)
{
	unsigned *n = data;

	(void)f;
	return ++*n == 3 ? 42 : 0;
}

/* A dump may be used for changes, and ended early without harm to the next. */
static int delete_it(const struct ct_flow *f, void *data)
{
	struct err err;
	int ret = ct_del(lab.ct, f, &err);

	(void)data;
	return ret == -ENOENT ? 0 : ret;
}

static int count(const struct ct_flow *f, void *data)
{
	(void)f;
	++*(unsigned *)data;
	return 0;
}

static void add_many(unsigned n)
{
	struct ct_flow f = {
		.proto = PROTO_UDP, .src = addr(HOST), .dst = addr(PEER), .dport = 9, .timeout = 300
	};
	struct net_addr ext = addr(EXT);
	struct err err;

	for (unsigned i = 0; i < n; i++) {
		f.sport = 10000 + i;
		assert_int_equal(ct_add_snat(lab.ct, &f, &ext, 10000 + i, &err), 0);
	}
}

static unsigned clear(void)
{
	unsigned n = 0;
	struct err err;

	assert_int_equal(ct_dump(lab.ct, delete_it, NULL, &err), 0);
	assert_int_equal(ct_dump(lab.ct, delete_it, NULL, &err), 0);
	assert_int_equal(ct_dump(lab.ct, count, &n, &err), 0);
	return n;
}

static void test_dump(void **state)
{
	unsigned n = 0;
	struct err err;

	(void)state;
	add_many(3000);
	assert_int_equal(ct_dump(lab.ct, stop_at_third, &n, &err), 42);
	assert_int_equal(n, 3);
	n = 0;
	assert_int_equal(ct_dump(lab.ct, count, &n, &err), 0);
	assert_true(n >= 3000);
	assert_int_equal(clear(), 0);
}

struct seen {
	unsigned n[2];
	struct ct_flow last[2];
};

static void note(enum ct_event ev, const struct ct_flow *flow, void *data)
{
	struct seen *s = data;

	s->n[ev]++;
	s->last[ev] = *flow;
}

/* Drain until @n events of kind @ev were seen, or nothing comes for long. */
static void drain(struct ct *ct, struct seen *s, enum ct_event ev, unsigned n)
{
	while (s->n[ev] < n && readable(ct_events_fd(ct), 3000))
		assert_int_equal(ct_events_drain(ct), 0);
	assert_int_equal(s->n[ev], n);
}

static void test_events(void **state)
{
	int host = sock(LAN, SOCK_DGRAM, 0, HOST, 5004), peer = sock(WAN, SOCK_DGRAM, 0, PEER, 53);
	struct seen s = { 0 };
	struct ct_flow f;
	struct err err;
	struct ct *ct;

	(void)state;
	assert_int_equal(ct_open(&ct, &err), 0);
	assert_int_equal(ct_events_fd(ct), -1);
	assert_int_equal(ct_events_drain(ct), -EBADF);
	assert_int_equal(clear(), 0);
	assert_int_equal(ct_events_start(ct, note, &s, &err), 0);
	assert_int_equal(ct_events_start(ct, note, &s, &err), -EBUSY);
	assert_int_equal(ct_events_drain(ct), 0); /* nothing there: returns at once */
	assert_int_equal(rules("ip protocol udp masquerade to :20500-20500"), 0);
	udp_send(host, PEER, 53);
	udp_expect(peer, EXT, 20500);
	drain(ct, &s, CT_NEW, 1);
	assert_addr(&s.last[CT_NEW].src, HOST);
	assert_int_equal(s.last[CT_NEW].sport, 5004);
	assert_addr(&s.last[CT_NEW].rdst, EXT);
	assert_int_equal(s.last[CT_NEW].rdport, 20500); /* NATed already */
	assert_int_equal(find(PROTO_UDP, HOST, 5004, &f), 1);
	assert_int_equal(f.id, s.last[CT_NEW].id);
	assert_int_equal(s.n[CT_DESTROY], 0);
	assert_int_equal(ct_del(ct, &f, &err), 0);
	drain(ct, &s, CT_DESTROY, 1);
	assert_int_equal(s.last[CT_DESTROY].id, f.id);
	assert_int_equal(s.last[CT_DESTROY].rdport, 20500);
	assert_int_equal(rules(""), 0);
	/* IPv6 is filtered out, what comes after it is not */
	assert_int_equal(sh("conntrack -I -p udp -s 2001:db8::1 -d 2001:db8::2 --sport 1"
			    " --dport 2 -t 9 >/dev/null 2>&1"),
			 0);
	add_many(1);
	drain(ct, &s, CT_NEW, 2);
	assert_int_equal(s.last[CT_NEW].rdport, 10000);
	assert_int_equal(clear(), 0);
	ct_close(ct);
	close(host);
	close(peer);
}

/* What overruns the buffer is reported once; then events are whole again. */
static void test_overrun(void **state)
{
	struct seen s = { 0 };
	unsigned n = 0;
	struct err err;
	struct ct *ct;
	int size = 1;

	(void)state;
	assert_int_equal(ct_open(&ct, &err), 0);
	assert_int_equal(ct_events_start(ct, note, &s, &err), 0);
	assert_int_equal(setsockopt(ct_events_fd(ct), SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)),
			 0);
	add_many(500);
	assert_int_equal(ct_events_drain(ct), -ENOBUFS);
	assert_true(s.n[CT_NEW] < 500);
	assert_int_equal(ct_events_drain(ct), 0);
	assert_int_equal(s.n[CT_NEW],
			 0); /* queued ones, older than the dump to come, are dropped */
	assert_int_equal(ct_dump(ct, count, &n, &err), 0);
	assert_int_equal(n, 500);
	size = 1 << 20;
	/* by force: before Linux 6.17 net.core.rmem_max is too small for 500 events */
	assert_int_equal(
		setsockopt(ct_events_fd(ct), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)), 0);
	s = (struct seen){ 0 };
	assert_int_equal(clear(), 0);
	drain(ct, &s, CT_DESTROY, 500);
	ct_close(ct);
}

/* A burst that the daemon sleeps through fits the buffer. */
static void test_burst(void **state)
{
	struct seen s = { 0 };
	struct err err;
	struct ct *ct;

	(void)state;
	assert_int_equal(ct_open(&ct, &err), 0);
	assert_int_equal(ct_events_start(ct, note, &s, &err), 0);
	add_many(10000);
	drain(ct, &s, CT_NEW, 10000);
	assert_int_equal(clear(), 0);
	drain(ct, &s, CT_DESTROY, 10000);
	ct_close(ct);
	ct_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dump),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_overrun),
		cmocka_unit_test(test_burst),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("conntrack-events", tests, setup, teardown);
}
