#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# `make bench`: what `einat check` costs with RULES rules and a set of ELEMENTS addresses, how long after a
# change the running einat knows of it, and how long `einat status` takes meanwhile. Figures, no verdict.
set -u
export EINAT_TEST_SLOW=${EINAT_TEST_SLOW:-10} # nothing here fails for being late
. "$(dirname "$0")/../e2e/lab.sh"
RULES=${RULES:-10000} ELEMENTS=${ELEMENTS:-100000} TIMES=${TIMES:-3}
lab_up

nft() { at router nft "$@"; }
ms() { echo $((${EPOCHREALTIME/./} / 1000)); }
sees() { [[ $(einat status --json) == *snat-before-claim* ]]; }
gone_again() { ! sees; }
# sorted LIST: least, median, most
spread() { sort -n | awk '{v[NR]=$1} END{printf "least %d, median %d, most %d ms\n", v[1], v[int((NR+1)/2)], v[NR]}'; }

# notices: from the change of the rules to the answer of `einat status`, which is asked all the time
notices()
{
	local t n
	for ((n = 0; n < TIMES; n++)); do
		t=$(ms)
		nft 'add table ip late; add chain ip late post { type nat hook postrouting priority 90; }; add rule ip late post oifname "wan" masquerade'
		until sees; do [ $(($(ms) - t)) -lt 20000 ] || break; done
		echo $(($(ms) - t))
		nft delete table ip late
		wait_for 20 gone_again
	done | spread
}

# answers: how long one `einat status` takes, while a check follows the other
answers()
{
	local t n
	for ((n = 0; n < 3 * TIMES; n++)); do
		[ $((n % 3)) != 0 ] || nft "add table ip busy; delete table ip busy"
		t=$(ms)
		einat status --json >/dev/null
		echo $(($(ms) - t))
	done | spread
}

run() { at router /usr/bin/time -f "%e s, %U s user, %M kB" "$EINAT" check -i wan "$@" 2>&1 >/dev/null | tail -n 1; }

echo "small ruleset, einat check: $(run --proto udp)"
must_start --proto udp --ports 20000-29999
wait_for 5 gone_again
echo "small ruleset, from a change to the finding: $(notices)"
echo "small ruleset, einat status: $(answers)"
stop_einat

$PY - "$RULES" "$ELEMENTS" >"$T/big" <<'END'
import sys
rules, elements = map(int, sys.argv[1:])
print("table inet big {\nset block { type ipv4_addr; flags interval; elements = {")
print(",\n".join("%d.%d.%d.%d" % (11 + i // 2**22, i // 2**14 & 255, i // 64 & 255, (i & 63) * 4 + 1) for i in range(elements)))
print("} }\nchain forward { type filter hook forward priority 0; policy drop;")
print("ct state established,related accept\nip saddr @block drop\niifname lan accept")
for i in range(rules):
    if i % 2:
        print("ip saddr 198.18.%d.%d tcp dport %d drop" % (i >> 8 & 255, i & 255, i % 60000 + 1))
    else:
        print("ip daddr 192.168.1.%d udp dport %d accept" % (i % 254 + 1, i % 60000 + 1))
print("}\n}")
END
nft -f "$T/big" || die "nft"
echo "$RULES rules, a set of $ELEMENTS, einat check: $(run --proto udp)"
must_start --proto udp --ports 20000-29999
wait_for 20 gone_again
echo "$RULES rules, a set of $ELEMENTS, from a change to the finding: $(notices)"
echo "$RULES rules, a set of $ELEMENTS, einat status: $(answers)"
stop_einat
nft delete table inet big

$PY - "$RULES" >"$T/nat" <<'END'
import sys
print("table ip many {\nchain post { type nat hook postrouting priority 50;")
for i in range(int(sys.argv[1])):
    print("ip saddr 192.168.%d.%d oifname wan masquerade" % (i >> 8 & 255, i & 255))
print("}\n}")
END
nft -f "$T/nat" || die "nft"
echo "$RULES rules that conflict, einat check: $(run --proto udp --internal 192.168.0.0/16)"
