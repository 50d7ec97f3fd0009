/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets on their way through every rule of the host: which statements can they meet?
 *
 * All base chains of a hook are walked in the order in which packets meet them, nf_tables and
 * both iptables back ends interleaved; what one chain lets through, with the mark that it left,
 * is what the next one sees. Whatever a walk does not report cannot happen to the packets that
 * were described, as long as the rules do not change (fragments are judged as whole packets).
 */
#ifndef EINAT_NFT_WALK_H
#define EINAT_NFT_WALK_H

#include "space.h"

enum walk_what {
	WALK_SNAT, /* snat, masquerade: op->nat tells which */
	WALK_DNAT,
	WALK_REDIRECT,
	WALK_TPROXY,
	WALK_DROP,
	WALK_REJECT,
	WALK_QUEUE, /* a program decides */
	WALK_POLICY, /* no rule accepted: the base chain's policy drops; no rule */
	WALK_NOTRACK,
	WALK_MARK, /* op->setmark: the bits that are not in keep, or in xor or unknown */
	WALK_OFFLOAD, /* to a flowtable */
	WALK_CTSET, /* op->ctset: mark, zone, helper ... of the connection */
	WALK_DUP, /* a copy goes elsewhere; the packet itself goes on */
	WALK_FWD, /* out of another interface at once */
	WALK_UNKNOWN, /* a statement that is not understood: may do any of these */
	WALK_LIMIT, /* the chain was too much work: may do any of these; no rule */
	WALK_WHAT_COUNT
};

/* One meeting; all borrowed for the time of the call. */
struct walk_meeting {
	enum walk_what what;
	enum fw_hook hook;
	const struct fw_chain *base; /* the base chain */
	const struct fw_rule *rule; /* in it or in a chain that it calls; NULL: see @what */
	const struct fw_op *op; /* the statement in @rule; NULL if there is no rule */
	const struct region *packets; /* as they are in front of the statement */
	bool will; /* some box of @packets is certain: region_example() gives one of it */
};

/* The ways that matter to a NAT in front of and behind netfilter. */
enum walk_path {
	WALK_INWARDS, /* forwarded, entering after TC ingress: what einat has translated */
	WALK_OUTWARDS, /* forwarded, on the way to TC egress */
	WALK_INBOUND, /* entering, to an address of this host: input, or where a DNAT sends it */
	WALK_OUTPUT, /* sent by this host itself */
};

enum walk_limit { WALK_LIMIT_NONE, WALK_LIMIT_DEPTH, WALK_LIMIT_STEPS, WALK_LIMIT_TIME };

struct walk {
	struct space *space;
	const struct fw_snapshot *snap;
	/** @skip: base chains that are left out, or NULL */
	bool (*skip)(const struct walk *w, const struct fw_chain *base);
	/** @meet: 0 to go on, else the walk ends with that */
	int (*meet)(struct walk *w, const struct walk_meeting *m);
	/** @enter: in front of each base chain with what reaches it, or NULL; 0 to go on */
	int (*enter)(struct walk *w, const struct fw_chain *base, const struct region *packets);
	void *data;
	/*
	 * Every base chain sees all packets, also those that an earlier one dropped or NATed:
	 * who could, not who does. To find all the chains that an operator has to open.
	 */
	bool apart;
	bool bridged; /* an interface is a bridge: its ports' bridge chains see the packets too */
	size_t max_steps; /* rules; 0: 2,000,000 */
	unsigned max_depth; /* 0: 64; the kernel's own limit is 16 */
	unsigned max_ms; /* of processor time; 0: 2000 */

	enum walk_limit limit; /* out: the last one that was hit */
	size_t steps; /* out */
	struct walk_state *state; /* the walk's own */
};

/**
 * walk_hook() - all base chains of one hook.
 * @packets: what enters; on return what is let through, with what the rules made of it
 * Returns 0, -ENOMEM, or what @meet or @enter returned.
 */
int walk_hook(struct walk *w, enum fw_hook hook, struct region *packets);

/**
 * walk_path() - the hooks of a path in turn.
 * @packets: as they enter, with iif, oif (where they will leave) and, as the state of their
 * connection, the one that conntrack will find. On return: those that come through.
 */
int walk_path(struct walk *w, enum walk_path path, struct region *packets);

/**
 * walk_order() - base chains of @hook as packets meet them, both lists malloc'd.
 * @bridge: those of family bridge alone, else all others
 * @ret_same: for each, whether the one before it may as well come after it: chains of equal
 * priority in different tables do not tell which of them was registered last
 */
int walk_order(const struct fw_snapshot *snap, enum fw_hook hook, bool bridge,
	       const struct fw_chain ***ret_list, bool **ret_same, size_t *ret_n);

/** walk_what_name() - "snat", "policy drop", ... */
const char *walk_what_name(enum walk_what what);

#endif
