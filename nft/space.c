// SPDX-License-Identifier: GPL-2.0-or-later
/* The space: interface names that rules tell apart, and sets that many boxes share. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/netfilter.h>

#include "space_impl.h"

static struct num top(unsigned bits)
{
	struct num n = { bits > 64 ? ~0ull >> (128 - bits) : 0,
			 bits >= 64 ? ~0ull : (1ull << bits) - 1 };

	return n;
}

/* ---- names ------------------------------------------------------------------------------ */

static uint32_t name_hash(const char *name, bool class)
{
	uint32_t h = class ? 2166136261u : 84696351u; /* FNV-1a */

	for (size_t i = 0; i < IFNAMSIZ && name[i]; i++)
		h = (h ^ (uint8_t)name[i]) * 16777619u;
	return h;
}

/* Its slot in the hash table, or the free one where it would be. */
static uint32_t *atom_slot(const struct space *s, const char *name, bool class)
{
	uint32_t i = name_hash(name, class);

	for (;; i++) {
		uint32_t *slot = &s->slots[i & (s->n_slots - 1)];

		if (!*slot || (s->atoms[*slot - 1].class == class &&
			       !strncmp(s->atoms[*slot - 1].name, name, IFNAMSIZ)))
			return slot;
	}
}

size_t space_name(const struct space *s, const char *name)
{
	uint32_t at = *atom_slot(s, name, false);

	return at ? at - 1 : s->n_atoms;
}

static int slots_grow(struct space *s)
{
	if (s->n_atoms * 2 < s->n_slots)
		return 0;
	free(s->slots);
	s->n_slots = s->n_slots ? s->n_slots * 2 : 64;
	s->slots = calloc(s->n_slots, sizeof(*s->slots));
	if (!s->slots)
		return -ENOMEM;
	for (size_t i = 0; i < s->n_atoms; i++)
		*atom_slot(s, s->atoms[i].name, s->atoms[i].class) = (uint32_t)i + 1;
	return 0;
}

static int index_of(const struct space *s, const char *name)
{
	for (size_t i = 0; s->snap && i < s->snap->n_links; i++)
		if (!strncmp(s->snap->links[i].name, name, IFNAMSIZ))
			return s->snap->links[i].ifindex;
	return 0;
}

static size_t atom_add(struct space *s, const char *name, bool class)
{
	uint32_t *slot;
	struct atom *a;

	if (s->ctx.err || slots_grow(s) || fw_grow(&s->atoms, s->n_atoms, sizeof(*s->atoms))) {
		s->ctx.err = -ENOMEM;
		return 0;
	}
	slot = atom_slot(s, name, class);
	if (*slot)
		return *slot - 1;
	a = &s->atoms[s->n_atoms++];
	*slot = (uint32_t)s->n_atoms;
	*a = (struct atom){ .class = class };
	strncpy(a->name, name, IFNAMSIZ - 1);
	if (!class)
		a->ifindex = index_of(s, name);
	memcpy(a->example, a->name, IFNAMSIZ);
	return s->n_atoms - 1;
}

/* The class of a name that is not listed: its longest prefix that some rule names. */
size_t space_class(const struct space *s, const char *name)
{
	char prefix[IFNAMSIZ];
	size_t n = strnlen(name, IFNAMSIZ - 1);

	memcpy(prefix, name, n);
	for (;; n--) {
		uint32_t *slot;

		prefix[n] = '\0';
		slot = atom_slot(s, prefix, true);
		if (*slot || !n)
			return *slot - 1;
	}
}

/* A name that is in the class: of a link that there is, or made up. */
static void examples(struct space *s)
{
	for (size_t i = 0; i < s->n_atoms; i++) {
		struct atom *a = &s->atoms[i];

		for (char c = '0'; a->class && c <= '9'; c++) {
			int n = snprintf(a->example, IFNAMSIZ, "%s%c", *a->name ? a->name : "eth",
					 c);

			if (n < IFNAMSIZ && !*atom_slot(s, a->example, false) &&
			    space_class(s, a->example) == i)
				break;
		}
	}
	for (size_t i = 0; s->snap && i < s->snap->n_links; i++) {
		const char *name = s->snap->links[i].name;

		if (!*atom_slot(s, name, false))
			memcpy(s->atoms[space_class(s, name)].example, name, IFNAMSIZ);
	}
}

