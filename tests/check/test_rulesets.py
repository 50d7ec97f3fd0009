#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""einat check on recorded rulesets of other programs: exactly the expected findings.

tests/check/expect/NAME.json holds the cases of one ruleset: the arguments, and for each finding
its code, its certainty, a part of its place or text, and why it is expected. A finding that is
missing and one that is not expected both fail. What a finding proposes can be tried: `mended_by` is
a shell command, or "mend" for the lines of the mend itself (those that begin with -- are added to
the arguments); it is run on a fresh copy of the host, and the finding must be gone afterwards.
`test_rulesets.py --show NAME [ARGUMENTS...]` prints what is found; a part of a name as the only
argument runs those rulesets alone. Rulesets that were written down from other projects' sources are
not part of this repository; they are looked for in ../shared/rulesets. "needs" of a file is a shell
command that fails where the kernel lacks what the ruleset is about: then it is skipped."""
import concurrent.futures
import json
import os
import shlex
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
EINAT = os.path.join(ROOT, os.environ.get("B", "build"), "einat")
LAB = os.path.join(HERE, "ruleset_lab.py")
PLACES = [os.path.join(ROOT, "tests/rulesets"), os.path.join(HERE, "rulesets"),
          os.path.join(ROOT, "../shared/rulesets")]


def folder_of(name):
    for place in PLACES:
        if os.path.isdir(os.path.join(place, name)):
            return os.path.join(place, name)
    return None


def on_host(folder, *commands):
    """Shell commands on a fresh host with that ruleset."""
    cmd = ["unshare", "-n", "/usr/bin/python3", LAB, folder, "sh", "-ec", "\n".join(commands)]
    return subprocess.run(cmd, capture_output=True, text=True, timeout=60)


def check(args):
    return shlex.join([EINAT, "check", *args])


class Answer:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err.strip()[:300]
        self.fine = code in (0, 1, 2) and out.strip().startswith("{")
        listed = json.loads(out)["interfaces"] if self.fine else []
        self.findings = [f for i in listed for f in i["findings"]]


def check_all(folder, args):
    """An answer for each of @args, all from one host: checking changes nothing."""
    r = on_host(folder, "set +e", *(f"{check([*a, '--json'])}; printf '\\0%s\\0' $?" for a in args))
    parts = r.stdout.split("\0")
    return [Answer(int(code), out, r.stderr) for out, code in zip(parts[0::2], parts[1::2])]


def is_that(want, got):
    return (got["code"] == want["code"] and got["severity"] == want["severity"]
            and got["certainty"] == want.get("certainty", "will")
            and want["where"] in got.get("where", "") + " " + got.get("text", ""))


def compare(case, got):
    wrong = []
    got = list(got)
    for want in case["findings"]:
        match = [g for g in got if is_that(want, g)]
        if not match:
            wrong.append(f"missing: {want['code']} {want['where']} ({want['reason']})")
            continue
        got.remove(match[0])
        if want.get("mend", "") not in match[0].get("mend", ""):
            wrong.append(f"{want['code']} {want['where']}: mend {match[0].get('mend')!r}")
        if want.get("owner", match[0].get("owner")) != match[0].get("owner"):
            wrong.append(f"{want['code']} {want['where']}: owner {match[0].get('owner')!r}")
    wrong += [f"extra: {g['severity']} {g['code']} ({g['certainty']}) {g.get('where')}: "
              f"{g.get('text')}" for g in got]
    return wrong


def with_options(args, words):
    """@words added to @args; an option that can be given once takes the place of an older one."""
    for option in ("--inbound-mark", "--rest"):
        if option in words and option in args:
            at = args.index(option)
            args = args[:at] + args[at + 2:]
    return args + words


def the_mend(finding, args):
    """What a mend says: more arguments, and commands."""
    commands = []
    for line in finding.get("mend", "").splitlines():
        if line.startswith("--"):
            args = with_options(args, line.split())
        elif line.startswith("# start einat with --inbound-mark"):
            line = line.removeprefix("# start einat with ")
            args = with_options(args, line.split(", then")[0].split())
        elif not line.startswith("#"):
            commands.append(line)
    return "\n".join(commands), args


def try_mend(folder, case, want, finding):
    args = case["args"].split()
    command = want["mended_by"]
    if command == "mend":
        command, args = the_mend(finding, args)
    args = with_options(args, want.get("mended_args", "").split())
    r = on_host(folder, f"{{ {command or 'true'}\n}} >&2", "set +e",
                check([*args, "--json"]))
    answer = Answer(r.returncode, r.stdout, r.stderr)
    if not answer.fine:
        return [f"mend of {want['code']}: {command!r}: {answer.err}"]
    left = [g for g in answer.findings if g["code"] == want["code"]
            and g["where"] == finding["where"] and g.get("text") == finding.get("text")]
    if left:
        return [f"{want['code']} {want['where']} is there after: {command!r} {' '.join(args)}"]
    return []


def judge(folder, case, answer):
    if not answer.fine:
        return [f"exit {answer.code}: {answer.err}"]
    wrong = compare(case, answer.findings)
    if answer.code != case["exit"]:
        wrong.append(f"exit {answer.code}, expected {case['exit']}")
    for want in case["findings"]:
        match = [g for g in answer.findings if is_that(want, g)]
        if match and "mended_by" in want:
            wrong += try_mend(folder, case, want, match[0])
    return wrong


def run(folder, cases, needs):
    """For each case what is wrong with it, or in one word for all why they cannot be tried."""
    if not folder:
        return "../shared/rulesets is absent"
    if subprocess.run(["unshare", "-n", "sh", "-c", needs], capture_output=True).returncode:
        return f"not in this kernel: {needs}"
    answers = check_all(folder, [c["args"].split() for c in cases])
    if len(answers) != len(cases):
        return [["the host could not be built"]] * len(cases)
    return [judge(folder, c, a) for c, a in zip(cases, answers)]


def load(pattern):
    for file in sorted(os.listdir(os.path.join(HERE, "expect"))):
        name = file.removesuffix(".json")
        if pattern in name:
            with open(os.path.join(HERE, "expect", file), encoding="utf-8") as f:
                expect = json.load(f)
                yield name, expect["cases"], expect.get("needs", "true")


def main(pattern):
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = [(name, cases, pool.submit(run, folder_of(name), cases, needs))
                for name, cases, needs in load(pattern)]
        for name, cases, job in jobs:
            result = job.result()
            for i, case in enumerate(cases):
                title = f"{name}: {case['args']}"
                if isinstance(result, str):
                    print(f"ok - {title} # SKIP {result}")
                    continue
                wrong = result[i]
                print(f"{'not ok' if wrong else 'ok'} - {title}", flush=True)
                for line in wrong:
                    print(f"# {line}")
                failed |= bool(wrong)
    return failed


if __name__ == "__main__":
    if sys.argv[1:2] == ["--show"]:
        r = on_host(folder_of(sys.argv[2]), "set +e", check(sys.argv[3:]))
        print(r.stdout + r.stderr, end="")
        sys.exit(r.returncode)
    sys.exit(main("".join(sys.argv[1:2])))
