// SPDX-License-Identifier: GPL-2.0-or-later
/* The configuration file: values, every error with its line and column, mutated files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <libconfig.h>
#include "src/config_file.h"
#include "src/config_text.h"
#include "src/log.h"

/* A number beyond 64 bits: libconfig 1.7 refuses it, 1.5 takes the largest there is. */
#if LIBCONFIG_VER_MAJOR > 1 || LIBCONFIG_VER_MINOR >= 7
#define HUGE_NUMBER "syntax error"
#else
#define HUGE_NUMBER "too long"
#endif

/* libconfig 1.5 itself loses a string that stands before a syntax error. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:strbuf_append\nleak:libconfig_yylex\n";
}

static int read_text(const char *text, size_t len, struct conf **ret_conf, struct err *err)
{
	struct conf *c = calloc(1, sizeof(*c));
	uint64_t seen = 0;
	int ret;

	assert_non_null(c);
	ret = config_text_read("f", text, len, c, &seen, err);
	if (!ret && ret_conf)
		*ret_conf = c;
	else
		conf_free(c);
	return ret;
}

#define IF(text)    "interfaces = ( { interface = \"wan\"; " text " } );\n"
#define SLICE(text) IF("slices = ( { " text " } );")

/* ~ stands where the message must point to; it is taken out of the text. */
static const struct {
	const char *text, *message, *message2;
} bad[] = {
	/* syntax */
	{ "interfaces = (\n  { interface = ~wan; } );\n", "syntax error at 'wan'", "quotes" },
	{ SLICE("ports = ~20000-29999;"), "syntax error at '20000-29999'", NULL },
	{ "interfaces = (\n\t{ interface = \"wan\"; ~) );\n", "syntax error at ')'", NULL },
	{ "interfaces = ( { }~;\n\n", "syntax error at ';'", NULL },
	{ "pin = \"/p\";\ninterfaces ~( );\n", "syntax error at '('", NULL },
	{ "interfaces = ( { interface = \"wan\"; } );\n~}\n", "syntax error at '}'", NULL },
	{ "a = 1 ~^ 2;", "syntax error at '^'", NULL },
	{ "pin = ~\"/sys", "string is not closed", NULL },
	{ "\n  ~/* x\n\n", "comment is not closed", NULL },
	{ "~@include \"x\"\n", "@include is not supported", NULL },
	{ "interfaces = ( {\n interface = \"wan\";\n~", "the file ends too early", NULL },
	{ IF("rest = \"own\";\n  ~rest = \"own\";"), "duplicate setting name at 'rest'",
	  "give it once" },
	{ IF("hairpin-if = [ \"a\", ~5 ];"), "mismatched element type", NULL },
	/* shape */
	{ "~", "no interfaces", "interfaces = (" },
	{ "~pin = \"/p\";", "no interfaces", NULL },
	{ "interfaces = ~{ };", "interfaces: needs a list of groups", NULL },
	{ "interfaces = ~\"wan\";", "interfaces: needs a list of groups", NULL },
	{ "interfaces = ~( );", "interfaces: the list is empty", NULL },
	{ "interfaces = ( ~\"wan\" );", "interfaces: needs groups in braces", NULL },
	{ "interfaces = ( ~{ rest = \"own\"; } );", "an interface without a name", NULL },
	{ IF("slices = ~( );"), "slices: the list is empty", NULL },
	{ IF("slices = ~{ };"), "slices: needs a list of groups", NULL },
	{ "interfaces = ( { interface = \"wan\"; },\n { interface = \"b\"; },\n"
	  "   ~{ interface = \"wan\"; } );",
	  "interface wan stands here for the second time", NULL },
	{ "a = (((((((((((((((((((((((((((((((~(", "nested too deeply", NULL },
	/* names */
	{ "~interfacs = ( );", "unknown name 'interfacs'", "did you mean 'interfaces'" },
	{ "~log-lvl = \"info\";", "unknown name 'log-lvl'", "did you mean 'log-level'" },
	{ IF("\n ~hairpn-if = \"a\";"), "unknown name 'hairpn-if'", "did you mean 'hairpin-if'" },
	{ IF("~slice = ( );"), "unknown name 'slice'", "did you mean 'slices'" },
	{ IF("~frobnicate = 1;"), "unknown name 'frobnicate'", "docs/config.md" },
	{ SLICE("proto = \"udp\"; ~prots = 1;"), "unknown name 'prots'", "did you mean" },
	{ IF("~ports = \"5\";"), "ports: does not belong here", "into a slice" },
	{ SLICE("~rest = \"own\";"), "rest: does not belong here", "into an interface" },
	{ "~interface = \"wan\";", "interface: does not belong here", "into an interface" },
	{ SLICE("~pin = \"/p\";"), "pin: does not belong here", "top of the file" },
	{ IF("~json = true;"), "json: does not belong here", "command line" },
	{ "~config = \"x\";", "config: does not belong here", "command line" },
	{ IF("~notrack = true;"), "notrack: not available in this version", NULL },
	{ "~fast = true;", "fast: not available in this version", NULL },
	/* values */
	{ "log-level = ~\"loud\";", "log-level: 'loud' is not one of", NULL },
	{ "pin = ~\"here\";", "pin: 'here' is not an absolute path", NULL },
	{ "pin =\n\n\t ~\"\";", "pin: is empty", NULL },
	{ "interfaces = ( { interface = ~\"a/b\"; } );", "interface: 'a/b'", NULL },
	{ IF("hairpin-if = [ \"a\",\n \"b\", ~\"a\" ];"), "a is given twice", NULL },
	{ "interfaces = ( ~{ interface = \"wan\"; hairpin-if = \"wan\"; } );",
	  "external interface itself", NULL },
	{ IF("hairpin-if = ~[ ];"), "hairpin-if: the list is empty", NULL },
	{ IF("rest = ~[ \"own\" ];"), "rest: takes one value", NULL },
	{ IF("rest = ~{ };"), "not a group", NULL },
	{ IF("rest = ~true;"), "rest: needs auto|own|guard|none in quotes", NULL },
	{ IF("ipv6 = ~\"yes\";"), "ipv6: is true or false, without quotes", NULL },
	{ IF("nptv6 = ~\"fd00::/48\";"), "nptv6: 'fd00::/48' is not a pair of prefixes", NULL },
	{ IF("nptv6 = [ \"fd00::/48=auto\", ~\"fd01::/48=auto\" ];"), "auto is given twice", NULL },
	{ IF("ipv6 = ~1;"), "ipv6: is true or false, without quotes", NULL },
	{ IF("udp-timeout = ~119;"), "udp-timeout: 119 is too short", "RFC 4787 REQ-5" },
	{ IF("udp-timeout = ~300.5;"), "udp-timeout: needs TIME in quotes", NULL },
	{ IF("udp-timeout = ~99999999999999999999999999999999999999;"), HUGE_NUMBER, NULL },
	{ IF("inbound-mark = ~0x100000000L;"), "is not a mark", NULL },
	{ IF("forward = [ \"udp:1=10.0.0.1\",\n\t\t~\"udp:1=10.0.0.2\" ];"),
	  "forward: udp:1 is forwarded twice", NULL },
	{ IF("forward = ( \"udp:1=10.0.0.1\", ~( \"udp:2=10.0.0.1\" ) );"), "forward: needs",
	  NULL },
	{ SLICE("ports = [ \"1-5\", ~\"9-8\" ];"), "ports: the range 9-8 is reversed", "8-9" },
	{ SLICE("ports = ( 1, 2, ~1 );"), "ports: 1 is given twice", NULL },
	{ SLICE("ports = ~-5;"), "is neither a port nor a range", NULL },
	{ SLICE("internal = ~\"10.0.0.1/8\";"), "internal: 10.0.0.1/8", "10.0.0.0/8" },
	{ IF("slices = ( { proto = \"udp\"; }, { proto = ~\"sctp\"; } );"), "'sctp'", NULL },
	{ IF("slices = ( ~{ ports = 5; exclude-ports = 5; } );"), "leaves no port", NULL },
	/* between slices */
	{ IF("slices = (\n { proto = \"udp\"; },\n ~{ ports = \"29999-30000\"; } );"),
	  "slice 2 of wan overlaps slice 1 (line 2, column 2)", "both have udp 29999;" },
	{ IF("slices = ( { ports = 1; }, { ports = \"2-9\"; }, ~{ ports = \"5-7\"; } );"),
	  "slice 3 of wan overlaps slice 2", "udp 5-7" },
};

