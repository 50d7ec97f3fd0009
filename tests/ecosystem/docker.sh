# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A Docker engine on the lab's router. Source it after lab.sh.
DOCKER=/usr/bin/docker
export DOCKER_HOST=unix://$T/docker.sock
DOCKER_BRIDGE=172.30.0.1/16

docker() { at router $DOCKER "$@"; }
dockerd_answers() { docker info --format '{{.ServerVersion}}' | grep -q '^[0-9]'; }

# dockerd_up OPTIONS...: state is on the lab's tmpfs, cgroups are the test's own
dockerd_up()
{
	echo '{}' >"$T/daemon.json"
	start dockerd router dockerd --data-root "$T/docker" --exec-root "$T/docker-exec" \
		--pidfile "$T/docker.pid" --config-file "$T/daemon.json" --host "$DOCKER_HOST" \
		--storage-driver vfs --exec-opt native.cgroupdriver=cgroupfs --bip $DOCKER_BRIDGE \
		--live-restore "$@"
	DOCKERD=$PID DOCKERD_OPTIONS=("$@")
	wait_for 30 dockerd_answers || die "dockerd: $(tail -n 20 "$T/dockerd")"
}
dockerd_restart()
{
	finish "$DOCKERD"
	dockerd_up "${DOCKERD_OPTIONS[@]}"
}
docker_image() { image_tar | docker import - box >"$T/import"; }

# container NAME OPTIONS...: runs, and answers on 7000 and 7001; a box of that name for `at`
container()
{
	local name=$1
	shift
	docker run -d --name "$name" "$@" box sleep 100000 || return
	box_of "$(docker inspect --format '{{.State.Pid}}' "$name")" "$name"
	start "serve.$name" "$name" "$PEER" serve 0.0.0.0
	wait_for 5 logged "serve.$name" serving
}
container_gone()
{
	box_gone "$1"
	docker rm -f "$1"
}
published() { docker port "$1" | grep -F "$2"; }

# What an operator adds on a router whose FORWARD policy Docker has set to DROP (which
# a flush undoes): the LAN may go out, answers may come in, and what einat has translated inwards (--inbound-mark 0x1/0x1) too.
docker_user_rules()
{
	# a daemon that finds its containers running (live-restore) makes the chain and the jump to it
	# with the next network
	at router iptables -C FORWARD -j DOCKER-USER 2>/dev/null ||
		{ docker network create passing && docker network rm passing; } || return
	at router iptables -P FORWARD DROP && at router iptables -F DOCKER-USER &&
		at router iptables -A DOCKER-USER -i lan -o wan -j ACCEPT &&
		at router iptables -A DOCKER-USER -i wan -m mark --mark 0x1/0x1 -j ACCEPT &&
		at router iptables -A DOCKER-USER -i wan -o lan -m conntrack \
			--ctstate ESTABLISHED,RELATED -j ACCEPT
}
