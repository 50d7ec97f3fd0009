// SPDX-License-Identifier: GPL-2.0-or-later
/* Changes, and how to undo them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/rtnetlink.h>

#include "state.h"

/* RTM_NEWx, RTM_DELx, RTM_GETx, RTM_SETx stand in fours. */
static int submit(struct rtnl *r, struct nlmsghdr *msg, bool add, enum hp_kind kind)
{
	msg->nlmsg_type = (msg->nlmsg_type & (uint16_t)~3) + (add ? 0 : 1);
	msg->nlmsg_flags = 0;
	if (add)
		msg->nlmsg_flags = NLM_F_CREATE | (kind == HP_RULE ? NLM_F_EXCL : NLM_F_REPLACE);
	return rtnl_talk(r, msg, NULL, NULL);
}

static bool is_gone(int ret)
{
	return ret == -ENOENT || ret == -ESRCH || ret == -ENODEV || ret == -ENXIO;
}

static int failed(const struct hp_tx *tx, const struct hp_key *key, int ret, const char *verb,
		  struct err *err)
{
	char text[HP_TEXT_LEN];

	err_set(err, -ret, "hairpin on %s: could not %s `%s`: %s", tx->ifname, verb,
		hp_key_format(key, tx->ifname, text), rtnl_reason(tx->r));
	if (ret == -ENETDOWN)
		return err_hint(err, -ret, "set %s up first", tx->ifname);
	if (ret == -EPERM)
		return err_hint(err, -ret, "this needs CAP_NET_ADMIN");
	return ret;
}

/* Room for the undo entry is made before the change, so that every change can be undone. */
static int note(struct hp_tx *tx, const struct hp_item *item, bool undo_adds, struct err *err)
{
	struct hp_key k = item->key;
	int ret;

	k.odd = undo_adds;
	ret = hp_list_add(&tx->undo, &k, item->msg);
	return ret ? err_sys(err, -ret, "hairpin on %s", tx->ifname) : 0;
}

static void forget(struct hp_tx *tx)
{
	free(tx->undo.v[--tx->undo.n].msg);
}

int hp_tx_add(struct hp_tx *tx, const struct hp_item *item, const struct hp_item *old,
	      struct err *err)
{
	int ret = note(tx, old ? old : item, old != NULL, err);

	if (ret)
		return ret;
	ret = submit(tx->r, item->msg, true, item->key.kind);
	if (ret)
		forget(tx);
	if (ret && ret != -EEXIST)
		return failed(tx, &item->key, ret, "add", err);
	return 0;
}

int hp_tx_del(struct hp_tx *tx, const struct hp_item *item, struct err *err)
{
	int ret = note(tx, item, true, err);

	if (ret)
		return ret;
	ret = submit(tx->r, item->msg, false, item->key.kind);
	if (ret)
		forget(tx);
	if (ret && !is_gone(ret))
		return failed(tx, &item->key, ret, "delete", err);
	return 0;
}

void hp_tx_undo(struct hp_tx *tx, struct err *err)
{
	char text[HP_TEXT_LEN];

	while (tx->undo.n) {
		struct hp_item *it = &tx->undo.v[tx->undo.n - 1];
		int ret = submit(tx->r, it->msg, it->key.odd, it->key.kind);

		if (ret && ret != -EEXIST && !is_gone(ret))
			err_hint(err, -ret, "and could not undo `%s`: %s",
				 hp_key_format(&it->key, tx->ifname, text), rtnl_reason(tx->r));
		forget(tx);
	}
}

void hp_tx_free(struct hp_tx *tx)
{
	hp_list_free(&tx->undo);
}
