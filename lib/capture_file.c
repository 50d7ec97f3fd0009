// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Captures as files: {"format": "einat-capture", "version": 1, "einat": ..., "kernel": ...,
 * "byte-order": "little", "word": 64, "time": ..., "records": [{"kind": ..., "name": ...,
 * "text": ... or "data": base64}, ...]}.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base64.h"
#include "lib/capture_priv.h"

#define FORMAT	     "einat-capture"
#define VERSION	     1
#define FILE_MAX     (256u << 20) /* bytes */
#define RECORDS_MAX  4096
#define BRACKETS_MAX (RECORDS_MAX + 16)

/* ---- save ------------------------------------------------------------------------------- */

/* Text stays text, so that people can read what they pass on; the rest is base64. */
static json_t *record_json(const struct capture_record *r)
{
	json_t *text = NULL, *o;
	char *data;

	if (!memchr(r->data ? r->data : (const uint8_t *)"", 0, r->len))
		text = json_stringn(r->data ? (const char *)r->data : "", r->len);
	if (text)
		return json_pack("{s:s, s:s, s:o}", "kind", r->kind, "name", r->name, "text", text);
	data = base64_encode(r->data, r->len);
	if (!data)
		return NULL;
	o = json_pack("{s:s, s:s, s:s}", "kind", r->kind, "name", r->name, "data", data);
	free(data);
	return o;
}

static json_t *capture_json(const struct capture *c)
{
	const struct capture_source *s = &c->source;
	json_t *records = json_array(), *root;

	for (size_t i = 0; records && i < c->n; i++)
		if (json_array_append_new(records, record_json(c->rec[i]))) {
			json_decref(records);
			return NULL;
		}
	if (!records)
		return NULL;
	root = json_pack("{s:s, s:i, s:s, s:s, s:s, s:i, s:I, s:o}", "format", FORMAT, "version",
			 VERSION, "einat", s->einat, "kernel", s->kernel, "byte-order",
			 s->big_endian ? "big" : "little", "word", (int)s->word, "time",
			 (json_int_t)s->time, "records", records);
	return root;
}

static int write_json(FILE *f, const json_t *root)
{
	errno = 0;
	if (json_dumpf(root, f, JSON_INDENT(1)) || fputc('\n', f) == EOF || fflush(f))
		return errno ? -errno : -ENOMEM;
	return 0;
}

/* A regular file is replaced by a whole one; anything else (a pipe, a terminal) is written to. */
static int write_file(const char *path, const json_t *root)
{
	bool regular;
	char *temp = NULL;
	struct stat st;
	int fd, ret;
	FILE *f;

	regular = stat(path, &st) || S_ISREG(st.st_mode);
	if (regular && asprintf(&temp, "%s.XXXXXX", path) < 0)
		return -ENOMEM;
	fd = regular ? mkostemp(temp, O_CLOEXEC) : open(path, O_WRONLY | O_CLOEXEC);
	f = fd < 0 ? NULL : fdopen(fd, "w");
	ret = f ? write_json(f, root) : -errno;
	if (f && fclose(f) && !ret)
		ret = -errno;
	else if (!f && fd >= 0)
		close(fd);
	if (!ret && regular && rename(temp, path))
		ret = -errno;
	if (ret && regular && fd >= 0)
		unlink(temp);
	free(temp);
	return ret;
}

int capture_save(const struct capture *c, const char *path, struct err *err)
{
	json_t *root = capture_json(c);
	int ret = -ENOMEM;

	if (root && !strcmp(path, "-"))
		ret = write_json(stdout, root);
	else if (root)
		ret = write_file(path, root);
	json_decref(root);
	return ret ? err_sys(err, -ret, "cannot save the capture to %s", path) : 0;
}

/* ---- load ------------------------------------------------------------------------------- */

/* Values that are many and small would take far more memory than the text has bytes. */
static bool too_many(const char *text, size_t len)
{
	size_t brackets = 0, commas = 0;
	bool quoted = false;

	for (size_t i = 0; i < len; i++) {
		if (quoted && text[i] == '\\')
			i++;
		else if (text[i] == '"')
			quoted = !quoted;
		else if (!quoted && (text[i] == '{' || text[i] == '['))
			brackets++;
		else if (!quoted && text[i] == ',')
			commas++;
	}
	return brackets > BRACKETS_MAX || commas > 8 * BRACKETS_MAX;
}

static int load_record(struct capture *c, const json_t *o)
{
	const char *kind = json_string_value(json_object_get(o, "kind"));
	const char *name = json_string_value(json_object_get(o, "name"));
	const json_t *text = json_object_get(o, "text"), *data = json_object_get(o, "data");
	struct capture_record *r;
	int ret;

	if (!kind || !name || !json_is_string(text) == !json_is_string(data))
		return -EBADMSG;
	r = capture_add(c, kind, name);
	if (!r)
		return -ENOMEM;
	if (text)
		return capture_put(r, json_string_value(text), json_string_length(text));
	ret = base64_decode(json_string_value(data), json_string_length(data), &r->data, &r->len);
	r->room = r->len;
	return ret;
}

