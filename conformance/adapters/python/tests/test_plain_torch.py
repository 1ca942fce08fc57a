"""Tests what the suite does not test of `plain_torch`: networks equal to those of the fixtures, training, and reading
of damaged and hostile archives."""

from __future__ import annotations

import io
import json
import os
import pathlib
import pickle
import shutil
import stat
import tempfile
import unittest
import warnings
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any
from unittest import mock

import kit

from bundleproof_adapter import Config, Refused, describe

try:
    import dill
    import numpy
    import torch

    from bundleproof_adapter.plain_torch import pickles
    from bundleproof_adapter.plain_torch.adapter import PlainTorch
    from bundleproof_adapter.plain_torch.training import batches
except ImportError as missing:
    raise unittest.SkipTest(f"{missing.name} is not installed") from missing

FIXTURES = kit.SOURCE.parents[3] / "fixtures"


def config(**values: Any) -> Config:
    model = {"N": 64, "gridsize": 1, "n_filters_scale": 1, **values.pop("model", {})}
    return Config("training", {"model": model, "output_dir": None, "nepochs": 2, "batch_size": 4, **values})


def digests(models: Any) -> dict[str, Any]:
    states = {name: PlainTorch().state_of(model) for name, model in models.items()}
    return {name: {key: describe(tensor) for key, tensor in state.items()} for name, state in states.items()}


class Place(unittest.TestCase):
    """A test in a temporary directory."""

    def setUp(self) -> None:
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(place.name)
        self.adapter = PlainTorch()

    def saved(self) -> Path:
        models = self.adapter.create_models(config(), 7, {}, None)
        self.adapter.save_torch_bundle(models, "wts.h5", config(), None)
        return Path("wts.h5.zip")

    def entries(self) -> dict[str, bytes]:
        with zipfile.ZipFile(self.saved()) as archive:
            return {name: archive.read(name) for name in archive.namelist()}

    def write(self, entries: dict[str, bytes]) -> None:
        with zipfile.ZipFile("wts.h5.zip", "w") as archive:
            for name, data in entries.items():
                archive.writestr(name, data)

    def refused(self, says: str) -> Refused:
        before = dict(self.adapter.params())
        with self.assertRaisesRegex(Refused, says) as caught:
            self.adapter.load_torch_bundle("wts.h5")
        self.assertEqual(self.adapter.params(), before)
        return caught.exception


class Networks(Place):
    def test_they_have_the_tensors_of_the_fixtures(self) -> None:
        for name, model in (("gs1", {}), ("gs2", {"gridsize": 2}), ("n128", {"N": 128})):
            sidecar = json.loads((FIXTURES / f"bundles/{name}/sidecar.json").read_text(encoding="utf-8"))
            made = digests(self.adapter.create_models(config(model=model), 1, {}, None))
            for role, saved in sidecar["models"].items():
                with self.subTest(name, role=role):

                    def layout(tensors: dict[str, Any]) -> Any:
                        return {key: (tensor["dtype"], tensor["shape"]) for key, tensor in tensors.items()}

                    self.assertEqual(layout(made[role]), layout(saved["tensors"]))

    def test_a_seed_gives_the_same_weights_again_and_another_one_others(self) -> None:
        def made(seed: int, only: list[str] | None = None) -> dict[str, Any]:
            return digests(self.adapter.create_models(config(), seed, {}, only))

        both = made(7)
        torch.rand(3)
        self.assertEqual(made(7), both)
        self.assertEqual(made(7, ["diffraction_to_obj"]), {"diffraction_to_obj": both["diffraction_to_obj"]})
        for role in both:
            self.assertNotEqual(made(8)[role]["encoder.0.conv.weight"], both[role]["encoder.0.conv.weight"])
        first = (tensors["encoder.0.conv.weight"]["sha256"] for tensors in both.values())
        self.assertEqual(len(set(first)), 2, "the two networks should not begin with the same weights")

    def test_making_them_draws_nothing_from_the_process(self) -> None:
        torch.manual_seed(1)
        expected = torch.rand(1)
        torch.manual_seed(1)
        self.adapter.create_models(config(), 7, {}, None)
        self.assertEqual(torch.rand(1), expected)


