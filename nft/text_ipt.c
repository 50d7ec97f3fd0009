// SPDX-License-Identifier: GPL-2.0-or-later
/* A rule in iptables-save syntax: its head, and rules of iptables-legacy. */
#include <string.h>
#include <net/if.h>
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>

#include "text_ipt.h"

static void addr_text(struct tbuf *b, const char *opt, const struct ipt_addr *a, size_t len)
{
	if (!a->inv && prefix_len(a->mask, len) == 0)
		return;
	tb_fmt(b, "%s %s ", a->inv ? " !" : "", opt);
	tb_addr(b, a->addr, len);
	tb_str(b, "/");
	if (prefix_len(a->mask, len) < 0)
		tb_addr(b, a->mask, len);
	else
		tb_fmt(b, "%d", prefix_len(a->mask, len));
}

static void iface_text(struct tbuf *b, const char *opt, const struct ipt_iface *i)
{
	if (!i->len && !i->wild && !i->inv)
		return;
	tb_fmt(b, "%s %s ", i->inv ? " !" : "", opt);
	tb_name(b, i->name, i->len);
	tb_str(b, i->wild ? "+" : "");
}

void ipt_head_text(struct tbuf *b, const struct fw_chain *c, const struct ipt_head *h)
{
	tb_str(b, "-A ");
	tb_name(b, c->name, strlen(c->name));
	addr_text(b, "-s", &h->src, h->addr_len);
	addr_text(b, "-d", &h->dst, h->addr_len);
	iface_text(b, "-i", &h->in);
	iface_text(b, "-o", &h->out);
	if (h->proto) {
		const char *name = l4proto_name(h->proto);

		tb_str(b, h->proto_inv ? " ! -p " : " -p ");
		if (name)
			tb_str(b, name);
		else
			tb_fmt(b, "%u", h->proto);
	}
	if (h->frag)
		tb_str(b, h->frag_inv ? " ! -f" : " -f");
}

void ipt_verdict_text(struct tbuf *b, const struct fw_verdict *v)
{
	static const char *const words[] = {
		[FW_ACCEPT] = "ACCEPT", [FW_DROP] = "DROP", [FW_RETURN] = "RETURN",
		[FW_QUEUE] = "QUEUE",	[FW_CONTINUE] = "", [FW_JUMP] = "",
		[FW_GOTO] = "",
	};

	if (v->code == FW_CONTINUE)
		return;
	tb_str(b, v->code == FW_GOTO ? " -g " : " -j ");
	if (v->code != FW_JUMP && v->code != FW_GOTO)
		tb_str(b, words[v->code]);
	else if (v->chain)
		tb_name(b, v->chain->name, strlen(v->chain->name));
	else
		tb_str(b, "?");
}

/* A name is compared as far as its mask goes; a zero within is the end of it. */
static struct ipt_iface iface_of(const char *name, const unsigned char *mask, bool inv)
{
	struct ipt_iface i = { .inv = inv };
	size_t n = 0;

	while (n < IFNAMSIZ && mask[n] && name[n])
		n++;
	i.len = (uint8_t)n;
	i.wild = n && n < IFNAMSIZ && !mask[n];
	memcpy(i.name, name, n);
	return i;
}

static void head4(struct ipt_head *h, const struct ipt_ip *ip)
{
	h->addr_len = 4;
	memcpy(h->src.addr, &ip->src, 4);
	memcpy(h->src.mask, &ip->smsk, 4);
	memcpy(h->dst.addr, &ip->dst, 4);
	memcpy(h->dst.mask, &ip->dmsk, 4);
	h->src.inv = ip->invflags & IPT_INV_SRCIP;
	h->dst.inv = ip->invflags & IPT_INV_DSTIP;
	h->in = iface_of(ip->iniface, ip->iniface_mask, ip->invflags & IPT_INV_VIA_IN);
	h->out = iface_of(ip->outiface, ip->outiface_mask, ip->invflags & IPT_INV_VIA_OUT);
	h->proto = ip->proto;
	h->proto_inv = ip->invflags & IPT_INV_PROTO;
	h->frag = ip->flags & IPT_F_FRAG;
	h->frag_inv = ip->invflags & IPT_INV_FRAG;
}

