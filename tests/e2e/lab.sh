# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The lab: a home router between a LAN, a container bridge and an ISP. Source it and call lab_up.
#
#   h1 192.168.1.2 --\                       router
#                     lan 192.168.1.1 -+                             isp
#   h2 192.168.1.3 --/                 |                       203.0.113.1 (gateway)
#                                      +- wan 203.0.113.2 ---- 203.0.113.10 (A1)
#                                      |                       203.0.113.11 (A2)
#   c1 172.17.0.2 ---- br-c 172.17.0.1-+                             |
#                                                                   far 198.51.100.5
#
# Each box is a network namespace. The script runs again inside `unshare`: own network, mount and
# PID namespaces, own /run, own bpffs at /sys/fs/bpf. When it ends, however it ends, the kernel
# removes everything; nothing of the machine itself is ever seen or changed.
#
# lab_up [tun] [firewall] [nomasq]
#   tun       wan has no Ethernet header (two tun devices and a relay)
#   firewall  the router forwards what is established or comes from inside, drops the rest
#   nomasq    the router has no masquerade of its own (the container bridge's stays)
#   vlan      wan is VLAN 10 of a device wan0 below it
# A test that is called by a name ending in _tun.sh, a symbolic link, gets the variant tun; vlan likewise.

if [ -z "${LAB_INSIDE-}" ]; then
	[ "$(id -u)" = 0 ] || { echo "$0: needs root (network namespaces)" >&2; exit 1; }
	export LAB_INSIDE=1
	exec unshare --net --mount --pid --fork --kill-child --mount-proc "$0" "$@"
fi

