// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "check/finding.h"
#include "nft/text.h"

const struct code *code_find(const char *name)
{
	for (size_t i = 0; i < n_codes; i++)
		if (!strcmp(codes[i].name, name))
			return &codes[i];
	return NULL;
}

const char *severity_name(enum severity s)
{
	static const char *const names[] = { "note", "warning", "conflict" };

	return names[s];
}

static void finding_clear(struct finding *f)
{
	free(f->where);
	free(f->text);
	free(f->what);
	free(f->mend);
	free(f->owner);
	free(f->example);
	free(f->family);
	free(f->table);
	free(f->chain);
	*f = (struct finding){ 0 };
}

struct finding *finding_add(struct findings *fs, const char *code)
{
	const struct code *c = code_find(code);
	struct finding *f, *grown;

	if (!c)
		abort();
	grown = realloc(fs->f, (fs->n + 1) * sizeof(*grown));
	if (grown) {
		fs->f = grown;
		f = &fs->f[fs->n++];
	} else {
		fs->failed = true;
		finding_clear(&fs->scratch);
		f = &fs->scratch;
	}
	*f = (struct finding){ .code = c, .severity = c->severity, .will = true };
	return f;
}

void finding_set(struct findings *fs, char **field, const char *fmt, ...)
{
	const struct finding *last = fs->n ? &fs->f[fs->n - 1] : &fs->scratch;
	char *text = NULL, *raw;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&raw, fmt, ap);
	va_end(ap);
	if (n >= 0) {
		text = text_clean(raw, field == &last->mend || field == &fs->scratch.mend);
		free(raw);
	}
	if (!text) {
		fs->failed = true;
		return;
	}
	free(*field);
	*field = text;
}

static int text_cmp(const char *a, const char *b)
{
	return strverscmp(a ? a : "", b ? b : ""); /* rule 9 before rule 10 */
}

bool findings_same(const struct finding *a, const struct finding *b)
{
	return a->code == b->code && !text_cmp(a->where, b->where) && !text_cmp(a->text, b->text);
}

static int by_weight(const void *va, const void *vb)
{
	const struct finding *a = va, *b = vb;
	int ret = (int)b->severity - (int)a->severity;

	if (!ret)
		ret = (a->code > b->code) - (a->code < b->code);
	if (!ret)
		ret = text_cmp(a->where, b->where);
	if (!ret)
		ret = text_cmp(a->text, b->text);
	return ret ? ret : (int)b->will - (int)a->will;
}

void findings_sort(struct findings *fs)
{
	size_t n = 0;

	if (!fs->n)
		return;
	qsort(fs->f, fs->n, sizeof(*fs->f), by_weight);
	for (size_t i = 1; i < fs->n; i++) {
		if (findings_same(&fs->f[n], &fs->f[i]))
			finding_clear(&fs->f[i]);
		else
			fs->f[++n] = fs->f[i];
	}
	fs->n = n + 1;
}

void findings_keep(struct findings *fs, size_t max)
{
	for (; fs->n > max; fs->omitted++)
		finding_clear(&fs->f[--fs->n]);
}

void findings_clear(struct findings *fs)
{
	for (size_t i = 0; i < fs->n; i++)
		finding_clear(&fs->f[i]);
	free(fs->f);
	finding_clear(&fs->scratch);
	*fs = (struct findings){ 0 };
}

enum severity findings_worst(const struct findings *fs)
{
	enum severity worst = SEV_NOTE;

	for (size_t i = 0; i < fs->n; i++)
		if (fs->f[i].severity > worst)
			worst = fs->f[i].severity;
	return worst;
}
