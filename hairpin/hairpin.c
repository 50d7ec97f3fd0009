// SPDX-License-Identifier: GPL-2.0-or-later
/* Brings the kernel's state and the wanted one together. */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include <linux/rtnetlink.h>

#include "state.h"

#define LOCK_TRIES 100
#define LOCK_WAIT  50000000L /* ns */

/*
 * Two processes that both move the `local` rule could each delete the other's copy. The lock is on
 * the network namespace itself: it needs no file, and goes with the process that holds it.
 */
static int lock(int *ret_fd, struct err *err)
{
	struct timespec wait = { .tv_nsec = LOCK_WAIT };
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, errno, "hairpin: could not open /proc/thread-self/ns/net");
	for (unsigned i = 0; i < LOCK_TRIES; i++) {
		if (!flock(fd, LOCK_EX | LOCK_NB)) {
			*ret_fd = fd;
			return 0;
		}
		if (errno != EWOULDBLOCK && errno != EINTR) {
			int ret = err_sys(err, errno, "hairpin: could not lock the namespace");

			close(fd);
			return ret;
		}
		nanosleep(&wait, NULL);
	}
	close(fd);
	return err_set(
		err, EBUSY,
		"hairpin: another process has held the lock on /proc/self/ns/net for 5 seconds "
		"(see lslocks)");
}

static const struct hp_item *find(const struct hp_list *l, const struct hp_key *key)
{
	for (size_t i = 0; i < l->n; i++)
		if (hp_key_eq(&l->v[i].key, key))
			return &l->v[i];
	return NULL;
}

static const struct hp_item *find_place(const struct hp_list *l, const struct hp_key *key)
{
	for (size_t i = 0; i < l->n; i++)
		if (hp_key_same_place(&l->v[i].key, key))
			return &l->v[i];
	return NULL;
}

/* Equal rules can stand there twice: only the first counts as wanted. */
static bool is_superfluous(const struct hp_state *s, size_t i, const struct hp_list *want)
{
	const struct hp_key *k = &s->items.v[i].key;

	if (find_place(want, k))
		return false; /* the same, or replaced by what is wanted */
	return !find(want, k) || find(&s->items, k) != &s->items.v[i];
}

static int check_spec(const struct hairpin_spec *spec, struct err *err)
{
	unsigned now = if_nametoindex(spec->ifname);

	if (!now || spec->ifindex <= 0)
		return err_set(err, ENODEV, "hairpin: there is no interface %s", spec->ifname);
	if ((int)now != spec->ifindex)
		return err_set(
			err, ENODEV,
			"hairpin: interface %s was made anew (index %d, now %u): read it again",
			spec->ifname, spec->ifindex, now);
	return 0;
}

/* Reads the state and what is wanted; both are to be freed whatever is returned. */
static int survey(struct rtnl *r, const struct hairpin_spec *spec, uint8_t family,
		  struct hp_state *s, struct hp_list *want, struct hp_place *place, struct err *err)
{
	int ret = hp_state_read(r, family, spec->ifname, spec->ifindex, s, err);

	if (ret)
		return ret;
	ret = hp_want(spec, family, HP_RULE_PREF, want, err);
	if (ret || !want->n)
		return ret;
	ret = check_spec(spec, err);
	if (ret)
		return ret;
	if (s->owner[0])
		return err_set(
			err, EEXIST,
			"hairpin: the names %s and %s give the same routing table %u (rename one "
			"interface)",
			spec->ifname, s->owner, hairpin_table(spec->ifname));
	ret = hp_place_find(s, place, err);
	if (ret || place->pref == HP_RULE_PREF)
		return ret;
	hp_list_free(want);
	return hp_want(spec, family, place->pref, want, err);
}

/* A permanent neighbour of someone else serves if it says the same, else it is in the way. */
static int check_neigh(const struct hp_state *s, const struct hp_key *key, struct err *err)
{
	const struct hp_item *other = find_place(&s->fixed, key);
	char addr[NET_ADDR_STRLEN], name[IF_NAMESIZE] = "?";

	if (key->kind != HP_NEIGH || !other)
		return 0;
	if (hp_key_eq(&other->key, key))
		return 1;
	if_indextoname((unsigned)key->oif, name);
	return err_set(
		err, EEXIST,
		"hairpin: a permanent neighbour entry for %s on %s has another MAC address than "
		"the interface (ip neigh del %s dev %s)",
		net_addr_format(&key->addr, addr), name, addr, name);
}

