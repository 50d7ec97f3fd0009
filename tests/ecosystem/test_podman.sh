#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# podman with netavark beside einat: publish, remove, network reload, flushed rules.
set -u
. "$(dirname "$0")/lab.sh"
needs podman runc conmon busybox
[ -x /usr/lib/podman/netavark ] || needs netavark
lab_up
mkdir -p "$T/podman/networks"
# the test's cgroup has no controllers: no limit of processes
cat >"$T/containers.conf" <<END
[containers]
pids_limit = 0
log_driver = "k8s-file"
[engine]
events_logger = "file"
[network]
network_backend = "netavark"
network_config_dir = "$T/podman/networks"
END
export CONTAINERS_CONF=$T/containers.conf
podman()
{
	at router /usr/bin/podman --root "$T/podman/root" --runroot "$T/podman/run" --tmpdir "$T/podman/tmp" \
		--storage-driver vfs --cgroup-manager cgroupfs "$@"
}
podman_image() { image_tar | podman import - box >"$T/import" 2>&1; }
# container NAME OPTIONS...: as docker.sh's
container()
{
	local name=$1
	shift
	podman run -d --name "$name" "$@" box sleep 100000 || return
	box_of "$(podman inspect --format '{{.State.Pid}}' "$name")" "$name"
	start "serve.$name" "$name" "$PEER" serve 0.0.0.0
	wait_for 5 logged "serve.$name" serving
}
container_gone()
{
	box_gone "$1"
	podman rm -f -t 0 "$1"
}

echo "# $(/usr/bin/podman --version), $(/usr/lib/podman/netavark --version 2>/dev/null)"
check "an image" podman_image
check "a container with published ports" container web -p 8080:7000/tcp -p 25000:7000/udp
check_eq "by netavark" "$(podman info --format '{{.Host.NetworkBackend}}')" netavark

lan_flows()
{
	flow lan-udp h1 udp "$1" $A1:7000
	flow lan-tcp h1 tcp "$1" $A1:7000
}
flow published-udp far udp 7100 $EXT:25000
flow published-tcp far tcp 7101 $EXT:8080
flow published-inside h2 tcp 7102 $EXT:8080
WITNESSES="lan-rest published-udp container-out"
flow lan-rest h2 udp 7105 $A2:7000 # not the slice's: --exclude-dest
flow container-out web udp 7103 $A2:7000

# podman leaves conntrack's UDP entries towards a container that has gone: another remote port each time
published_answers()
{
	local udp tcp
	udp=$(seen far $((7200 + ACTS)) $EXT:25001)
	tcp=$(tcp_seen h2 7201 $EXT:8081)
	echo "UDP from outside: $udp; TCP from the LAN: $tcp"
	[ "$udp" = "$FAR:$((7200 + ACTS))" ] && [ "$tcp" = 192.168.1.3:7201 ]
}
publish()
{
	container more -p 8081:7000/tcp -p 25001:7000/udp && published_answers && container_gone more
}
repair()
{
	at router nft list table ip home >/dev/null 2>&1 || router_rules
	podman network reload -a
}
reload() { podman network reload -a; }
flush() { at router nft flush ruleset && sleep 0.3 && repair; }
iptables_flush() { at router iptables -F && at router iptables -t nat -F && sleep 0.3 && repair; }
as_ever()
{
	check_match "$1: podman ps" "$(podman ps --format '{{.Names}} {{.Status}}')" "^web Up"
	check_match "$1: podman port" "$(podman port web | paste -sd,)" "7000/tcp -> 0.0.0.0:8080"
	check_eq "$1: published UDP from outside" "$(seen far 7210 $EXT:25000)" "$FAR:7210"
	check_eq "$1: published TCP from outside" "$(tcp_seen far 7211 $EXT:8080)" "$FAR:7211"
	check_eq "$1: published TCP from the LAN" "$(tcp_seen h2 7212 $EXT:8080)" "192.168.1.3:7212"
	check_eq "$1: the container to the Internet" "$(seen web 7213 $A1:7001)" "$EXT:7213"
	check_eq "$1: a LAN host to the Internet" "$(seen h2 7209 $A1:7000)" "$EXT:7209"
}
round()
{
	act "$1" publish publish
	act "$1" reload reload
	as_ever "$1: after podman network reload"
	act "$1" iptables-F iptables_flush
	as_ever "$1: after iptables -F, reloaded"
	act "$1" flush flush
	as_ever "$1: after a flush, reloaded"
}

lan_flows 25100
round plain

must_start --proto udp,tcp --ports 20000-29999 --exclude-dest $A2/32
check_eq "einat guards: others masquerade" "$(einat status -i wan --json | json "d['interfaces'][0]['rest']")" guard
check "podman's subnet stays with podman" logged einat "10.88.0.0/16 stays with masquerade"
as_ever "with einat"
claimed "with einat" 25110
hold held h1 25102 $A1:7000
check_eq "a binding for a stranger" "$ENDPOINT" "$EXT:25102"
flow stranger far udp 7104 $EXT:25102
lan_flows 25101
lan_leaks_begin
round einat
no_worse publish
no_worse reload 20 # netavark takes the rules of each container out and puts them back
no_worse iptables-F 20
no_worse flush 20 # no NAT for an instant: the kernel's hooks go with the last nat chain
claimed "after all that" 25111
check_eq "full cone" "$(eif h1 25113 $A1:7000 $A2:7001)" yes

check_eq "a port of the slice is given to a LAN host" "$(seen h1 26000 $A1:7000)" "$EXT:26000"
check "26000 to 26019 are published" container range -p 26000-26019:7000-7019/udp
e=$(seen h2 26001 $A1:7000)
check_match "at once, none of them is given to a new binding" "$e" "^$EXT:"
check_match "but another of the slice" "$(port_of "$e")" "^2([0-57-9]|60[2-9]|6[1-9])"
check_eq "what is published answers" "$(seen far 7220 $EXT:26001)" "$FAR:7220"
check_eq "a flow that had its port before keeps it" "$(seen h1 26000 $A1:7001)" "$EXT:26000"
check "the container goes" container_gone range
begin=${EPOCHREALTIME/./}
port=26002
given_back() { port=$((port + 1)); [ "$(seen h2 $port $A1:7000)" = "$EXT:$port" ]; }
check "its ports are given to new bindings again" wait_for 5 given_back
echo "# after $(((${EPOCHREALTIME/./} - begin) / 1000)) ms"
back_within 100 "nft flush ruleset" nft flush ruleset
check "podman network reload" repair
check_eq "with einat no packet of the slice left with its host's own address" "$(lan_leaks)" 0
check "stop" stop_einat
as_ever "without einat again"
finish_tests