LAB_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$LAB_DIR/../.." && pwd)
EINAT=${EINAT:-$ROOT/${B:-build}/einat}
case $EINAT in /*) ;; *) EINAT=$PWD/$EINAT ;; esac
PY=/usr/bin/python3
PEER=$LAB_DIR/peer.py
A1=203.0.113.10 A2=203.0.113.11 FAR=198.51.100.5 EXT=203.0.113.2
LAB_ID=$(printf %04x $((RANDOM * 2 % 65536)))
LAB_FAILED=0
LAB_N=0
# Numbers are printed without a locale's separators, messages are not translated.
export LC_ALL=C

mount -t tmpfs -o mode=755 tmpfs /run || exit 1
mkdir -p /run/netns /run/lab /run/lock
T=/run/lab # temporary files of a test
export TMPDIR=$T
mount -t bpf bpf /sys/fs/bpf || exit 1
# Stopped by a signal, a test ends at once; the rest is the kernel's work.
trap 'exit 143' TERM HUP
trap 'exit 130' INT

# ---- running things --------------------------------------------------------------------
ns_path() { echo "/run/netns/$1-$LAB_ID"; }

# at BOX COMMAND...: in that namespace; never by `ip netns exec`, which hides /sys/fs/bpf.
at()
{
	local box=$1
	shift
	nsenter --net="/run/netns/$box-$LAB_ID" -- "$@"
}

# start NAME BOX COMMAND...: in the background, output in $T/NAME, its pid in $PID.
# A background job of a script ignores SIGINT unless told otherwise.
start()
{
	local name=$1 box=$2
	shift 2
	: >"$T/$name"
	nsenter --net="/run/netns/$box-$LAB_ID" -- env --default-signal=INT,TERM "$@" \
		>"$T/$name" 2>&1 </dev/null &
	PID=$!
}

# EINAT_TEST_SLOW: the machine is so many times slower than a real one (an emulated one is). All
# limits in time become so much longer, streams so much thinner.
SLOW=${EINAT_TEST_SLOW:-1}

# pause SECONDS: without a program to start, which on a slow machine takes longer than the pause
exec {LAB_IDLE}<> <(:)
pause() { read -rt "$1" -u "$LAB_IDLE" || true; }

# How often is looked: a slow machine is not to be kept busy by looking.
printf -v LAB_POLL '%d.%02d' $((SLOW * 2 / 100)) $((SLOW * 2 % 100))

# wait_for SECONDS COMMAND...: until it succeeds; false when the time is over.
wait_for()
{
	local end=$((${EPOCHREALTIME/./} + ${1}000000 * SLOW))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "${EPOCHREALTIME/./}" -lt "$end" ] || return 1
		pause "$LAB_POLL"
	done
}

gone() { ! kill -0 "$1" 2>/dev/null; }
logged() { grep -q -- "$2" "$T/$1"; }

# finish PID [SIGNAL]: ends a process that `start` began and waits for it; gives its status.
finish()
{
	kill -"${2:-TERM}" "$1" 2>/dev/null
	wait "$1" 2>/dev/null
}

# ---- assertions, as TAP ------------------------------------------------------------------
ok()
{
	LAB_N=$((LAB_N + 1))
	echo "ok $LAB_N - $*"
}

not_ok()
{
	LAB_N=$((LAB_N + 1))
	LAB_FAILED=$((LAB_FAILED + 1))
	echo "not ok $LAB_N - $*"
}

# check NAME COMMAND...: the command succeeds; if not, what it printed is shown.
check()
{
	local name=$1
	shift
	if "$@" >"$T/check" 2>&1; then
		ok "$name"
	else
		not_ok "$name"
		echo "#   failed: $*"
		head -c 2000 "$T/check" | sed 's/^/#   /'
	fi
}

check_not()
{
	local name=$1
	shift
	check "$name" not "$@"
}

not() { ! "$@"; }

# check_eq NAME GOT WANTED; check_match NAME GOT EXTENDED-REGEX; check_num NAME A OPERATOR B
check_eq()
{
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		not_ok "$1"
		diff <(echo "$3") <(echo "$2") | sed 's/^/#   /; s/^#   </#   wanted:/; s/^#   >/#   got:   /'
	fi
}

check_match()
{
	if [[ $2 =~ $3 ]]; then
		ok "$1"
	else
		not_ok "$1"
		echo "#   wanted: $3"
		echo "#   got:    ${2//$'\n'/$'\n'#           }"
	fi
}

check_num()
{
	if test "$2" "$3" "$4" 2>/dev/null; then
		ok "$1"
	else
		not_ok "$1"
		echo "#   wanted: $2 $3 $4"
	fi
}

# finish_tests: last line of each test file.
finish_tests()
{
	echo "1..$LAB_N"
	if [ "$LAB_FAILED" != 0 ] && [ -s "$T/einat" ]; then
		echo "# einat's log (the last one):"
		tail -n 40 "$T/einat" | sed 's/^/#   /'
	fi
	[ "$LAB_FAILED" = 0 ]
	exit
}

die()
{
	echo "Bail out! $*"
	not_ok "lab: $*"
	[ ! -s "$T/einat" ] || sed 's/^/#   /' "$T/einat"
	exit 1
}

# ---- the boxes -------------------------------------------------------------------------
box()
{
	ip netns add "$1-$LAB_ID" || die "namespace $1"
	at "$1" ip link set lo up
	# one setting for all kernels: no duplicate address detection, no IPv6 noise
	at "$1" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1 \
		2>/dev/null
}

# wire BOX1 DEV1 BOX2 DEV2
wire()
{
	ip -n "$1-$LAB_ID" link add "$2" type veth peer name "$4" netns "$3-$LAB_ID" || die "veth $2"
	ip -n "$1-$LAB_ID" link set "$2" up
	ip -n "$3-$LAB_ID" link set "$4" up
}

# second_uplink: wan2 of the router, with the address EXT2, to the ISP; its leaks are counted, too
second_uplink()
{
	# shellcheck disable=SC2034 # for callers
	EXT2=192.0.2.2
	wire router wan2 isp home2
	at router ip addr add $EXT2/24 dev wan2
	at isp ip addr add 192.0.2.1/24 dev home2
	at isp nft add rule ip watch pre iifname home2 ip saddr 192.168.0.0/16 counter name leaks
}

# wan_up [ADDRESS]: makes wan and the ISP's end of it; also used to make it anew after wan_down.
wan_up()
{
	local addr=${1-$EXT}
	if [ -n "$LAB_TUN" ]; then
		: >"$T/relay"
		"$LAB_DIR/tunrelay.py" "$(ns_path router)" wan "$(ns_path isp)" home >"$T/relay" 2>&1 &
		LAB_RELAY=$!
		wait_for 5 logged relay wired || die "tun relay: $(cat "$T/relay")"
		# on a slow machine the relay may stop for a while: what it has not read yet is not lost
		at router ip link set wan txqueuelen 20000
		at isp ip link set home txqueuelen 20000
		at router ip addr add "$addr/32" dev wan
		at router ip link set wan up
		wan_route
		at isp ip link set home up
		at isp ip route replace 203.0.113.0/29 dev home
	else
		if [ -n "$LAB_VLAN" ]; then
			wire router wan0 isp home0
			at router ip link add link wan0 name wan type vlan id 10
			at isp ip link add link home0 name home type vlan id 10
			at router ip link set wan up
			at isp ip link set home up
		else
			wire router wan isp home
		fi
		at router ip addr add "$addr/24" dev wan
		wan_route
		at isp ip addr add 203.0.113.1/24 dev home
	fi
}

# wan_route: the default route, which goes away with wan's address or when it is set down
wan_route()
{
	if [ -n "$LAB_TUN" ]; then
		at router ip route replace default dev wan
	else
		at router ip route replace default via 203.0.113.1
	fi
}

# wan_address NEW: in place of $EXT
wan_address()
{
	local len=24
	[ -z "$LAB_TUN" ] || len=32
	at router ip addr del "$EXT/$len" dev wan
	at router ip addr add "$1/$len" dev wan
	wan_route
}

wan_down()
{
	at router ip link del "wan${LAB_VLAN:+0}"
	if [ -n "$LAB_TUN" ]; then
		finish "$LAB_RELAY"
	fi
}

lab_up()
{
	local word
	LAB_TUN='' LAB_VLAN='' LAB_FIREWALL='' LAB_NOMASQ=''
	[[ $0 != *_tun.sh ]] || LAB_TUN=1
	[[ $0 != *_vlan.sh ]] || LAB_VLAN=1
	[ -x "$EINAT" ] || die "$EINAT is not built: make"
	for word in "$@"; do
		case $word in
		tun) LAB_TUN=1 ;;
		vlan) LAB_VLAN=1 ;;
		firewall) LAB_FIREWALL=1 ;;
		nomasq) LAB_NOMASQ=1 ;;
		*) die "lab_up: unknown word $word" ;;
		esac
	done
	for word in router isp far h1 h2 c1; do
		box "$word"
	done
	[ -z "$LAB_VLAN" ] || at far ip link add below type bridge
	if [ -n "$LAB_VLAN" ] && ! at far ip link add link below name probe type vlan id 9 2>/dev/null; then
		echo "ok 1 - $(basename "$0") # SKIP this kernel has no VLAN interfaces (8021q)"
		exit 0
	fi
	[ -z "$LAB_VLAN" ] || at far ip link del below

	at router ip link add lan type bridge
	at router ip addr add 192.168.1.1/24 dev lan
	at router ip link set lan up
	at router ip link add br-c type bridge
	at router ip addr add 172.17.0.1/16 dev br-c
	at router ip link set br-c up
	host h1 lan 192.168.1.2/24 192.168.1.1
	host h2 lan 192.168.1.3/24 192.168.1.1
	host c1 br-c 172.17.0.2/16 172.17.0.1

	at isp ip addr add $A1/32 dev lo
	at isp ip addr add $A2/32 dev lo
	at isp ip addr add 203.0.113.1/32 dev lo
	wan_up $EXT
	wire isp core far eth0
	at isp ip addr add 198.51.100.1/24 dev core
	at far ip addr add $FAR/24 dev eth0
	at far ip route add default via 198.51.100.1
	at router sysctl -qw net.ipv4.ip_forward=1
	at isp sysctl -qw net.ipv4.ip_forward=1
	# tests provoke many ICMP errors on purpose
	for word in router isp far h1 h2; do
		at "$word" sysctl -qw net.ipv4.icmp_ratelimit=0
	done
	router_rules
	leak_watch
	start servers isp "$PEER" serve $A1 $A2
	start farserver far "$PEER" serve $FAR
	wait_for 5 logged servers serving || die "servers: $(cat "$T/servers")"
	wait_for 5 logged farserver serving || die "servers: $(cat "$T/farserver")"
	wait_for 5 at h1 ping -c 1 -W 1 -q $A1 || die "h1 has no way out"
}

# host BOX BRIDGE ADDRESS GATEWAY
host()
{
	wire "$1" eth0 router "p-$1"
	at router ip link set "p-$1" master "$2"
	at "$1" ip addr add "$3" dev eth0
	at "$1" ip route add default via "$4"
}

# The router's own rules, as they are found on such machines: Docker's by iptables-nft with TCP
# 8080 and UDP 25000 published, a home router's masquerade by nft.
router_rules()
{
	local ipt="at router iptables-nft"
	$ipt -t nat -N DOCKER
	$ipt -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
	$ipt -t nat -A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
	$ipt -t nat -A POSTROUTING -s 172.17.0.0/16 ! -o br-c -j MASQUERADE
	$ipt -t nat -A DOCKER ! -i br-c -p tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
	$ipt -t nat -A DOCKER ! -i br-c -p udp --dport 25000 -j DNAT --to-destination 172.17.0.2:5000
	if [ -z "$LAB_NOMASQ" ]; then
		at router nft -f - <<-'END'
		table ip home {
			chain postrouting {
				type nat hook postrouting priority srcnat; policy accept;
				oifname "wan" masquerade
			}
		}
		END
	fi || die "nft"
	if [ -n "$LAB_FIREWALL" ]; then
		at router nft -f - <<-'END'
		table inet firewall {
			chain forward {
				type filter hook forward priority filter; policy drop;
				ct state established,related accept
				iifname { "lan", "br-c" } accept
				ct status dnat accept
			}
		}
		END
	fi || die "nft"
}

# Counts, on the ISP's side, packets that came from the router with a private source: `leaks`.
leak_watch()
{
	at isp nft -f - <<-'END' || die "nft in isp"
	table ip watch {
		counter leaks { }
		chain pre {
			type filter hook prerouting priority raw; policy accept;
			iifname "home" ip saddr { 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 } counter name leaks
		}
	}
	END
}

leaks() { at isp nft list counter ip watch leaks | sed -n 's/.*packets \([0-9]*\) .*/\1/p'; }