static void test_errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char *text = strdup(bad[i].text), *mark = strchr(text, '~'), where[64];
		unsigned line = 1, column = 1;
		struct err err = { "" };
		int ret;

		assert_non_null(mark);
		for (char *p = text; p < mark; p++) {
			column = *p == '\n' ? 1 : column + 1;
			line += *p == '\n';
		}
		memmove(mark, mark + 1, strlen(mark));
		snprintf(where, sizeof(where), "f:%u:%u: ", line, column);
		ret = read_text(text, strlen(text), NULL, &err);
		if (ret != -EINVAL)
			fail_msg("not refused: %s", text);
		if (strncmp(err.text, where, strlen(where)) || !strstr(err.text, bad[i].message) ||
		    (bad[i].message2 && !strstr(err.text, bad[i].message2)))
			fail_msg("wanted %s%s, got %s", where, bad[i].message, err.text);
		assert_null(strchr(err.text, '\n'));
		free(text);
	}
}

static void test_nul_byte(void **state)
{
	struct err err = { "" };

	(void)state;
	assert_int_equal(read_text("a = 1;\nb\0 = 2;", 14, NULL, &err), -EINVAL);
	assert_non_null(strstr(err.text, "f:2:2: a NUL byte"));
}

static void test_too_many_slices(void **state)
{
	char text[1200] = "interfaces = ( { interface = \"wan\"; slices = (";
	struct err err = { "" };

	(void)state;
	for (unsigned i = 1; i <= 17; i++)
		sprintf(text + strlen(text), "%s\n{ ports = %u; }", i > 1 ? "," : "", i);
	strcat(text, ") } );");
	assert_int_equal(read_text(text, strlen(text), NULL, &err), -EINVAL);
	assert_non_null(strstr(err.text, "f:18:1: slices: an interface has at most 16"));
}