class Forward(Place):
    def given(self, channels: int = 1, **changed: Any) -> dict[str, Any]:
        drawn = numpy.random.default_rng(1)
        probe = drawn.random((64, 64)) + 1j * drawn.random((64, 64))
        arrays = {
            "x": drawn.random((3, channels, 64, 64)).astype("float32"),
            "positions": drawn.random((3, channels, 1, 2)).astype("float32"),
            "probe": probe.astype("complex64"),
            "scale": numpy.ones(3, "float32"),
        }
        return {**arrays, **changed}

    def answer(self, given: dict[str, Any], role: str = "diffraction_to_obj", gridsize: int = 1) -> Any:
        numpy.savez("inputs.npz", **given)
        models = self.adapter.create_models(config(model={"gridsize": gridsize}), 1, {}, None)
        return self.adapter.forward(models, role, "inputs.npz")

    def test_waves_have_the_shape_of_the_patterns(self) -> None:
        for gridsize in (1, 2):
            for role in ("autoencoder", "diffraction_to_obj"):
                answered = self.answer(self.given(gridsize**2), role, gridsize)
                self.assertEqual((answered.dtype, answered.shape), (torch.complex64, (3, gridsize**2, 64, 64)))

    def test_patterns_count_times_their_scale(self) -> None:
        twice = self.given()["x"] * 2
        scaled = self.answer(self.given(scale=numpy.full(3, 2, "float32")))
        self.assertTrue(torch.equal(scaled, self.answer(self.given(x=twice))))
        self.assertFalse(torch.equal(scaled, self.answer(self.given())))

    def test_each_group_is_answered_as_if_it_were_alone(self) -> None:
        whole, given = self.answer(self.given()), self.given()
        alone = self.answer({name: array if name == "probe" else array[1:2] for name, array in given.items()})
        torch.testing.assert_close(alone, whole[1:2])

    def test_the_object_is_that_of_the_two_convolutions(self) -> None:
        given = self.given(positions=numpy.zeros((3, 1, 1, 2), "float32"), probe=numpy.ones((64, 64), "complex64"))
        real = self.answer(given, "autoencoder")
        self.assertLess(float(real.imag.abs().max()), 1e-5)
        self.assertGreater(float(real.real.min()), 0)
        self.assertGreater(float(self.answer(given).angle().abs().max()), 0.01)

    def test_a_position_moves_to_the_right_and_down_and_the_probe_stays(self) -> None:
        ones, still = numpy.ones((64, 64), "complex64"), numpy.zeros((3, 1, 1, 2), "float32")
        before = self.answer(self.given(positions=still, probe=ones))
        move = still + numpy.array([3, -2], "float32")
        torch.testing.assert_close(self.answer(self.given(positions=move, probe=ones)), before.roll((-2, 3), (2, 3)))
        probe = torch.from_numpy(self.given()["probe"])
        torch.testing.assert_close(self.answer(self.given(positions=still)), before * probe)

    def test_a_network_that_was_just_trained_is_executed_as_it_is_after_a_load(self) -> None:
        shutil.copy(FIXTURES / "datasets/train_data.npz", ".")
        numpy.savez("inputs.npz", **self.given())
        models = self.adapter.run_cdi_example_torch("train_data.npz", config(output_dir="out")).models
        loaded = self.adapter.load_inference_bundle_torch("out").models
        for role in models:
            answers = [self.adapter.forward(each, role, "inputs.npz") for each in (models, loaded, models)]
            self.assertEqual(len({describe(answer)["sha256"] for answer in answers}), 1)

    def test_inputs_that_do_not_fit_the_network_are_a_mismatch(self) -> None:
        with self.assertRaisesRegex(Refused, "takes 1 channels of 64 x 64 pixels, and was given 4 of") as caught:
            self.answer(self.given(4))
        self.assertEqual(caught.exception.kind, "mismatch")
        larger = self.given(x=numpy.ones((3, 1, 128, 128), "float32"), probe=numpy.ones((128, 128), "complex64"))
        with self.assertRaisesRegex(Refused, "and was given 1 of 128 x 128"):
            self.answer(larger)

    def test_inputs_that_do_not_fit_each_other_are_refused(self) -> None:
        for name, shape in (("x", (3, 64, 64)), ("positions", (3, 1, 2)), ("probe", (64, 32)), ("scale", (1,))):
            with self.subTest(name), self.assertRaisesRegex(ValueError, f"{name} must"):
                self.answer(self.given(**{name: numpy.ones(shape, "float32")}))

    def test_a_missing_array_is_named(self) -> None:
        for name in self.given():
            given = self.given()
            del given[name]
            with self.assertRaisesRegex(KeyError, f"has no {name}"):
                self.answer(given)

    def test_a_sentinel_or_an_unknown_model_is_not_executed(self) -> None:
        numpy.savez("inputs.npz", **self.given())
        models = self.adapter.create_models(config(), 1, {"autoencoder": "stand-in"}, None)
        for name in ("autoencoder", "decoder"):
            with self.assertRaisesRegex(ValueError, f"unknown network '{name}'"):
                self.adapter.forward(models, name, "inputs.npz")


