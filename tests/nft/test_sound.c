// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Is the analyser right? Random rules are loaded into the kernel of a namespace of its own, the
 * analyser is asked, real packets are sent, and what becomes of them is compared: nothing that
 * the analyser ruled out may happen, and what it calls certain must.
 *
 * EINAT_SEED: first seed, default 1. EINAT_SOUND: number of rule sets, default 240.
 */
#include <time.h>
#include <unistd.h>

#include "sound_ask.h"
#include "sound_damage.h"

enum { PER_PATH = 7 }; /* packets of each way */

struct lab {
	struct net net;
	struct net_addr local[8];
	size_t n_local;
	/* figures */
	unsigned loaded, refused, packets, arrived, free, will, confirmed, refuted, unseen;
	bool quiet; /* count what is wrong, do not tell */
	unsigned wrong;
};

/* ---- one rule set -------------------------------------------------------------------------- */

struct trial {
	struct lab *lab;
	const struct fw_snapshot *snap;
	struct space *s;
	const char *rules; /* as text */
	const struct way *way;
};

static char *flight_text(const struct flight *f, bool sent, char *buf, size_t size)
{
	int in = sent ? f->in : -1, out = sent ? -1 : f->out;
	struct packet_example e = { .family = f->family,
				    .proto = f->proto,
				    .ports = f->dport,
				    .iif = in >= 0 ? link_names[in] : "",
				    .oif = out >= 0 ? link_names[out] : "",
				    .saddr = f->src,
				    .daddr = f->dst,
				    .sport = f->sport,
				    .dport = f->dport,
				    .mark = f->mark };

	return packet_text(&e, buf, size);
}

static void wrong(const struct trial *t, const struct flight *f, const struct flight *seen,
		  const char *what)
{
	char text[160];

	t->lab->wrong++;
	if (t->lab->quiet)
		return;
	fprintf(stderr, "# %s: %s %s", t->way->name, flight_text(f, true, text, sizeof(text)),
		what);
	if (seen && seen->seen)
		fprintf(stderr, " (as %s)", flight_text(seen, false, text, sizeof(text)));
	fputc('\n', stderr);
}

static void wait_for(struct net *n, struct flight *seen, uint32_t first, size_t count, int ms)
{
	struct timespec nap = { .tv_nsec = 1000000 };

	for (int i = 0; i <= ms; i++) {
		size_t left = 0;

		net_collect(n, seen, first, count);
		for (size_t j = 0; j < count; j++)
			left += !seen[j].seen;
		if (!left)
			return;
		nanosleep(&nap, NULL);
	}
}

/* What is wrong with the outcome, or NULL. */
static const char *judge(const struct trial *t, const struct flight *f, const struct flight *seen,
			 const char **ret_detail)
{
	struct region r = { 0 };
	struct notes k = { 0 };
	bool may = false, must_not = false;
	const char *bad = NULL;

	describe_one(t->s, t->way, f, &r);
	ask(t->s, t->snap, t->way, &r, &k);
	for (size_t i = 0; i < k.n; i++) {
		may = may || may_stop(k.v[i].what);
		must_not = must_not || (stops(k.v[i].what) && k.v[i].will);
	}
	t->lab->free += !may;
	if (!seen->seen && !may)
		bad = "was lost although nothing could drop it";
	else if (seen->seen && must_not)
		bad = "came through although it was to be dropped for certain";
	else if (seen->seen && !comes_through(t->s, &r, seen))
		bad = "came through in a way that was ruled out";
	*ret_detail = bad;
	notes_clear(&k);
	region_clear(&r);
	return bad;
}

/* Alone, and without the connections that others left: is it still so? */
static bool again(const struct trial *t, const struct flight *f)
{
	struct lab *lab = t->lab;
	const char *detail;

	for (int i = 0; i < (lab->quiet ? 1 : 3); i++) {
		struct flight seen = { .seen = false };

		net_forget(&lab->net);
		net_send(&lab->net, f);
		wait_for(&lab->net, &seen, lab->net.id, 1, lab->quiet ? 30 : 100);
		if (!judge(t, f, &seen, &detail))
			return false;
	}
	return true;
}

