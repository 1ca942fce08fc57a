#!/usr/bin/env python3
"""Kills runs at random moments, starts several at once, and audits the store after both.

Shows that a report is complete or does not exist, that the chain of a store has no fork and no gap, and that the audit
explains and removes what killed runs left. It prints its figures and exits with 1 if any of that does not hold.

    python3 conformance/interruptions.py target/release/bundleproof [--kills 1000] [--rounds 200] [--at-once 8]
"""

import argparse
import json
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time

# A short run, so that many of them end within minutes.
RUN = ["run", "--case", "params/missing_key_is_refused"]
# How far ahead of the clock a stamp may be, less a margin: MAX_SECONDS_AHEAD of the program.
SECONDS_AHEAD = 280
REPORT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{6}Z")
FILES = {"results.json", "chain.json", "inventory.json", "environment.json", "durations.json", "SHA256SUMS"}


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("program", type=pathlib.Path)
    arguments.add_argument("--kills", type=int, default=1000)
    arguments.add_argument("--rounds", type=int, default=200)
    arguments.add_argument("--at-once", type=int, default=8)
    arguments.add_argument("--seed", type=int, default=2025)
    given = arguments.parse_args()
    program = given.program.resolve()
    random.seed(given.seed)
    killed(program, given.kills)
    began = time.monotonic()
    # Stamps are seconds, and a run takes one that is at most five minutes ahead: a store has room for as many runs.
    rounds_of_a_store = max(1, SECONDS_AHEAD // given.at_once)
    stores = [min(rounds_of_a_store, given.rounds - done) for done in range(0, given.rounds, rounds_of_a_store)]
    for rounds in stores:
        at_once(program, rounds, given.at_once)
    print(
        f"{given.rounds} times {given.at_once} runs at once in {time.monotonic() - began:.0f} s, in {len(stores)} stores: "
        f"{given.rounds * given.at_once} reports with names of their own, one chain without a gap in each store, nothing "
        "unfinished"
    )


def killed(program, kills):
    """Runs that are killed at random moments from their start to a little after their usual end."""
    with tempfile.TemporaryDirectory() as place:
        longest = 1.3 * max(seconds_of_a_run(program, place) for _ in range(5))
        ended = 0
        for _ in range(kills):
            run = subprocess.Popen([program, *RUN], cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                run.wait(random.uniform(0, longest))
                ended += 1
            except subprocess.TimeoutExpired:
                run.kill()
                run.wait()
        store = pathlib.Path(place, "reports")
        names = half_written_are_hidden(store)
        audit, code = audited(program, place)
        states = [run["state"] for run in audit["unfinished"]]
        expect(code == 0, "the audit of killed runs ends with", code, audit["integrity"], audit["completeness"])
        expect(audit["reports"] == len(names), audit["reports"], "reports are audited, and", len(names), "are there")
        expect(audit["newest"]["sequence"] == len(names), "the chain has a gap:", audit["newest"])
        expect(set(states) <= {"killed", "complete"}, "unexpected states:", set(states))
        cleaned, code = audited(program, place, "--clean")
        # What a run left that was killed in its last steps is kept: a complete report, or the results of one.
        kept = sum(run["state"] == "complete" or run["has_results"] for run in audit["unfinished"])
        expect(code == 0 and len(cleaned["removed"]) == len(states) - kept, "not removed:", cleaned["removed"])
        after, code = audited(program, place)
        expect(code == 0 and len(after["unfinished"]) == kept, "after cleaning:", after["unfinished"])
        expect(after["reports"] == len(names), "cleaning removed a report")
        print(
            f"{kills} runs killed within {longest:.3f} s of their start: {ended} had ended, "
            f"{len(names) - 5} reports are complete, {len(states)} directories were explained and removed; "
            f"the chain has {after['newest']['sequence']} numbers without a gap"
        )


def at_once(program, rounds, number):
    """Several runs at once into one store, again and again."""
    with tempfile.TemporaryDirectory() as place:
        for _ in range(rounds):
            command = [program, *RUN]
            runs = [
                subprocess.Popen(command, cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
                for _ in range(number)
            ]
            for run in runs:
                said = run.communicate()[1]
                expect(run.returncode == 0, "a run ended with", run.returncode, said.decode())
        names = half_written_are_hidden(pathlib.Path(place, "reports"))
        audit, code = audited(program, place)
        expect(code == 0, "the audit of runs at once ends with", code, audit["integrity"], audit["completeness"])
        expect(len(names) == rounds * number, "of", rounds * number, "reports", len(names), "are there")
        expect(audit["newest"]["sequence"] == rounds * number, "the chain has a gap:", audit["newest"])
        expect(not audit["unfinished"], "unfinished:", audit["unfinished"])


def seconds_of_a_run(program, place):
    start = time.monotonic()
    subprocess.run([program, *RUN], cwd=place, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - start


def half_written_are_hidden(store):
    """Everything with the name of a report has the files of one; returns these names."""
    names = [entry.name for entry in store.iterdir() if REPORT.fullmatch(entry.name)]
    for name in names:
        missing = FILES - {file.name for file in (store / name).iterdir()}
        expect(not missing, name, "has no", missing)
    return names


def audited(program, place, *arguments):
    run = subprocess.run([program, "audit", "--json", *arguments], cwd=place, stdout=subprocess.PIPE)
    return json.loads(run.stdout), run.returncode


def expect(holds, *said):
    if not holds:
        print("error:", *said, file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
