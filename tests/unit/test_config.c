// SPDX-License-Identifier: GPL-2.0-or-later
/* The command line: values, defaults, every error, help, completion, manual page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "src/config.h"
#include "src/log.h"
#include "src/options.h"

/* @line: words separated by one blank; "''" stands for an empty word. */
static int parse(const char *line, struct conf **ret_conf, struct err *err)
{
	char *copy = strdup(line), *save = NULL, *words[40] = { (char *)"einat" };
	int argc = 1, ret;

	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		words[argc++] = strcmp(w, "''") ? w : w + 2;
	ret = conf_parse(argc, words, ret_conf, err);
	free(copy);
	return ret;
}

static struct conf *parse_ok(const char *line)
{
	struct err err = { "" };
	struct conf *c = NULL;

	if (parse(line, &c, &err))
		fail_msg("'%s' is refused: %s", line, err.text);
	return c;
}

/* Lines that must be refused, and what the message must contain. */
static const struct {
	const char *line, *text, *text2;
} bad[] = {
	/* commands */
	{ "", "einat run needs an interface", "--config" },
	{ "plan", "einat plan needs an interface", NULL },
	{ "stop --purge", "einat stop needs an interface", NULL },
	{ "statsu", "unknown command 'statsu'", "did you mean 'status'" },
	{ "frobnicate", "unknown command 'frobnicate'", "einat help" },
	{ "metrics", "einat metrics is not available in this version", NULL },
	{ "check --proto udp", "einat check needs an interface", NULL },
	{ "check --from f.json", "einat check needs an interface", NULL },
	{ "run -i wan --save f.json", "--save", NULL },
	{ "check -i wan --save", "--save needs an argument", NULL },
	{ "metrics", "einat metrics is not available in this version", NULL },
	{ "migrate", "einat migrate is not available in this version", NULL },
	{ "help metrics", "einat metrics is not available", NULL },
	{ "help run plan", "unexpected argument 'plan'", NULL },
	{ "help nothing", "unknown command 'nothing'", NULL },
	/* words */
	{ "-i wan run", "unexpected argument 'run'", NULL },
	{ "run wan", "unexpected argument 'wan'", NULL },
	{ "-i wan -- x", "unexpected argument 'x'", NULL },
	{ "-i", "-i needs an argument: IF", NULL },
	{ "--ports", "--ports needs an argument: RANGES", NULL },
	{ "-i --ports 1", "-i needs an argument: IF", "'--ports' follows" },
	{ "-i wan --port 1", "unknown option --port;", "--ports" },
	{ "-i wan --hairpin lan", "unknown option --hairpin", "--hairpin-if" },
	{ "-i wan --frob=3", "unknown option --frob;", "einat help run" },
	{ "-i wan --exclude 3", "unknown option --exclude", "--exclude-" },
	{ "-i wan -x", "unknown option -x", NULL },
	{ "-interface wan", "two dashes: --interface", NULL },
	{ "-i wan --dry-run=1", "--dry-run takes no argument", NULL },
	{ "status --ports 1", "--ports does not belong to 'einat status'", "run, check, plan" },
	{ "run -i wan --json", "--json does not belong to 'einat run'", "bindings" },
	{ "run -i wan --purge", "--purge does not belong", "stop" },
	{ "stop -i wan --dry-run", "--dry-run does not belong", NULL },
	{ "-i wan --notrack", "--notrack is not available in this version", NULL },
	{ "-i wan --fast", "--fast is not available in this version", NULL },
	{ "-i wan --order first", "--order is not available in this version", NULL },
	{ "-i wan -i wan2", "--interface: given twice", "--config" },
	{ "-i wan --ifname wan2", "--interface: given twice", NULL },
	{ "-i wan --rest own --rest none", "--rest: given twice", NULL },
	{ "-i wan --ports ''", "--ports: is empty", NULL },
	/* interface names */
	{ "-i ''", "--interface: is empty", NULL },
	{ "-i abcdefghijklmnop", "too long", "15 characters" },
	{ "-i a/b", "'a/b' is not an interface name", NULL },
	{ "-i .", "'.' is not an interface name", NULL },
	{ "-i ..", "'..' is not an interface name", NULL },
	{ "-i a\tb", "is not an interface name", NULL },
	{ "-i a:b", "is not an interface name", NULL },
	{ "-i wan --hairpin-if lan,a/b", "--hairpin-if: 'a/b'", NULL },
	{ "-i wan --hairpin-if lan,lan", "lan is given twice", NULL },
	{ "-i wan --hairpin-if lan,,br", "empty item", NULL },
	{ "-i wan --hairpin-if wan", "external interface itself", NULL },
	/* protocols and ports */
	{ "-i wan --proto sctp", "'sctp' is not a protocol", "udp, tcp, icmp or all" },
	{ "-i wan --proto udp,", "empty item", NULL },
	{ "-i wan --ports 30000-20000", "reversed", "write 20000-30000" },
	{ "-i wan --ports 0", "port 0", "1 to 65535" },
	{ "-i wan --ports 0-5", "port 0", NULL },
	{ "-i wan --ports 65536", "port 65536 is too large", "1 to 65535" },
	{ "-i wan --ports 1-99999999999999999999999", "too large", NULL },
	{ "-i wan --ports 20-30,20-30", "20-30 is given twice", NULL },
	{ "-i wan --ports 20-30,25", "25 is given twice", "20-30" },
	{ "-i wan --ports 20-30,25-40", "25-40 overlaps", "20-30" },
	{ "-i wan --ports 20-30 --ports 30", "30 is given twice", NULL },
	{ "-i wan --ports 7,7", "port 7 is given twice", NULL },
	{ "-i wan --ports abc", "'abc' is neither a port nor a range", NULL },
	{ "-i wan --ports 1-2-3", "'1-2-3' is neither", NULL },
	{ "-i wan --ports 5-", "'5-' is neither", NULL },
	{ "-i wan --ports 0x10", "'0x10' is neither", NULL },
	{ "-i wan --ports 1,,2", "empty item", NULL },
	{ "-i wan --exclude-ports sctp:5", "--exclude-ports: 'sctp' is not a protocol", NULL },
	{ "-i wan --exclude-ports udp:5,5", "port 5 is given twice for udp", NULL },
	{ "-i wan --exclude-ports udp:", "neither a port nor a range", NULL },
	{ "-i wan --ports 5-6 --exclude-ports 1-10", "leaves no port", NULL },
	/* prefixes */
	{ "-i wan --internal 192.168.1.5/24", "--internal: 192.168.1.5/24", "192.168.1.0/24" },
	{ "-i wan --internal 10.0.0.1/0", "write 0.0.0.0/0", "10.0.0.1 for the one host" },
	{ "-i wan --internal 192.168.1/24", "is not a prefix", NULL },
	{ "-i wan --internal 10.0.0.0/33", "is not a prefix", NULL },
	{ "-i wan --internal fd00::/8", "fd00::/8 is an IPv6 prefix", "ipv6" },
	{ "-i wan --exclude-dest ::/0", "exclude-dest: ::/0 is an IPv6 prefix", NULL },
	{ "-i wan --ipv6 --internal ::/64", "spans IPv4", NULL },
	{ "-i wan --ipv6=yes", "takes no argument", NULL },
	{ "-i wan --ipv6 --forward udp:80=ff02::1", "not the address of an internal host", NULL },
	{ "-i wan --ipv6 --forward udp:80=[fe80::1]:90", "not the address of an internal host",
	  NULL },
	{ "-i wan --ipv6 --forward udp:80=[fd00::1]:0", "port 0", NULL },
	{ "-i wan --ipv6 --forward udp:80=fd00::1,udp:80=fd00::2", "forwarded twice", NULL },
	{ "-i wan --internal fd00::1/8", "bits set beyond", NULL },
	{ "-i wan --exclude-dest host.example", "is not a prefix", NULL },
	/* marks */
	{ "-i wan --mark x", "'x' is not a mark", "VALUE/MASK" },
	{ "-i wan --mark 1/", "is not a mark", NULL },
	{ "-i wan --mark 0x100000000", "is not a mark", NULL },
	{ "-i wan --mark 0x3/0x1", "outside the mask", "0x1/0x1" },
	{ "-i wan --mark 0/0", "mask of 0/0 is 0", NULL },
	{ "-i wan --inbound-mark 0/0xff", "value of 0/0xff is 0", NULL },
	{ "-i wan --inbound-mark 0x1001/0x1000", "outside the mask", "0x1000/0x1000" },
	/* forwards */
	{ "-i wan --forward 80=10.0.0.1", "is not a forward", "PROTO:PORT=ADDR" },
	{ "-i wan --forward udp:80", "is not a forward", NULL },
	{ "-i wan --forward icmp:80=10.0.0.1", "'icmp' cannot be forwarded", "udp or tcp" },
	{ "-i wan --forward all:80=10.0.0.1", "'all' cannot be forwarded", NULL },
	{ "-i wan --forward udp:0=10.0.0.1", "port 0", NULL },
	{ "-i wan --forward udp:80-90=10.0.0.1", "'80-90' is not a port", NULL },
	{ "-i wan --forward udp:80=10.0.0.1:70000", "too large", NULL },
	{ "-i wan --forward udp:80=10.0.0.1:", "'' is not a port", NULL },
	{ "-i wan --forward udp:80=10.0.0.1/24", "is a prefix", "without '/'" },
	{ "-i wan --forward udp:80=10.0.0", "is not an address", NULL },
	{ "-i wan --forward udp:80=fd00::1", "is an IPv6 address", NULL },
	{ "-i wan --forward udp:80=127.0.0.1", "not the address of an internal host", NULL },
	{ "-i wan --forward udp:80=224.0.0.1", "not the address of an internal host", NULL },
	{ "-i wan --forward udp:80=10.0.0.1 --forward udp:80=10.0.0.2:9",
	  "udp:80 is forwarded twice", "10.0.0.1:80" },
	/* choices, times, paths */
	{ "-i wan --rest owm", "--rest: 'owm' is not one of", "did you mean own" },
	{ "-i wan --rest everything", "is not one of auto|own|guard|none", NULL },
	{ "-i wan --guard all", "slice|strict", NULL },
	{ "-i wan --when-full drop", "masquerade|refuse", NULL },
	{ "-i wan --attach xdp", "auto|tcx|clsact", NULL },
	{ "-i wan --log-level loud", "error|warn|info|debug", NULL },
	{ "-i wan --max-ports-per-host udp:x", "'x' is not a number of ports", "0 to 65535" },
	{ "-i wan --max-ports-per-host 65536", "'65536' is not a number of ports", NULL },
	{ "-i wan --max-ports-per-host sctp:5", "'sctp' is not a protocol", NULL },
	{ "-i wan --max-ports-per-host 5,udp:6", "udp has a number already", NULL },
	{ "-i wan --max-ports-per-host tcp:5 --max-ports-per-host 6", "tcp has a number already",
	  NULL },
	{ "-i wan --udp-timeout 119", "RFC 4787 REQ-5", "at least 120s" },
	{ "-i wan --udp-timeout 1m", "RFC 4787 REQ-5", NULL },
	{ "-i wan --icmp-timeout 59", "RFC 5508", "at least 60s" },
	{ "-i wan --tcp-open-timeout 2h", "RFC 5382 REQ-5", "at least 7440s" },
	{ "-i wan --tcp-close-timeout 239s", "RFC 5382 REQ-5", "at least 240s" },
	{ "-i wan --tcp-syn-timeout 239s", "RFC 5382 REQ-5", "at least 240s" },
	{ "-i wan --reuse-after 119", "RFC 6888 REQ-8", "at least 120s" },
	{ "-i wan --reuse-after 61m", "too long", "at most 1h" },
	{ "-i wan --udp-timeout 5d", "is not a time", "s, m or h" },
	{ "-i wan --udp-timeout s", "is not a time", NULL },
	{ "-i wan --udp-timeout 721h", "too long", "720h" },
	{ "-i wan --udp-timeout 99999999999999999999", "too long", NULL },
	{ "-i wan --pin here", "not an absolute path", "/sys/fs/bpf" },
	/* the file */
	{ "--config packaging/einat.conf --ports 5", "--ports cannot be combined with --config",
	  "packaging/einat.conf" },
	{ "--config packaging/einat.conf --rest own", "--rest cannot be combined", NULL },
	{ "--config packaging/einat.conf -i nowhere", "'nowhere' is not in", "wan" },
	{ "--config a --config b", "--config: given twice", NULL },
};