/* A meeting of one packet must be one of the meetings of all packets, too. */
static void compare_notes(const struct trial *t, const struct notes *all, const struct flight *f)
{
	struct region r = { 0 };
	struct notes k = { 0 };

	describe_one(t->s, t->way, f, &r);
	ask(t->s, t->snap, t->way, &r, &k);
	for (size_t i = 0; i < k.n; i++) {
		bool found = false;

		for (size_t j = 0; j < all->n && !found; j++)
			found = (all->v[j].what == WALK_LIMIT && all->v[j].base == k.v[i].base) ||
				(all->v[j].what == k.v[i].what && all->v[j].rule == k.v[i].rule &&
				 all->v[j].base == k.v[i].base &&
				 region_overlaps(&all->v[j].packets, &k.v[i].packets));
		if (!found)
			wrong(t, f, NULL, "meets a rule that all packets together did not");
	}
	notes_clear(&k);
	region_clear(&r);
}

/* The way's packets, together and one by one. */
static void try_packets(struct trial *t, const struct notes *all, struct flight *sent,
			struct flight *seen)
{
	for (size_t i = 0; i < PER_PATH; i++) {
		const char *detail;

		t->lab->packets++;
		t->lab->arrived += seen[i].seen;
		compare_notes(t, all, &sent[i]);
		if (judge(t, &sent[i], &seen[i], &detail) && again(t, &sent[i]))
			wrong(t, &sent[i], &seen[i], detail);
	}
}

/* Whether the packet meets it as it is sent, and not as another that a NAT has turned into it. */
static bool meets(const struct trial *t, const struct flight *f, const struct note *v)
{
	struct region r = { 0 };
	struct notes k = { 0 };
	bool found = false;

	describe_one(t->s, t->way, f, &r);
	ask(t->s, t->snap, t->way, &r, &k);
	for (size_t i = 0; i < k.n && !found; i++)
		found = k.v[i].will && k.v[i].what == v->what && k.v[i].rule == v->rule &&
			k.v[i].base == v->base;
	notes_clear(&k);
	region_clear(&r);
	return found;
}

/* Examples of what is certain: sent, and looked at. */
static void try_example(struct trial *t, const struct note *v)
{
	struct flight f = { .family = t->way->family, .in = t->way->in, .out = t->way->out }, seen;
	struct lab *lab = t->lab;
	struct packet_example e;
	struct region all = { 0 };
	bool possible;

	if (!region_example(t->s, &v->packets, &e) || !e.certain)
		return;
	f.proto = e.proto;
	f.src = e.saddr;
	f.dst = e.daddr;
	f.sport = e.ports ? e.sport : 1000;
	f.dport = e.ports ? e.dport : 0;
	/* with headers that only a NAT in front made, it cannot be sent */
	e.mark = 0;
	e.iif = f.in >= 0 ? link_names[f.in] : "";
	e.oif = f.out >= 0 ? link_names[f.out] : "";
	e.ctstate = SPACE_NEW;
	describe(t->s, t->way, &all);
	if (f.in < 0)
		region_set(t->s, &all, DIM_IIF, num32(0), num32(0), false);
	if (f.out < 0)
		region_set(t->s, &all, DIM_OIF, num32(0), num32(0), false);
	possible = region_has(t->s, &all, &e) && meets(t, &f, v);
	region_clear(&all);
	if (!possible)
		return;
	memset(&seen, 0, sizeof(seen));
	net_forget(&lab->net);
	net_send(&lab->net, &f);
	wait_for(&lab->net, &seen, lab->net.id, 1, stops(v->what) ? 2 : 20);
	lab->will++;
	if (stops(v->what)) {
		lab->confirmed += !seen.seen;
		lab->refuted += seen.seen;
		if (seen.seen)
			wrong(t, &f, &seen, "is an example of a certain drop, and came through");
	} else if (!seen.seen) {
		lab->unseen++; /* dropped further on */
	} else {
		bool src = v->what == WALK_SNAT;
		bool same = src ? net_addr_eq(&seen.src, &f.src) : net_addr_eq(&seen.dst, &f.dst);

		/* to its own address: nothing to be seen */
		if (same && (v->op->nat.same || src || v->what == WALK_REDIRECT ||
			     net_addr_eq(&f.dst, &seen.dst)))
			lab->unseen++;
		else
			lab->confirmed++;
	}
}

