// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Damaged captures of real rulesets and of a host, from a fixed seed (EINAT_SEED, EINAT_RUNS
 * choose others): the fuzzer's short run. EINAT_SEEDS=DIR: writes the undamaged ones there, for
 * the long one.
 */
#include <dirent.h>

#include "host_lab.h"
#include "tests/fuzz/parse.h"

#define SEEDS_MAX 32
/*
 * This one takes the analyser to its limits, half a second a run where the others take a few
 * milliseconds: it has one in so many of its turns.
 */
#define SLOW_ONE   "router-maze"
#define SLOW_TURNS 16

struct seeds {
	struct {
		uint8_t *data;
		size_t len;
	} s[SEEDS_MAX];
	size_t n, slow; /* the place of the slow one */
};

static void seed_add(struct seeds *seeds, uint8_t *data, size_t len)
{
	const char *dir = getenv("EINAT_SEEDS");
	char path[256];
	FILE *f;

	assert_true(seeds->n < SEEDS_MAX);
	seeds->s[seeds->n].data = data;
	seeds->s[seeds->n++].len = len;
	if (!dir)
		return;
	snprintf(path, sizeof(path), "%s/%02zu", dir, seeds->n);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static void seed_take(struct seeds *seeds, bool host)
{
	struct capture *c = capture_new("seed");
	struct err err = { 0 };
	uint8_t *data;
	size_t len;

	if (fw_capture(c, &err) || (host && host_capture(c, &err)))
		fail_msg("%s", err.text);
	data = fuzz_input(c, &len);
	seed_add(seeds, data, len);
	if (host) { /* the same as a file */
		char path[] = "/tmp/einat-test-XXXXXX", *text = calloc(1, 1 << 20);
		FILE *f;

		close(mkstemp(path));
		assert_int_equal(capture_save(c, path, &err), 0);
		f = fopen(path, "r");
		*text = 'J';
		len = fread(text + 1, 1, (1 << 20) - 1, f);
		fclose(f);
		unlink(path);
		seed_add(seeds, (uint8_t *)text, len + 1);
	}
	capture_free(c);
}

/* Objects of most kinds in one small namespace. */
static void small_host(void)
{
	lab_open();
	sh("mount -t tmpfs none /run");
	sh("ip link add wan type veth peer name out && ip link set wan up && ip link set out up");
	sh("ip link add br-c type bridge && ip link set out master br-c");
	sh("ip addr add 192.0.2.2/24 dev wan && ip addr add 2001:db8::2/64 dev wan nodad");
	sh("ip route add default via 192.0.2.1 && ip route add 10.0.0.0/8 nexthop via 192.0.2.3 "
	   "nexthop via 192.0.2.4");
	sh("ip rule add pref 9 iif wan to 192.0.2.7 ipproto udp dport 2-9 fwmark 1/3 lookup 77");
	sh("tc qdisc add dev wan clsact && tc filter add dev wan ingress protocol ip u32 match ip "
	   "dst 192.0.2.1 flowid 1:1");
	sh("nft 'add table inet t; add counter inet t hits; add map inet t m { type inet_service : "
	   "verdict; flags interval; }; add chain inet t c { type nat hook postrouting priority 0; "
	   "}; add element inet t m { 1-9 : drop }; add rule inet t c tcp dport vmap @m; add rule "
	   "inet t c ip saddr . udp dport { 10.0.0.1 . 53 } snat ip to 192.0.2.1:7-9 comment x'");
	sh("printf '*nat\\n:POSTROUTING ACCEPT [0:0]\\n:A - [0:0]\\n-A POSTROUTING -s 10.0.0.0/8 "
	   "-p udp -m multiport --dports 1,5:9 -m comment --comment x -g A\\n-A A -j MASQUERADE\\n"
	   "COMMIT\\n' | iptables-legacy-restore");
	sh("printf '*filter\\n:FORWARD DROP [0:0]\\n:A - [0:0]\\n-A FORWARD -s 2001:db8::/32 -i w+ "
	   "-p tcp -m conntrack --ctstate NEW -j A\\n-A A -j DROP\\nCOMMIT\\n' | "
	   "ip6tables-legacy-restore");
	sh("conntrack -I -p udp -s 10.0.0.1 -d 198.51.100.1 --sport 1000 --dport 53 -t 99 "
	   "--src-nat 192.0.2.1:20007 2>/dev/null");
}

static int gather(void **state)
{
	struct seeds *seeds = calloc(1, sizeof(*seeds));
	struct dirent **dirs;
	int n = scandir("tests/rulesets", &dirs, NULL, alphasort), fd;

	small_host();
	fd = socket(AF_INET6, SOCK_DGRAM, 0);
	assert_true(fd >= 0);
	seed_take(seeds, true);
	close(fd);
	for (int i = 0; i < n; i++) {
		if (*dirs[i]->d_name != '.' && seeds->n < SEEDS_MAX) {
			lab_open();
			sh("mount -t tmpfs none /run");
			sh("cd tests/rulesets/%s && for f in ruleset*.nft; do "
			   "nft -f $f 2>/dev/null; done; true",
			   dirs[i]->d_name);
			if (!strcmp(dirs[i]->d_name, SLOW_ONE))
				seeds->slow = seeds->n;
			seed_take(seeds, false);
		}
		free(dirs[i]);
	}
	free(dirs);
	assert_true(seeds->slow > 0);
	*state = seeds;
	return 0;
}

static int release(void **state)
{
	struct seeds *seeds = *state;

	for (size_t i = 0; i < seeds->n; i++)
		free(seeds->s[i].data);
	free(seeds);
	return 0;
}

static void test_whole(void **state)
{
	struct seeds *seeds = *state;

	assert_true(seeds->n >= 3);
	for (size_t i = 0; i < seeds->n; i++)
		fuzz_run(seeds->s[i].data, seeds->s[i].len);
}

static uint64_t next(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	return *x ^= *x << 17;
}

/* A few bytes changed, cut, or copied from elsewhere; numbers of two bytes, as lengths are, too. */
static size_t damage(uint8_t *d, size_t len, uint64_t *x)
{
	for (uint64_t n = 1 + next(x) % 6; n; n--) {
		size_t at = 1 + next(x) % (len - 1), from = 1 + next(x) % (len - 1), part;

		part = next(x) % 64;
		part = part < len - at ? part : len - at;
		part = part < len - from ? part : len - from;
		switch (next(x) % 6) {
		case 0:
			d[at] = (uint8_t)next(x);
			break;
		case 1:
			d[at] ^= (uint8_t)(1 << next(x) % 8);
			break;
		case 2:
			d[at] = (uint8_t)(next(x) % 2 ? 0xff : 0);
			break;
		case 3:
			d[at & ~(size_t)3 ? (at & ~(size_t)3) : 1] += (uint8_t)(next(x) % 9 - 4);
			break;
		case 4:
			memmove(d + at, d + from, part);
			break;
		default:
			if (next(x) % 4 == 0)
				len = 2 + next(x) % (len - 1);
			break;
		}
	}
	return len;
}

static size_t choose(const struct seeds *seeds, uint64_t *x)
{
	size_t k;

	do
		k = next(x) % seeds->n;
	while (k == seeds->slow && next(x) % SLOW_TURNS);
	return k;
}

static void test_damaged(void **state)
{
	uint64_t seed = getenv("EINAT_SEED") ? strtoull(getenv("EINAT_SEED"), NULL, 0) : 20261123;
	unsigned long runs = getenv("EINAT_RUNS") ? strtoul(getenv("EINAT_RUNS"), NULL, 0) : 3000;
	struct seeds *seeds = *state;
	uint64_t x = seed ? seed : 1;

	for (unsigned long i = 0; i < runs; i++) {
		size_t k = choose(seeds, &x), len = seeds->s[k].len;
		uint8_t *d = malloc(len), *exact;

		memcpy(d, seeds->s[k].data, len);
		len = damage(d, len, &x);
		exact = malloc(len);
		memcpy(exact, d, len);
		fuzz_run(exact, len);
		free(exact);
		free(d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_damaged),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, gather, release);
}
