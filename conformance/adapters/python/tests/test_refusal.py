"""Tests that an exception becomes a refusal with kind, type and traceback."""

from __future__ import annotations

import pickle
import unittest
import zipfile

import kit  # noqa: F401

from bundleproof_adapter import Kind, Refused, kind_of
from bundleproof_adapter.refusal import MAX_TRACEBACK, refusal


def raised(exception: BaseException) -> BaseException:
    try:
        raise exception
    except BaseException as caught:
        return caught


class Mute(ValueError):
    def __str__(self) -> str:
        raise RuntimeError("it does not say")


class Refusals(unittest.TestCase):
    def test_each_exception_has_its_kind(self) -> None:
        for exception, kind in (
            (FileNotFoundError(2, "gone", "wts.h5.zip"), "not_found"),
            (KeyError("gridsize"), "missing_field"),
            (ValueError("odd"), "invalid_value"),
            (NotImplementedError(), "not_implemented"),
            (zipfile.BadZipFile("cut off"), "malformed"),
            (pickle.UnpicklingError("no pickle"), "malformed"),
            (EOFError(), "malformed"),
            (Refused(Kind.UNSAFE, "a link"), "unsafe"),
            (Refused("mismatch", "gridsize"), "mismatch"),
            (RuntimeError("oops"), "internal"),
            (PermissionError(13, "no"), "io"),
            (IsADirectoryError(21, "in the way"), "io"),
            (NotADirectoryError(20, "a file"), "not_found"),
            (AttributeError("no such thing"), "internal"),
            (KeyboardInterrupt(), "internal"),
        ):
            with self.subTest(exception):
                self.assertEqual(refusal(raised(exception), kind_of)["data"]["kind"], kind)

    def test_a_kind_is_one_of_the_closed_set(self) -> None:
        with self.assertRaises(ValueError):
            Refused("odd", "no such kind")

    def test_it_says_what_was_raised_and_where(self) -> None:
        error = refusal(raised(zipfile.BadZipFile("cut off")), kind_of)
        self.assertEqual(error["code"], -32000)
        self.assertEqual(error["message"], "cut off")
        self.assertEqual(error["data"]["type"], "zipfile.BadZipFile")
        self.assertIn("test_refusal.py", error["data"]["traceback"])
        self.assertIn("raise exception", error["data"]["traceback"])

    def test_the_message_is_never_empty_and_never_quoted(self) -> None:
        self.assertEqual(refusal(raised(KeyError("it's gridsize")), kind_of)["message"], "it's gridsize")
        self.assertEqual(refusal(raised(EOFError()), kind_of)["message"], "EOFError")
        self.assertIn("it does not say", refusal(raised(Mute()), kind_of)["message"])

    def test_an_adapter_that_cannot_decide_makes_it_internal(self) -> None:
        def odd(_: BaseException) -> str:
            return "odd"

        def failing(exception: BaseException) -> str:
            raise exception

        for decide in (odd, failing):
            self.assertEqual(refusal(raised(ValueError("x")), decide)["data"]["kind"], "internal")

    def test_a_long_traceback_is_cut_at_its_beginning(self) -> None:
        error = refusal(raised(ValueError("x" * MAX_TRACEBACK + "the end")), kind_of)
        self.assertEqual(len(error["data"]["traceback"]), MAX_TRACEBACK)
        self.assertTrue(error["data"]["traceback"].endswith("the end\n"))

    def test_an_invalid_byte_in_a_path_can_be_sent(self) -> None:
        error = refusal(raised(ValueError("no file caf\udce9")), kind_of)
        self.assertEqual(error["message"].encode(), b"no file caf\\udce9")


if __name__ == "__main__":
    unittest.main()
