// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * TCP sessions and what they make of a binding's time-out (RFC 6146 section 3.5.2.2). Whether a
 * binding lives is asked from the outside, by a data segment, which changes nothing.
 */
#include "tests/bpf/harness.h"

#define R(x)  REASON_##x
#define LAN   LAN_A, 20100
#define WAN   EXT, 20100
#define PEER  REMOTE, 80
#define PEER2 REMOTE2, 81
#define SA    (F_SYN | F_ACK)
#define FA    (F_FIN | F_ACK)
#define RA    (F_RST | F_ACK)
#define AT(s)                                                                                      \
	{                                                                                          \
		CLOCK, .arg = s                                                                    \
	}
/* a segment to and from a peer, translated */
#define TCP_(f, ...) TCP(f, __VA_ARGS__)
#define SEND_TO(f, ...)                                                                            \
	{                                                                                          \
		OUT_, TCP_(f, LAN, __VA_ARGS__), R(TRANSLATED), TCP_(f, WAN, __VA_ARGS__)          \
	}
#define RECV_AS(f, ...)                                                                            \
	{                                                                                          \
		IN_, TCP_(f, __VA_ARGS__, WAN), R(TRANSLATED), TCP_(f, __VA_ARGS__, LAN)           \
	}
#define SEND(f) SEND_TO(f, PEER)
#define RECV(f) RECV_AS(f, PEER)
#define LIVE                                                                                       \
	{                                                                                          \
		IN_, TCP_(F_ACK, ROUTER, 9, WAN), R(TRANSLATED), TCP_(F_ACK, ROUTER, 9, LAN)       \
	}
#define GONE                                                                                       \
	{                                                                                          \
		IN_, TCP_(F_ACK, ROUTER, 9, WAN), R(NO_BINDING)                                    \
	}
#define IS_SESSIONS(n)                                                                             \
	{                                                                                          \
		SESSIONS, .arg = n                                                                 \
	}

static void long_close(struct lab *lab)
{
	lab->cfg.t_tcp_close = 2 * T_TCP_SYN;
	lab_apply(lab);
}