/* The letters that all names of a range begin with; @ret_exact: it is one name alone. */
static void name_range(const struct fw_match *m, const struct fw_range *r, char *ret_name,
		       bool *ret_exact)
{
	size_t n = 0;

	memset(ret_name, 0, IFNAMSIZ);
	while (n < IFNAMSIZ - 1 && m->mask[n] == 0xff && r->lo[n] == r->hi[n] && r->lo[n]) {
		ret_name[n] = (char)r->lo[n];
		n++;
	}
	*ret_exact = m->mask[n] == 0xff && !r->lo[n] && !r->hi[n];
}

static void learn_match(struct space *s, const struct fw_match *m)
{
	char name[IFNAMSIZ];
	bool exact;

	for (size_t i = 0; i < m->n; i++) {
		if (m->field == FW_F_IIFNAME || m->field == FW_F_OIFNAME) {
			name_range(m, &m->r[i], name, &exact);
			atom_add(s, name, !exact);
			continue;
		}
		for (size_t j = 0; j < s->snap->n_links; j++) {
			uint32_t index = htonl((uint32_t)s->snap->links[j].ifindex);

			if (!memcmp(&index, m->r[i].lo, sizeof(index)))
				atom_add(s, s->snap->links[j].name, false);
		}
	}
}

static bool is_iface(enum fw_field f)
{
	return f == FW_F_IIFNAME || f == FW_F_OIFNAME || f == FW_F_IIF || f == FW_F_OIF;
}

static void learn_lookup(struct space *s, const struct fw_lookup *l)
{
	for (size_t i = 0; i < l->n_sel; i++)
		for (size_t j = 0; is_iface(l->sel[i].field) && j < l->set->n_elems; j++) {
			struct fw_range r;
			struct fw_match m = { .field = l->sel[i].field, .r = &r, .n = 1 };

			memcpy(m.mask, l->sel[i].mask, sizeof(m.mask));
			if (sel_range(&l->sel[i], &l->set->elems[j], &r))
				learn_match(s, &m);
		}
}

/* Conntrack is off in a namespace until a rule needs it, and NAT chains are not asked then. */
static bool needs_conntrack(const struct fw_op *op)
{
	switch (op->kind) {
	case FW_SNAT:
	case FW_DNAT:
	case FW_REDIRECT:
	case FW_NETMAP:
	case FW_CTSET:
		return true;
	case FW_MATCH:
		return op->match.field == FW_F_CTSTATE || op->match.field == FW_F_CTSTATUS ||
		       op->match.field == FW_F_CTDIR;
	default:
		return false;
	}
}

static bool is_family(const struct fw_op *op)
{
	return op->kind == FW_MATCH && op->match.field == FW_F_NFPROTO && op->match.n &&
	       !op->match.neg;
}

static void learn_tracking(struct space *s, const struct fw_rule *r)
{
	int family = r->chain->table->family;

	for (size_t i = 0; i < r->n_ops; i++)
		if (is_family(&r->ops[i])) { /* "dnat ip to" in an inet table: for that one alone */
			family = r->ops[i].match.r->lo[0];
		} else if (needs_conntrack(&r->ops[i])) {
			s->tracked[0] |= family == NFPROTO_IPV4 || family == NFPROTO_INET;
			s->tracked[1] |= family == NFPROTO_IPV6 || family == NFPROTO_INET;
		}
}

static void learn_rule(struct space *s, const struct fw_rule *r)
{
	learn_tracking(s, r);
	for (size_t i = 0; i < r->n_ops; i++)
		if (r->ops[i].kind == FW_MATCH && is_iface(r->ops[i].match.field))
			learn_match(s, &r->ops[i].match);
		else if (r->ops[i].kind == FW_LOOKUP)
			learn_lookup(s, &r->ops[i].lookup);
}

/* Devices of a base chain: newer kernels bind to prefixes, shown with an asterisk. */
static void learn_devs(struct space *s, const struct fw_chain *c)
{
	for (size_t i = 0; i < c->n_dev; i++) {
		size_t n = strlen(c->dev[i]);
		bool prefix = n && n < IFNAMSIZ && c->dev[i][n - 1] == '*';
		char name[IFNAMSIZ] = "";

		strncpy(name, c->dev[i], IFNAMSIZ - 1);
		if (prefix)
			name[n - 1] = '\0';
		atom_add(s, name, prefix);
	}
}

