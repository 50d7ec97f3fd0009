// SPDX-License-Identifier: GPL-2.0-or-later
/* Findings as JSON, and text made from that; codes as text and Markdown. */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "check/finding.h"
#include "lib/wrap.h"
#include "nft/text.h"

#define WIDTH  96
#define INDENT 10

/* A narrow terminal gets narrow lines. */
static size_t width_of(FILE *out)
{
	struct winsize ws;

	if (ioctl(fileno(out), TIOCGWINSZ, &ws) || ws.ws_col < 2 * INDENT || ws.ws_col > WIDTH)
		return WIDTH;
	return ws.ws_col;
}

static const char *text(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static void print_field(FILE *out, const char *name, const char *value)
{
	if (!value)
		return;
	fprintf(out, "  %-*s", INDENT - 2, name);
	print_wrapped(out, value, INDENT, INDENT, width_of(out));
}

/* Commands are to be copied: each line as it is. */
static void print_lines(FILE *out, const char *name, const char *value)
{
	while (value && *value) {
		size_t n = strcspn(value, "\n");

		fprintf(out, "  %-*s%.*s\n", INDENT - 2, name, (int)n, value);
		name = "";
		value += n;
		value += *value == '\n';
	}
}

static const char *colour_of(const char *severity)
{
	if (!strcmp(severity, "conflict"))
		return "\033[31m";
	return strcmp(severity, "warning") ? "\033[36m" : "\033[33m";
}

static void print_one(const json_t *f, bool colour, FILE *out)
{
	const char *severity = text(f, "severity"), *code = text(f, "code");
	const char *certainty = text(f, "certainty");
	size_t at = strlen(severity) + strlen(code) + strlen(certainty) + 5;

	fprintf(out, "%s%s%s %s (%s):", colour ? colour_of(severity) : "", severity,
		colour ? "\033[0m" : "", code, certainty);
	print_wrapped(out, text(f, "what"), at, 2, width_of(out));
	print_field(out, "where", text(f, "where"));
	print_lines(out, "", text(f, "text"));
	print_field(out, "owner", text(f, "owner"));
	print_field(out, "why", text(f, "why"));
	print_field(out, "packet", text(f, "example"));
	print_lines(out, "mend", text(f, "mend"));
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

static void print_totals(const json_t *root, const size_t n[], FILE *out)
{
	const json_t *e = json_object_get(root, "examined");
	static const struct {
		const char *key, *word;
	} parts[] = { { "chains", "base chains" }, { "rules", "packet filter rules" },
		      { "sets", "sets" },	   { "routing_rules", "routing rules" },
		      { "sockets", "sockets" },	   { "programs", "BPF programs" } };

	if (n[SEV_CONFLICT] + n[SEV_WARNING])
		fprintf(out,
			"%s: %zu conflict%s, %zu warning%s, %zu note%s; einat check --explain CODE "
			"tells more\n",
			text(root, "interface"), n[SEV_CONFLICT], plural(n[SEV_CONFLICT]),
			n[SEV_WARNING], plural(n[SEV_WARNING]), n[SEV_NOTE], plural(n[SEV_NOTE]));
	else
		fprintf(out, "%s: clean\n", text(root, "interface"));
	fputs("examined:", out);
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		fprintf(out, "%s %" JSON_INTEGER_FORMAT " %s", i ? "," : "",
			json_integer_value(json_object_get(e, parts[i].key)), parts[i].word);
	fputc('\n', out);
}

static const char *text_or(const json_t *o, const char *key)
{
	const char *s = text(o, key);

	return s ? s : "";
}

/* Twelve published ports are twelve rules, and one thing to know. */
static bool goes_on(const json_t *a, const json_t *b)
{
	static const char *const same[] = { "code", "severity", "certainty", "owner" };
	const json_t *x = json_object_get(a, "rule"), *y = json_object_get(b, "rule");

	for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++)
		if (strcmp(text_or(a, same[i]), text_or(b, same[i])))
			return false;
	return x && y && json_equal(json_object_get(x, "table"), json_object_get(y, "table")) &&
	       json_equal(json_object_get(x, "chain"), json_object_get(y, "chain"));
}

static void print_also(const json_t *f, FILE *out)
{
	print_field(out, "also", text(f, "what"));
	print_lines(out, "", text(f, "where"));
	print_lines(out, "", text(f, "text"));
}

void findings_print(const json_t *findings, FILE *out)
{
	const char *no_color = getenv("NO_COLOR");
	bool colour = isatty(fileno(out)) && !(no_color && *no_color);
	size_t n[SEV_CONFLICT + 1] = { 0 }, i;
	const json_t *f, *last = NULL;

	json_array_foreach (json_object_get(findings, "findings"), i, f) {
		if (last && goes_on(last, f)) {
			print_also(f, out);
		} else {
			if (last)
				fputc('\n', out);
			print_one(f, colour, out);
		}
		last = f;
		for (int s = 0; s <= SEV_CONFLICT; s++)
			n[s] += !strcmp(text(f, "severity"), severity_name((enum severity)s));
	}
	if (last)
		fputc('\n', out);
	print_totals(findings, n, out);
}

/* A key whose value is absent is left out. */
static void put(json_t *o, const char *key, const char *text)
{
	if (text)
		json_object_set_new(o, key, json_string(text));
}

static json_t *one_json(const struct finding *f)
{
	json_t *o = json_pack("{s:s, s:s, s:s, s:s}", "code", f->code->name, "severity",
			      severity_name(f->severity), "certainty", f->will ? "will" : "may",
			      "why", f->code->why);

	if (!o)
		return NULL;
	put(o, "what", f->what ? f->what : f->code->title);
	put(o, "where", f->where);
	put(o, "text", f->text);
	put(o, "owner", f->owner);
	put(o, "example", f->example);
	put(o, "mend", f->mend);
	if (f->chain)
		json_object_set_new(o, "rule",
				    json_pack("{s:s, s:s, s:s, s:I, s:b}", "family", f->family,
					      "table", f->table, "chain", f->chain, "handle",
					      (json_int_t)f->handle, "can_open", f->can_open));
	return o;
}

json_t *findings_json(const struct findings *fs, const char *ifname)
{
	json_t *list = json_array(), *root;
	char *name = text_clean(ifname, false); /* JSON is UTF-8, names are any bytes */

	for (size_t i = 0; i < fs->n; i++)
		json_array_append_new(list, one_json(&fs->f[i]));
	root = json_pack(
		"{s:s, s:s, s:o, s:{s:I, s:I, s:I, s:I, s:I, s:I}}", "interface", name ? name : "?",
		"worst", fs->n ? severity_name(findings_worst(fs)) : "none", "findings", list,
		"examined", "chains", (json_int_t)fs->n_chains, "rules", (json_int_t)fs->n_rules,
		"sets", (json_int_t)fs->n_sets, "routing_rules", (json_int_t)fs->n_routing_rules,
		"sockets", (json_int_t)fs->n_sockets, "programs", (json_int_t)fs->n_programs);
	if (fs->omitted)
		json_object_set_new(root, "omitted", json_integer((json_int_t)fs->omitted));
	free(name);
	return root;
}

void codes_list(FILE *out)
{
	for (size_t i = 0; i < n_codes; i++)
		fprintf(out, "%-9s %-22s %s\n", severity_name(codes[i].severity), codes[i].name,
			codes[i].title);
}

/* Paragraphs are parted by an empty line; a line that starts with a blank is a command. */
static void print_story(const char *story, FILE *out)
{
	while (*story) {
		const char *end = strstr(story, "\n\n");
		size_t n = end ? (size_t)(end - story) : strlen(story);
		char *para = strndup(story, n);

		fputc('\n', out);
		if (para && para[0] == ' ')
			fprintf(out, "%s\n", para);
		else if (para)
			print_wrapped(out, para, 0, 0, width_of(out));
		free(para);
		story += n;
		story += strspn(story, "\n");
	}
}

void code_explain(const struct code *c, FILE *out)
{
	fprintf(out, "%s (%s): %s\n\n", c->name, severity_name(c->severity), c->title);
	print_wrapped(out, c->why, 0, 0, width_of(out));
	print_story(c->story, out);
}

void codes_markdown(FILE *out)
{
	fputs("<!-- SPDX-License-Identifier: GPL-2.0-or-later -->\n"
	      "<!-- made by `einat check --explain all`: see check/codes.c -->\n"
	      "# Findings of `einat check`\n\n"
	      "A **conflict** breaks connections of the slice or of something else on this host; "
	      "`einat run` refuses\nto start over one (`--force` overrides). A **warning** costs "
	      "something, or can. A **note** is good to know.\n\n"
	      "| code | severity | |\n| --- | --- | --- |\n",
	      out);
	for (size_t i = 0; i < n_codes; i++)
		fprintf(out, "| [%s](#%s) | %s | %s |\n", codes[i].name, codes[i].name,
			severity_name(codes[i].severity), codes[i].title);
	for (size_t i = 0; i < n_codes; i++) {
		fprintf(out, "\n## %s\n\n**%s**: %s.\n\n", codes[i].name,
			severity_name(codes[i].severity), codes[i].title);
		print_wrapped(out, codes[i].why, 0, 0, width_of(out));
		print_story(codes[i].story, out);
	}
}