static int add_missing(struct hp_tx *tx, const struct hp_state *s, const struct hp_list *want,
		       struct err *err)
{
	for (size_t i = 0; i < want->n; i++) {
		const struct hp_item *w = &want->v[i];
		int ret;

		if (find(&s->items, &w->key))
			continue;
		ret = check_neigh(s, &w->key, err);
		if (!ret)
			ret = hp_tx_add(tx, w, find_place(&s->items, &w->key), err);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static int tx_add_local(struct hp_tx *tx, uint8_t family, uint32_t pref, bool marked,
			struct err *err)
{
	char buf[HP_MSG_LEN] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct hp_item item = {
		.key = { .kind = HP_RULE,
			 .family = family,
			 .table = RT_TABLE_LOCAL,
			 .pref = pref,
			 .marked = marked },
		.msg = hp_msg_local(buf, family, pref, marked, RTPROT_KERNEL),
	};

	return hp_tx_add(tx, &item, NULL, err);
}

/* The one at @place is there before any other goes. */
static int move_local(struct hp_tx *tx, const struct hp_state *s, const struct hp_place *place,
		      struct err *err)
{
	bool there = false;
	int ret = 0;

	if (place->local == HP_NO_PREF)
		return 0;
	for (size_t i = 0; i < s->moved.n; i++)
		there |= s->moved.v[i].key.pref == place->local;
	if (!there)
		ret = tx_add_local(tx, s->family, place->local, true, err);
	for (size_t i = 0; i < s->zero.n && !ret; i++)
		ret = hp_tx_del(tx, &s->zero.v[i], err);
	for (size_t i = 0; i < s->moved.n && !ret; i++)
		if (s->moved.v[i].key.pref != place->local)
			ret = hp_tx_del(tx, &s->moved.v[i], err);
	return ret;
}

static int del_superfluous(struct hp_tx *tx, const struct hp_state *s, const struct hp_list *want,
			   struct err *err)
{
	int ret = 0;

	for (size_t i = 0; i < s->items.n && !ret; i++)
		if (is_superfluous(s, i, want))
			ret = hp_tx_del(tx, &s->items.v[i], err);
	return ret;
}

static int apply_locked(struct rtnl *r, const struct hairpin_spec *spec, uint8_t family,
			bool *ret_nothing, struct err *err)
{
	struct hp_tx tx = { .r = r, .ifname = spec->ifname };
	struct hp_list want = { 0 };
	struct hp_place place;
	struct hp_state s;
	int ret = survey(r, spec, family, &s, &want, &place, err);

	*ret_nothing = !ret && !want.n;
	if (!ret && want.n) {
		ret = add_missing(&tx, &s, &want, err);
		if (!ret)
			ret = move_local(&tx, &s, &place, err);
		if (!ret)
			ret = del_superfluous(&tx, &s, &want, err);
		if (ret)
			hp_tx_undo(&tx, err);
	}
	hp_tx_free(&tx);
	hp_list_free(&want);
	hp_state_free(&s);
	return ret;
}

/* Someone has deleted the moved `local` rule: nothing would reach this host. */
static bool lost_local(const struct hp_state *s)
{
	return s->items.n && !s->zero.n && !s->moved.n && s->foreign_local == HP_NO_PREF;
}

/* Goes on after a failure, to leave as little as possible behind; the first failure is reported. */
static int remove_locked(struct rtnl *r, uint8_t family, const char *ifname, struct err *err)
{
	struct hp_tx tx = { .r = r, .ifname = ifname };
	struct hp_state s;
	struct err scrap;
	int ret = hp_state_read(r, family, ifname, (int)if_nametoindex(ifname), &s, err), one;

	if (ret || s.owner[0])
		goto out;
	for (size_t i = 0; i < s.items.n; i++) {
		one = hp_tx_del(&tx, &s.items.v[i], ret ? &scrap : err);
		ret = ret ? ret : one;
	}
	if (ret || s.shared || !(s.moved.n || lost_local(&s)))
		goto out;
	if (!s.zero.n)
		ret = tx_add_local(&tx, family, 0, false, err);
	for (size_t i = 0; i < s.moved.n && !ret; i++)
		ret = hp_tx_del(&tx, &s.moved.v[i], err);
out:
	hp_tx_free(&tx);
	hp_state_free(&s);
	return ret;
}

static const uint8_t families[] = { AF_INET, AF_INET6 };

static int apply_family(struct rtnl *r, const struct hairpin_spec *spec, uint8_t family,
			struct err *err)
{
	bool nothing = false;
	int ret = apply_locked(r, spec, family, &nothing, err);

	return nothing ? remove_locked(r, family, spec->ifname, err) : ret;
}

int hairpin_apply(const struct hairpin_spec *spec, struct err *err)
{
	struct rtnl *r;
	int fd, ret = lock(&fd, err);

	if (ret)
		return ret;
	ret = rtnl_open(&r, err);
	if (!ret) {
		for (unsigned i = 0; i < 2 && !ret; i++)
			ret = apply_family(r, spec, families[i], err);
		rtnl_close(r);
	}
	close(fd);
	return ret;
}

int hairpin_remove(const char *ifname, struct err *err)
{
	struct rtnl *r;
	int fd, ret = lock(&fd, err);

	if (ret)
		return ret;
	ret = rtnl_open(&r, err);
	if (!ret) {
		for (unsigned i = 0; i < 2; i++) {
			int one = remove_locked(r, families[i], ifname, ret ? NULL : err);

			ret = ret ? ret : one;
		}
		rtnl_close(r);
	}
	close(fd);
	return ret;
}

static bool local_in_place(const struct hp_state *s, const struct hp_place *place)
{
	if (place->local == HP_NO_PREF)
		return true;
	return !s->zero.n && s->moved.n == 1 && s->moved.v[0].key.pref == place->local;
}

static bool all_in_place(const struct hp_state *s, const struct hp_list *want)
{
	for (size_t i = 0; i < want->n; i++)
		if (!find(&s->items, &want->v[i].key) && check_neigh(s, &want->v[i].key, NULL) != 1)
			return false;
	for (size_t i = 0; i < s->items.n; i++)
		if (is_superfluous(s, i, want))
			return false;
	return true;
}

static int check_family(struct rtnl *r, const struct hairpin_spec *spec, uint8_t family,
			struct err *err)
{
	struct hp_list want = { 0 };
	struct hp_place place;
	struct hp_state s;
	int ret = survey(r, spec, family, &s, &want, &place, err);

	if (!ret && !want.n)
		ret = !s.items.n && (s.shared || !s.moved.n);
	else if (!ret)
		ret = all_in_place(&s, &want) && local_in_place(&s, &place);
	hp_list_free(&want);
	hp_state_free(&s);
	return ret;
}

int hairpin_check(const struct hairpin_spec *spec, struct err *err)
{
	struct rtnl *r;
	int ret = rtnl_open(&r, err);

	if (ret)
		return ret;
	ret = 1;
	for (unsigned i = 0; i < 2 && ret == 1; i++)
		ret = check_family(r, spec, families[i], err);
	rtnl_close(r);
	return ret;
}

static int print_local(const struct hp_place *place, const char *ip, FILE *out)
{
	char text[HP_TEXT_LEN];
	struct hp_key k = {
		.kind = HP_RULE, .table = RT_TABLE_LOCAL, .pref = place->local, .marked = true
	};

	if (place->local == HP_NO_PREF)
		return fprintf(out, "# the rule `from all lookup local` was moved already\n");
	if (fprintf(out, "%s rule add %s\n", ip, hp_key_format(&k, "", text) + strlen("rule ")) < 0)
		return -1;
	return fprintf(out, "%s rule del pref 0 lookup local\n", ip);
}

static int print_family(const struct hairpin_spec *spec, uint8_t family, FILE *out)
{
	const char *ip = family == AF_INET ? "ip" : "ip -6";
	struct hp_place place = { HP_RULE_PREF, HP_LOCAL_PREF };
	char text[HP_TEXT_LEN], *rest;
	struct hp_list want = { 0 };
	struct hp_state s = { 0 };
	struct rtnl *r;
	int ret = 0;

	if (!rtnl_open(&r, NULL)) { /* the preferences depend on what others wrote */
		if (!hp_state_read(r, family, spec->ifname, spec->ifindex, &s, NULL))
			hp_place_find(&s, &place, NULL);
		rtnl_close(r);
	}
	ret = hp_want(spec, family, place.pref, &want, NULL);
	for (size_t i = 0; i < want.n && !ret; i++) {
		hp_key_format(&want.v[i].key, spec->ifname, text);
		rest = strchr(text, ' ');
		*rest++ = '\0';
		if (fprintf(out, "%s %s %s %s\n", ip, text,
			    want.v[i].key.kind == HP_RULE ? "add" : "replace", rest) < 0)
			ret = -EIO;
	}
	if (!ret && want.n && print_local(&place, ip, out) < 0)
		ret = -EIO;
	hp_list_free(&want);
	hp_state_free(&s);
	return ret;
}

int hairpin_print(const struct hairpin_spec *spec, FILE *out)
{
	int ret = print_family(spec, AF_INET, out);

	return ret ? ret : print_family(spec, AF_INET6, out);
}