static void learn_names(struct space *s)
{
	for (size_t i = 0; s->snap && i < s->snap->n_chains; i++)
		learn_devs(s, s->snap->chains[i]);
	for (size_t i = 0; s->snap && i < s->snap->n_chains; i++)
		for (size_t j = 0; j < s->snap->chains[i]->n_rules; j++)
			learn_rule(s, &s->snap->chains[i]->rules[j]);
}

static void if_dims(struct space *s)
{
	static const enum dim dims[] = { DIM_IIF, DIM_OIF, DIM_OIF_LATER };

	for (size_t i = 0; i < 3; i++) {
		num_set_unref(s->full[dims[i]]);
		s->full[dims[i]] =
			num_set_range(&s->ctx, num32(0), num32((uint32_t)s->n_atoms - 1));
	}
}

uint32_t space_ifid(struct space *s, const char *name)
{
	size_t n = s->n_atoms, i = atom_add(s, name, false);

	if (s->n_atoms != n) {
		index_free(s); /* made without this name */
		if_dims(s);
		examples(s);
	}
	return (uint32_t)i;
}

uint32_t space_ifid_top(const struct space *s)
{
	return (uint32_t)s->n_atoms - 1;
}

bool space_ifclass(const struct space *s, uint32_t id)
{
	return id < s->n_atoms && s->atoms[id].class;
}

const char *space_ifname(const struct space *s, uint32_t id)
{
	return id < s->n_atoms ? s->atoms[id].example : "";
}

/* ---- addresses -------------------------------------------------------------------------- */

struct num num_of_addr(const struct net_addr *a)
{
	struct num v = { 0, 0 };

	for (int i = 0; i < 8; i++) {
		v.hi = v.hi << 8 | a->b[i];
		v.lo = v.lo << 8 | a->b[8 + i];
	}
	if (net_addr_is4(a))
		v = (struct num){ 0, v.lo & UINT32_MAX };
	return v;
}

struct net_addr num_to_addr(struct num v, uint8_t family)
{
	struct net_addr a;

	if (family == NFPROTO_IPV4)
		return net_addr_from4(htonl((uint32_t)v.lo));
	for (int i = 0; i < 8; i++) {
		a.b[i] = (uint8_t)(v.hi >> (56 - 8 * i));
		a.b[8 + i] = (uint8_t)(v.lo >> (56 - 8 * i));
	}
	return a;
}

static void local_addrs(struct space *s, const struct space_host *h)
{
	struct num_range *r[2];
	size_t n[2] = { 0, 0 }, max = (h ? h->n_local : 0) + 1;

	r[0] = calloc(max, sizeof(**r));
	r[1] = calloc(max, sizeof(**r));
	if (!r[0] || !r[1]) {
		s->ctx.err = -ENOMEM;
	} else {
		/* RFC 1122 3.2.1.3, RFC 4291 2.5.3 */
		r[0][n[0]++] = (struct num_range){ num32(0x7f000000), num32(0x7fffffff) };
		r[1][n[1]++] = (struct num_range){ num32(1), num32(1) };
	}
	for (size_t i = 0; !s->ctx.err && h && i < h->n_local; i++) {
		bool six = !net_addr_is4(&h->local[i]);
		struct num v = num_of_addr(&h->local[i]);

		r[six][n[six]++] = (struct num_range){ v, v };
	}
	s->local_known = h && (h->known || h->all);
	s->routed = h && h->routed;
	for (int i = 0; i < 2 && h; i++)
		s->back[i] = h->back[i];
	for (int i = 0; i < 2 && h && h->all && !s->ctx.err; i++) {
		n[i] = 1;
		r[i][0] = (struct num_range){ num32(0), top(i ? 128 : 32) };
	}
	for (int i = 0; i < 2; i++) {
		s->local[i] = num_set_make(&s->ctx, r[i], n[i]);
		free(r[i]);
	}
}