# ---- einat -----------------------------------------------------------------------------
# start_einat ARGUMENTS...: on the router; waits for "ready"; false (log shown) if it ends before.
start_einat()
{
	start einat router "$EINAT" run -i wan "$@"
	EINAT_PID=$PID
	if ! wait_for 15 einat_settled || ! logged einat ready; then
		sed 's/^/# einat: /' "$T/einat"
		return 1
	fi
}

einat_settled() { logged einat ready || gone "$EINAT_PID"; }

# must_start ARGUMENTS...: ends the test file if einat does not start.
must_start() { start_einat "$@" || die "einat did not start: $*"; }

# stop_einat [SIGNAL]: gives einat's exit status; ended by force after 15 s (status 137).
stop_einat()
{
	kill -"${1:-INT}" "$EINAT_PID" || return
	wait_for 15 gone "$EINAT_PID" || kill -KILL "$EINAT_PID"
	wait "$EINAT_PID" 2>/dev/null
}

einat() { at router "$EINAT" "$@"; }

# json EXPRESSION: evaluates a Python expression over the JSON text `d` on standard input.
json() { "$PY" -ESc 'import json,sys; d=json.load(sys.stdin); print(eval("(" + sys.argv[1] + ")"))' "$1"; }

# stat_of out|in REASON; count_of NAME; binding_of PROTO INTERNAL-ENDPOINT
stat_of() { einat stats -i wan --json | json "d['$1'].get('$2',{}).get('packets',0)"; }
count_of() { einat stats -i wan --json | json "d['counts'].get('$1',0)"; }
binding_of()
{
	einat bindings -i wan --json | json "' '.join(sorted(b['external'] for b in d['bindings'] \
		if b['proto'] == '$1' and b['internal'] == '$2'))"
}
bindings()
{
	einat bindings -i wan --json | json "'\n'.join(sorted(' '.join((b['proto'], b['internal'], \
		b['external'], str(b['static']))) for b in d['bindings']))"
}

