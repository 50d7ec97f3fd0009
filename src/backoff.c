// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/backoff.h"

static uint64_t last(const struct backoff *b)
{
	return b->at[(b->times - 1) % BACKOFF_TIMES];
}

static enum backoff_verdict go(struct backoff *b, uint64_t now)
{
	b->at[b->times++ % BACKOFF_TIMES] = now;
	return BACKOFF_GO;
}

static bool is_loop(const struct backoff *b, uint64_t now)
{
	return b->times >= BACKOFF_TIMES &&
	       now < b->at[b->times % BACKOFF_TIMES] + BACKOFF_WINDOW_MS;
}

enum backoff_verdict backoff_ask(struct backoff *b, uint64_t now)
{
	bool begins = !b->pause_ms;

	if (backoff_waits(b, now))
		return BACKOFF_WAIT;
	if (b->until) { /* the pause is over: one try */
		b->until = 0;
		return go(b, now);
	}
	if (begins && !is_loop(b, now))
		return go(b, now);
	b->pause_ms = begins ? BACKOFF_FIRST_MS : b->pause_ms * 2;
	if (b->pause_ms > BACKOFF_LAST_MS)
		b->pause_ms = BACKOFF_LAST_MS;
	b->until = now + b->pause_ms;
	return begins ? BACKOFF_BEGINS : BACKOFF_WAIT;
}

bool backoff_waits(const struct backoff *b, uint64_t now)
{
	return b->until && now < b->until;
}

bool backoff_due(const struct backoff *b, uint64_t now)
{
	return b->until && now >= b->until;
}

bool backoff_calm(struct backoff *b, uint64_t now)
{
	/* a restore may be later than @now, if that was read before a while of work */
	if (!b->pause_ms || b->until || now < last(b) + BACKOFF_WINDOW_MS + 2 * b->pause_ms)
		return false;
	*b = (struct backoff){ 0 };
	return true;
}
