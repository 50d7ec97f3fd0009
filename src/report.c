// SPDX-License-Identifier: GPL-2.0-or-later
#include <inttypes.h>
#include <string.h>

#include "src/report.h"
#include "src/text_table.h"

static const struct {
	const char *word;
	char class;
	const char *text;
} reasons[] = {
#define REASON_ROW(name, word, class, text) [REASON_##name] = { word, class, text },
	EINAT_REASONS(REASON_ROW)
#undef REASON_ROW
};

static const char *const dirs[EINAT_DIR_COUNT] = { [EINAT_OUT] = "out", [EINAT_IN] = "in" };

static const char *const counts[EINAT_COUNT_COUNT] = {
	[COUNT_BINDING_NEW] = "binding-new", [COUNT_BINDING_FREED] = "binding-freed",
	[COUNT_PORT_KEPT] = "port-kept",     [COUNT_SOCKET_MET] = "socket-met",
	[COUNT_SESSION_NEW] = "session-new", [COUNT_SESSION_FULL] = "session-full",
};

static json_t *endpoint(const struct net_addr *addr, unsigned port)
{
	char buf[NET_ADDR_STRLEN];

	net_addr_format(addr, buf);
	return json_sprintf(net_addr_is4(addr) ? "%s:%u" : "[%s]:%u", buf, port);
}

static int add_binding(const struct binding *b, void *data)
{
	json_t *o = json_pack("{s:s, s:o, s:o, s:b, s:i}", "proto", proto_name(b->proto),
			      "internal", endpoint(&b->internal, b->iport), "external",
			      endpoint(&b->external, b->eport), "static", b->is_static, "idle",
			      (int)b->idle);

	if (o && !b->is_static)
		json_object_set_new(o, "expires", json_integer(b->expires));
	if (o && b->proto == PROTO_TCP)
		json_object_set_new(o, "sessions", json_integer(b->tcp_open));
	return json_array_append_new(data, o);
}

json_t *report_bindings(const char *ifname, const struct dataplane *dp)
{
	json_t *list = json_array();

	if (dp)
		dataplane_foreach(dp, add_binding, list);
	return json_pack("{s:s, s:o}", "interface", ifname, "bindings", list);
}

json_t *report_stats(const char *ifname, const struct dataplane *dp)
{
	struct einat_stat stats[EINAT_DIR_COUNT][EINAT_REASON_COUNT] = { 0 };
	uint64_t n[EINAT_COUNT_COUNT] = { 0 };
	json_t *root = json_pack("{s:s}", "interface", ifname);
	json_t *c = json_object();

	if (dp)
		dataplane_stats(dp, stats, n);
	for (int d = 0; d < EINAT_DIR_COUNT; d++) {
		json_t *o = json_object();

		for (int r = 0; r < EINAT_REASON_COUNT; r++)
			json_object_set_new(o, reasons[r].word,
					    json_pack("{s:I, s:I}", "packets",
						      (json_int_t)stats[d][r].packets, "bytes",
						      (json_int_t)stats[d][r].bytes));
		json_object_set_new(root, dirs[d], o);
	}
	for (int i = 0; i < EINAT_COUNT_COUNT; i++)
		json_object_set_new(c, counts[i], json_integer((json_int_t)n[i]));
	json_object_set_new(root, "counts", c);
	return root;
}

