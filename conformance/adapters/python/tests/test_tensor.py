"""Tests that descriptions of tensors do not depend on their memory layout."""

from __future__ import annotations

import array
import hashlib
import struct
import unittest
from typing import Any

import kit  # noqa: F401

from bundleproof_adapter.tensor import SIZES, Raw, describe

try:
    import numpy
except ImportError:
    numpy = None
try:
    import torch
except ImportError:
    torch = None


def described(dtype: str, shape: list[int], data: bytes) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "sha256": hashlib.sha256(data).hexdigest()}


class OfBytes(unittest.TestCase):
    def test_bytes_and_what_has_a_buffer(self) -> None:
        self.assertEqual(describe(b"abc"), described("uint8", [3], b"abc"))
        self.assertEqual(describe(array.array("d", [1.5])), described("float64", [1], struct.pack("<d", 1.5)))
        self.assertEqual(describe(array.array("l", [-2])), described("int64", [1], struct.pack("<q", -2)))
        self.assertEqual(describe(array.array("H", [65535])), described("uint16", [1], b"\xff\xff"))
        view = memoryview(struct.pack("<6h", *range(6))).cast("h", (2, 3))
        self.assertEqual(describe(view), described("int16", [2, 3], struct.pack("<6h", *range(6))))

    def test_a_view_with_gaps_is_its_elements(self) -> None:
        self.assertEqual(describe(memoryview(b"abcdef")[::2]), described("uint8", [3], b"ace"))

    def test_raw_is_taken_at_its_word(self) -> None:
        self.assertEqual(
            describe(Raw("bfloat16", (2,), b"\x80\x3f\x00\x40")), described("bfloat16", [2], b"\x80\x3f\x00\x40")
        )
        self.assertEqual(describe(Raw("complex64", (0, 3), b"")), described("complex64", [0, 3], b""))

    def test_bytes_that_say_their_type(self) -> None:
        class Named(bytearray):
            dtype = "float16"
            shape = (1, 2)

        self.assertEqual(describe(Named(b"\x00\x3c\x00\x40")), described("float16", [1, 2], b"\x00\x3c\x00\x40"))

    def test_a_tensor_of_tensorflow_is_asked_for_its_array(self) -> None:
        class Eager:
            dtype = "a DType"
            shape = (1,)

            def numpy(self) -> Any:
                return Raw("int8", (1,), b"\x07")

        self.assertEqual(describe(Eager()), described("int8", [1], b"\x07"))

    def test_other_objects_are_refused(self) -> None:
        for odd, says in (
            (1.5, "expected a tensor, found float"),
            (Raw("float32", (2,), b"\0" * 7), r"expected 8 bytes for float32 \[2\], found 7"),
            (Raw("float128", (1,), bytes(16)), "type float128"),
            (memoryview(b"a").cast("c"), "format 'c'"),
        ):
            with self.subTest(odd), self.assertRaisesRegex(TypeError, says):
                describe(odd)


@unittest.skipIf(numpy is None, "NumPy is not installed")
class OfNumPy(unittest.TestCase):
    def test_every_type(self) -> None:
        for dtype in SIZES.keys() - {"bfloat16"}:
            with self.subTest(dtype):
                whole = numpy.arange(6).reshape(2, 3).astype(dtype)
                self.assertEqual(describe(whole), described(dtype, [2, 3], whole.tobytes()))

    def test_big_endian_arrays_are_converted(self) -> None:
        for code in "i2", "i8", "f4", "c8", "c16":
            with self.subTest(code):
                little = (numpy.arange(6).reshape(2, 3) * (1 + 2.5 * ("c" in code))).astype("<" + code)
                if "c" in code:
                    little = little * (1 + 3j)
                self.assertEqual(describe(little.astype(">" + code)), describe(little.astype("<" + code)))
        view = memoryview(numpy.arange(3, dtype=">i4"))
        self.assertEqual(describe(view), described("int32", [3], struct.pack("<3i", 0, 1, 2)))

    def test_views_are_described_in_the_order_of_their_rows(self) -> None:
        whole = numpy.arange(24, dtype="float32").reshape(4, 6)
        for view in (whole.T, whole[::2, ::-1], numpy.asfortranarray(whole)):
            dense = b"".join(struct.pack("<f", value) for row in view for value in row)
            self.assertEqual(describe(view), described("float32", list(view.shape), dense))
            self.assertEqual(describe(memoryview(view)), describe(view))

    def test_without_dimensions_and_without_elements(self) -> None:
        self.assertEqual(describe(numpy.float64(2.5)), described("float64", [], struct.pack("<d", 2.5)))
        self.assertEqual(describe(numpy.array(7)), described("int64", [], struct.pack("<q", 7)))
        self.assertEqual(describe(numpy.zeros((3, 0), "complex128")), described("complex128", [3, 0], b""))

    def test_unsupported_element_types_are_refused(self) -> None:
        for dtype in ("longdouble", "<U3", "datetime64[s]", "O"):
            with self.subTest(dtype), self.assertRaisesRegex(TypeError, "unsupported element type"):
                describe(numpy.zeros(2, dtype))


@unittest.skipIf(torch is None, "PyTorch is not installed")
class OfTorch(unittest.TestCase):
    def test_every_type(self) -> None:
        for dtype, size in SIZES.items():
            with self.subTest(dtype):
                tensor = torch.arange(6).reshape(2, 3).to(getattr(torch, dtype))
                bits = tensor.contiguous().reshape(-1).view(torch.uint8).tolist()
                self.assertEqual(len(bits), 6 * size)
                self.assertEqual(describe(tensor), described(dtype, [2, 3], bytes(bits)))

    def test_a_brain_float_is_the_upper_half_of_a_float(self) -> None:
        tensor = torch.tensor([1.0, -2.0], dtype=torch.bfloat16)
        self.assertEqual(describe(tensor), described("bfloat16", [2], b"\x80\x3f\x00\xc0"))

    def test_views_are_described_in_the_order_of_their_rows(self) -> None:
        whole = torch.arange(24, dtype=torch.float32).reshape(4, 6)
        for view in (whole.T, whole[1::2, 2:], whole[:, 0], whole[:1].expand(3, 6)):
            dense = b"".join(struct.pack("<f", value) for value in view.flatten().tolist())
            self.assertEqual(describe(view), described("float32", list(view.shape), dense))

    def test_lazy_conjugation_and_negation_are_applied(self) -> None:
        numbers = torch.tensor([1 + 2j, 3 - 4j], dtype=torch.complex64)
        self.assertEqual(describe(numbers.conj()), described("complex64", [2], struct.pack("<4f", 1, -2, 3, 4)))
        self.assertEqual(
            describe(torch._neg_view(torch.ones(2))), described("float32", [2], struct.pack("<2f", -1, -1))
        )

    def test_without_dimensions_without_elements_and_with_gradients(self) -> None:
        self.assertEqual(describe(torch.tensor(7)), described("int64", [], struct.pack("<q", 7)))
        self.assertEqual(describe(torch.zeros(3, 0)), described("float32", [3, 0], b""))
        self.assertEqual(describe(torch.nn.Parameter(torch.ones(1))), described("float32", [1], struct.pack("<f", 1)))


if __name__ == "__main__":
    unittest.main()
