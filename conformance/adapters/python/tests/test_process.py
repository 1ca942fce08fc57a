"""Tests an adapter as a process: its streams and its exit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

import kit

EXAMPLE = Path(__file__).with_name("example.py")


def request(method: str, **params: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode() + b"\n"


class Process(unittest.TestCase):
    def run_on(self, *lines: bytes, arguments: tuple[str, ...] = ()) -> tuple[list[Any], bytes, int]:
        with tempfile.TemporaryDirectory() as place:
            reset = request("reset", directory=os.path.realpath(place))
            done = subprocess.run(
                [sys.executable, str(EXAMPLE), *arguments],
                input=b"".join([reset, *lines]),
                capture_output=True,
                timeout=60,
                check=False,
            )
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(answers.pop(0)["result"], {})
        return answers, done.stderr, done.returncode

    def test_printed_text_goes_to_the_log(self) -> None:
        answers, log, code = self.run_on(request("set_params", values={"print": 1}), request("shutdown"))
        self.assertEqual([answer["result"] for answer in answers], [{}, {}])
        self.assertEqual(sorted(log.splitlines()), [b"from Python", b"from a child", b"from below Python"])
        self.assertEqual(code, 0)

    def test_text_printed_before_serving_goes_to_the_log(self) -> None:
        answers, log, _ = self.run_on(request("params"), arguments=("early",))
        self.assertEqual((len(answers), log), (1, b"before it serves\n"))

    def test_there_is_no_response_after_a_shutdown(self) -> None:
        answers, _, code = self.run_on(request("shutdown"), request("params"))
        self.assertEqual((len(answers), code), (1, 0))

    def test_it_ends_with_its_input(self) -> None:
        answers, log, code = self.run_on(request("params"), request("params").rstrip())
        self.assertEqual((len(answers), log, code), (2, b"", 0))

    def test_an_exit_in_an_operation_is_an_error_response(self) -> None:
        answers, _, code = self.run_on(request("set_params", values={"exit": 1}), request("params"))
        self.assertEqual(answers[0]["error"]["data"]["kind"], "internal")
        self.assertEqual((answers[1]["result"], code), ({"params": {"N": 128}}, 0))

    def test_a_missing_package_is_named_with_the_extra_that_has_it(self) -> None:
        with tempfile.TemporaryDirectory() as place:
            for name in ("dill", "numpy", "torch"):
                Path(place, f"{name}.py").write_text(f"raise ModuleNotFoundError(name={name!r})\n")
            path = os.pathsep.join([place, str(kit.SOURCE)])
            done = subprocess.run(
                [sys.executable, "-m", "bundleproof_adapter.plain_torch"],
                env={**os.environ, "PYTHONPATH": path},
                capture_output=True,
                timeout=60,
                check=False,
            )
        self.assertRegex(done.stderr, b'^plain_torch requires [a-z]+; pip install "bundleproof-adapter\\[plain-torch\\]"')
        self.assertEqual(done.returncode, 1)

    def test_a_line_that_is_too_long_is_refused_and_skipped(self) -> None:
        answers, _, code = self.run_on(b"x" * (40 << 20) + b"\n", request("params"))
        self.assertEqual((answers[0]["error"]["code"], answers[0]["id"]), (-32700, None))
        self.assertEqual((answers[1]["result"], code), ({"params": {"N": 128}}, 0))

    def test_integers_have_as_many_digits_as_they_need(self) -> None:
        digits = "1" + "0" * 10_000
        answers, _, _ = self.run_on(request("set_params", values={"big": {"int": digits}}), request("params"))
        self.assertEqual(answers[1]["result"]["params"]["big"], {"int": digits})

    def test_it_exits_quietly_when_the_client_is_gone(self) -> None:
        process = subprocess.Popen(
            [sys.executable, str(EXAMPLE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        process.stdout.close()
        _, log = process.communicate(request("shutdown"), timeout=60)
        self.assertEqual((log, process.returncode), (b"", 0))


if __name__ == "__main__":
    unittest.main()
