#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A kernel without one of the features that einat uses: it says which, and changes nothing. Only in
# a guest, whose modules may be taken away.
set -u
. "$(dirname "$0")/../e2e/lab.sh"
. "$LAB_DIR/lacks.sh"
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