static void try_way(struct trial *t)
{
	struct flight sent[PER_PATH], seen[PER_PATH];
	struct region r = { 0 };
	struct notes k = { 0 };
	uint32_t first = t->lab->net.id + 1;
	unsigned tried = 0;

	describe(t->s, t->way, &r);
	ask(t->s, t->snap, t->way, &r, &k);
	memset(seen, 0, sizeof(seen));
	for (size_t i = 0; i < PER_PATH; i++) {
		sent[i] = random_packet(t->way);
		net_send(&t->lab->net, &sent[i]);
	}
	wait_for(&t->lab->net, seen, first, PER_PATH, 2);
	try_packets(t, &k, sent, seen);
	for (size_t i = 0; i < k.n && tried < 3; i++)
		if (k.v[i].will && (stops(k.v[i].what) || is_nat(k.v[i].what))) {
			try_example(t, &k.v[i]);
			tried++;
		}
	notes_clear(&k);
	region_clear(&r);
}

/* Damage for the test of the test: what an analyser could get wrong. */
typedef void (*damage_fn)(struct fw_snapshot *s);

static int load(const char *text, const char *command)
{
	FILE *p = popen(command, "w");

	assert_non_null(p);
	fputs(text, p);
	return pclose(p);
}

/* Random rules into the kernel; their text, or NULL if the kernel refused them. */
static char *load_rules(void)
{
	bool xt = rnd(3) == 0, legacy = rnd(2);
	char *text, *ipt = NULL, *all;
	size_t len, ipt_len;
	FILE *o = open_memstream(&text, &len);
	bool ok = true;

	fputs("flush ruleset\n", o);
	for (unsigned i = rnd(xt ? 2 : 3) + !xt; i; i--)
		gen_table(o, i);
	fclose(o);
	if (xt) {
		o = open_memstream(&ipt, &ipt_len);
		gen_iptables(o);
		fclose(o);
	}
	ok = !load(text, "nft -f - 2>/dev/null");
	if (ok && xt)
		ok = !load(ipt, legacy ? "iptables-legacy-restore 2>/dev/null"
				       : "iptables-nft-restore 2>/dev/null");
	assert_true(asprintf(&all, "%s%s%s", text,
			     xt ? legacy ? "# legacy\n" : "# iptables-nft\n" : "",
			     xt ? ipt : "") > 0);
	free(text);
	free(ipt);
	if (ok)
		return all;
	free(all);
	return NULL;
}

static void unload_legacy(void)
{
	static const char empty[] = "*raw\nCOMMIT\n*mangle\nCOMMIT\n*filter\n:INPUT ACCEPT\n"
				    ":FORWARD ACCEPT\n:OUTPUT ACCEPT\nCOMMIT\n*nat\nCOMMIT\n";

	if (!access("/proc/self/net/ip_tables_names", R_OK))
		load(empty, "iptables-legacy-restore 2>/dev/null");
}

static void try_rules(struct lab *lab, damage_fn damage)
{
	struct space_host host = { .local = lab->local, .n_local = lab->n_local, .known = true };
	struct trial t = { .lab = lab };
	unsigned before = lab->wrong;
	struct fw_snapshot *snap;
	char *text = load_rules();
	struct err err;

	if (!text) {
		lab->refused++;
		unload_legacy();
		return;
	}
	lab->loaded++;
	if (fw_snapshot_read(&snap, &err))
		fail_msg("%s", err.text);
	if (damage)
		damage(snap);
	net_forget(&lab->net);
	t.snap = snap;
	t.rules = text;
	t.s = space_new(snap, &host);
	for (int i = 0; i < LINKS; i++)
		space_ifid(t.s, link_names[i]);
	for (size_t i = 0; i < PATHS; i++) {
		t.way = &ways[i];
		try_way(&t);
	}
	if (lab->wrong != before && !lab->quiet)
		fprintf(stderr, "# rules:\n%s\n", text);
	assert_int_equal(space_error(t.s), 0);
	space_free(t.s);
	fw_snapshot_free(snap);
	if (strstr(text, "# legacy"))
		unload_legacy();
	free(text);
}