static struct num_set *numbers(struct space *s, const uint8_t *v, size_t n)
{
	struct num_range r[8];

	for (size_t i = 0; i < n; i++)
		r[i] = (struct num_range){ num32(v[i]), num32(v[i]) };
	return num_set_make(&s->ctx, r, n);
}

static void fixed_sets(struct space *s)
{
	static const uint8_t bits[DIM_COUNT] = {
		[DIM_SADDR] = 32, [DIM_DADDR] = 32,   [DIM_PROTO] = 8,	  [DIM_SPORT] = 16,
		[DIM_DPORT] = 16, [DIM_ICMPTYPE] = 8, [DIM_ICMPCODE] = 8, [DIM_TCPFLAGS] = 8,
		[DIM_CTDIR] = 1,  [DIM_PKTTYPE] = 3,
	};
	static const uint8_t states[] = { SPACE_INVALID, SPACE_ESTABLISHED, SPACE_RELATED,
					  SPACE_NEW, SPACE_UNTRACKED };
	static const uint8_t ports[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE, IPPROTO_SCTP,
					 IPPROTO_DCCP };
	static const uint8_t icmp[] = { IPPROTO_ICMP, IPPROTO_ICMPV6 };
	static const uint8_t tcp[] = { IPPROTO_TCP }, is_new[] = { SPACE_NEW };
	static const uint8_t no_ct[] = { SPACE_INVALID, SPACE_UNTRACKED };

	for (unsigned d = 0; d < DIM_COUNT; d++)
		if (bits[d])
			s->full[d] = num_set_range(&s->ctx, num32(0), top(bits[d]));
	s->full[DIM_CTSTATE] = numbers(s, states, sizeof(states));
	s->full[DIM_CTSTATE_LATER] = num_set_ref(s->full[DIM_CTSTATE]);
	s->full6 = num_set_range(&s->ctx, num32(0), top(128));
	s->with_ports = numbers(s, ports, sizeof(ports));
	s->icmp = numbers(s, icmp, sizeof(icmp));
	s->tcp = numbers(s, tcp, sizeof(tcp));
	s->is_new = numbers(s, is_new, sizeof(is_new));
	s->no_ct = numbers(s, no_ct, sizeof(no_ct));
	s->multicast[0] = num_set_range(&s->ctx, num32(0xe0000000), num32(0xefffffff));
	s->multicast[1] = num_set_range(&s->ctx, (struct num){ 0xffull << 56, 0 }, top(128));
	/* what the kernel calls broadcast besides the subnets' own */
	s->broadcast4 = num_set_make(
		&s->ctx,
		(struct num_range[]){ { num32(0), num32(0xffffff) }, { num32(~0u), num32(~0u) } },
		2);
}

struct space *space_new(const struct fw_snapshot *snap, const struct space_host *host)
{
	struct space *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->snap = snap;
	s->max_boxes = SPACE_BOXES;
	atom_add(s, "", false); /* no interface */
	atom_add(s, "", true); /* any that is not named */
	atom_add(s, "lo", false);
	learn_names(s);
	fixed_sets(s);
	if_dims(s);
	if (!s->ctx.err)
		examples(s);
	local_addrs(s, host);
	if (s->ctx.err) {
		space_free(s);
		return NULL;
	}
	return s;
}

void space_free(struct space *s)
{
	if (!s)
		return;
	for (unsigned d = 0; d < DIM_COUNT; d++)
		num_set_unref(s->full[d]);
	for (int i = 0; i < 2; i++) {
		num_set_unref(s->local[i]);
		num_set_unref(s->multicast[i]);
	}
	num_set_unref(s->full6);
	num_set_unref(s->with_ports);
	num_set_unref(s->icmp);
	num_set_unref(s->tcp);
	num_set_unref(s->is_new);
	num_set_unref(s->no_ct);
	num_set_unref(s->broadcast4);
	num_set_forget(&s->ctx);
	index_free(s);
	free(s->slots);
	free(s->atoms);
	free(s);
}

int space_error(const struct space *s)
{
	return s->ctx.err;
}

void space_limit(struct space *s, size_t boxes)
{
	s->max_boxes = boxes ? boxes : 1;
}

uint64_t space_work(const struct space *s)
{
	return s->ctx.work;
}