static const struct test_case cases[] = {
	{ "syn alone: transitory",
	  NULL,
	  { SEND(F_SYN), IS_SESSIONS(1), AT(T_TCP_SYN), LIVE, AT(T_TCP_SYN + 1), GONE } },
	{ "handshake from inside: established",
	  NULL,
	  { SEND(F_SYN), RECV(SA), SEND(F_ACK), IS_SESSIONS(1), AT(T_TCP_OPEN), LIVE,
	    AT(T_TCP_OPEN + 1), GONE } },
	{ "simultaneous open: established",
	  NULL,
	  { SEND(F_SYN), RECV(F_SYN), AT(T_TCP_OPEN), LIVE } },
	{ "syn from outside to a binding: translated, no memory taken, answered: established",
	  NULL,
	  { SEND(F_SYN), RECV_AS(F_SYN, PEER2), IS_SESSIONS(1), SEND_TO(SA, PEER2), IS_SESSIONS(2),
	    AT(T_TCP_OPEN), LIVE } },
	{ "unanswered syn from outside does not lengthen the binding",
	  NULL,
	  { SEND(F_SYN), RECV_AS(F_SYN, PEER2), AT(T_TCP_SYN + 1), GONE } },
	{ "opening after a close: the longer time-out",
	  NULL,
	  { SEND(F_SYN), RECV(SA), SEND(FA), RECV(FA), AT(100), SEND_TO(F_SYN, PEER2),
	    AT(100 + T_TCP_SYN), LIVE, AT(101 + T_TCP_SYN), GONE } },
	{ "opening after a close, closing takes longer: the longer time-out again",
	  long_close,
	  { SEND(F_SYN), AT(T_TCP_SYN + 1), GONE, SEND(F_SYN), RECV(SA), SEND(FA), RECV(FA),
	    AT(500), SEND_TO(F_SYN, PEER2), AT(500 + 2 * T_TCP_SYN), LIVE, AT(501 + 2 * T_TCP_SYN),
	    GONE } },
	{ "answered while another one opens: the closing time-out counts then",
	  NULL,
	  { SEND_TO(F_SYN, PEER2), SEND(F_SYN), RECV(SA), SEND(FA), RECV(FA), AT(T_TCP_CLOSE), LIVE,
	    AT(T_TCP_CLOSE + 1), GONE } },
	{ "both FIN, inside first: transitory, session gone",
	  NULL,
	  { SEND(F_SYN), RECV(SA), SEND(FA), IS_SESSIONS(1), RECV(FA), IS_SESSIONS(0), SEND(F_ACK),
	    IS_SESSIONS(0), AT(T_TCP_CLOSE), LIVE, AT(T_TCP_CLOSE + 1), GONE } },
	{ "both FIN, outside first",
	  NULL,
	  { SEND(F_SYN), RECV(SA), RECV(FA), SEND(FA), RECV(F_ACK), IS_SESSIONS(0),
	    AT(T_TCP_CLOSE + 1), GONE } },
	{ "one FIN, repeated: still open",
	  NULL,
	  { SEND(F_SYN), RECV(SA), SEND(FA), SEND(FA), IS_SESSIONS(1), AT(T_TCP_OPEN), LIVE } },
	{ "RST from outside: transitory after all",
	  NULL,
	  { SEND(F_SYN), RECV(SA), RECV(F_RST), IS_SESSIONS(1), AT(T_TCP_CLOSE), LIVE,
	    AT(T_TCP_CLOSE + 1), GONE } },
	{ "RST grace: data from inside shows that the RST was forged",
	  NULL,
	  { SEND(F_SYN), RECV(SA), RECV(F_RST), SEND(F_ACK), AT(T_TCP_OPEN), LIVE,
	    AT(T_TCP_OPEN + 1), GONE } },
	{ "RST grace: data from outside too",
	  NULL,
	  { SEND(F_SYN), RECV(SA), RECV(F_RST), RECV(F_ACK), AT(T_TCP_OPEN), LIVE } },
	{ "RST grace: a second RST is no data",
	  NULL,
	  { SEND(F_SYN), RECV(SA), RECV(F_RST), RECV(RA), AT(T_TCP_CLOSE + 1), GONE } },
	{ "RST after one FIN: transitory",
	  NULL,
	  { SEND(F_SYN), RECV(SA), RECV(FA), SEND(F_RST), AT(T_TCP_CLOSE + 1), GONE } },
	{ "RST from inside: transitory from then on",
	  NULL,
	  { SEND(F_SYN), RECV(SA), AT(100), SEND(F_RST), AT(150), SEND(RA), AT(100 + T_TCP_CLOSE),
	    LIVE, AT(101 + T_TCP_CLOSE), GONE } },
	{ "RST from inside refreshes nothing",
	  NULL,
	  { SEND(F_SYN), AT(T_TCP_SYN), SEND(F_RST), RECV(F_RST), LIVE, AT(T_TCP_SYN + 1), GONE } },
	{ "RST after a long silence: four minutes from then on",
	  NULL,
	  { SEND(F_SYN), RECV(SA), AT(3000), RECV(F_RST), LIVE, AT(3000 + T_TCP_CLOSE), LIVE,
	    AT(3001 + T_TCP_CLOSE), GONE } },
	{ "RST from inside after a long silence: four minutes from then on",
	  NULL,
	  { SEND(F_SYN), RECV(SA), AT(3000), SEND(F_RST), LIVE, AT(3000 + T_TCP_CLOSE), LIVE,
	    AT(3001 + T_TCP_CLOSE), GONE } },
	{ "RST lengthens no binding",
	  NULL,
	  { SEND(F_SYN), RECV(SA), AT(T_TCP_OPEN - 40), RECV(F_RST), AT(T_TCP_OPEN), LIVE,
	    AT(T_TCP_OPEN + 1), GONE } },
	{ "RST shown to be forged by data from outside: all as before",
	  NULL,
	  { SEND(F_SYN), RECV(SA), AT(3000), RECV(F_RST), AT(3100), RECV(F_ACK), AT(T_TCP_OPEN),
	    LIVE, AT(T_TCP_OPEN + 1), GONE } },
	{ "RST and data from outside by turns keep no binding alive",
	  NULL,
	  { SEND(F_SYN), RECV(SA), AT(3000), RECV(F_RST), RECV(F_ACK), AT(6000), RECV(F_RST),
	    RECV(F_ACK), AT(T_TCP_OPEN), RECV(F_RST), RECV(F_ACK), LIVE, AT(T_TCP_OPEN + 1),
	    GONE } },
	{ "RST of one connection, another is open: nothing changes",
	  NULL,
	  { SEND(F_SYN), RECV(SA), SEND_TO(F_SYN, PEER2), RECV_AS(SA, PEER2), AT(3000), RECV(F_RST),
	    AT(T_TCP_OPEN), LIVE, AT(T_TCP_OPEN + 1), GONE } },
	{ "RST of a connection that einat does not know: nothing changes",
	  NULL,
	  { SEND(F_SYN), RECV(SA), AT(3000), RECV_AS(F_RST, PEER2), AT(T_TCP_OPEN), LIVE,
	    AT(T_TCP_OPEN + 1), GONE } },
	{ "both FIN after a long silence: four minutes from then on",
	  NULL,
	  { SEND(F_SYN), RECV(SA), SEND(FA), AT(3000), RECV(FA), LIVE, SEND(F_ACK), IS_SESSIONS(0),
	    AT(3000 + T_TCP_CLOSE), LIVE, AT(3001 + T_TCP_CLOSE), GONE } },
	{ "half-closed by the outside: the inside still sends for hours",
	  NULL,
	  { SEND(F_SYN), RECV(SA), RECV(FA), AT(7000), SEND(F_ACK), AT(7000 + T_TCP_OPEN), LIVE,
	    AT(7001 + T_TCP_OPEN), GONE } },
	{ "half-closed by the inside: the outside still sends",
	  NULL,
	  { SEND(F_SYN), RECV(SA), SEND(FA), AT(7000), RECV(F_ACK), SEND(F_ACK),
	    AT(7000 + T_TCP_OPEN), LIVE } },
	{ "simultaneous open, all of its segments",
	  NULL,
	  { SEND(F_SYN), RECV(F_SYN), SEND(SA), RECV(SA), SEND(F_ACK), IS_SESSIONS(1),
	    AT(T_TCP_OPEN), LIVE, AT(T_TCP_OPEN + 1), GONE } },
	{ "simultaneous open that the outside began, on a binding",
	  NULL,
	  { SEND(F_SYN), RECV_AS(F_SYN, PEER2), SEND_TO(F_SYN, PEER2), RECV_AS(SA, PEER2),
	    SEND_TO(SA, PEER2), IS_SESSIONS(2), AT(T_TCP_OPEN), LIVE } },
	{ "simultaneous open without a binding: the first SYN is passed on, ours goes out",
	  NULL,
	  { { IN_, TCP_(F_SYN, PEER, WAN), R(NO_BINDING) },
	    { BINDINGS, .arg = 0 },
	    SEND(F_SYN),
	    RECV(F_SYN),
	    AT(T_TCP_OPEN),
	    LIVE } },
	{ "inbound data does not refresh",
	  NULL,
	  { SEND(F_SYN), RECV(SA), AT(T_TCP_OPEN), RECV(F_ACK), RECV(F_ACK), AT(T_TCP_OPEN + 1),
	    GONE } },
	{ "RST from inside makes no binding and does not leave",
	  NULL,
	  { { OUT_, TCP_(F_RST, LAN, PEER), R(GUARD) },
	    { OUT_, TCP_(F_RST, LAN_OUTSIDE, 1, PEER), R(NOT_IN_SLICE) },
	    { BINDINGS, .arg = 0 } } },
	{ "two sessions: open as long as one is",
	  NULL,
	  { SEND(F_SYN), RECV(SA), SEND_TO(F_SYN, PEER2), RECV_AS(SA, PEER2), SEND(FA), RECV(FA),
	    IS_SESSIONS(1), AT(T_TCP_CLOSE + 1), LIVE, SEND_TO(FA, PEER2), RECV_AS(FA, PEER2),
	    AT(2 * T_TCP_CLOSE + 1), LIVE, AT(2 * T_TCP_CLOSE + 2), GONE } },
	{ "data alone makes a binding, taken as established: the connection was there before",
	  NULL,
	  { SEND(F_ACK), IS_SESSIONS(1), AT(T_TCP_OPEN), LIVE, SEND(FA), RECV(FA), IS_SESSIONS(0),
	    AT(T_TCP_OPEN + T_TCP_CLOSE + 1), GONE } },
	{ "FIN alone makes a binding without a session",
	  NULL,
	  { SEND(FA), IS_SESSIONS(0), AT(T_TCP_CLOSE + 1), GONE } },
	{ "revived after expiry: sessions of the earlier use do not count",
	  NULL,
	  { SEND(F_SYN), AT(T_TCP_SYN + 1), GONE, SEND_TO(F_SYN, PEER2), LIVE, RECV(SA),
	    AT(2 * (T_TCP_SYN + 1)), GONE } },
	{ "the same connection again after both FIN",
	  NULL,
	  { SEND(F_SYN), RECV(SA), SEND(FA), RECV(FA), IS_SESSIONS(0), SEND(F_SYN), RECV(SA),
	    IS_SESSIONS(1), AT(T_TCP_OPEN), LIVE } },
};