static void head6(struct ipt_head *h, const struct ip6t_ip6 *ip)
{
	h->addr_len = 16;
	memcpy(h->src.addr, &ip->src, 16);
	memcpy(h->src.mask, &ip->smsk, 16);
	memcpy(h->dst.addr, &ip->dst, 16);
	memcpy(h->dst.mask, &ip->dmsk, 16);
	h->src.inv = ip->invflags & IP6T_INV_SRCIP;
	h->dst.inv = ip->invflags & IP6T_INV_DSTIP;
	h->in = iface_of(ip->iniface, ip->iniface_mask, ip->invflags & IP6T_INV_VIA_IN);
	h->out = iface_of(ip->outiface, ip->outiface_mask, ip->invflags & IP6T_INV_VIA_OUT);
	h->proto = ip->flags & IP6T_F_PROTO ? ip->proto : 0;
	h->proto_inv = ip->invflags & IP6T_INV_PROTO;
}

/* Where the parts of an entry are; both families hold the same numbers at different places. */
struct entry {
	const uint8_t *at;
	size_t size, first, target; /* bytes; offsets of the first match and the target */
	bool v6;
};

static bool entry_of(const struct fw_rule *r, struct entry *e, struct ipt_head *h)
{
	e->at = r->raw;
	e->v6 = r->chain->table->family == NFPROTO_IPV6;
	e->first = e->v6 ? sizeof(struct ip6t_entry) : sizeof(struct ipt_entry);
	if (!r->raw || r->raw_len < e->first)
		return false;
	if (e->v6) {
		struct ip6t_entry v6;

		memcpy(&v6, r->raw, sizeof(v6));
		head6(h, &v6.ipv6);
		e->target = v6.target_offset;
		e->size = v6.next_offset;
	} else {
		struct ipt_entry v4;

		memcpy(&v4, r->raw, sizeof(v4));
		head4(h, &v4.ip);
		e->target = v4.target_offset;
		e->size = v4.next_offset;
	}
	return e->size <= r->raw_len && e->target >= e->first && e->target <= e->size &&
	       e->size - e->target >= sizeof(struct xt_entry_target);
}

/* The extension at @off, whose head is the same for matches and targets; its size or 0. */
static size_t view_of(const struct entry *e, size_t off, size_t end, struct xt_view *x, char *name)
{
	struct xt_entry_match m;

	if (end - off < sizeof(m))
		return 0;
	memcpy(&m, e->at + off, sizeof(m));
	if (m.u.user.match_size < sizeof(m) || m.u.user.match_size > end - off ||
	    !memchr(m.u.user.name, 0, sizeof(m.u.user.name)))
		return 0;
	memcpy(name, m.u.user.name, sizeof(m.u.user.name));
	*x = (struct xt_view){ .name = name,
			       .rev = m.u.user.revision,
			       .info = e->at + off + sizeof(m),
			       .len = m.u.user.match_size - sizeof(m),
			       .v6 = e->v6 };
	return m.u.user.match_size;
}

/* What the lowered rule knows: the chain of a jump is an offset in the bytes. */
static void standard_text(struct tbuf *b, const struct fw_rule *r)
{
	for (size_t i = r->n_ops; i-- > 0;)
		if (r->ops[i].kind == FW_VERDICT) {
			ipt_verdict_text(b, &r->ops[i].verdict);
			return;
		}
}

void ipt_entry_text(struct tbuf *b, const struct fw_rule *r)
{
	char name[XT_EXTENSION_MAXNAMELEN];
	struct ipt_head h = { 0 };
	struct xt_view x;
	struct entry e;
	size_t step;

	if (!entry_of(r, &e, &h)) {
		tb_str(b, "[rule]");
		return;
	}
	ipt_head_text(b, r->chain, &h);
	for (size_t off = e.first; off < e.target; off += step) {
		step = view_of(&e, off, e.target, &x, name);
		if (!step) {
			tb_str(b, " [match]");
			break;
		}
		xt_match_text(b, &x);
	}
	if (!view_of(&e, e.target, e.size, &x, name))
		tb_str(b, " [target]");
	else if (!strcmp(name, XT_STANDARD_TARGET))
		standard_text(b, r);
	else
		xt_target_text(b, &x);
}