# conntrack_of PROTO ORIGINAL-SOURCE[:PORT]: "masquerade" or "untouched" for each flow, by the
# reply tuple of the router's conntrack.
conntrack_of()
{
	local src=${2%:*} with_port=()
	[ "$src" = "$2" ] || with_port=(--orig-port-src "${2##*:}")
	at router conntrack -L -p "$1" --orig-src "$src" "${with_port[@]}" 2>/dev/null |
		awk -v ext="dst=$EXT" -v src="dst=$src" '{
			n = 0
			for (i = 1; i <= NF; i++) {
				if ($i !~ /^dst=/ || ++n != 2)
					continue
				if ($i == ext) print "masquerade"
				else if ($i == src) print "untouched"
				else print "other", $i
			}
		}' | sort -u
}

# ctl_word OFFSET [VALUE]: a 32-bit word of the data plane's map "ctl", for what cannot be waited for.
# Maps of the same name of others are about, so it is found by the program on wan.
ctl_word()
{
	local prog
	prog=$({ at router "$PY" "$LAB_DIR/tcx.py" wan ids; at router tc filter show dev wan egress; } |
		sed -nE 's/^tcx egress ([0-9]+).*/\1/p; s/.* id ([0-9]+) .*/\1/p' | head -n 1)
	[ -n "$prog" ] || return 1
	"$PY" -c '
import json, struct, subprocess, sys
def bpftool(*args):
    return json.loads(subprocess.check_output(("bpftool", "-j") + args))
maps = (bpftool("map", "show", "id", str(i)) for i in bpftool("prog", "show", "id", sys.argv[1])["map_ids"])
m = str(next(x["id"] for x in maps if x.get("name") == "ctl"))
v = [int(b, 16) for b in bpftool("map", "dump", "id", m)[0]["value"]]
at = int(sys.argv[2])
if len(sys.argv) > 3:
    v[at:at + 4] = struct.pack("=I", int(sys.argv[3]))
    bpftool("map", "update", "id", m, "key", "0", "0", "0", "0", "value", *map(str, v))
print(struct.unpack("=I", bytes(v[at:at + 4]))[0])' "$prog" "$@"
}

