/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside hairpin/: rules, routes and neighbours as they are and as they should be. */
#ifndef EINAT_HAIRPIN_STATE_H
#define EINAT_HAIRPIN_STATE_H

#include "hairpin.h"
#include "lib/rtnl.h"

#define HP_IFNAMSIZ   16
#define HP_LOCAL_PREF 200 /* of the moved `local` rule, if nothing stands in the way */
#define HP_RULE_PREF  100
#define HP_NO_PREF    UINT32_MAX
#define HP_TEXT_LEN   256

enum hp_kind { HP_RULE, HP_ROUTE, HP_NEIGH };

/* What an object is. Which fields count depends on its kind; the others are zero. */
struct hp_key {
	enum hp_kind kind;
	bool odd; /* as read: carries something that is never written here */
	bool marked; /* a `local` rule with HAIRPIN_LOCAL_MARK */
	uint8_t family; /* AF_INET or AF_INET6 */
	uint8_t ipproto;
	uint8_t mac[6];
	uint16_t lo, hi; /* rule: destination ports, host byte order */
	uint32_t pref, table;
	int oif; /* route, neighbour */
	char iif[HP_IFNAMSIZ];
	struct net_addr addr; /* rule, route: destination; the neighbour's address */
};

struct hp_item {
	struct hp_key key;
	struct nlmsghdr *msg; /* as a request: its type and flags are set when it is sent */
};

struct hp_list {
	struct hp_item *v;
	size_t n;
};

/* The kernel's state, as far as it concerns one interface. */
struct hp_state {
	struct hp_list items; /* rules and routes of its table, its marked neighbours */
	struct hp_list fixed; /* permanent neighbours of others on it */
	struct hp_list zero; /* plain `local` rules at 0 */
	struct hp_list moved; /* `local` rules that carry HAIRPIN_LOCAL_MARK, by preference */
	uint32_t foreign; /* lowest preference above 0 of any other rule, or HP_NO_PREF */
	uint32_t foreign_local; /* the same of plain `local` rules that someone else moved */
	bool beside_zero; /* another rule than `local` has preference 0 */
	bool shared; /* rules of another interface's hairpin exist */
	uint8_t family; /* each has rules, routes and a `local` rule of its own */
	char owner[HP_IFNAMSIZ]; /* another interface, whose name gives the same table; or empty */
};

int hp_list_add(struct hp_list *l, const struct hp_key *key, const struct nlmsghdr *msg);
void hp_list_free(struct hp_list *l);

bool hp_key_eq(const struct hp_key *a, const struct hp_key *b);
/** hp_key_same_place() - routes and neighbours: one replaces the other in the kernel. */
bool hp_key_same_place(const struct hp_key *a, const struct hp_key *b);
/** hp_key_format() - in ip's syntax without the verb, into @buf (HP_TEXT_LEN); returns @buf. */
char *hp_key_format(const struct hp_key *key, const char *ifname, char *buf);

#define HP_MSG_LEN 512
/** hp_msg_put() - the request for @key; hp_msg_local() - for a `local` rule. @buf has HP_MSG_LEN.
 */
struct nlmsghdr *hp_msg_put(void *buf, const struct hp_key *key);
struct nlmsghdr *hp_msg_local(void *buf, uint8_t family, uint32_t pref, bool marked,
			      uint8_t protocol);

/** hp_state_read() - release with hp_state_free(), also after a failure. @ifindex 0: it is gone. */
int hp_state_read(struct rtnl *r, uint8_t family, const char *ifname, int ifindex,
		  struct hp_state *s, struct err *err);
/** hp_family() - of an address; hp_addr_attr() - an attribute as an address, false: another length.
 */
uint8_t hp_family(const struct net_addr *a);
bool hp_addr_attr(const struct nlattr *attr, uint8_t family, struct net_addr *ret_addr);
/** hp_bits() - length of a host prefix: 32 or 128. */
uint8_t hp_bits(uint8_t family);
/* The kernel gives an IPv6 route this metric if it has none. */
#define HP_ROUTE6_METRIC 1024
void hp_state_free(struct hp_state *s);

/* Where the rules go. */
struct hp_place {
	uint32_t pref; /* of the rules */
	uint32_t local; /* of the moved `local` rule; HP_NO_PREF: someone else moved it, it stays */
};

int hp_place_find(const struct hp_state *s, struct hp_place *ret_place, struct err *err);
/** hp_want() - all objects of @spec in the order of adding; empty if nothing is to be turned
 * around. */
int hp_want(const struct hairpin_spec *spec, uint8_t family, uint32_t pref,
	    struct hp_list *ret_list, struct err *err);

/* A journal of what one call has changed, to be undone. */
struct hp_tx {
	struct rtnl *r;
	const char *ifname;
	struct hp_list undo; /* key.odd: undone by adding */
};

/** hp_tx_add() - @old: what it replaces, or NULL. Already there is no error. */
int hp_tx_add(struct hp_tx *tx, const struct hp_item *item, const struct hp_item *old,
	      struct err *err);
int hp_tx_del(struct hp_tx *tx, const struct hp_item *item, struct err *err); /* gone is no error */
/** hp_tx_undo() - newest first; what cannot be undone is appended to @err. */
void hp_tx_undo(struct hp_tx *tx, struct err *err);
void hp_tx_free(struct hp_tx *tx);

#endif
