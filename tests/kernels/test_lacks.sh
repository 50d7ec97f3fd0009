#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A kernel without one of the features that einat uses: it says which, and changes nothing. Only in
# a guest, whose modules may be taken away.
set -u
. "$(dirname "$0")/../e2e/lab.sh"
lab_up

restore()
{
	rm -f /etc/modprobe.d/lacks.conf
	modprobe -qa sch_ingress cls_bpf nft_nat nf_conntrack_netlink
}
trap restore EXIT

# without MODULE... : none of them is there, nor comes when the kernel asks for it
without()
{
	local m
	restore
	for m in "$@"; do
		echo "install $m /bin/false"
	done >/etc/modprobe.d/lacks.conf
	for m in "$@"; do
		modprobe -r "$m" || rmmod "$m"
	done 2>"$T/modprobe"
	for m in "$@"; do
		[ ! -e "/sys/module/$m" ] || die "module $m stays: $(cat "$T/modprobe")"
	done
}

# refuses NAME PATTERN ARGUMENTS...: einat ends with one line of error that has PATTERN
refuses()
{
	local name=$1 pattern=$2 status errors
	shift 2
	snapshot before
	at router timeout $((20 * SLOW)) "$EINAT" run -i wan --proto udp "$@" >"$T/out" 2>&1
	status=$?
	check_num "$name: exit status ($status)" "$status" -gt 0
	check_not "$name: it did not hang" test "$status" = 124
	errors=$(grep -v '^einat: warn' "$T/out")
	check_match "$name: named" "$errors" "$pattern"
	check_eq "$name: in one line" "$(wc -l <<<"$errors")" 1
	snapshot after
	check "$name: nothing is changed" same before after
}

without sch_ingress cls_bpf
refuses "no clsact" "the kernel lacks .*sch_ingress" --attach clsact
if at router "$PY" "$LAB_DIR/tcx.py" wan | grep -q 'ingress [0-9]'; then
	must_start --proto udp --ports 20000-29999
	check_eq "no clsact: TCX takes its place" "$(seen h1 25100 $A1:7000)" "$EXT:25100"
	check "no clsact: stop" stop_einat
else
	refuses "no clsact, no TCX" "the kernel lacks .*sch_ingress"
fi
without cls_bpf
refuses "no BPF filters" "the kernel lacks .*cls_bpf" --attach clsact
without nft_nat
refuses "no NAT in nftables" "the kernel lacks nft_nat"
without nf_conntrack_netlink
refuses "no ctnetlink" "nf_conntrack_netlink"
restore
must_start --proto udp --ports 20000-29999
check_eq "with all of them: the slice works" "$(seen h1 25101 $A1:7000)" "$EXT:25101"
check "stop" stop_einat
finish_tests