# snapshot FILE: all that einat must leave as it was. Counters and dynamic neighbours are left out.
snapshot()
{
	local dev
	{
		echo "== nft"
		at router nft -s list ruleset
		echo "== rules"
		at router ip -d rule
		echo "== routes"
		at router ip route show table all
		echo "== neighbours"
		at router ip neigh show nud permanent
		echo "== links"
		at router ip -o link | sed 's/ state [A-Z]*//'
		for dev in $(at router ip -o link | sed 's/^[0-9]*: \([^:@]*\).*/\1/'); do
			echo "== tc $dev"
			at router tc qdisc show dev "$dev"
			at router tc filter show dev "$dev" ingress 2>/dev/null
			at router tc filter show dev "$dev" egress 2>/dev/null
			at router "$PY" "$LAB_DIR/tcx.py" "$dev"
		done
		echo "== sysctls"
		at router sysctl -a 2>/dev/null | grep '^net\.' |
			grep -vE '^net\.netfilter\.nf_conntrack_count|^net\.core\.bpf_jit_limit|random'
		echo "== pins"
		find /sys/fs/bpf -mindepth 1 | sort
		echo "== files"
		find /run -mindepth 1 -not -path '/run/lab/*' -not -path '/run/netns/*' | sort
	} >"$T/$1" 2>&1
}

# same BEFORE AFTER: compares two snapshots, shows the difference.
same() { diff -u "$T/$1" "$T/$2"; }

