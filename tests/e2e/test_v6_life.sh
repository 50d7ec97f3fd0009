#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# IPv6 from start to end: switched on and off while running, local sockets, the address that routing
# chooses, flows that are adopted and handed back.
set -u
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/lab6.sh"
lab_up
lab6_up
snapshot before

# write_conf IPV6: for a reload
write_conf()
{
	cat >"$T/einat.conf" <<-END
	interfaces = ( { interface = "wan"; ipv6 = $1; rest = "auto";
		slices = ( { proto = "udp,tcp,icmp"; ports = "20000-29999"; } ); } );
	END
}
reload()
{
	local n
	n=$(grep -c "read anew" "$T/einat")
	write_conf "$1"
	kill -HUP "$EINAT_PID"
	wait_for 5 eval '[ "$(grep -c "read anew" "$T/einat")" -gt '"$n"' ]'
}
claimed6() { [ "$(conntrack6_of udp fd00:1::2 "$1")" = untouched ]; }
start_conf()
{
	start einat router "$EINAT" run --config "$T/einat.conf"
	EINAT_PID=$PID
	wait_for 15 logged einat ready || die "einat: $(cat "$T/einat")"
}

# ---- on and off by SIGHUP, with bindings of both families
write_conf false
start_conf
check_eq "off: IPv4 is translated" "$(seen h1 25001 $A1:7000)" "$EXT:25001"
stream four h1 25002 $A1:7000
four=$PID
check "SIGHUP, on" reload true
check_eq "on: h1's IPv6 has one endpoint" "$(seen h1 25003 $B1:7000 $B2:7000)" \
	"$EXT6:25003 $EXT6:25003"
check "on: by a binding" claimed6 25003
check_eq "on: the IPv4 binding is as before" "$(seen h1 25001 $A2:7000)" "$EXT:25001"
stream six h1 25004 $B1:7000
six=$PID
wait_for 5 eval '[ -n "$(binding_of udp "[fd00:1::2]:25004")" ]'
check "SIGHUP, on as before" reload true
check_eq "on again: the binding is the same" "$(binding_of udp "[fd00:1::2]:25004")" "[$EXT6]:25004"
result=$(stream_end six "$six")
check_eq "a stream of IPv6: one endpoint" "$(json "len(d['seen'])" <<<"$result")" 1
check_eq "a stream of IPv6: lost" "$(json "d['lost']" <<<"$result")" 0
# others masquerade IPv6: they are handed what is translated no more
at router nft -f - <<'END'
table ip6 others {
	chain post {
		type nat hook postrouting priority srcnat
		oifname wan masquerade
	}
}
END
check "others masquerade IPv6: guard" wait_for 5 eval 'einat_rules | grep -q "set guarded6"'
stream handed h1 25006 $B1:7000
handed=$PID
wait_for 5 eval '[ -n "$(binding_of udp "[fd00:1::2]:25006")" ]'
check "SIGHUP, off" reload false
check_eq "off: a stream of IPv6 is handed back" "$(conntrack6_of udp fd00:1::2 25006)" masquerade
result=$(stream_end handed "$handed")
check_eq "off: its endpoints" "$(json "len(d['seen'])" <<<"$result")" 1
check_eq "off: no packet left with a unique local source" "$(leaks6)" 0
at router nft delete table ip6 others
at router conntrack -D -f ipv6 -p udp --orig-port-src 25006 >/dev/null 2>&1
check_eq "off: the IPv4 binding is as before" "$(seen h1 25001 $A1:7001)" "$EXT:25001"
check_eq "off: no rule of IPv6" "$(einat_rules | grep -c 'ip6\|ipv6')" 0
result=$(stream_end four "$four")
check_eq "a stream of IPv4 through it all: one endpoint" "$(json "len(d['seen'])" <<<"$result")" 1
check_eq "a stream of IPv4 through it all: lost" "$(json "d['lost']" <<<"$result")" 0
# programs that translate IPv6 cannot be loaded: those in place would let it pass
tries() { [ "$(grep -c "trying again" "$T/einat")" -ge "$1" ]; }
prlimit --pid "$EINAT_PID" --nofile=$(($(find "/proc/$EINAT_PID/fd" | wc -l) + 10)):
check "SIGHUP, on, without room for it" reload true
check "it is tried again" wait_for 10 tries 2
check_not "maps that cannot be opened are not called missing" logged einat "another version"
check_match "until then h1's IPv6 is online" "$(seen h1 25007 $B1:7000)" "^$EXT6:"
check_eq "by masquerade" "$(conntrack6_of udp fd00:1::2 25007)" masquerade
check_eq "no packet left with a unique local source" "$(leaks6)" 0
prlimit --pid "$EINAT_PID" --nofile=1024:
port=25100 # of a new flow each time
on6() { port=$((port + 1)) && seen h1 $port $B1:7000 >/dev/null && claimed6 $port; }
check "then it is on" wait_for 10 on6
check "SIGHUP, on once more" reload true
check_eq "on: IPv6 is translated" "$(seen h1 25005 $B1:7000 $B2:7000)" "$EXT6:25005 $EXT6:25005"
check "stop" stop_einat
at router conntrack -F 2>/dev/null
at router conntrack -F -f ipv6 2>/dev/null

