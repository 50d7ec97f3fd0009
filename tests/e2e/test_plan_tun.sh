#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# einat plan: says what would be written, in the words of nft and ip, and changes nothing.
set -u
. "$(dirname "$0")/lab.sh"
lab_up
box other
index=$(at router ip -o link show wan | cut -d: -f1)
at other ip link add wan index "$index" type bridge # the claim matches wan by index
snapshot before

# plan_of NAME ARGUMENTS...: plan in $T/plan, checked against nft and against what `run` writes
plan_of()
{
	local name=$1 table
	shift
	at router "$EINAT" plan -i wan "$@" >"$T/plan" 2>"$T/plan.err"
	check_eq "$name: exit status" $? 0
	nft_part
	snapshot after
	check "$name: changes nothing" same before after
	check "$name: nft takes it" at other nft -c -f "$T/plan.nft"
	at other nft flush ruleset
	at other nft -f "$T/plan.nft"
	must_start "$@"
	table=$(einat_table)
	# shellcheck disable=SC2086 # family and name
	at router nft -s list table $table >"$T/table.run"
	# shellcheck disable=SC2086
	at other nft -s list table $table >"$T/table.plan"
	check "$name: is what run writes" same table.plan table.run
	at router ip rule | grep -c "$EXT" >"$T/rules.run"
	check_eq "$name: as many ip rules as planned" "$(grep -c '^ *ip.* rule add.*203\.0\.113\.2' "$T/plan")" \
		"$(cat "$T/rules.run")"
	check "$name: stop" stop_einat
}
# the nft part of the plan: everything but the ip commands
nft_part() { grep -vE '^ *(ip|tc|sysctl|bpftool) ' "$T/plan" >"$T/plan.nft"; }

plan_of "udp" --proto udp --ports 20000-29999
plan_of "hairpin" --proto udp,tcp --ports 20000-29999,40000-40999 --hairpin-if lan
plan_of "forwards and own masquerade" --rest own --forward udp:25050=192.168.1.2:6000,tcp:8081=192.168.1.3:80
plan_of "sources, destinations, marks" --internal 192.168.1.0/24 --exclude-dest 10.0.0.0/8,$FAR \
	--mark 0x100/0x100 --inbound-mark 0x1/0x1 --exclude-ports udp:21000-21999
at router "$EINAT" run -i wan --proto udp --ports 20000-29999 --hairpin-if lan --dry-run >"$T/dry" 2>&1
check_eq "--dry-run: exit status" $? 0
at router "$EINAT" plan -i wan --proto udp --ports 20000-29999 --hairpin-if lan >"$T/plan" 2>&1
check "--dry-run is plan" same plan dry
snapshot after
check "and changes nothing" same before after
finish_tests