# family and name of einat's table; its text without comments
einat_table() { at router nft list tables | sed -n 's/^table \(inet .*einat.*\)/\1/p'; }
# shellcheck disable=SC2046 # two words are meant
einat_rules() { at router nft -s list table $(einat_table) | sed 's/[[:space:]]comment ".*"//'; }

# what einat wrote, named for messages: 0 if there is any trace of it
has_traces()
{
	at router nft list tables | grep einat || find /sys/fs/bpf -mindepth 1 | grep einat
}

# ---- clients ---------------------------------------------------------------------------
# seen BOX PORT TARGET...: the endpoints that the targets saw, in one line (UDP)
seen()
{
	local box=$1 port=$2
	shift 2
	at "$box" "$PEER" seen -b "$port" "$@" | paste -sd' '
}
tcp_seen()
{
	local box=$1 port=$2
	shift 2
	at "$box" "$PEER" tcp -b "$port" "$@" | paste -sd' '
}
eif() { at "$1" "$PEER" eif --limit 0.5 -b "$2" "$3" "$4"; }

# hold NAME BOX PORT TARGET [COMMAND]: opens a binding and answers on it; endpoint in $ENDPOINT, pid in $PID
hold()
{
	start "$1" "$2" "$PEER" "${5-hold}" -b "$3" "$4"
	wait_for 6 test -s "$T/$1"
	# shellcheck disable=SC2034 # used by callers
	ENDPOINT=$(head -n 1 "$T/$1")
}
# send BOX PORT TARGET [OPTIONS]: one datagram; what came back
send() { at "$1" "$PEER" send -b "$2" "$3" hello "${@:4}"; }
# stream NAME BOX PORT TARGET [OPTIONS]: numbered datagrams until stream_end NAME PID, which prints the JSON
stream()
{
	start "$1" "$2" "$PEER" stream -b "$3" "${@:5}" "$4"
	wait_for 5 logged "$1" streaming || die "stream: $(cat "$T/$1")"
}
# A slow machine's server answers an ordinary stream many seconds late. Values of --rate for tests in
# which it matters when an answer comes, and for streams to "late", which answers five times:
# shellcheck disable=SC2034 # used by tests
THIN=$((SLOW > 1 ? 180 : 1000)) LATE_RATE=$((SLOW > 1 ? 5 * SLOW : 20))
stream_end()
{
	kill "$2" 2>/dev/null # unless it was told already
	wait_for 5 logged "$1" '"sent"'
	tail -n 1 "$T/$1"
}

# same_endpoint "E1 E2 ...": all words equal, none "none"
same_endpoint() { [ -n "$1" ] && [ "$(tr ' ' '\n' <<<"$1" | sort -u | wc -l)" = 1 ] && [[ $1 != *none* ]]; }
port_of() { local e=${1%% *}; echo "${e##*:}"; }
in_slice() { local p; p=$(port_of "$1"); [ "$p" -ge 20000 ] 2>/dev/null && [ "$p" -le 29999 ]; }

# ---- real servers and clients ------------------------------------------------------------
# stun_up: coturn's STUN server with RFC 5780 on both of the ISP's addresses, ports 3478 and 3479
stun_up()
{
	mkdir -p "$T/coturn"
	start turnserver isp turnserver -n -L $A1 -L $A2 -p 3478 --alt-listening-port 3479 --no-tls \
		--no-dtls --no-auth --no-cli --pidfile "$T/coturn/pid" --userdb "$T/coturn/db" \
		--log-file "$T/coturn/log" --simple-log
	wait_for 10 stun_listens || die "turnserver: $(cat "$T/turnserver")"
}

stun_listens() { at isp ss -Hlun "src $A2:3479" | grep -q . && logged coturn/log "General servers"; }

# stun BOX ADDRESS: what RFC 5780's tests say of the NAT, one line for mapping, one for filtering
stun()
{
	at "$1" timeout $((30 * SLOW)) turnutils_natdiscovery -m -f -p 3478 -L "$2" $A1 2>&1 |
		grep -E '^NAT with|Mapping!|Filtering!|No NAT' | sed 's/[!.]*$//'
}
