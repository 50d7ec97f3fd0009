#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Builds the host of a recorded ruleset in the current network namespace: its interfaces,
addresses, routes, routing rules, settings and packet filter rules.

    unshare -n /usr/bin/python3 tests/check/ruleset_lab.py DIRECTORY [COMMAND...]

DIRECTORY is one of tests/rulesets; with a command, it is run there afterwards."""
import os
import re
import subprocess
import sys

BRIDGES = re.compile(r"docker0|br-|virbr|podman|cni")


def run(*words, data=None, check=True):
    r = subprocess.run(words, input=data, capture_output=True, text=True)
    if check and r.returncode:
        raise SystemExit(f"{' '.join(words)}: {r.stderr.strip()}")
    return r


def read(folder, name):
    try:
        with open(os.path.join(folder, name), encoding="utf-8") as f:
            return f.read()
    except FileNotFoundError:
        return ""


def make_links(folder):
    """ip-addr.txt: `ip -br link`, an empty line, `ip -br addr`."""
    first, _, second = read(folder, "ip-addr.txt").partition("\n\n")
    run("ip", "link", "set", "lo", "up")
    for number, line in enumerate(first.splitlines()):
        if not line.strip():
            continue
        name = line.split()[0].split("@")[0]
        if name == "lo":
            continue
        if BRIDGES.match(name):
            run("ip", "link", "add", name, "type", "bridge")
        else:
            # not every kernel has dummy devices
            peer = f"peer{number}"
            run("ip", "link", "add", name, "type", "veth", "peer", "name", peer)
            run("ip", "link", "set", peer, "up")
        run("ip", "link", "set", name, "up")
    for line in second.splitlines():
        words = line.split()
        name = words[0].split("@")[0] if words else "lo"
        for addr in words[2:]:
            if name != "lo" and not addr.startswith("fe80:"):
                extra = ["nodad"] if ":" in addr else []
                run("ip", "addr", "add", addr, "dev", name, *extra)


def make_routes(folder):
    family = "-4"
    for line in read(folder, "ip-route-all.txt").splitlines():
        if line.startswith("#"):
            family = "-6" if "-6" in line else "-4"
            continue
        if not line.strip() or "table local" in line or "proto kernel" in line:
            continue
        words = re.sub(r"\b(linkdown|dead|pref \w+)\b", "", line).split()
        run("ip", family, "route", "replace", *words, check=False)


def make_rules(folder):
    family = "-4"
    for line in read(folder, "ip-rule.txt").splitlines():
        if line.startswith("#"):
            family = "-6" if "-6" in line else "-4"
            continue
        pref, _, rest = line.partition(":")
        if not rest or pref in ("0", "32766", "32767"):
            continue
        words = rest.replace("[detached]", "").split()
        run("ip", family, "rule", "add", "pref", pref, *words, check=False)


def set_sysctls(folder):
    for line in read(folder, "sysctl.txt").splitlines():
        name, _, value = line.partition("=")
        path = "/proc/sys/" + name.strip().replace(".", "/")
        if value and os.path.exists(path):
            with open(path, "w", encoding="ascii") as f:
                f.write(value.strip())


def load_rules(folder):
    """iptables-legacy-save.txt: rules of the other back end beside those of the first one."""
    text = read(folder, "iptables-legacy-save.txt")
    if text:
        run("iptables-legacy-restore", data=text)
    legacy = "legacy" in os.path.basename(folder.rstrip("/"))
    loaded = False
    for tool, name in (("iptables", "iptables-save.txt"), ("ip6tables", "ip6tables-save.txt")):
        text = read(folder, name)
        if "\n-A " not in text:
            continue
        restore = f"{tool}-{'legacy' if legacy else 'nft'}-restore"
        r = run(restore, data=text, check=False)
        if r.returncode == 0:
            loaded = True
        elif tool == "iptables":
            break
    if not loaded:
        run("nft", "-f", os.path.join(folder, "ruleset.nft"))


def build(folder):
    make_links(folder)
    make_routes(folder)
    make_rules(folder)
    set_sysctls(folder)
    load_rules(folder)


if __name__ == "__main__":
    build(sys.argv[1])
    if sys.argv[2:]:
        os.execvp(sys.argv[2], sys.argv[2:])
