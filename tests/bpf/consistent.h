/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Do the maps of the data plane agree with each other? For harness.h alone. */
#ifndef EINAT_TESTS_BPF_CONSISTENT_H
#define EINAT_TESTS_BPF_CONSISTENT_H

/* "host_ports" as in bpf/host.h, where only the data plane needs it. */
struct host_bucket {
	uint32_t lock, pad;
	struct {
		struct einat_addr addr;
		uint32_t n[4];
	} h[8];
};

static inline size_t host_ports_sum(const struct lab *lab)
{
	size_t sum = 0;

	for (uint32_t i = 0; i < bpf_map__max_entries(lab->sk->maps.host_ports); i++) {
		struct host_bucket b;

		assert_int_equal(sizeof(b), bpf_map__value_size(lab->sk->maps.host_ports));
		assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(lab->sk->maps.host_ports), &i, &b),
				 0);
		for (unsigned h = 0; h < 8; h++)
			for (unsigned p = 0; p < EINAT_PROTO_COUNT; p++)
				sum += b.h[h].n[p];
	}
	return sum;
}

static inline void host_ports_clear(struct lab *lab)
{
	int fd = bpf_map__fd(lab->sk->maps.host_ports);
	struct host_bucket zero = { 0 };

	for (uint32_t i = 0; i < bpf_map__max_entries(lab->sk->maps.host_ports); i++)
		assert_int_equal(bpf_map_update_elem(fd, &i, &zero, 0), 0);
}

/* Slots, "used", "held", by_internal and host_ports tell the same; nothing is reserved or being
 * freed. */
static inline void check_consistent(const struct lab *lab)
{
	size_t live = 0, counted = 0;

	for (uint32_t n = 0; n < LAB_PLANES * EINAT_PORTS; n++) {
		const struct einat_slot *s = &lab->slots[n];
		bool bit = lab->used[n / 64] >> (n % 64) & 1;
		bool held = lab->held[n / 64] >> (n % 64) & 1;
		struct einat_endpoint ep = { .addr = s->addr,
					     .port = s->port,
					     .proto = n / EINAT_PORTS % EINAT_PROTO_COUNT };
		uint32_t back = ~0u;

		if (bit != (s->state == SLOT_LIVE) || s->state == SLOT_RESERVED ||
		    s->state == SLOT_FREEING)
			fail_msg("slot %u: state %u, used bit %d", n, s->state, bit);
		if (held && !bit)
			fail_msg("slot %u: free, and its port rests", n);
		if (s->state != SLOT_LIVE)
			continue;
		live++;
		counted += !(s->flags & SLOT_F_STATIC);
		if (bpf_map_lookup_elem(bpf_map__fd(lab->sk->maps.by_internal), &ep, &back) ||
		    back != n)
			fail_msg("slot %u is live, by_internal says %d", n, (int)back);
	}
	assert_int_equal(map_count(lab->sk->maps.by_internal), live);
	assert_int_equal(host_ports_sum(lab), counted);
}

#endif
