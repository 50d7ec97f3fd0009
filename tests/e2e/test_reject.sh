#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A firewall that answers what it does not know by a TCP reset (OpenWrt's does): while flows go over to
# masquerade, segments come in that conntrack does not track. No download may end by that.
set -u
. "$(dirname "$0")/lab.sh"
lab_up
at router nft -f - <<-'END' || die "nft in router"
	table inet fw4 {
		chain forward {
			type filter hook forward priority filter; policy drop;
			ct state established,related accept
			iifname "lan" accept
			meta l4proto tcp counter reject with tcp reset
			reject with icmpx admin-prohibited
		}
	}
END
start web far socat "TCP4-LISTEN:8080,fork,reuseaddr" OPEN:/dev/zero
listens() { at far ss -Hltn "sport = :8080" | grep -q .; }
wait_for 5 listens
# bytes that the download from this port has got
received() { at h1 ss -Htni "sport = :$1" | sed -n 's/.*bytes_received:\([0-9]*\).*/\1/p' | grep . || echo 0; }
grown() { [ "$(received "$1")" -gt "$2" ]; }
resets() { at router nft list chain inet fw4 forward | sed -n 's/.*tcp counter packets \([0-9]*\) .*/\1/p'; }

for round in 1 2 3; do
	must_start --proto tcp,udp --ports 20000-29999
	pids=()
	for n in 1 2 3 4; do
		start "get$n" h1 socat -u "TCP4:$FAR:8080,sourceport=$((25000 + 10 * round + n))" OPEN:/dev/null
		pids+=("$PID")
	done
	for n in 1 2 3 4; do
		wait_for 10 grown $((25000 + 10 * round + n)) 1000000
	done
	check "round $round: stop" stop_einat
	alive=0
	for n in 1 2 3 4; do
		port=$((25000 + 10 * round + n))
		# as much as would wait in the path
		wait_for 15 grown $port $(($(received $port) + 8000000)) && alive=$((alive + 1))
	done
	check_eq "round $round: downloads that go on" "$alive" 4
	for pid in "${pids[@]}"; do finish "$pid"; done
done
echo "# segments answered by a reset: $(resets)" >&2
check_eq "no packet left with a private source" "$(leaks)" 0
finish_tests