# ---- local sockets own their ports
start sock router "$PY" -c '
import socket, time
a = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
a.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
a.bind(("::", 26001))
b = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
b.bind(("'$EXT6'", 26002))
b.listen()
c = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
c.bind(("::1", 26003))
print("bound", flush=True)
time.sleep(600)'
sock=$PID
wait_for 5 logged sock bound || die "sockets: $(cat "$T/sock")"
write_conf true
start_conf
check_not "a port of an IPv6 wildcard socket is not given" test "$(port_of "$(seen h1 26001 $B1:7000)")" = 26001
check_not "nor that of a listener on the external address" \
	test "$(port_of "$(tcp_seen h1 26002 $B1:7000)")" = 26002
check_eq "one on ::1 owns none outside" "$(seen h1 26003 $B1:7000)" "$EXT6:26003"
finish "$sock"
check "stop" stop_einat

# ---- killed with bindings: stop hands them back to masquerade and leaves nothing
must_start --proto all --ports 20000-29999 --ipv6
stream held h1 25010 $B1:7000
held=$PID
wait_for 5 eval '[ -n "$(binding_of udp "[fd00:1::2]:25010")" ]'
check_eq "tcp over IPv6" "$(tcp_seen h1 25011 $B1:7000)" "$EXT6:25011"
kill -KILL "$EINAT_PID"
wait "$EINAT_PID" 2>/dev/null
check_eq "killed: the binding serves on" "$(seen h1 25012 $B1:7000 $B2:7000)" "$EXT6:25012 $EXT6:25012"
at router nft add table ip6 others
at router nft 'add chain ip6 others post { type nat hook postrouting priority srcnat; }'
at router nft add rule ip6 others post oifname wan masquerade
check "stop --purge" einat stop -i wan --purge
wait_for 5 eval '[ "$(conntrack6_of udp fd00:1::2 25010)" = masquerade ]'
check_eq "stop --purge: the live flow is masquerade's" "$(conntrack6_of udp fd00:1::2 25010)" masquerade
result=$(stream_end held "$held")
check_num "stop --purge: the stream went on ($(json "d['lost']" <<<"$result") lost)" \
	"$(json "d['sent'] - d['lost']" <<<"$result")" -gt $(($(json "d['sent']" <<<"$result") / 2))
at router nft delete table ip6 others
check_not "nothing is left" has_traces
check_eq "no packet left with a unique local source" "$(leaks6)" 0

# ---- the source address that routing chooses
if [ -z "$LAB_TUN" ]; then
	at router ip addr add 2001:db8::7/64 dev wan nodad
	at router ip -6 route replace default via 2001:db8::1 src 2001:db8::7
	must_start --proto udp --ports 20000-29999 --ipv6
	check_eq "a default route with src: h1 has that address" "$(seen h1 25020 $B1:7000)" "2001:db8::7:25020"
	check_eq "a default route with src: h2, too" "$(seen h2 25021 $B1:7000)" "2001:db8::7:25021"
	at router ip -6 route replace default via 2001:db8::1 src $EXT6
	other_src() { port=$((${port:-25100} + 1)); [ "$(seen h2 $port $B1:7000)" = "$EXT6:$port" ]; }
	check "the route changes: new bindings have the other address" wait_for 5 other_src
	check_eq "what is bound keeps its own" "$(seen h1 25020 $B2:7000)" "2001:db8::7:25020"
	check "stop" stop_einat
	check_eq "no packet left with a unique local source" "$(leaks6)" 0
fi
finish_tests