class Training(Place):
    def setUp(self) -> None:
        super().setUp()
        for name in ("train_data", "test_data"):
            shutil.copy(FIXTURES / f"datasets/{name}.npz", ".")

    def run_on(self, data: str = "train_data.npz", **values: Any) -> Any:
        return self.adapter.run_cdi_example_torch(data, config(**values))

    def test_it_is_repeatable_and_depends_on_data_seed_and_epochs(self) -> None:
        first = digests(self.run_on().models)
        self.assertEqual(digests(self.run_on().models), first)
        for other in (self.run_on("test_data.npz"), self.run_on(subsample_seed=5), self.run_on(nepochs=3)):
            for role, tensors in digests(other.models).items():
                self.assertNotEqual(tensors["decoder.0.conv.weight"], first[role]["decoder.0.conv.weight"])

    def test_it_begins_with_the_networks_of_its_seed(self) -> None:
        begun = self.run_on(nepochs=0, subsample_seed=5)
        self.assertEqual(begun.train_loss, [])
        self.assertEqual(digests(begun.models), digests(self.adapter.create_models(config(), 5, {}, None)))

    def test_each_group_of_neighbors_is_used_once_in_random_order(self) -> None:
        def shown(seed: int) -> list[list[int]]:
            parts = list(batches(10, 4, 4, torch.Generator().manual_seed(seed)))
            self.assertEqual([len(part) for part in parts], [4, 4, 2])
            return torch.cat(parts).tolist()

        groups = [[(start + step) % 10 for step in range(4)] for start in range(10)]
        self.assertEqual(sorted(shown(1)), groups)
        self.assertNotEqual(shown(1), shown(2))

    def test_the_loss_falls(self) -> None:
        for gridsize in (1, 2):
            losses = self.run_on(nepochs=12, model={"gridsize": gridsize}).train_loss
            self.assertEqual(len(losses), 12)
            self.assertLess(losses[-1], losses[0])

    def test_patterns_of_another_size_are_refused(self) -> None:
        with self.assertRaisesRegex(ValueError, "diff3d .* 64 pixels .* N is 128"):
            self.run_on(model={"N": 128})


class Params(Place):
    def test_a_derived_value_follows_what_it_is_derived_from(self) -> None:
        self.assertEqual(self.adapter.get_param("bigN"), 132)
        self.adapter.set_params({"gridsize": 3})
        self.assertEqual(self.adapter.get_param("bigN"), 136)

    def test_a_word_is_not_what_is_equal_to_it_and_a_whole_number_becomes_a_float(self) -> None:
        for odd in (64.0, True):
            with self.assertRaisesRegex(ValueError, f"ModelConfig.N must be one of 64, 128, 256, not {odd}"):
                self.adapter.update_legacy_dict(config(model={"N": odd}))
        with self.assertRaisesRegex(ValueError, "gridsize must be int, not True"):
            self.adapter.update_legacy_dict(config(model={"gridsize": True}))
        self.adapter.update_legacy_dict(config(model={"probe_scale": 3}))
        self.assertEqual(repr(self.adapter.params()["probe_scale"]), "3.0")

    def test_a_missing_model_changes_nothing(self) -> None:
        self.saved()
        before = dict(self.adapter.params())
        with self.assertRaisesRegex(KeyError, "no model 'decoder'"):
            inference = Config(
                "inference", {"model": {}, "model_path": "m", "test_data_file": "t", "backend": "pytorch"}
            )
            self.adapter.load_inference_bundle_with_backend(".", inference, "decoder")
        self.assertEqual(self.adapter.params(), before)