static void test_values(void **state)
{
	static const char text[] =
		"pin = \"/p\"; # comment ) } \"\n"
		"interfaces = ( /* { */ { ifname = \"w\" \"an\"; // {\n"
		"  hairpin-if = \"lan,lo\"; rest : \"none\"; inbound-mark = 0x1000;\n"
		"  forward = ( \"udp:3478=192.168.1.9\", \"tcp:80=10.0.0.1:81\" ),\n"
		"  udp-timeout = 120; tcp-open-timeout = \"3h\"; ipv6 = true;\n"
		"  nptv6 = [ \"fd00::/48=2001:db8::/48\", \"fd01::/64=auto\" ];\n"
		"  slices = ( { proto = \"udp\"; ports = \"20000-29999\"; mark = \"1/3\" },\n"
		"             { proto = \"tcp\"; ports = ( \"30000-30999\", 31500 ); } ); },\n"
		" { interface = \"wan2\"; ipv6 = false } )\n"
		"log-level = \"warn\"";
	struct err err = { "" };
	struct conf *c = NULL;
	struct conf_if *f;

	(void)state;
	if (read_text(text, strlen(text), &c, &err))
		fail_msg("%s", err.text);
	f = c->ifs;
	assert_int_equal(c->n_ifs, 2);
	assert_string_equal(c->pin_dir, "/p");
	assert_int_equal(c->log_level, LOG_WARN_);
	assert_string_equal(f->name, "wan");
	assert_int_equal(f->n_hairpin_ifs, 2);
	assert_int_equal(f->rest, REST_NONE);
	assert_int_equal(f->inbound_mark.value, 0x1000);
	assert_int_equal(f->inbound_mark.mask, 0xffffffff);
	assert_int_equal(f->n_forwards, 2);
	assert_int_equal(f->forwards[1].to_port, 81);
	assert_int_equal(f->t_udp, 120);
	assert_true(f->ipv6);
	assert_int_equal(f->n_npts, 2);
	assert_int_equal(f[1].n_npts, 0);
	assert_false(f[1].ipv6);
	assert_int_equal(f->t_icmp, 60);
	assert_int_equal(f->t_tcp_open, 10800);
	assert_int_equal(f->n_slices, 2);
	assert_int_equal(f->slices[0].protos, PROTO_UDP);
	assert_int_equal(f->slices[0].mark.mask, 3);
	assert_int_equal(f->slices[1].mark.mask, 0);
	assert_int_equal(port_set_count(&f->slices[1].ports), 1001);
	/* the second interface is all defaults */
	assert_string_equal(f[1].name, "wan2");
	assert_int_equal(f[1].rest, REST_AUTO);
	assert_int_equal(f[1].t_udp, 300);
	assert_int_equal(f[1].n_slices, 1);
	assert_int_equal(f[1].slices[0].protos, PROTO_ALL);
	assert_int_equal(port_set_count(&f[1].slices[0].ports), 10000);
	conf_free(c);
}

