// SPDX-License-Identifier: GPL-2.0-or-later
/* The plan's tries: which sources and destinations are in which slice, of both families. */
#include "tests/unit/plan_lab.h"

/* The longest match in the trie that the data plane asks, for 1 << slice. */
static uint32_t trie(const struct plan_lpm *lpm, size_t n, const char *a)
{
	const struct plan_lpm *best = NULL;
	struct net_addr key = addr(a);

	for (size_t i = 0; i < n; i++) {
		bool in = true;

		for (unsigned bit = 0; bit < lpm[i].prefix.len; bit++)
			in &= !((key.b[bit / 8] ^ lpm[i].prefix.addr.b[bit / 8]) & 0x80 >> bit % 8);
		if (in && (!best || best->prefix.len < lpm[i].prefix.len))
			best = &lpm[i];
	}
	return best ? best->slices : 0;
}

static void longest_match_alone_tells_the_slices(void **state)
{
	struct fixture *f = *state;
	struct plan *p;

	container_masquerade(f);
	f->cif.n_slices = 2;
	f->slice[1].protos = PROTO_TCP;
	assert_int_equal(port_set_parse("40000-40999", &f->slice[1].ports), 0);
	add_prefix(&f->slice[1].internal, "172.17.5.0/24");
	add_prefix(&f->slice[1].internal, "10.0.0.0/8");
	add_prefix(&f->slice[0].exclude_dest, "198.51.100.0/24");
	add_prefix(&f->slice[1].exclude_dest, "198.51.100.128/25");
	p = build(f);
	assert_int_equal(trie(p->src, p->n_src, "192.168.1.2"), 1);
	assert_int_equal(trie(p->src, p->n_src, "172.17.0.2"), 0);
	assert_int_equal(trie(p->src, p->n_src, "172.17.5.2"), 2);
	assert_int_equal(trie(p->src, p->n_src, "10.1.2.3"), 3);
	assert_int_equal(trie(p->exdst, p->n_exdst, "198.51.100.1"), 1);
	assert_int_equal(trie(p->exdst, p->n_exdst, "198.51.100.129"), 3);
	assert_int_equal(trie(p->exdst, p->n_exdst, "8.8.8.8"), 0);
}

/* The families are judged each by itself; without --ipv6 no IPv6 rule counts. */
static void others_ipv6_rules_decide_its_rest(void **state)
{
	struct fixture *f = *state;

	router_masquerade(f, "fd00:1::/64");
	f->snat[0].ipv6 = true;
	f->snat[f->foreign.n_snat++] = (struct foreign_snat){
		.where = "ip6 nat POSTROUTING handle 7", .protos = PROTO_ALL, .ipv6 = true
	};
	add_prefix(&f->snat[1].src, "fd00:2::/64");
	build(f);
	assert_int_equal(f->plan->nft.rest, NFT_REST_OWN);
	assert_int_equal(f->plan->nft.guarded.n, 0);
	assert_int_equal(f->plan->foreign_subnets.n, 0);

	f->cif.ipv6 = f->link.ipv6 = true;
	build(f);
	assert_int_equal(f->plan->nft.rest, NFT_REST_OWN);
	assert_int_equal(f->plan->nft.rest6, NFT_REST_GUARD);
	assert_true(has_prefix(&f->plan->nft.guarded, "fd00:1::/64"));
	assert_true(has_prefix(&f->plan->nft.guarded, "fd00:2::/64"));
	assert_int_equal(f->plan->nft.guarded.n, 2);
	assert_true(warned(f->plan, "fd00:2::/64 stays with masquerade"));
	assert_int_equal(trie(f->plan->src, f->plan->n_src, "fd00:1::2"), 1);
	assert_int_equal(trie(f->plan->src, f->plan->n_src, "fd00:2::2"), 0);

	/* one that names no source takes all */
	net_list_free(&f->snat[0].src);
	build(f);
	assert_true(has_prefix(&f->plan->nft.guarded, "::/0"));
}

static void ipv6_has_sources_of_its_own(void **state)
{
	struct fixture *f = *state;
	struct plan *p;

	build(f);
	assert_false(f->plan->ipv6 || f->plan->nft.ipv6);
	assert_int_equal(trie(f->plan->src, f->plan->n_src, "fd00:1::2"), 0);
	assert_int_equal(f->plan->nft.slices[0].exclude_dest.n, 0);

	/* unique local addresses alone; this host's own are not sources */
	f->cif.ipv6 = true;
	f->link.ipv6 = true;
	f->link.addr[f->link.n_addr++] = addr("2001:db8::2");
	f->link.own[f->link.n_own++] = addr("fd00:1::99");
	build(f);
	p = f->plan;
	assert_true(p->ipv6 && p->nft.ipv6);
	assert_int_equal(p->nft.rest6, NFT_REST_OWN);
	assert_int_equal(p->nft.n_external, 3);
	assert_int_equal(p->hairpin.n_external, 2);
	assert_int_equal(trie(p->src, p->n_src, "192.168.1.2"), 1);
	assert_int_equal(trie(p->src, p->n_src, "fd00:1::2"), 1);
	assert_int_equal(trie(p->src, p->n_src, "fd00:1::99"), 0);
	assert_int_equal(trie(p->src, p->n_src, "2001:db8:1::2"), 0);
	assert_int_equal(trie(p->src, p->n_src, "fe80::1"), 0);
	assert_int_equal(trie(p->exdst, p->n_exdst, "ff02::1"), 1);
	assert_int_equal(trie(p->exdst, p->n_exdst, "198.51.100.1"), 0);

	/* all of IPv6 is not all of IPv4 */
	add_prefix(&f->slice[0].internal, "::/0");
	add_prefix(&f->slice[0].exclude_dest, "::/0");
	build(f);
	p = f->plan;
	assert_int_equal(trie(p->src, p->n_src, "2001:db8:1::2"), 1);
	assert_int_equal(trie(p->src, p->n_src, "fe80::1"), 0);
	assert_int_equal(trie(p->src, p->n_src, "::"), 0);
	assert_int_equal(trie(p->src, p->n_src, "192.168.1.2"), 0);
	assert_int_equal(trie(p->exdst, p->n_exdst, "2001:db8:1::2"), 1);
	assert_int_equal(trie(p->exdst, p->n_exdst, "198.51.100.1"), 0);
	/* and the other way round */
	add_prefix(&f->slice[0].internal, LAN);
	build(f);
	p = f->plan;
	assert_int_equal(trie(p->src, p->n_src, "192.168.1.2"), 1);
	assert_int_equal(trie(p->src, p->n_src, "192.168.2.2"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(longest_match_alone_tells_the_slices),
		T(others_ipv6_rules_decide_its_rest),
		T(ipv6_has_sources_of_its_own),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