class Saving(Place):
    def saved_scale(self, models: Any = None) -> Any:
        models = models or self.adapter.create_models(config(), 7, {}, None)
        self.adapter.save_torch_bundle(models, "scale/wts.h5", config(), None)
        with zipfile.ZipFile("scale/wts.h5.zip") as archive:
            return dill.loads(archive.read("autoencoder/params.dill"))["intensity_scale"]

    def test_the_scale_is_a_float(self) -> None:
        self.adapter.set_params({"intensity_scale": 2})
        self.assertEqual(repr(self.saved_scale()), "2.0")

    def test_a_loaded_scale_is_not_used_for_other_models_unless_the_process_sets_it(self) -> None:
        models = self.adapter.create_models(config(), 7, {}, None)
        self.adapter.save_torch_bundle(models, "wts.h5", config(), 2.5)
        loaded = self.adapter.load_torch_bundle("wts.h5").models
        self.assertEqual((self.saved_scale(), self.saved_scale(loaded)), (1.0, 2.5))
        self.adapter.set_params({"intensity_scale": 9.5})
        self.assertEqual((self.saved_scale(), self.saved_scale(loaded)), (9.5, 2.5))

    def test_a_save_that_fails_leaves_the_older_archive_and_nothing_else(self) -> None:
        older = self.saved().read_bytes()
        for call in ("os.replace", "os.fsync", "zipfile.ZipFile.writestr"):
            with mock.patch(call, side_effect=OSError("disk full")), self.assertRaisesRegex(OSError, "disk full"):
                self.saved()
            self.assertEqual(Path("wts.h5.zip").read_bytes(), older)
            self.assertEqual(os.listdir(), ["wts.h5.zip"])

    def test_the_archive_has_the_usual_file_permissions(self) -> None:
        Path("other").touch()
        self.assertEqual(self.saved().stat().st_mode, Path("other").stat().st_mode)

    def test_pytorch_and_dill_read_it_without_this_package(self) -> None:
        entries = self.entries()
        manifest = dill.loads(entries["manifest.dill"])
        roles = ["autoencoder", "diffraction_to_obj"]
        self.assertEqual(manifest, {"models": roles, "version": "2.0-pytorch", "backend": "pytorch"})
        self.assertEqual(dill.loads(entries["autoencoder/params.dill"])["intensity_scale"], 1.0)
        state = torch.load(io.BytesIO(entries["diffraction_to_obj/model.pth"]), weights_only=True)
        self.assertIn("phase.bias", state)


class Damage(Place):
    def test_an_archive_truncated_anywhere_is_refused(self) -> None:
        whole = self.saved().read_bytes()
        # Cuts after the end record of an inner archive, which could be mistaken for that of the outer one.
        inner = [place + 22 for place in range(len(whole)) if whole.startswith(b"PK\5\6", place)]
        self.assertEqual(len(inner), 3)
        for length in {*range(0, len(whole), 997), *inner[:-1], *range(len(whole) - 30, len(whole))}:
            Path("wts.h5.zip").write_bytes(whole[:length])
            self.refused("wts.h5.zip")

    def test_an_archive_with_bytes_before_or_after_it_is_refused(self) -> None:
        whole = self.saved().read_bytes()
        for changed in (b"#!/bin/sh\n" + whole, whole + b"\n", whole[:-2] + b"\1\0c"):
            Path("wts.h5.zip").write_bytes(changed)
            self.refused("is truncated, or has extra bytes")

    def test_any_changed_byte_of_an_entry_is_detected(self) -> None:
        whole = self.saved().read_bytes()
        with zipfile.ZipFile("wts.h5.zip") as archive:
            entry = archive.getinfo("diffraction_to_obj/model.pth")
        for place in range(entry.header_offset + 100, entry.header_offset + entry.file_size, 1999):
            Path("wts.h5.zip").write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            self.refused("cannot read diffraction_to_obj/model.pth: Bad CRC-32")

    def test_escaping_names_are_refused_in_any_spelling(self) -> None:
        entries = self.entries()
        for name in ("../x", "/x", "a/../../x", "a\\..\\x", "C:x", "a//x", "nul\0x", "a/./x"):
            with zipfile.ZipFile("wts.h5.zip", "w") as archive:
                for own, value in entries.items():
                    archive.writestr(own, value)
                odd = zipfile.ZipInfo("x")
                odd.filename = name
                archive.writestr(odd, b"")
            self.refused("escapes the directory")

    def test_links_and_duplicate_names_are_refused(self) -> None:
        entries = self.entries()
        for name, mode, says in (
            ("autoencoder/link", stat.S_IFLNK, "autoencoder/link' is a link"),
            ("manifest.dill", stat.S_IFREG, "duplicate entry 'manifest.dill'"),
        ):
            self.write(entries)
            with warnings.catch_warnings(), zipfile.ZipFile("wts.h5.zip", "a") as archive:
                warnings.simplefilter("ignore")
                info = zipfile.ZipInfo(name)
                info.external_attr = (mode | 0o777) << 16
                archive.writestr(info, b"x")
            self.assertEqual(self.refused(says).kind, "unsafe")

    def test_equal_looking_snapshots_of_other_types_disagree(self) -> None:
        entries = self.entries()
        params = dill.loads(entries["autoencoder/params.dill"])
        del params["n_subsample"]
        for changed in (params, {**params, "n_subsample": None, "gridsize": True}):
            self.write({**entries, "diffraction_to_obj/params.dill": dill.dumps(changed)})
            self.assertEqual(self.refused("autoencoder and diffraction_to_obj disagree about").kind, "mismatch")

    def test_unsupported_compression_is_refused(self) -> None:
        entries = self.entries()
        with zipfile.ZipFile("wts.h5.zip", "w", zipfile.ZIP_BZIP2) as archive:
            for name, value in entries.items():
                archive.writestr(name, value)
        self.assertEqual(self.refused("neither stored nor deflated").kind, "unsupported")

    def test_an_entry_with_an_enormous_size_is_refused_before_it_is_read(self) -> None:
        entries = self.entries()
        with zipfile.ZipFile("wts.h5.zip", "w") as archive:
            for name, value in entries.items():
                archive.writestr(name, value)
            archive.getinfo("manifest.dill").file_size = 1 << 31
        self.assertEqual(self.refused("manifest.dill.*2147483648").kind, "unsafe")

    def test_entries_with_unexpected_contents_are_refused(self) -> None:
        entries = self.entries()
        sentinel = io.BytesIO()
        torch.save([1], sentinel)
        mixed = io.BytesIO()
        torch.save({"a": torch.zeros(1), "b": 2}, mixed)
        for name, data, says in (
            ("manifest.dill", b"", "manifest.dill is not a pickle"),
            ("manifest.dill", dill.dumps({"models": "ab"}), "no list of models"),
            ("autoencoder/params.dill", dill.dumps([]), "expected params in"),
            ("autoencoder/params.dill", dill.dumps({1: 2}), "expected params in"),
            ("autoencoder/model.pth", b"PK", "autoencoder/model.pth is not a state"),
            ("autoencoder/model.pth", sentinel.getvalue(), "found list"),
            ("autoencoder/model.pth", mixed.getvalue(), "expected only tensors"),
        ):
            with self.subTest(name, says=says):
                self.write({**entries, name: data})
                self.assertEqual(self.refused(says).kind, "malformed")


