#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A Docker engine beside einat: publish, remove, networks, restart, flushed rules.
set -u
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/docker.sh"
needs dockerd busybox
lab_up
at router sysctl -qw net.ipv4.ip_forward=0 # Docker turns it on, and sets FORWARD to DROP for that
dockerd_up
echo "# dockerd $(docker info --format '{{.ServerVersion}}'), FORWARD $(at router iptables -S FORWARD | head -n 1)"
check "an image" docker_image
docker_user_rules || die "DOCKER-USER"
check "a container with published ports" container web -p 8080:7000/tcp -p 25000:7000/udp
WEB=$(docker inspect --format '{{.NetworkSettings.IPAddress}}' web)

# each round has its own ports: conntrack knows the flows of the first one still
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
network()
{
	docker network create --subnet 172.31.0.0/16 other &&
		container side --network other -p 8082:7000/tcp &&
		[ "$(seen side 7202 $A1:7001)" = "$EXT:7202" ] &&
		container_gone side && docker network rm other
}
# as an operator repairs it: Docker writes its rules only when it starts
repair()
{
	at router nft list table ip home >/dev/null 2>&1 || router_rules
	dockerd_restart && docker_user_rules
}
flush() { at router nft flush ruleset && sleep 0.3 && repair; }
iptables_flush() { at router iptables -F && at router iptables -t nat -F && sleep 0.3 && repair; }
as_ever()
{
	check_eq "$1: a LAN host to the Internet" "$(seen h2 7209 $A1:7000)" "$EXT:7209"
	check_match "$1: docker ps" "$(docker ps --format '{{.Names}} {{.Status}}')" "^web Up"
	check "$1: docker port" published web 8080
	check_eq "$1: published UDP from outside" "$(seen far 7210 $EXT:25000)" "$FAR:7210"
	check_eq "$1: published TCP from outside" "$(tcp_seen far 7211 $EXT:8080)" "$FAR:7211"
	check_match "$1: published TCP from the LAN" "$(tcp_seen h2 7212 $EXT:8080)" "^192.168.1.3:7212$"
	check_eq "$1: the container to the Internet" "$(seen web 7213 $A1:7001)" "$EXT:7213"
}

round()
{
	act "$1" publish publish
	act "$1" network network
	act "$1" restart dockerd_restart
	as_ever "$1: after a restart of dockerd"
	act "$1" iptables-F iptables_flush
	as_ever "$1: after iptables -F, repaired"
	act "$1" flush flush
	as_ever "$1: after a flush, repaired"
}

lan_flows 25100
round plain

must_start --proto udp,tcp --ports 20000-29999 --inbound-mark 0x1/0x1 --exclude-dest $A2/32
check_eq "einat guards: others masquerade" "$(einat status -i wan --json | json "d['interfaces'][0]['rest']")" guard
check_not "the rule in DOCKER-USER is seen: no warning of filtering" logged einat "will not be endpoint"
as_ever "with einat"
claimed "with einat" 25110
hold held h1 25102 $A1:7000
check_eq "a binding for a stranger" "$ENDPOINT" "$EXT:25102"
flow stranger far udp 7104 $EXT:25102
lan_flows 25101
lan_leaks_begin
round einat
no_worse publish
no_worse network 20 # Docker takes the jump to DOCKER-USER out and puts it back on top
no_worse restart 20
no_worse iptables-F
no_worse flush 20 # no NAT for an instant: the kernel's hooks go with the last nat chain
check_eq "that Docker's subnet is left to Docker was said once" "$(grep -c '172.30.0.0/16 stays with' "$T/einat")" 1
claimed "after all that" 25111
back_within 100 "nft flush ruleset" nft flush ruleset
check "repaired" repair
claimed "after one more flush" 25112
check_eq "full cone" "$(eif h1 25113 $A1:7000 $A2:7001)" yes

# ---- published ports inside the slice -------------------------------------------------------
# without a docker-proxy, whose socket einat would see too
finish "$DOCKERD"
dockerd_up --userland-proxy=false
docker_user_rules
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
check_eq "with einat no packet of the slice left with its host's own address" "$(lan_leaks)" 0
check "stop" stop_einat
as_ever "without einat again"
finish_tests
