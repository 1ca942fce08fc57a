"""Tests the adapter of the real system with a stand-in for that system, and with the system itself if it is
installed."""

from __future__ import annotations

import dataclasses
import os
import tempfile
import unittest
import zipfile
from array import array
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest import mock

import kit

from bundleproof_adapter import Config, describe
from bundleproof_adapter.ptychopinn.adapter import LEGACY_PROFILE, SCALING_ENTRY, PtychoPinn
from bundleproof_adapter.ptychopinn.configuration import construct
from bundleproof_adapter.ptychopinn.system import System, call

FIXTURES = kit.SOURCE.parents[3] / "fixtures"


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    N: int = 64


@dataclasses.dataclass
class TrainingConfig:
    model: ModelConfig
    train_data_file: Path | None = None
    output_dir: Path = Path("training_outputs")


def raised(module: str, exception: str) -> BaseException:
    """Returns the exception as if a module of this name had raised it."""
    names: dict[str, Any] = {"__name__": module}
    exec(f"def refuse(): raise {exception}", names)
    try:
        names["refuse"]()
    except Exception as caught:
        return caught
    raise AssertionError(exception)


class StandIn(unittest.TestCase):
    def setUp(self) -> None:
        config = SimpleNamespace(ModelConfig=ModelConfig, TrainingConfig=TrainingConfig)
        self.read: list[str] = []
        data = SimpleNamespace(from_file=lambda path: self.read.append(path) or f"data of {path}")
        self.ran: list[Any] = []
        self.system = SimpleNamespace(
            revision="source 1",
            config=config,
            params=SimpleNamespace(cfg={}),
            raw_data=SimpleNamespace(RawData=data),
            components=SimpleNamespace(run_cdi_example_torch=self.workflow),
        )
        self.adapter = PtychoPinn(self.system)  # type: ignore[arg-type]

    def workflow(self, train_data: Any, test_data: Any, config: Any) -> Any:
        self.ran.append((train_data, test_data, config))
        return None, None, {"history": {"train_loss": [2.0]}, "intensity_scale": 3.0}


class Configurations(StandIn):
    def test_paths_become_paths_and_everything_else_stays(self) -> None:
        values = {"model": {"N": 63}, "train_data_file": "a/b.npz", "output_dir": ""}
        made = construct(self.system.config, Config("training", values))
        self.assertEqual(made, TrainingConfig(ModelConfig(63), Path("a/b.npz"), ""))
        self.assertIsInstance(made.output_dir, str)
        self.assertIsNone(construct(self.system.config, Config("training", {**values, "output_dir": None})).output_dir)

    def test_a_field_that_the_revision_does_not_have_is_its_own_to_refuse(self) -> None:
        with self.assertRaisesRegex(TypeError, "gridsizes"):
            construct(self.system.config, Config("model", {"gridsizes": 1}))


class Workflows(StandIn):
    def test_the_data_are_read_and_their_file_is_the_one_that_the_configuration_names(self) -> None:
        run = self.adapter.run_cdi_example_torch("t.npz", Config("training", {"model": {}}))
        ((data, test_data, config),) = self.ran
        self.assertEqual((data, test_data, config.train_data_file), ("data of t.npz", None, Path("t.npz")))
        self.assertEqual((run.models, run.intensity_scale, run.train_loss, run.backend), ({}, 3.0, [2.0], None))
        self.adapter.run_cdi_example_torch("t.npz", Config("training", {"model": {}, "train_data_file": "other.npz"}))
        self.assertEqual(self.ran[1][2].train_data_file, Path("other.npz"))


