#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A kernel without nf_tables, whose masquerade is iptables-legacy's: einat says so and changes
# nothing. Only in a guest, whose modules may be taken away.
set -u
. "$(dirname "$0")/../e2e/lab.sh"
. "$LAB_DIR/lacks.sh"

# in place of lab.sh's, which use nft
leak_watch() { :; }
router_rules()
{
	at router iptables-legacy -t nat -A POSTROUTING -o wan -j MASQUERADE || die "iptables-legacy"
}

restore()
{
	rm -f /etc/modprobe.d/lacks.conf
	modprobe -qa nf_tables nft_chain_nat nft_nat nft_masq nft_compat
}
nft_modules() { sed -n 's/^\(nft_[a-z0-9_]*\|nf_tables\|nf_flow_table_inet\) .*/\1/p' /proc/modules; }
gone_are_modules()
{
	# shellcheck disable=SC2046 # words
	modprobe -qr $(nft_modules)
	[ -z "$(nft_modules)" ]
}

if ! modprobe -q iptable_nat; then
	echo "# this kernel has no iptables-legacy"
	echo "ok 1 - no nf_tables # SKIP no masquerade without nf_tables either"
	exit 0
fi
trap restore EXIT
echo "install nf_tables /bin/false" >/etc/modprobe.d/lacks.conf
wait_for 10 gone_are_modules || die "modules stay: $(nft_modules)"
lab_up
check_match "before: the host is masqueraded" "$(seen h1 25198 $A1:7000)" "^$EXT:"
refuses "no nf_tables" "the kernel lacks (nf_tables|nfnetlink)"
refuses "no nf_tables, clsact" "the kernel lacks (nf_tables|nfnetlink)" --attach clsact
check_eq "and no trace of the nf_tables modules" "$(nft_modules)" ""
finish_tests