static int load_source(struct capture *c, const json_t *root, const char *name, struct err *err)
{
	const char *einat = json_string_value(json_object_get(root, "einat"));
	const char *kernel = json_string_value(json_object_get(root, "kernel"));
	const char *order = json_string_value(json_object_get(root, "byte-order"));
	json_int_t version = json_integer_value(json_object_get(root, "version"));
	json_int_t word = json_integer_value(json_object_get(root, "word"));
	bool big = order && !strcmp(order, "big");

	if (version > VERSION)
		return err_set(err, EPROTO,
			       "%s was saved by a newer einat (%.31s): its format is %lld, this "
			       "one reads up to %d",
			       name, einat ? einat : "?", (long long)version, VERSION);
	if (version < 1 || !einat || !kernel || !order || (!big && strcmp(order, "little")))
		return err_set(err, EBADMSG, "%s is no capture of einat: its head is incomplete",
			       name);
	if (big != c->source.big_endian)
		return err_set(err, EPROTO,
			       "%s was saved on a machine of %s-endian byte order: a %s-endian "
			       "one like this cannot read it",
			       name, order, big ? "little" : "big");
	if (word != (json_int_t)c->source.word)
		return err_set(err, EPROTO,
			       "%s was saved by an einat of %lld bits: one of %u bits like this "
			       "cannot read it",
			       name, (long long)word, c->source.word);
	snprintf(c->source.einat, sizeof(c->source.einat), "%s", einat);
	snprintf(c->source.kernel, sizeof(c->source.kernel), "%s", kernel);
	c->source.time = json_integer_value(json_object_get(root, "time"));
	return 0;
}

static int load_root(struct capture *c, const json_t *root, const char *name, struct err *err)
{
	const char *format = json_string_value(json_object_get(root, "format"));
	const json_t *records = json_object_get(root, "records");
	int ret;

	if (!format || strcmp(format, FORMAT))
		return err_set(err, EBADMSG, "%s is no capture of einat", name);
	ret = load_source(c, root, name, err);
	if (ret)
		return ret;
	if (!json_is_array(records) || json_array_size(records) > RECORDS_MAX)
		return err_set(err, EBADMSG, "%s has no list of records, or one too long", name);
	for (size_t i = 0; i < json_array_size(records) && !ret; i++) {
		ret = load_record(c, json_array_get(records, i));
		if (ret)
			err_set(err, -ret, "record %zu of %s %s", i + 1, name,
				ret == -EBADMSG ? "is damaged" : "does not fit into memory");
	}
	return ret;
}

int capture_load_text(const char *text, size_t len, const char *name, struct capture **ret_capture,
		      struct err *err)
{
	struct capture *c;
	json_error_t why;
	json_t *root;
	int ret;

	if (too_many(text, len))
		return err_set(err, EBADMSG, "%s is no capture of einat: it has too many parts",
			       name);
	root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
	if (!root)
		return err_set(err, EBADMSG, "%s is no capture of einat, or cut off: line %d: %s",
			       name, why.line, why.text);
	c = capture_new("");
	ret = c ? load_root(c, root, name, err) : err_sys(err, ENOMEM, "cannot load %s", name);
	json_decref(root);
	if (ret) {
		capture_free(c);
		return ret;
	}
	*ret_capture = c;
	return 0;
}

static int read_all(FILE *f, char **ret_text, size_t *ret_len)
{
	size_t room = 1 << 16, len = 0;
	char *text = NULL, *more;

	for (;;) {
		more = realloc(text, room);
		if (!more) {
			free(text);
			return -ENOMEM;
		}
		text = more;
		len += fread(text + len, 1, room - len, f);
		if (len < room)
			break;
		room *= 2;
		if (room > 2 * FILE_MAX)
			break;
	}
	if (ferror(f) || len > FILE_MAX) {
		free(text);
		return len > FILE_MAX ? -EFBIG : -EIO;
	}
	*ret_text = text;
	*ret_len = len;
	return 0;
}

int capture_load(const char *path, struct capture **ret_capture, struct err *err)
{
	bool standard = !strcmp(path, "-");
	FILE *f = standard ? stdin : fopen(path, "re");
	char *text;
	size_t len;
	int ret;

	if (!f)
		return err_sys(err, errno, "cannot open %s", path);
	ret = read_all(f, &text, &len);
	if (!standard)
		fclose(f);
	if (ret == -EFBIG)
		return err_set(err, EFBIG, "%s is larger than a capture can be (%u MiB)", path,
			       FILE_MAX >> 20);
	if (ret)
		return err_sys(err, -ret, "cannot read %s", path);
	ret = capture_load_text(text, len, path, ret_capture, err);
	free(text);
	return ret;
}
