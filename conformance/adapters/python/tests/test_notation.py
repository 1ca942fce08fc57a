"""Tests that values survive a round trip through the notation."""

from __future__ import annotations

import json
import math
import unittest
from collections import OrderedDict
from http import HTTPStatus
from pathlib import Path
from typing import Any

import kit  # noqa: F401

from bundleproof_adapter.notation import decode, decode_members, encode, encode_members

try:
    import numpy
except ImportError:
    numpy = None

try:
    import torch
except ImportError:
    torch = None

SPELLED: list[tuple[Any, str]] = [
    (None, "null"),
    (True, "true"),
    (1, "1"),
    (2**63 - 1, "9223372036854775807"),
    (2**63, '{"int": "9223372036854775808"}'),
    (-(2**63), "-9223372036854775808"),
    (-(2**63) - 1, '{"int": "-9223372036854775809"}'),
    (1.0, "1.0"),
    (-0.0, "-0.0"),
    (5e-324, "5e-324"),
    (math.inf, '{"float": "inf"}'),
    (-math.inf, '{"float": "-inf"}'),
    ("größe", '"größe"'),
    (b"\x00\xff", '{"bytes": "00ff"}'),
    ([1, [2]], "[1, [2]]"),
    (Path("runs/one"), '{"path": "runs/one"}'),
    ({"path": "a"}, '{"dict": {"path": "a"}}'),
    ((1, []), '{"tuple": [1, []]}'),
    ({2, 1}, '{"set": [1, 2]}'),
    ({"N": 64, "deep": {"a": (1,)}}, '{"N": 64, "deep": {"a": {"tuple": [1]}}}'),
    ({}, "{}"),
    ({"int": 64}, '{"dict": {"int": 64}}'),
    ({"dict": {"int": None}}, '{"dict": {"dict": {"dict": {"int": null}}}}'),
]

NO_VALUES = [
    {"float": "1.0"},
    {"int": "1x"},
    {"int": 1},
    {"bytes": "0"},
    {"bytes": "é0"},
    {"path": 1},
    {"tuple": {}},
    {"set": [[]]},
    {"dict": []},
    [{"set": 1}],
    {"python": 1},
    # The text of an object is code, and a request never has one.
    {"python": "range(3)"},
    [{"python": "(1+2j)"}],
]

SHOWN_BY_THEIR_REPR: list[tuple[Any, str]] = [
    (1 + 2j, "(1+2j)"),
    (complex(-0.0, math.inf), "(-0+infj)"),
    (range(0, 10, 2), "range(0, 10, 2)"),
    (slice(0, 3), "slice(0, 3, None)"),
    ({64: 2, 128: 4}, "{64: 2, 128: 4}"),
    ({"a": 1, None: {"b": (1,)}}, "{'a': 1, None: {'b': (1,)}}"),
    ({1: {"b", "a"}, 2: frozenset("dc")}, "{1: {'a', 'b'}, 2: frozenset({'c', 'd'})}"),
    (OrderedDict([(1, [1.0])]), "OrderedDict([(1, [1.0])])"),
    ({"a\udcff": 1}, "{'a\\udcff': 1}"),
    ("a\udcff", "'a\\udcff'"),
    (HTTPStatus.OK, "<HTTPStatus.OK: 200>"),
]


class Notation(unittest.TestCase):
    def test_a_value_survives_a_round_trip(self) -> None:
        for value, spelled in SPELLED:
            with self.subTest(spelled):
                self.assertEqual(json.dumps(encode(value), ensure_ascii=False), spelled)
                back = decode(json.loads(spelled))
                # The repr distinguishes 1, 1.0 and True, and 0.0 and -0.0.
                self.assertEqual(repr(back), repr(value))

    def test_nan_survives_a_round_trip(self) -> None:
        self.assertEqual(encode(math.nan), {"float": "nan"})
        self.assertTrue(math.isnan(decode({"float": "nan"})))

    def test_a_tag_with_other_contents_is_invalid(self) -> None:
        for spelled in NO_VALUES:
            with self.subTest(spelled), self.assertRaisesRegex(ValueError, "invalid value"):
                decode(spelled)

    def test_an_object_of_members_is_plain_itself(self) -> None:
        values = {"int": (1,)}
        self.assertEqual(encode_members(values), {"int": {"tuple": [1]}})
        self.assertEqual(decode_members({"int": {"tuple": [1]}}), values)

    def test_similar_types_become_plain_values(self) -> None:
        self.assertEqual(encode(OrderedDict(N=64)), {"N": 64})
        self.assertEqual(encode(frozenset((1,))), {"set": [1]})

    def test_unsupported_types_are_refused(self) -> None:
        for value in (object(), [print], {"a": object()}):
            with self.subTest(value), self.assertRaisesRegex(TypeError, "expected a plain value"):
                encode(value)
        for values in ({1: 2}, {"a\udcff": 2}):
            with self.subTest(values), self.assertRaisesRegex(TypeError, "expected a string"):
                encode_members(values)

    def test_other_objects_are_shown_by_their_repr(self) -> None:
        for value, text in SHOWN_BY_THEIR_REPR:
            with self.subTest(text):
                self.assertEqual(encode(value), {"python": text})
                self.assertEqual(encode([value]), [{"python": text}])
        self.assertEqual(encode({"python": "a"}), {"dict": {"python": "a"}})

    @unittest.skipIf(torch is None, "PyTorch is not installed")
    def test_objects_of_torch_are_shown_by_their_repr(self) -> None:
        for value, text in (
            (torch.Size([64, 64]), "torch.Size([64, 64])"),
            (torch.float32, "torch.float32"),
            (torch.device("cuda", 0), "device(type='cuda', index=0)"),
        ):
            self.assertEqual(encode(value), {"python": text})

    @unittest.skipIf(numpy is None, "NumPy is not installed")
    def test_a_numpy_scalar_becomes_a_plain_number(self) -> None:
        for value, plain in ((numpy.int64(3), 3), (numpy.float32(0.5), 0.5), (numpy.bool_(True), True)):
            self.assertEqual(repr(encode(value)), repr(plain))
        self.assertEqual(encode(numpy.float64("nan")), {"float": "nan"})
        self.assertEqual(encode(numpy.complex64(1 + 2j)), {"python": "(1+2j)"})
        self.assertEqual(encode({numpy.int64(1): numpy.float32(0.5)}), {"python": "{1: 0.5}"})
        with self.assertRaisesRegex(TypeError, "expected a plain value, found ndarray"):
            encode(numpy.zeros(3))


if __name__ == "__main__":
    unittest.main()