class Call:
    """Calls a function when it is unpickled."""

    def __reduce__(self) -> Any:
        return os.mkdir, ("executed",)


class Pickles(Place):
    def test_a_forbidden_global_is_refused_and_not_looked_up(self) -> None:
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            data = pickle.dumps({"a": [1, "x"], "b": pathlib.PurePosixPath("p"), "c": Call()}, protocol)
            with (
                self.subTest(protocol),
                self.assertRaisesRegex(Refused, r"e byte \d+: the global posix.mkdir") as caught,
            ):
                pickles.load(data, "e")
            place = int(str(caught.exception).split()[2].rstrip(":"))
            # The opcodes are GLOBAL and STACK_GLOBAL. The offset must not be that of the allowed path before it.
            self.assertIn(data[place : place + 1], (b"c", b"\x93"))
            self.assertGreater(place, data.index(b"PosixPath"))
        self.assertEqual(os.listdir(), [])

    def test_the_older_opcode_for_globals_is_refused_too(self) -> None:
        with self.assertRaisesRegex(Refused, "e byte 6: the global os.mkdir"):
            pickles.load(b"(S'x'\nios\nmkdir\n.", "e")

    def test_a_call_in_weights_is_refused_before_pytorch_sees_it(self) -> None:
        entries = self.entries()
        changed = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(entries["autoencoder/model.pth"])) as inside:
            with zipfile.ZipFile(changed, "w") as archive:
                for name in inside.namelist():
                    trap = b"cposix\nmkdir\n(S'executed'\ntR0" if name.endswith("data.pkl") else b""
                    archive.writestr(name, trap + inside.read(name))
        self.write({**entries, "autoencoder/model.pth": changed.getvalue()})
        refused = self.refused("autoencoder/model.pth!.*data.pkl byte 0: the global posix.mkdir is not allowed")
        self.assertEqual(refused.kind, "unsafe")
        self.assertFalse(Path("executed").exists())

    def test_paths_are_read_as_their_text(self) -> None:
        for path in (pathlib.PurePosixPath("a/b.npz"), pathlib.PureWindowsPath("C:/a")):
            self.assertEqual(pickles.load(dill.dumps({"p": path}), "e"), {"p": str(path)})
        if os.name == "posix":
            self.assertEqual(pickles.load(dill.dumps(Path("/x/y")), "e"), "/x/y")

    def test_storages_and_state_dicts_are_not_plain_values(self) -> None:
        for value in (OrderedDict(a=1), numpy.float64(1.0), torch.zeros(1), print, Refused):
            with self.subTest(value), self.assertRaisesRegex(Refused, "is not allowed"):
                pickles.load(dill.dumps(value), "e")
        with self.assertRaisesRegex(Refused, "unexpected storage outside a state dict"):
            pickles.load(b"Pstorage\n.", "e")


if __name__ == "__main__":
    unittest.main()
