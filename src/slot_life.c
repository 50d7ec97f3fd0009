// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/slot_life.h"

/* As slot_timeout() of bpf/slot.h, without an established session. */
static uint32_t tcp_idle(const struct einat_slot *s, const struct einat_cfg *cfg)
{
	if (!(s->flags & SLOT_F_TCP_SYN))
		return cfg->t_tcp_close;
	return s->closed && cfg->t_tcp_close > cfg->t_tcp_syn ? cfg->t_tcp_close : cfg->t_tcp_syn;
}

/* As slot_closing() of bpf/slot.h: the closing time counts from the end of the last session. */
static uint32_t tcp_timeout(const struct einat_slot *s, const struct einat_cfg *cfg, uint32_t now,
			    uint32_t idle)
{
	uint16_t ended = (uint16_t)(now - s->closed); /* seconds ago */
	uint32_t limit = tcp_idle(s, cfg), closing = cfg->t_tcp_close;

	if (s->tcp_open || s->flags & SLOT_F_TCP_OPEN)
		return cfg->t_tcp_open;
	if (!s->closed || ended > closing || idle + closing - ended < limit)
		return limit;
	closing += idle - ended;
	return closing < cfg->t_tcp_open ? closing : cfg->t_tcp_open;
}

uint32_t slot_lifetime(const struct einat_slot *s, unsigned proto, const struct einat_cfg *cfg,
		       uint32_t now, uint32_t idle)
{
	switch ((enum einat_proto)proto) {
	case EINAT_PROTO_UDP:
		return cfg->t_udp;
	case EINAT_PROTO_TCP:
		return tcp_timeout(s, cfg, now, idle);
	case EINAT_PROTO_ICMP:
		return cfg->t_icmp;
	case EINAT_PROTO_COUNT:
		break;
	}
	return 0;
}