class Profiles(StandIn):
    def loaded_with(self, load: Any, bundle_dir: Path) -> Any:
        self.system.components.load_inference_bundle_torch = load
        self.adapter.load_inference_bundle_torch(str(bundle_dir))
        return self.asked

    def test_a_bundle_of_the_older_kind_is_loaded_as_one(self) -> None:
        def older(bundle_dir: str) -> Any:
            self.asked: Any = (bundle_dir, None)
            return {}, {}

        def newer(bundle_dir: str, *, scale_contract_version: Any = None, measurement_domain: Any = None) -> Any:
            self.asked = (bundle_dir, scale_contract_version, measurement_domain)
            return {}, {}

        with tempfile.TemporaryDirectory() as place:
            directory = Path(place)
            bundle = directory / "wts.h5.zip"
            legacy = (place, *LEGACY_PROFILE.values())
            self.assertEqual(self.loaded_with(newer, directory), legacy, "that there is none is for the loader to say")
            bundle.write_bytes(b"no archive")
            self.assertEqual(self.loaded_with(newer, directory), legacy)
            with zipfile.ZipFile(bundle, "w") as archive:
                archive.writestr("manifest.dill", b"")
            self.assertEqual(self.loaded_with(newer, directory), legacy)
            self.assertEqual(self.loaded_with(older, directory), (place, None))
            with zipfile.ZipFile(bundle, "a") as archive:
                archive.writestr(SCALING_ENTRY, b"")
            self.assertEqual(self.loaded_with(newer, directory), (place, None, None))


class Answers(StandIn):
    def test_arrays_among_the_params_are_described(self) -> None:
        probe = array("d", [1.0])
        self.system.params.cfg.update({"N": 64, "probe": probe})
        self.assertEqual(self.adapter.params(), {"N": 64, "probe": describe(probe)})
        self.assertIs(self.system.params.cfg["probe"], probe)

    def test_what_the_system_raises_on_purpose_is_a_refusal(self) -> None:
        for module, exception, kind in (
            ("ptycho_torch.model_manager", "RuntimeError('weights')", "mismatch"),
            ("torch.serialization", "RuntimeError('weights')", "internal"),
            ("ptycho.params", "AssertionError()", "invalid_value"),
            ("ptycho.params", "AttributeError('x')", "internal"),
            ("ptycho.params", "NotImplementedError()", "not_implemented"),
            ("ptycho.raw_data", "KeyError('x')", "missing_field"),
        ):
            with self.subTest(module, exception=exception):
                self.assertEqual(self.adapter.kind_of(raised(module, exception)), kind)

    def test_a_wrapped_failure_is_a_refusal_unless_it_comes_out_of_training(self) -> None:
        for module, kind in (("torch.nn.modules.module", "mismatch"), ("lightning.pytorch.trainer", "internal")):
            with self.subTest(module):
                wrapped = raised("ptycho_torch.workflows.components", "RuntimeError('it failed')")
                wrapped.__cause__ = raised(module, "RuntimeError('shapes')")
                self.assertEqual(self.adapter.kind_of(wrapped), kind)

    @unittest.skipIf(find_spec("torch") is None or find_spec("numpy") is None, "PyTorch and NumPy are not installed")
    def test_a_network_is_executed_as_in_inference(self) -> None:
        import torch

        class Network(torch.nn.Module):
            def forward_predict(self, x: Any, positions: Any, probe: Any, input_scale_factor: Any) -> Any:
                given = [tuple(each.shape) for each in (positions, probe, input_scale_factor)]
                grows = torch.is_grad_enabled() or self.training
                return x * input_scale_factor, given, grows

        models = {"autoencoder": {"_sentinel": "autoencoder"}, "diffraction_to_obj": Network()}
        inputs = str(FIXTURES / "inputs/n64_c1_b3.npz")
        answer, given, grows = self.adapter.forward(models, "diffraction_to_obj", inputs)
        self.assertEqual((answer.shape, given), ((3, 1, 64, 64), [(3, 1, 1, 2), (64, 64), (3, 1, 1, 1)]))
        self.assertFalse(grows)
        with self.assertRaisesRegex(ValueError, "expected a network as autoencoder, found {'_sentinel'"):
            self.adapter.forward(models, "autoencoder", inputs)

    def test_arguments_that_a_revision_does_not_know_are_left_out(self) -> None:
        def older(a: int) -> Any:
            return a

        self.assertEqual(call(older, a=1, where_known={"b": 2}), 1)
        self.assertEqual(call(lambda a, b: (a, b), a=1, where_known={"b": 2}), (1, 2))
        with self.assertRaises(TypeError):
            call(older, b=2)