/* Same ports, other protocol, or kept apart by exclude-ports: no overlap. */
static void test_no_overlap(void **state)
{
	static const char *const good[] = {
		IF("slices = ( { proto = \"udp\"; }, { proto = \"tcp,icmp\"; } );"),
		IF("slices = ( { ports = \"1-9\"; exclude-ports = 5; }, { ports = 5; } );"),
	};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct err err = { "" };

		if (read_text(good[i], strlen(good[i]), NULL, &err))
			fail_msg("%s", err.text);
	}
}

static char *example(size_t *ret_len)
{
	FILE *f = fopen("packaging/einat.conf", "r");
	char *text = malloc(65536);

	assert_non_null(f);
	*ret_len = fread(text, 1, 65535, f);
	text[*ret_len] = '\0';
	fclose(f);
	return text;
}

static void test_example(void **state)
{
	struct err err = { "" };
	struct conf *c = NULL;
	size_t len;
	char *text = example(&len);

	(void)state;
	if (read_text(text, len, &c, &err))
		fail_msg("packaging/einat.conf: %s", err.text);
	assert_int_equal(c->n_ifs, 2);
	assert_int_equal(c->ifs[0].n_slices, 2);
	conf_free(c);
	/* what is commented out must be right as well: "#name = value;" */
	for (char *p = text; (p = strchr(p, '#')); p++)
		if (p[1] >= 'a' && p[1] <= 'z' && strcspn(p, "=") < strcspn(p, "\n"))
			*p = ' ';
	if (read_text(text, len, &c, &err))
		fail_msg("packaging/einat.conf, all in: %s", err.text);
	assert_int_equal(c->ifs[0].t_tcp_open, 7440);
	assert_int_equal(c->ifs[0].inbound_mark.value, 0x1000);
	conf_free(c);
	free(text);
}

/* The command line's word counts, but a wrong value in the file is still told. */
static void test_command_line_wins(void **state)
{
	char *argv[] = { (char *)"einat",
			 (char *)"stop",
			 (char *)"--config",
			 (char *)"packaging/einat.conf",
			 (char *)"--log-level",
			 (char *)"debug",
			 NULL };
	struct conf *c = NULL;
	struct err err = { "" };

	(void)state;
	assert_int_equal(conf_parse(6, argv, &c, &err), 0);
	assert_int_equal(c->log_level, LOG_DEBUG_);
	assert_string_equal(c->config_path, "packaging/einat.conf");
	assert_string_equal(c->pin_dir, "/sys/fs/bpf/einat");
	conf_free(c);
}

