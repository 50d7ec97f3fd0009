#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Malformed packets from both sides of the router at once, see hostile.py, over both families:
# what leaves has no internal source, checksums that were right are right, a flow goes on
# meanwhile, and afterwards no slot is lost.
#
# EINAT_SEED: where to begin (printed; default: the time). EINAT_FUZZ_PACKETS: of each side, default 2000.
set -u
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/lab6.sh"
SEED=${EINAT_SEED:-$(date +%s)}
PACKETS=${EINAT_FUZZ_PACKETS:-$((SLOW > 5 ? 400 : 2000 / SLOW))}
echo "# EINAT_SEED=$SEED EINAT_FUZZ_PACKETS=$PACKETS"
lab_up
lab6_up
must_start --ipv6 --proto all --ports 20000-29999 --guard strict --hairpin-if lan

mac_of() { at "$1" ip -o link show "$2" | sed -n "s/.*link\/ether \([0-9a-f:]*\) .*/\1/p"; }
# clear_of COUNT: bindings that were made and not freed
clear_of() { [ $(($(count_of binding-new) - $(count_of binding-freed))) = "$1" ]; }

stream live h2 20010 $A1:7000
live=$PID
stream live6 h2 20011 $B1:7000
live6=$PID
start inside h1 "$PY" "$LAB_DIR/hostile.py" inside eth0 "$(mac_of router lan)" "$PACKETS" "$SEED"
inside=$PID
start outside isp "$PY" "$LAB_DIR/hostile.py" outside home "$(mac_of router wan)" "$PACKETS" "$SEED"
outside=$PID
wait "$inside"
status=$?
wait "$outside"
status="$status $?"
grep -h . "$T/inside" "$T/outside" | cut -c1-400 | sed 's/^/# /'
check_eq "nothing that arrived was wrong, inside or outside" "$status" "0 0"
check_num "outside: much of it arrives" \
	"$(sed -n 's/^outside.* \([0-9]*\) received.*/\1/p' "$T/outside")" -ge $((PACKETS / 10))
check_num "outside: translated, with right checksums" \
	"$(sed -n 's/.* \([0-9]*\) of them marked.*/\1/p' "$T/outside")" -ge $((PACKETS / 200))
check_num "inside: much of it arrives" \
	"$(sed -n 's/.* \([0-9]*\) of them marked.*/\1/p' "$T/inside")" -ge $((PACKETS / 200))
for reason in translated icmp-error fragment; do
	check_num "the data plane met some: in, $reason" "$(stat_of in $reason)" -ge 1
done
for reason in malformed-drop guard hairpin-local; do
	echo "# out, $reason: $(stat_of out $reason)"
done
check_num "the data plane met some: out, translated" "$(stat_of out translated)" -ge $((PACKETS / 10))
check_eq "no packet left with a private source" "$(leaks)" 0
check_eq "nor with a unique local one" "$(leaks6)" 0
check_eq "no defect was met" "$(stat_of in internal-error) $(stat_of out internal-error)" "0 0"
for name in live live6; do
	pid=$live
	[ $name = live ] || pid=$live6
	result=$(stream_end $name "$pid")
	check_num "$name: a stream, datagrams" "$(json "d['sent']" <<<"$result")" -ge $((500 / SLOW))
	check_eq "$name: a stream's endpoints" "$(json "len(d['seen'])" <<<"$result")" 1
	check_num "$name: fewer than one in a hundred is lost" \
		$(($(json "d['lost']" <<<"$result") * 100)) -le "$(json "d['sent']" <<<"$result")"
done
# the port itself may have gone to a malformed packet
check_match "a new flow works" "$(seen h2 20500 $A1:7000)" "^$EXT:2[0-9]{4}$"
check_match "over IPv6, too" "$(seen h2 20500 $B1:7000)" "^$EXT6:2[0-9]{4}$"
check_not "einat runs" gone "$EINAT_PID"
check_eq "and has nothing to complain about" "$(grep -c 'error:' "$T/einat")" 0

# ---- hours later, by the clock's switch for tests: each binding that was made is freed
check_num "bindings were made" "$(count_of binding-new)" -ge $((PACKETS / 20 > 20 ? 20 : PACKETS / 20))
ctl_word 8 $(($(cut -d. -f1 /proc/uptime) + 20000)) >/dev/null
check "no slot is lost: all that were made are free again" wait_for 10 clear_of 0
check_eq "none is listed" "$(bindings)" ""
check "stop" stop_einat
finish_tests