/* Old sessions give way to new ones; a binding whose session was evicted keeps the long time-out.
 */
static void session_table_full(void **state)
{
	struct lab lab;
	struct spec out = TCP_(F_SYN, LAN, PEER), out_x = TCP_(F_SYN, WAN, PEER);
	struct spec in = TCP_(SA, PEER, WAN), in_x = TCP_(SA, PEER, LAN);

	(void)state;
	lab_open_sized(&lab, 16, 512);
	lab_reset(&lab);
	expect(&lab, EINAT_OUT, &out, R(TRANSLATED), &out_x, "the connection");
	expect(&lab, EINAT_IN, &in, R(TRANSLATED), &in_x, "the connection's answer");
	for (uint16_t port = 1000; port < 3000; port++) {
		out.dport = out_x.dport = port;
		expect(&lab, EINAT_OUT, &out, R(TRANSLATED), &out_x, "a scan");
	}
	assert_true(map_count(lab.sk->maps.sessions) <= 512);
	assert_int_equal(lab.slots[slot_no(0, EINAT_PROTO_TCP, 20100)].tcp_open, 1);
	lab.ctl->now_override = T0 + T_TCP_OPEN;
	in.flags = in_x.flags = F_ACK;
	expect(&lab, EINAT_IN, &in, R(TRANSLATED), &in_x, "still live");
	lab_close(&lab);
}

/* No room for a binding: dropped, its port free again. */
static void binding_table_full(void **state)
{
	struct lab lab;
	struct spec out = UDP(LAN_A, 20100, REMOTE, 53);
	bool full = false;

	(void)state;
	lab_open_sized(&lab, 4, 4);
	lab_reset(&lab);
	for (unsigned i = 0; i < 64 && !full; i++) {
		struct frame f;
		struct einat_stat now[EINAT_DIR_COUNT * EINAT_REASON_COUNT];

		out.sport = 20100 + i;
		f = build(&out);
		run_frame(&lab, EINAT_OUT, &f, 0, 0);
		stats_read(&lab, now);
		full = now[EINAT_OUT * EINAT_REASON_COUNT + R(TABLE_FULL)].packets;
	}
	assert_true(full);
	check_consistent(&lab);
	lab_close(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(session_table_full),
		cmocka_unit_test(binding_table_full),
	};

	return run_table("tcp", cases, COUNT_OF(cases), tests, COUNT_OF(tests));
}
