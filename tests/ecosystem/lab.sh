# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The lab of tests/e2e with real programs on the router: a container engine, a firewall. Source it.
#
# Every program runs in the lab's namespaces with state of its own: /run and /var are empty, /etc is a
# copy; /sys/fs/cgroup is a cgroup2 hierarchy whose root is a cgroup made for
# the test, and removed after it. Nothing of the machine is changed, no service of it is asked.
#
# A test plays the same actions twice, without einat and with it, while traffic flows:
#   flow NAME COMMAND...     a stream of its own (`stream`, `tcpstream` of peer.py), see below
#   act ROUND NAME COMMAND   plays COMMAND under all flows; what was lost is kept
#   no_worse NAME            with einat no flow lost more than without

# ---- a cgroup of its own; removed when all is over, however it ends ------------------------
if [ -z "${ECO_CG-}" ]; then
	[ "$(id -u)" = 0 ] || { echo "$0: needs root (network namespaces)" >&2; exit 1; }
	mnt=$(mktemp -d)
	ECO_CG=$(sed -n 's/^0:://p' /proc/self/cgroup)
	ECO_CG=${ECO_CG%/}/einat-test-$$
	export ECO_CG
	with_cgroups()
	{
		# shellcheck disable=SC2016 # for the inner shell
		unshare --mount sh -c 'mount -t cgroup2 cgroup "$0" && exec "$@"' "$mnt" "$@"
	}
	cleanup()
	{
		local i
		# what ran in it has been killed with its PID namespace; the kernel needs a moment
		for i in 1 2 3 4 5 6 7 8 9 10; do
			with_cgroups find "$mnt$ECO_CG" -depth -type d -exec rmdir {} + 2>/dev/null && break
			sleep 0.1
		done
		rmdir "$mnt"
	}
	if ! with_cgroups mkdir "$mnt$ECO_CG"; then
		rmdir "$mnt"
		echo "ok 1 - $(basename "$0") # SKIP no cgroup2 hierarchy can be used here"
		exit 0
	fi
	# shellcheck disable=SC2016 # for the inner shell
	with_cgroups sh -c 'echo $$ >"$0/cgroup.procs" && exec unshare --cgroup "$@"' "$mnt$ECO_CG" \
		"$0" "$@" &
	child=$!
	trap 'kill -TERM $child 2>/dev/null' TERM HUP INT
	wait $child
	status=$?
	wait $child 2>/dev/null
	cleanup
	exit $status
fi

ECO_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$ECO_DIR/../e2e/lab.sh"
export HOME=$T
export PATH=/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin

# needs COMMAND...: else the file is skipped, and says what is missing
needs()
{
	local c
	for c in "$@"; do
		command -v "$c" >/dev/null && continue
		echo "ok 1 - $(basename "$0") # SKIP $c is not installed (scripts/install-deps --ecosystem)"
		exit 0
	done
}

umount -R /sys/fs/cgroup 2>/dev/null
mount -t cgroup2 cgroup /sys/fs/cgroup || exit 1
# /etc is a copy, /var is empty
mkdir "$T/etc" && cp -a /etc/. "$T/etc/" && mount --bind "$T/etc" /etc || exit 1
mount -t tmpfs -o mode=755 tmpfs /var && mkdir -p /var/lib /var/cache /var/log /var/tmp || exit 1
ln -s /run /var/run
ln -s /run/lock /var/lock

# The router's rules of the e2e lab are left out: here real programs write them.
router_rules() { at router nft -f - <<<"$HOME_TABLE" || die nft; }
HOME_TABLE='table ip home {
	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
		oifname "wan" masquerade
	}
}'

# lan_leaks_begin, lan_leaks: packets with h1's own address that reached the ISP since then; all its flows
# are of the slice
lan_leaks_begin()
{
	at isp nft -f - <<-'END' || die "nft in isp"
	table ip watchlan {
		counter leaks { }
		chain pre {
			type filter hook prerouting priority raw; policy accept;
			iifname "home" ip saddr 192.168.1.2 counter name leaks
		}
	}
	END
}
lan_leaks() { at isp nft list counter ip watchlan leaks | sed -n 's/.*packets \([0-9]*\) .*/\1/p'; }

# box_of PID NAME: the network namespace of a process as a box, for `at` and `start`
box_of()
{
	: >"/run/netns/$2-$LAB_ID"
	mount --bind "/proc/$1/ns/net" "/run/netns/$2-$LAB_ID" || die "namespace of $2"
}
box_gone() { umount "/run/netns/$1-$LAB_ID"; }

# ---- an image: busybox alone ---------------------------------------------------------------
# image_tar: a root folder as tar on standard output
image_tar()
{
	local c
	mkdir -p "$T/image/bin" "$T/image/etc"
	cp -u "$(command -v busybox)" "$T/image/bin/busybox"
	for c in sh sleep cat; do
		ln -sf busybox "$T/image/bin/$c"
	done
	tar -C "$T/image" -c .
}

# ---- flows ----------------------------------------------------------------------------------
declare -A FLOW FLOW_PID LOST STALL SENT LEAKS
FLOWS=() ACTS=0 WITNESSES=
# flow NAME BOX udp|tcp PORT TARGET: 200 datagrams or lines a second, while an action is played
flow()
{
	local kind=stream
	[ "$3" = udp ] || kind=tcpstream
	FLOW[$1]="$2 $kind $4 $5"
	[[ " ${FLOWS[*]} " == *" $1 "* ]] || FLOWS+=("$1")
}
no_flow()
{
	local f kept=()
	for f in "${FLOWS[@]}"; do
		[ "$f" = "$1" ] || kept+=("$f")
	done
	FLOWS=("${kept[@]}")
}

