/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When what einat restores is undone again and again, another program does the same to einat: a
 * loop that neither wins. It is recognised by its rate and left, with pauses that grow.
 */
#ifndef EINAT_BACKOFF_H
#define EINAT_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

#define BACKOFF_TIMES	  10 /* restores ... */
#define BACKOFF_WINDOW_MS 60000 /* ... in this time are a loop */
#define BACKOFF_FIRST_MS  2000 /* the first pause; each further one is twice as long */
#define BACKOFF_LAST_MS	  256000

/* Zero-initialised: nothing was restored yet. */
struct backoff {
	uint64_t at[BACKOFF_TIMES]; /* of the latest restores, a ring */
	uint64_t times; /* restores altogether */
	uint64_t pause_ms; /* of the latest pause; 0: no loop */
	uint64_t until; /* the pause under way ends then; 0: none is */
};

enum backoff_verdict {
	BACKOFF_GO, /* restore it; this is counted as done */
	BACKOFF_WAIT, /* not now */
	BACKOFF_BEGINS, /* as WAIT; this is the moment in which the loop was recognised */
};

/** backoff_ask() - something is to be restored at @now (ms of a clock that only goes forward). */
enum backoff_verdict backoff_ask(struct backoff *b, uint64_t now);
/** backoff_waits() - whether a pause is under way. */
bool backoff_waits(const struct backoff *b, uint64_t now);
/** backoff_due() - whether a pause has ended and nobody has asked since. */
bool backoff_due(const struct backoff *b, uint64_t now);
/**
 * backoff_calm() - true once after a loop in which nothing was undone for a window and twice the
 * latest pause; from then on it counts anew.
 */
bool backoff_calm(struct backoff *b, uint64_t now);

#endif
