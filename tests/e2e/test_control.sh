#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Who can be asked, and who keeps whom off an interface: folders, abstract names, namespaces.
set -u
. "$(dirname "$0")/lab.sh"
lab_up
snapshot before

# squat HOW [INTERFACE]: a process of another user takes the abstract name of wan: it does not listen,
# has a full queue, or answers that all is well
cat >"$T/squat.py" <<'END'
import socket, sys, time
s = socket.socket(socket.AF_UNIX)
name = "\0einat:" + sys.argv[2]
s.bind(name)
keep = []
if sys.argv[1] != "bound":
    s.listen(0)
if sys.argv[1] == "full":
    for i in range(2):
        c = socket.socket(socket.AF_UNIX)
        c.setblocking(False)
        keep.append(c)
        try:
            c.connect(name)
        except BlockingIOError:
            pass
print("there", flush=True)
while sys.argv[1] == "lies":
    c, _ = s.accept()
    c.sendall(b'{"stopped": true, "interface": "wan", "running": true, "bindings": 77}')
    c.close()
time.sleep(600)
END
squat()
{
	chmod 755 "$T"
	start squat router setpriv --reuid=65534 --regid=65534 --clear-groups "$PY" "$T/squat.py" "$1" "${2-wan}"
	SQUATTER=$PID
	wait_for 5 logged squat there || die "squat $1: $(cat "$T/squat")"
}
running() { einat status -i wan --json | json "d['interfaces'][0]['running']"; }

for how in bound full lies; do
	squat $how
	check_not "$how: no einat, no answer" einat status -i wan
	check "$how: einat starts" start_einat --proto udp
	check_not "$how: nothing is amiss" grep -q "control socket" "$T/einat"
	check_eq "$how: einat is asked" "$(running)" True
	check "$how: einat stops" einat stop -i wan
	check "$how: it was einat that stopped" wait_for 10 gone "$EINAT_PID"
	wait "$EINAT_PID" 2>/dev/null
	kill "$SQUATTER"
	wait "$SQUATTER" 2>/dev/null
done
snapshot after
check "all is as before" same before after

# ---- one einat for an interface
must_start --proto udp
check_match "a second one: refused, the first is named" \
	"$(einat run -i wan --proto udp 2>&1 </dev/null)" "already runs on wan \(process [0-9]+\)"
# own_run COMMAND...: in the router, with a /run of its own
own_run() { at router unshare --mount sh -c 'mount -t tmpfs tmpfs /run && exec "$@"' own "$@"; }
check_match "a second one that sees another /run: refused, too" \
	"$(own_run "$EINAT" run -i wan --proto udp 2>&1 </dev/null)" "already runs on wan \(process"
check_match "and it can be asked from there" \
	"$(own_run "$EINAT" status -i wan --json | json "d['interfaces'][0]['running']")" True
check_eq "its folder is root's alone" "$(stat -c %a:%u /run/einat)" 700:0
check_not "another user gets no answer" at router setpriv --reuid=65534 --clear-groups "$PY" -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(2)
s.connect("\0einat:wan")
s.sendall(b"stop")
sys.exit(0 if s.recv(100) else 1)'
check_eq "and does no harm" "$(running)" True

# ---- an interface of the same name in another network namespace
at far ip link add wan type veth peer name wan-x
at far ip addr add 203.0.113.77/24 dev wan
at far ip link set wan up
at far ip link set wan-x up
start other far "$EINAT" run -i wan --proto udp --rest none
other=$PID
check "the same name in another namespace: einat starts there, too" wait_for 15 logged other ready
external() { at "$1" "$EINAT" status -i wan --json | json "d['interfaces'][0]['external'][0]"; }
check_eq "each answers for itself: router" "$(external router)" "$EXT"
check_eq "each answers for itself: far" "$(external far)" 203.0.113.77
finish "$other" INT
check_eq "one is left" "$(running)" True

# ---- killed: its folder is no hindrance
kill -KILL "$EINAT_PID"
wait "$EINAT_PID" 2>/dev/null
check "killed: the folder is left" test -S "$(find /run/einat -name control)"
check_eq "killed: none runs" "$(running)" False
must_start --proto udp
check_eq "started again: it is asked" "$(running)" True
check "stop" stop_einat
check_not "no folder is left" test -e /run/einat

# ---- an interface that is not there now: who names none is told of its einat as well
asked() { einat "$1" --json 2>"$T/said" | json "' '.join(sorted(i['interface'] for i in d['interfaces']))"; }
status_said() { einat "$@" >"$T/said" 2>&1; echo $?; }
check_eq "no einat: status names none" "$(asked status)" ""
check_eq "no einat: check cannot be made" "$(status_said check)" 3
cat >"$T/two.conf" <<'END'
interfaces = (
	{ interface = "later"; slices = ({ proto = "udp"; ports = "30000-30999"; }); },
	{ interface = "wan"; slices = ({ proto = "udp"; ports = "20000-29999"; }); }
);
END
start einat router "$EINAT" run --config "$T/two.conf"
EINAT_PID=$PID
check "one of two is not there: einat starts" wait_for 10 logged einat "wan: ready"
check_eq "status names both" "$(asked status)" "later wan"
check_match "and says which it waits for" "$(einat status)" \
	"later: einat runs, process $EINAT_PID, and waits: there is no such interface"
check_match "and which not" "$(einat status)" "wan: einat runs, process $EINAT_PID"$'\n'
check_eq "check asks for both" "$(asked check)" "later wan"
check_match "and says it, too" "$(cat "$T/said")" "einat runs for later and waits"
check_eq "a warning" "$(status_said check)" 1
squat bound other # a name alone is no einat
check_eq "a stranger's name is not believed" "$(asked check)" "later wan"
kill "$SQUATTER"
wait "$SQUATTER" 2>/dev/null
at router ip link add later type veth peer name later-x
at router ip link set later-x up
at router ip addr add 192.0.2.2/24 dev later
at router ip link set later up
attached() { einat status -i later --json | json "d['interfaces'][0]['external']" | grep 192.0.2.2; }
check "the interface comes: attached" wait_for 10 attached
check_eq "status names it once" "$(asked status)" "later wan"
check_not "and says no more that it waits" grep -q waits <(einat status)
einat check >"$T/said" 2>&1
check_not "nor does check" grep -q waits "$T/said"
at router ip link del later
check "it goes: status names it still" wait_for 5 eval 'einat status | grep "^later: .* waits"'
check_eq "and check asks for it" "$(asked check)" "later wan"
check "stop" stop_einat
check_eq "none is named" "$(asked status)" ""

# ---- no folder can be made
start einat router unshare --mount sh -c \
	'mount -t tmpfs -o ro tmpfs /run; exec "$@"' ro "$EINAT" run -i wan --proto udp
EINAT_PID=$PID
check "no folder: einat starts" wait_for 15 logged einat ready
check_eq "no folder: it is asked by its name" "$(running)" True
check "no folder: stop" stop_einat
squat bound
start einat router unshare --mount sh -c \
	'mount -t tmpfs -o ro tmpfs /run; exec "$@"' ro "$EINAT" run -i wan --proto udp
EINAT_PID=$PID
check "neither folder nor name: einat starts" wait_for 15 logged einat ready
check "neither folder nor name: it is said" logged einat "goes without: stop it by a signal"
check "neither folder nor name: a signal stops it" stop_einat
kill "$SQUATTER"
finish_tests
