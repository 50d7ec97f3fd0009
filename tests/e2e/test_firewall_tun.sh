#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A router that drops new connections from outside keeps doing so; one rule on --inbound-mark opens
# the bindings and nothing else. Judged by a real STUN client as well.
set -u
. "$(dirname "$0")/lab.sh"
lab_up firewall
stun_up
mark_rule() { at router nft insert rule inet firewall forward meta mark and 0x1 == 0x1 counter accept; }
marked() { at router nft list chain inet firewall forward | sed -n 's/.*0x0*1 counter packets \([0-9]*\).*/\1/p'; }

must_start --proto udp --ports 20000-29999
check "without a mark: a warning in plain words" logged einat "will not be endpoint-independent"
check_match "which status repeats" "$(einat status --json | json "d['interfaces'][0]['warnings']")" \
	"will not be endpoint-independent"
e=$(seen h1 25001 $A1:7000 $A2:7000 $FAR:7000)
check "mapping is endpoint-independent all the same ($e)" same_endpoint "$e"
check_eq "filtering is not" "$(eif h1 25002 $A1:7000 $A2:7001)" no
check_num "since the firewall dropped what einat had translated" "$(stat_of in translated)" -gt 3
check "stop" stop_einat

must_start --proto udp --ports 20000-29999 --inbound-mark 0x1/0x1
check "with a mark, but no rule: the warning stays" logged einat "will not be endpoint-independent"
check_eq "filtering is not endpoint-independent yet" "$(eif h1 25003 $A1:7000 $A2:7001)" no
mark_rule
check_eq "with the rule it is" "$(eif h1 25003 $A1:7000 $A2:7001)" yes
check_num "by the rule" "$(marked)" -ge 1
says=$(stun h1 192.168.1.2)
check_match "a STUN client says: mapping" "$says" "Endpoint Independent Mapping"
check_match "a STUN client says: filtering" "$says" "Endpoint Independent Filtering"
hold held h1 25005 $A1:7000
before=$(marked)
check_eq "a binding answers a stranger" "$(send far 7200 "$ENDPOINT")" "$FAR 7200"
opened=$(marked)
check_num "by the rule" "$opened" -gt "$before"
finish "$PID"
at isp ip route add 192.168.1.0/24 via $EXT 2>/dev/null
check_eq "a port without a binding does not" "$(send far 7201 $EXT:29001 --limit 0.3 | grep -c "$FAR")" 0
check_eq "nor a LAN host's own address, routed to the router" \
	"$(send isp 7202 192.168.1.2:25005 --limit 0.3)" none
check_eq "for which the rule counted nothing" "$(marked)" "$opened"
check "stop" stop_einat

must_start --proto udp --ports 20000-29999 --inbound-mark 0x1/0x1
check_not "with the rule in place there is no warning" logged einat "will not be endpoint-independent"
check "stop" stop_einat
check_eq "no packet left with a private source" "$(leaks)" 0
finish_tests