static const char *text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static json_int_t number(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static const char *duration(json_int_t s, char buf[32])
{
	if (s < 120)
		snprintf(buf, 32, "%" JSON_INTEGER_FORMAT "s", s);
	else if (s < 7200)
		snprintf(buf, 32, "%" JSON_INTEGER_FORMAT "m", s / 60);
	else
		snprintf(buf, 32, "%" JSON_INTEGER_FORMAT "h%02dm", s / 3600, (int)(s % 3600 / 60));
	return buf;
}

void report_print_bindings(const json_t *bindings, FILE *out)
{
	struct text_table *t = text_table_new("PROTO|INTERNAL|EXTERNAL|>IDLE|>EXPIRES");
	const json_t *b;
	char buf[32];
	size_t i;

	json_array_foreach (json_object_get(bindings, "bindings"), i, b) {
		text_table_cell(t, "%s", text(b, "proto"));
		text_table_cell(t, "%s", text(b, "internal"));
		text_table_cell(t, "%s", text(b, "external"));
		text_table_cell(t, "%s", duration(number(b, "idle"), buf));
		if (json_is_true(json_object_get(b, "static")))
			text_table_cell(t, "static");
		else
			text_table_cell(t, "%s", duration(number(b, "expires"), buf));
	}
	fprintf(out, "%s: %zu binding%s\n", text(bindings, "interface"), i, i == 1 ? "" : "s");
	if (i)
		text_table_print(t, out);
	text_table_free(t);
}

static const char *class_name(char class)
{
	switch (class) {
	case 'T':
		return "translated";
	case 'P':
		return "passed";
	case 'D':
		return "dropped";
	}
	return "?";
}

void report_print_stats(const json_t *stats, FILE *out)
{
	struct text_table *t = text_table_new("DIR|WHAT|REASON|>PACKETS|>BYTES|MEANING");
	const json_t *c = json_object_get(stats, "counts");

	fprintf(out, "%s:\n", text(stats, "interface"));
	for (int d = 0; d < EINAT_DIR_COUNT; d++)
		for (int r = 0; r < EINAT_REASON_COUNT; r++) {
			const json_t *o =
				json_object_get(json_object_get(stats, dirs[d]), reasons[r].word);

			if (!number(o, "packets"))
				continue;
			text_table_cell(t, "%s", dirs[d]);
			text_table_cell(t, "%s", class_name(reasons[r].class));
			text_table_cell(t, "%s", reasons[r].word);
			text_table_cell(t, "%" JSON_INTEGER_FORMAT, number(o, "packets"));
			text_table_cell(t, "%" JSON_INTEGER_FORMAT, number(o, "bytes"));
			text_table_cell(t, "%s", reasons[r].text);
		}
	text_table_print(t, out);
	text_table_free(t);
	for (int i = 0; i < EINAT_COUNT_COUNT; i++)
		fprintf(out, "%s%s %" JSON_INTEGER_FORMAT, i ? ", " : "", counts[i],
			number(c, counts[i]));
	fputc('\n', out);
}

static void print_list(const json_t *list, FILE *out)
{
	const json_t *v;
	size_t i;

	if (!json_array_size(list))
		fputs(" none", out);
	json_array_foreach (list, i, v)
		fprintf(out, "%s%s", i ? "," : " ", json_string_value(v));
}

/* Who has ports of a slice, in the words of the reader. */
static const char *holder(const char *to)
{
	static const struct {
		const char *to, *words;
	} holders[] = { { "dnat", "DNAT rules" },
			{ "socket", "programs of this host" },
			{ "netfilter", "flows of masquerade" } };

	for (size_t i = 0; i < sizeof(holders) / sizeof(*holders); i++)
		if (!strcmp(to, holders[i].to))
			return holders[i].words;
	return to;
}

static void print_slice(const json_t *slice, size_t number, FILE *out)
{
	const json_t *v;
	size_t i;

	fprintf(out, "  slice %zu          ", number);
	print_list(json_object_get(slice, "proto"), out);
	fprintf(out, " on ports %s\n", text(slice, "ports"));
	json_array_foreach (json_object_get(slice, "yielded"), i, v)
		fprintf(out, "    but not         %s %.60s%s: of %s\n", text(v, "proto"),
			text(v, "ports"), strlen(text(v, "ports")) > 60 ? "..." : "",
			holder(text(v, "to")));
}

void report_print_status(const json_t *st, FILE *out)
{
	bool running = json_is_true(json_object_get(st, "running"));
	const json_t *v;
	size_t i;

	fprintf(out, "%s: ", text(st, "interface"));
	if (running)
		fprintf(out, "einat runs, process %" JSON_INTEGER_FORMAT "%s\n", number(st, "pid"),
			number(st, "ifindex") ? "" : ", and waits: there is no such interface now");
	else
		fputs("no einat process, but its data plane goes on translating\n", out);
	fprintf(out, "  attached by       %s\n  external address ", text(st, "attach"));
	print_list(json_object_get(st, "external"), out);
	fprintf(out, "\n  bindings          %" JSON_INTEGER_FORMAT "\n", number(st, "bindings"));
	if (!running)
		return;
	fprintf(out, "  claim             %s\n", text(st, "claim"));
	if (number(st, "ifindex")) /* without the interface there is no plan yet */
		fprintf(out, "  rest              %s\n", text(st, "rest"));
	if (*text(st, "rest6"))
		fprintf(out, "  rest of IPv6      %s\n", text(st, "rest6"));
	json_array_foreach (json_object_get(st, "slices"), i, v)
		print_slice(v, i + 1, out);
	json_array_foreach (json_object_get(st, "nptv6"), i, v) {
		const char *ext = json_string_value(json_object_get(v, "external"));

		fprintf(out, "  prefix            %s <-> %s%s\n", text(v, "internal"),
			ext ? ext : "none now",
			json_is_true(json_object_get(v, "auto")) ? " (auto)" : "");
	}
	if (json_array_size(json_object_get(st, "hairpin"))) {
		fputs("  hairpin from     ", out);
		print_list(json_object_get(st, "hairpin"), out);
		fputc('\n', out);
	}
	json_array_foreach (json_object_get(st, "contested"), i, v)
		fprintf(out,
			"  contested: %s, restored %" JSON_INTEGER_FORMAT
			" times, undone again%s%s; next try in %" JSON_INTEGER_FORMAT " s\n",
			text(v, "what"), number(v, "restored"), *text(v, "by") ? " by " : "",
			text(v, "by"), number(v, "next"));
	json_array_foreach (json_object_get(st, "conflicts"), i, v)
		fprintf(out, "  conflict %s: %s (%s)\n", text(v, "code"), text(v, "what"),
			text(v, "where"));
	json_array_foreach (json_object_get(st, "warnings"), i, v)
		fprintf(out, "  warning: %s\n", json_string_value(v));
}
