#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""einat check on recorded rulesets of other programs: exactly the expected findings.

tests/check/expect/NAME.json holds the cases of one ruleset: the arguments, and for each finding
its code, its certainty, a part of its place, and why it is expected. A finding that is missing
and one that is not expected both fail. `test_rulesets.py --show NAME [ARGUMENTS...]` prints what is
found. Rulesets that were written down from other projects' sources are not part of this
repository; they are looked for in ../shared/rulesets."""
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
EINAT = os.path.join(ROOT, os.environ.get("B", "build"), "einat")
LAB = os.path.join(HERE, "ruleset_lab.py")
PLACES = [os.path.join(ROOT, "tests/rulesets"), os.path.join(ROOT, "../shared/rulesets")]


def folder_of(name):
    for place in PLACES:
        if os.path.isdir(os.path.join(place, name)):
            return os.path.join(place, name)
    return None


def check(folder, args):
    cmd = ["unshare", "-n", "/usr/bin/python3", LAB, folder, EINAT, "check", *args]
    return subprocess.run(cmd, capture_output=True, text=True, timeout=60)


def compare(case, out):
    got = [f for i in json.loads(out)["interfaces"] for f in i["findings"]]
    wrong = []
    for want in case["findings"]:
        match = [g for g in got if g["code"] == want["code"]
                 and g["certainty"] == want.get("certainty", "will")
                 and g["severity"] == want["severity"]
                 and want["where"] in g.get("where", "") + " " + g.get("text", "")]
        if match:
            got.remove(match[0])
        else:
            wrong.append(f"missing: {want['code']} {want['where']} ({want['reason']})")
        if match and want.get("mend", "") not in match[0].get("mend", ""):
            wrong.append(f"{want['code']} {want['where']}: mend {match[0].get('mend')!r}")
    wrong += [f"extra: {g['severity']} {g['code']} ({g['certainty']}) {g.get('where')}: "
              f"{g.get('text')}" for g in got]
    return wrong


def run_case(folder, case):
    r = check(folder, case["args"].split() + ["--json"])
    if r.returncode not in (0, 1, 2):
        return [f"exit {r.returncode}: {r.stderr.strip()[:300]}"]
    wrong = compare(case, r.stdout)
    if r.returncode != case["exit"]:
        wrong.append(f"exit {r.returncode}, expected {case['exit']}")
    return wrong


def main():
    failed = 0
    for file in sorted(os.listdir(os.path.join(HERE, "expect"))):
        name = file.removesuffix(".json")
        with open(os.path.join(HERE, "expect", file), encoding="utf-8") as f:
            cases = json.load(f)["cases"]
        folder = folder_of(name)
        for case in cases:
            title = f"{name}: {case['args']}"
            if not folder:
                print(f"ok - {title} # SKIP ../shared/rulesets is absent")
                continue
            wrong = run_case(folder, case)
            print(f"{'not ok' if wrong else 'ok'} - {title}", flush=True)
            for line in wrong:
                print(f"# {line}")
            failed |= bool(wrong)
    return failed


if __name__ == "__main__":
    if sys.argv[1:2] == ["--show"]:
        r = check(folder_of(sys.argv[2]), sys.argv[3:])
        print(r.stdout + r.stderr, end="")
        sys.exit(r.returncode)
    sys.exit(main())