@unittest.skipIf(find_spec("torch") is None, "PyTorch is not installed")
class Reset(unittest.TestCase):
    def test_all_global_state_is_restored(self) -> None:
        import torch

        modules = {}
        for name in (
            "ptycho.params",
            "ptycho.config.config",
            "ptycho.raw_data",
            "ptycho_torch.model",
            "ptycho_torch.model_manager",
            "ptycho_torch.workflows.components",
            "ptycho.workflows.backend_selector",
        ):
            modules[name] = ModuleType(name)
            modules[name].__file__ = __file__
        params = modules["ptycho.params"]
        params.cfg = cfg = {"N": 128, "list": [1]}
        params.unseal = mock.Mock()
        caching: set[str | None] = set()

        def imported(name: str) -> ModuleType:
            caching.add(os.environ.get("PTYCHO_DISABLE_MEMOIZE"))
            return modules[name]

        # Other tests of this process may have set it.
        self.addCleanup(torch.use_deterministic_algorithms, torch.are_deterministic_algorithms_enabled())
        torch.use_deterministic_algorithms(False)
        with mock.patch.dict(os.environ):
            with mock.patch("importlib.import_module", imported):
                system = System()
            self.assertEqual(caching, {"1"}, "the system makes a directory while it is imported, unless it is told")
            self.assertRegex(system.revision, r"^source [0-9a-f]{12}$")
            drawn = torch.rand(3)
            cfg.update(N=64, more=1)
            cfg["list"].append(2)
            os.environ["PL_GLOBAL_SEED"] = "7"
            for _ in range(2):
                torch.use_deterministic_algorithms(True)
                system.reset()
                self.assertIs(params.cfg, cfg, "other modules hold this very dict")
                self.assertEqual(cfg, {"N": 128, "list": [1]})
                self.assertNotIn("PL_GLOBAL_SEED", os.environ)
                self.assertFalse(torch.are_deterministic_algorithms_enabled())
                self.assertTrue(torch.equal(torch.rand(3), drawn))
                cfg["list"].append(3)
            self.assertEqual(params.unseal.call_count, 2)


@unittest.skipIf(find_spec("ptycho_torch") is None, "ptycho and ptycho_torch are not installed")
class TheRealSystem(unittest.TestCase):
    def test_the_real_system_runs(self) -> None:
        self.addCleanup(os.chdir, os.getcwd())
        with tempfile.TemporaryDirectory() as place:
            os.chdir(place)
            adapter = PtychoPinn(System())
            self.assertEqual(os.listdir(), [], "nothing is left where it is imported")
            os.chdir("/")
        adapter.reset()
        self.assertEqual(adapter.get_param("N"), 128)
        self.assertEqual(adapter.load_dataset(str(FIXTURES / "datasets/train_data.npz")).positions, 10)
        model = {"N": 64, "gridsize": 1, "n_filters_scale": 1}
        made = adapter.create_models(Config("training", {"model": model}), 7, {}, None)
        again = adapter.create_models(Config("training", {"model": model}), 7, {}, None)
        for role, network in made.items():
            for name, weights in network.state_dict().items():
                self.assertEqual(describe(again[role].state_dict()[name]), describe(weights))
            answer = adapter.forward(made, role, str(FIXTURES / "inputs/n64_c1_b3.npz"))
            described = describe(answer)
            self.assertEqual((described["dtype"], described["shape"]), ("complex64", [3, 1, 64, 64]))


if __name__ == "__main__":
    unittest.main()