flows_begin()
{
	local f box kind port target
	for f in "${FLOWS[@]}"; do
		read -r box kind port target <<<"${FLOW[$f]}"
		# a connection that was cut off is still known to the other side
		[ $kind = stream ] || port=$((port + 10 * ACTS))
		start "flow.$f" "$box" "$PEER" "$kind" --rate 200 -b "$port" "$target"
		FLOW_PID[$f]=$PID
	done
	for f in "${FLOWS[@]}"; do
		wait_for 10 grep -qE 'streaming|lost' "$T/flow.$f" || die "flow $f: $(cat "$T/flow.$f")"
	done
	sleep 0.2
}

# flows_end KEY: keeps in LOST, SENT and STALL (ms without an answer, TCP) what each flow says
flows_end()
{
	local f line
	for f in "${FLOWS[@]}"; do
		kill "${FLOW_PID[$f]}" 2>/dev/null
	done
	for f in "${FLOWS[@]}"; do
		wait "${FLOW_PID[$f]}" 2>/dev/null
		line=$(tail -n 1 "$T/flow.$f" | json "'%d %d %d' % (d['lost'], d['sent'], d.get('stall', 0))")
		read -r "LOST[$1.$f]" "SENT[$1.$f]" "STALL[$1.$f]" <<<"$line"
	done
}

# act ROUND NAME COMMAND...: the command under all flows, half a second more; its status is checked
act()
{
	local round=$1 name=$2
	shift 2
	ACTS=$((ACTS + 1))
	flows_begin
	LEAKS[$round.$name]=$(leaks)
	check "$round: $name" "$@"
	sleep 0.5
	flows_end "$round.$name"
	LEAKS[$round.$name]=$(($(leaks) - LEAKS[$round.$name]))
}

# no_worse NAME [HOLE]: compares the rounds "plain" and "einat". Where nothing was lost without einat,
# nothing may be lost with it, or no more than HOLE packets where the program itself takes rules
# out for an instant. Where the action interrupts all forwarding, its length varies with the machine's load:
# then a flow of the slice may lose what those in $WITNESSES lose at the same time, and 10 of 200
# a second; these, which einat neither claims nor translates, three times as much as without it, or
# more if the whole action took so much longer.
no_worse()
{
	local f a b limit witnessed=0
	for f in $WITNESSES; do
		b=${LOST[einat.$1.$f]}
		[ "$b" -le "$witnessed" ] || witnessed=$b
	done
	for f in "${FLOWS[@]}"; do
		a=${LOST[plain.$1.$f]-} b=${LOST[einat.$1.$f]-none}
		limit=${a:-$(lost_most "plain.$1")}
		if [ "$limit" = 0 ]; then
			limit=${2-0}
		elif [[ " $WITNESSES " == *" $f "* ]]; then
			limit=$((3 * limit + 100))
			[ "${SENT[einat.$1.$f]}" -le "${SENT[plain.$1.$f]}" ] ||
				limit=$((limit * SENT[einat.$1.$f] / SENT[plain.$1.$f]))
		elif [ "$limit" -lt $((witnessed + 10)) ]; then
			limit=$((witnessed + 10))
		fi
		[ "$limit" -ge "${2-0}" ] || limit=$2
		[ -n "$a" ] || a=- SENT[plain.$1.$f]=-
		check_num "$1: $f: lost $b of ${SENT[einat.$1.$f]-0} with einat, $a of ${SENT[plain.$1.$f]-0} without$(
			[ "${STALL[einat.$1.$f]-0}" = 0 ] || echo "; longest pause ${STALL[einat.$1.$f]} and ${STALL[plain.$1.$f]-0} ms")" \
			"$b" -le "$limit"
	done
	check_num "$1: ${LEAKS[einat.$1]} packets left with a private source with einat, ${LEAKS[plain.$1]} without" \
		"${LEAKS[einat.$1]}" -le "${LEAKS[plain.$1]}"
}
lost_most()
{
	local k most=0
	for k in "${!LOST[@]}"; do
		[[ $k == "$1."* ]] && [ "${LOST[$k]}" -gt "$most" ] && most=${LOST[$k]}
	done
	echo "$most"
}

# back_within MS NAME COMMAND...: the command deletes einat's table; that is back so soon
back_within()
{
	local limit=$(($1 * SLOW)) name=$2 ms
	shift 2
	ms=$(at router "$PY" "$ECO_DIR/watch.py" einat_wan "$@")
	if [ "$ms" = "not deleted" ]; then
		ok "$name: einat's table was not touched"
	else
		check_num "$name: einat's table was back after $ms ms" "${ms//[^0-9]/9}" -le "$limit"
	fi
}

# claimed NAME PORT: a new flow of the slice from h1 is claimed, translated, and not masqueraded
claimed()
{
	check_eq "$1: a new flow keeps its port in the slice" "$(seen h1 "$2" $A1:7000)" "$EXT:$2"
	check_eq "$1: and no rule masquerades it" "$(conntrack_of udp "192.168.1.2:$2")" untouched
}