static void lab_start(struct lab *lab)
{
	static const char *const own[] = { "10.0.0.1", "10.1.0.1", "192.0.2.1", "fd00::1",
					   "2001:db8:f::1" };

	memset(lab, 0, sizeof(*lab));
	net_open(&lab->net);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(net_addr_parse(own[i], &lab->local[lab->n_local++]), 0);
}

static unsigned number(const char *name, unsigned absent)
{
	const char *text = getenv(name);

	return text ? (unsigned)atoi(text) : absent;
}

/* The lab sees the marks of packets by SO_RCVMARK. */
static void need_marks(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), on = 1;
	int ret = setsockopt(fd, SOL_SOCKET, SO_RCVMARK, &on, sizeof(on));

	close(fd);
	if (!ret)
		return;
	print_message("# this kernel does not show a packet's mark: before 5.19\n");
	skip();
}

/* Without rules everything must come through, unchanged: else the lab is broken. */
static void test_lab(void **state)
{
	static struct lab lab;

	(void)state;
	need_marks();
	srandom(1);
	lab_start(&lab);
	for (size_t i = 0; i < PATHS; i++) {
		struct flight f, seen = { .seen = false };

		f = random_packet(&ways[i]);
		net_send(&lab.net, &f);
		wait_for(&lab.net, &seen, lab.net.id, 1, 500);
		if (!seen.seen)
			fail_msg("%s: nothing comes through", ways[i].name);
		assert_int_equal(seen.out, f.out);
		assert_true(net_addr_eq(&seen.src, &f.src) && net_addr_eq(&seen.dst, &f.dst));
		assert_int_equal(seen.sport, f.sport);
		assert_int_equal(seen.dport, f.dport);
	}
}

static void test_sound(void **state)
{
	unsigned seed = number("EINAT_SEED", 1), count = number("EINAT_SOUND", 240);
	static struct lab lab;

	(void)state;
	need_marks();
	lab_start(&lab);
	for (unsigned i = 0; i < count && lab.wrong < 20; i++) {
		unsigned before = lab.wrong;

		srandom(seed + i);
		try_rules(&lab, NULL);
		if (lab.wrong != before)
			fprintf(stderr, "# seed %u\n", seed + i);
	}
	print_message(
		"# seeds %u to %u: %u rule sets (%u more were refused), %u packets, %u came "
		"through, %u could meet nothing that drops\n"
		"# certain meetings tried with a packet: %u, confirmed %u, refuted %u, not to "
		"be seen %u\n",
		seed, seed + count - 1, lab.loaded, lab.refused, lab.packets, lab.arrived, lab.free,
		lab.will, lab.confirmed, lab.refuted, lab.unseen);
	assert_int_equal(lab.wrong, 0);
	assert_true(lab.loaded * 10 > count * 7);
}

/* ---- the test of the test: an analyser that is wrong must be noticed ------------------------- */

static void test_notices(void **state)
{
	static const struct {
		const char *name;
		damage_fn damage;
	} wrongs[] = {
		{ "verdict maps ignored", no_maps }, { "priorities reversed", wrong_order },
		{ "negation ignored", no_negation }, { "goto as jump", wrong_returns },
		{ "marks ignored", no_marks },	     { "NAT ignored", no_nat },
		{ "set elements lost", short_sets }, { "policies ignored", no_policy },
	};
	static struct lab lab;

	(void)state;
	need_marks();
	lab_start(&lab);
	lab.quiet = true;
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(*wrongs); i++) {
		unsigned tries = 0, before = lab.wrong;

		while (lab.wrong == before && tries < 200) {
			srandom(number("EINAT_SEED", 1) + tries++);
			try_rules(&lab, wrongs[i].damage);
		}
		print_message("# %s: noticed at rule set %u\n", wrongs[i].name, tries);
		if (lab.wrong == before)
			fail_msg("%s: not noticed", wrongs[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lab),
		cmocka_unit_test(test_sound),
		cmocka_unit_test(test_notices),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