static uint32_t next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static void mutate(char *text, size_t *len, size_t size, uint32_t *rnd)
{
	static const char spice[] = "(){}[]\"\\#/*=:;,-@\n 0179x.L\0\xff";
	size_t at = next_random(rnd) % (*len + 1), n = next_random(rnd) % 12, from;

	switch (next_random(rnd) % 4) {
	case 0:
		if (at < *len)
			text[at] = spice[next_random(rnd) % (sizeof(spice) - 1)];
		break;
	case 1: /* cut out */
		n = at + n > *len ? *len - at : n;
		memmove(text + at, text + at + n, *len - at - n);
		*len -= n;
		break;
	case 2: /* put a copy of another part in */
		from = next_random(rnd) % (*len + 1);
		n = from + n > *len ? *len - from : n;
		if (*len + n > size)
			break;
		memmove(text + at + n, text + at, *len - at);
		*len += n;
		memmove(text + at, text + from, from + n > *len ? *len - from : n);
		break;
	case 3: /* cut off */
		if (!(next_random(rnd) % 8))
			*len = at;
		break;
	}
}

/* Is the name of each setting below @parent where its entry says? Returns how many there are. */
static size_t check_places(const config_setting_t *parent, const char *text)
{
	int n = config_setting_is_aggregate(parent) ? config_setting_length(parent) : 0;
	size_t count = (size_t)n;

	for (int i = 0; i < n; i++) {
		const config_setting_t *s = config_setting_get_elem(parent, (unsigned)i);
		const struct text_entry *e = config_setting_get_hook(s);
		const char *name = config_setting_name(s), *at = text;

		assert_non_null(e);
		for (unsigned line = 1; line < e->name.line; line++)
			at = strchr(at, '\n') + 1;
		if (name)
			assert_memory_equal(at + e->name.column - 1, name, strlen(name));
		assert_int_equal(config_setting_type(s) == CONFIG_TYPE_STRING, *e->value.at == '"');
		count += check_places(s, text);
	}
	return count;
}

/* What libconfig takes, with or without meaning for einat, is found where it stands. */
static void check_text(const char *text, size_t len)
{
	struct config_text t;
	config_t cfg;

	if (config_text_scan(&t, "f", text, len, NULL))
		return;
	config_init(&cfg);
	if (config_read_string(&cfg, text)) {
		config_text_bind(&t, config_root_setting(&cfg));
		assert_int_equal(check_places(config_root_setting(&cfg), text), t.n_entries);
	}
	config_destroy(&cfg);
	config_text_clear(&t);
}

/* Never a crash or a leak (under the sanitizers), always a message with a place. */
static void test_mutations(void **state)
{
	const char *rounds = getenv("EINAT_MUTATIONS");
	unsigned n = rounds ? (unsigned)atoi(rounds) : 4000, good = 0;
	uint32_t rnd = 20000;
	size_t len, size;
	char *text = example(&len), *copy;

	(void)state;
	size = len + 64;
	copy = malloc(size + 1);
	for (unsigned i = 0; i < n; i++) {
		struct err err = { "" };
		size_t m = len;

		memcpy(copy, text, len);
		for (unsigned k = next_random(&rnd) % 4 + 1; k; k--)
			mutate(copy, &m, size, &rnd);
		copy[m] = '\0';
		check_text(copy, m);
		if (!read_text(copy, m, NULL, &err)) {
			good++;
			continue;
		}
		if (strncmp(err.text, "f:", 2) || !strchr(err.text + 2, ':'))
			fail_msg("round %u: no place in '%s'", i, err.text);
	}
	free(copy);
	free(text);
	/* both outcomes are met, so the mutations are neither void nor too coarse */
	assert_in_range(good, n / 20, n - n / 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_nul_byte),
		cmocka_unit_test(test_too_many_slices),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_no_overlap),
		cmocka_unit_test(test_example),
		cmocka_unit_test(test_command_line_wins),
		cmocka_unit_test(test_mutations),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