static void test_errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err err = { "" };
		struct conf *c = NULL;

		if (parse(bad[i].line, &c, &err) != -EINVAL)
			fail_msg("'%s' is not refused", bad[i].line);
		assert_null(c);
		if (!strstr(err.text, bad[i].text) ||
		    (bad[i].text2 && !strstr(err.text, bad[i].text2)))
			fail_msg("'%s' gives: %s", bad[i].line, err.text);
		assert_null(strchr(err.text, '\n'));
		assert_int_equal(parse(bad[i].line, &c, NULL), -EINVAL);
	}
}

static void test_unreadable_file(void **state)
{
	struct err err = { "" };
	struct conf *c = NULL;

	(void)state;
	assert_int_equal(parse("--config /nonexistent/einat.conf", &c, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/nonexistent/einat.conf: No such file"));
	assert_int_equal(parse("--config /tmp", &c, &err), -EISDIR);
	assert_int_equal(parse("--config /dev/zero", &c, &err), -EINVAL);
	assert_non_null(strstr(err.text, "larger than 1 MiB"));
	assert_null(c);
}

static void test_defaults(void **state)
{
	struct conf *c = parse_ok("-i wan");
	struct conf_if *f = c->ifs;

	(void)state;
	assert_int_equal(c->command, CMD_RUN);
	assert_int_equal(c->n_ifs, 1);
	assert_string_equal(f->name, "wan");
	assert_int_equal(f->n_slices, 1);
	assert_int_equal(f->slices[0].protos, PROTO_ALL);
	assert_int_equal(f->slices[0].ports.n, 1);
	assert_int_equal(f->slices[0].ports.r[0].lo, 20000);
	assert_int_equal(f->slices[0].ports.r[0].hi, 29999);
	assert_int_equal(f->slices[0].internal.n, 0);
	assert_int_equal(f->slices[0].mark.mask, 0);
	assert_int_equal(f->inbound_mark.mask, 0);
	assert_int_equal(f->rest, REST_AUTO);
	assert_int_equal(f->attach, ATTACH_AUTO);
	assert_false(f->guard_strict);
	assert_false(f->refuse_when_full);
	assert_int_equal(f->t_udp, 300);
	assert_int_equal(f->t_icmp, 60);
	assert_int_equal(f->t_tcp_open, 7440);
	assert_int_equal(f->t_tcp_close, 240);
	assert_int_equal(f->t_rest, 120);
	assert_int_equal(f->n_forwards + f->n_hairpin_ifs, 0);
	assert_string_equal(c->pin_dir, "/sys/fs/bpf/einat");
	assert_int_equal(c->log_level, LOG_INFO_);
	assert_false(c->dry_run || c->json || c->purge);
	assert_null(c->config_path);
	conf_free(c);
}

static void test_slice_values(void **state)
{
	struct conf *c = parse_ok("run --ifname=ppp0 --proto udp --proto tcp --ports 400-500,600 "
				  "--ports 700 --internal 10.0.0.0/8,192.168.1.7 "
				  "--exclude-dest 1.2.3.0/24 --exclude-ports 410,udp:420-421,430 "
				  "--mark 0x10/0xf0");
	struct conf_slice *s = c->ifs[0].slices;
	struct net_addr in, out;

	(void)state;
	assert_string_equal(c->ifs[0].name, "ppp0");
	assert_int_equal(s->protos, PROTO_UDP | PROTO_TCP);
	assert_int_equal(port_set_count(&s->ports), 103);
	assert_true(port_set_contains(&s->ports, 700));
	net_addr_parse("10.9.8.7", &in);
	net_addr_parse("192.168.1.8", &out);
	assert_true(net_list_contains(&s->internal, &in));
	assert_false(net_list_contains(&s->internal, &out));
	assert_int_equal(s->exclude_dest.n, 1);
	/* udp: 410, 420, 421, 430; the others: 410 */
	assert_int_equal(port_set_count(&s->exclude_ports[0]), 4);
	assert_int_equal(port_set_count(&s->exclude_ports[1]), 1);
	assert_int_equal(port_set_count(&s->exclude_ports[2]), 1);
	assert_int_equal(s->mark.value, 0x10);
	assert_int_equal(s->mark.mask, 0xf0);
	conf_free(c);
}

static void test_run_values(void **state)
{
	struct conf *c = parse_ok(
		"-iwan --inbound-mark 4096 --forward udp:3478=192.168.1.9,tcp:80=10.0.0.2:8080 "
		"--forward tcp:3478=192.168.1.9 --hairpin-if lan,lo --hairpin-if br-c --rest guard "
		"--guard strict --when-full refuse --attach clsact --udp-timeout 2m "
		"--icmp-timeout 90s --tcp-open-timeout 3h --tcp-close-timeout 240 "
		"--tcp-syn-timeout 5m --reuse-after 1h --pin /p "
		"--max-ports-per-host udp:500,tcp:20 "
		"--log-level debug");
	struct conf_if *f = c->ifs;

	(void)state;
	assert_int_equal(f->inbound_mark.value, 4096);
	assert_int_equal(f->inbound_mark.mask, 0xffffffff);
	assert_int_equal(f->n_forwards, 3);
	assert_int_equal(f->forwards[0].proto, PROTO_UDP);
	assert_int_equal(f->forwards[0].port, 3478);
	assert_int_equal(f->forwards[0].to_port, 3478);
	assert_int_equal(net_addr_to4(&f->forwards[0].to), htonl(0xc0a80109));
	assert_int_equal(f->forwards[1].proto, PROTO_TCP);
	assert_int_equal(f->forwards[1].to_port, 8080);
	assert_int_equal(f->n_hairpin_ifs, 3);
	assert_string_equal(f->hairpin_ifs[2], "br-c");
	assert_int_equal(f->rest, REST_GUARD);
	assert_int_equal(f->attach, ATTACH_CLSACT);
	assert_true(f->guard_strict && f->refuse_when_full);
	assert_int_equal(f->t_udp, 120);
	assert_int_equal(f->t_icmp, 90);
	assert_int_equal(f->t_tcp_open, 10800);
	assert_int_equal(f->t_tcp_close, 240);
	assert_int_equal(f->t_tcp_syn, 300);
	assert_int_equal(f->t_rest, 3600);
	assert_int_equal(f->max_per_host[0], 500);
	assert_int_equal(f->max_per_host[1], 20);
	assert_int_equal(f->max_per_host[2], 0);
	assert_string_equal(c->pin_dir, "/p");
	assert_int_equal(c->log_level, LOG_DEBUG_);
	conf_free(c);
}

static void test_words(void **state)
{
	static const struct {
		const char *word;
		int rest;
	} rests[] = { { "auto", REST_AUTO },
		      { "own", REST_OWN },
		      { "guard", REST_GUARD },
		      { "none", REST_NONE } };
	char line[64];

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct conf *c;

		snprintf(line, sizeof(line), "-i wan --rest %s", rests[i].word);
		c = parse_ok(line);
		assert_int_equal(c->ifs[0].rest, rests[i].rest);
		conf_free(c);
	}
}

static void test_commands(void **state)
{
	static const struct {
		const char *line;
		int command;
		size_t n_ifs;
	} good[] = {
		{ "run -i wan", CMD_RUN, 1 },
		{ "plan -i wan", CMD_PLAN, 1 },
		{ "-i wan --dry-run", CMD_PLAN, 1 },
		{ "status", CMD_STATUS, 0 },
		{ "status -i wan", CMD_STATUS, 1 },
		{ "bindings --json", CMD_BINDINGS, 0 },
		{ "stats --json -i w", CMD_STATS, 1 },
		{ "stop -i wan --purge", CMD_STOP, 1 },
		{ "-i abcdefghijklmno", CMD_RUN, 1 },
		{ "--config packaging/einat.conf -i wan --dry-run", CMD_PLAN, 1 },
		{ "stop --config packaging/einat.conf --log-level warn --pin /x", CMD_STOP, 2 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct conf *c = parse_ok(good[i].line);

		assert_int_equal(c->command, good[i].command);
		assert_int_equal(c->n_ifs, good[i].n_ifs);
		assert_int_equal(c->dry_run, good[i].command == CMD_PLAN);
		assert_int_equal(c->json, !!strstr(good[i].line, "--json"));
		assert_int_equal(c->purge, !!strstr(good[i].line, "--purge"));
		if (strstr(good[i].line, "--pin"))
			assert_string_equal(c->pin_dir, "/x");
		if (strstr(good[i].line, "warn"))
			assert_int_equal(c->log_level, LOG_WARN_);
		conf_free(c);
	}
	conf_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_errors),	   cmocka_unit_test(test_unreadable_file),
		cmocka_unit_test(test_defaults),   cmocka_unit_test(test_slice_values),
		cmocka_unit_test(test_run_values), cmocka_unit_test(test_words),
		cmocka_unit_test(test_commands),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
