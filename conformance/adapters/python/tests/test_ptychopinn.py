"""Tests the adapter of the real system with a stand-in for that system, and with the system itself if it is
installed."""

from __future__ import annotations

import dataclasses
import os
import sys
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

from bundleproof_adapter import OPERATIONS, Config, PlainText, Refused, describe
from bundleproof_adapter.ptychopinn.adapter import LEGACY_PROFILE, SCALING_ENTRY, PtychoPinn
from bundleproof_adapter.ptychopinn.configuration import construct
from bundleproof_adapter.ptychopinn.system import System, call, imported

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
            versions={"torch": "2.0"},
            config=config,
            params=SimpleNamespace(cfg={}),
            raw_data=SimpleNamespace(RawData=data),
            model_manager=SimpleNamespace(
                save_torch_bundle=self.save,
                load_torch_bundle=lambda base_path: ({"autoencoder": 1, "diffraction_to_obj": 2}, {"N": 64}),
                create_torch_model_with_gridsize=lambda gridsize, N, params_dict=None: ("network", N, gridsize),
            ),
            components=SimpleNamespace(
                run_cdi_example_torch=self.workflow, load_inference_bundle_torch=lambda bundle_dir: ({}, {})
            ),
            backend_selector=SimpleNamespace(
                run_cdi_example_with_backend=self.workflow,
                load_inference_bundle_with_backend=lambda bundle_dir, config, model_name="diffraction_to_obj": (1, {}),
            ),
            model=SimpleNamespace(PtychoPINN_Lightning=object),
            config_params=None,
        )
        self.saved: list[Any] = []
        self.adapter = self.adapted()

    def adapted(self) -> PtychoPinn:
        return PtychoPinn(self.system)  # type: ignore[arg-type]

    def save(self, models_dict: Any, base_path: str, config: Any, intensity_scale: float | None = None) -> None:
        self.saved.append((models_dict, base_path, intensity_scale))

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

    def test_text_in_place_of_a_path_stays_text(self) -> None:
        values = {"model": {}, "train_data_file": PlainText("a.npz"), "output_dir": Path("out")}
        made = construct(self.system.config, Config("training", values))
        self.assertEqual((made.train_data_file, made.output_dir), ("a.npz", Path("out")))
        self.assertIs(type(made.train_data_file), str)

    def test_what_the_revision_does_not_have_is_a_refusal_that_no_case_expects(self) -> None:
        for kind, values, name in (
            ("model", {"gridsizes": 1}, "gridsizes"),
            ("training", {"model": {"gridsizes": 1}}, "gridsizes"),
            ("training", {"model": {}, "backend": "tensorflow"}, "backend"),
            ("execution", {}, "PyTorchExecutionConfig"),
        ):
            with self.subTest(kind, values=values), self.assertRaisesRegex(NotImplementedError, name) as raised:
                construct(self.system.config, Config(kind, values))
            self.assertEqual(self.adapter.kind_of(raised.exception), "not_implemented")

    def test_the_only_backend_of_a_revision_need_not_be_one_of_its_fields(self) -> None:
        made = construct(self.system.config, Config("training", {"model": {}, "backend": "pytorch"}))
        self.assertEqual(made, TrainingConfig(ModelConfig()))
        self.assertTrue(any("leaves out backend" in note for note in self.adapter.notes))
        # With the field it is passed on, whatever it says.
        self.system.config.TrainingConfig = dataclasses.make_dataclass("TrainingConfig", ["model", "backend"])
        for word in ("pytorch", "tensorflow"):
            made = construct(self.system.config, Config("training", {"model": {}, "backend": word}))
            self.assertEqual(made.backend, word)
        self.assertFalse(any("leaves out backend" in note for note in self.adapted().notes))


class Workflows(StandIn):
    def test_the_data_are_read_and_their_file_is_the_one_that_the_configuration_names(self) -> None:
        run = self.adapter.run_cdi_example_torch("t.npz", Config("training", {"model": {}}))
        ((data, test_data, config),) = self.ran
        self.assertEqual((data, test_data, config.train_data_file), ("data of t.npz", None, Path("t.npz")))
        self.assertEqual((run.models, run.intensity_scale, run.train_loss, run.backend), ({}, 3.0, [2.0], None))
        self.adapter.run_cdi_example_torch("t.npz", Config("training", {"model": {}, "train_data_file": "other.npz"}))
        self.assertEqual(self.ran[1][2].train_data_file, Path("other.npz"))


    def test_results_without_models_and_scale_are_results(self) -> None:
        first = {"history": {"train_loss": [0.5, 0.3]}, "train_container": object()}
        self.system.components.run_cdi_example_torch = lambda *given: (None, None, first)
        run = self.adapted().run_cdi_example_torch("t.npz", Config("training", {"model": {}}))
        self.assertEqual((run.models, run.intensity_scale, run.train_loss), ({}, None, [0.5, 0.3]))

    def test_the_trained_scale_is_stated_unless_the_case_states_one(self) -> None:
        run = self.adapter.run_cdi_example_torch("t.npz", Config("training", {"model": {}}))
        for models, given, expected in ((run.models, None, 3.0), (run.models, 2.5, 2.5), ({"a": 1}, None, None)):
            self.adapter.save_torch_bundle(models, "b", Config("training", {"model": {}}), given)
            self.assertEqual(self.saved.pop(), (dict(models), "b", expected))
        self.assertTrue(any("states the scale" in note for note in self.adapter.notes))

    def test_a_saver_without_a_scale_refuses_one_and_is_not_given_none(self) -> None:
        def save(models_dict: Any, base_path: str, config: Any) -> None:
            self.saved.append(base_path)

        self.system.model_manager.save_torch_bundle = save
        adapter = self.adapted()
        adapter.save_torch_bundle({}, "b", Config("training", {"model": {}}), None)
        self.assertEqual(self.saved, ["b"])
        with self.assertRaisesRegex(NotImplementedError, "intensity_scale"):
            adapter.save_torch_bundle({}, "b", Config("training", {"model": {}}), 2.5)
        self.assertFalse(any("states the scale" in note for note in adapter.notes))


class Revisions(StandIn):
    """Stand-ins for the modules and signatures of older revisions."""

    def test_a_function_that_is_not_there_is_an_operation_less(self) -> None:
        every = self.adapter.operations
        self.assertEqual(every, list(OPERATIONS))
        self.system.backend_selector = None
        self.assertEqual(
            set(every) - set(self.adapted().operations),
            {"run_cdi_example_with_backend", "load_inference_bundle_with_backend"},
        )
        del self.system.model_manager.load_torch_bundle
        self.system.components = self.system.model = None
        adapter = self.adapted()
        self.assertEqual(
            set(every) - set(adapter.operations),
            {
                "run_cdi_example_with_backend",
                "load_inference_bundle_with_backend",
                "load_torch_bundle",
                "run_cdi_example_torch",
                "load_inference_bundle_torch",
                "forward",
            },
        )
        self.assertFalse(any("dataset" in note for note in adapter.notes))

    def test_the_era_follows_from_what_a_revision_has(self) -> None:
        def revision(*fields: str) -> None:
            made = dataclasses.make_dataclass("ModelConfig", ["N", *fields])
            self.system.config = SimpleNamespace(ModelConfig=made, TrainingConfig=TrainingConfig)

        self.assertEqual(self.adapted().era, "2025-11")
        revision("architecture")
        self.assertEqual(self.adapted().era, "main")
        revision("architecture", "object_layout")
        self.assertEqual(self.adapted().era, "refactor")
        del self.system.model_manager.load_torch_bundle
        self.assertEqual(self.adapted().era, "torch-manifest-v1")
        self.system.backend_selector = None
        self.assertEqual(self.adapted().era, "2025-10")

    def test_a_loader_may_return_one_model(self) -> None:
        network, placeholder = object(), {"_sentinel": "s"}

        def of_a_name(base_path: str, model_name: str = "autoencoder") -> Any:
            return network, {"N": 64}

        for load, models in (
            (of_a_name, {"autoencoder": network}),
            (lambda base: (network, {}), {"diffraction_to_obj": network}),
            (lambda base, model_name=None: (placeholder, {}), {"diffraction_to_obj": placeholder}),
            (lambda base, model_name=None: ({"autoencoder": network}, {}), {"autoencoder": network}),
        ):
            self.system.model_manager.load_torch_bundle = load
            self.assertEqual(self.adapted().load_torch_bundle("b").models, models)

    def test_parameters_may_have_other_names(self) -> None:
        self.system.components.load_inference_bundle_torch = lambda model_dir: ({"dir": model_dir}, {})
        self.assertEqual(self.adapted().load_inference_bundle_torch("d").models, {"dir": "d"})

    def test_what_a_revision_does_not_implement_says_so(self) -> None:
        def later(model_dir: Path) -> Any:
            raise NotImplementedError("phase D3")

        self.system.components.load_inference_bundle_torch = later
        with self.assertRaises(NotImplementedError) as raised:
            self.adapted().load_inference_bundle_torch("d")
        self.assertEqual(self.adapter.kind_of(raised.exception), "not_implemented")

    @unittest.skipIf(find_spec("torch") is None, "PyTorch is not installed")
    def test_networks_come_from_the_function_or_else_from_the_class(self) -> None:
        flat = {"N": 64, "gridsize": 2, "n_filters_scale": 1, "object.big": False}
        self.system.config.dataclass_to_legacy_dict = lambda config: flat
        config = Config("training", {"model": {}})
        self.assertEqual(self.adapter.create_models(config, 1, {}, ["autoencoder"])["autoencoder"], ("network", 64, 2))
        self.system.model_manager.create_torch_model_with_gridsize = lambda gridsize, N: (N, gridsize)
        self.assertEqual(self.adapted().create_models(config, 1, {}, ["autoencoder"])["autoencoder"], (64, 2))
        del self.system.model_manager.create_torch_model_with_gridsize
        self.system.model.PtychoPINN_Lightning = lambda *configs: configs
        kinds = ("ModelConfig", "DataConfig", "TrainingConfig", "InferenceConfig")
        self.system.config_params = SimpleNamespace(**{kind: lambda **given: given for kind in kinds})
        adapter = self.adapted()
        self.assertEqual(
            adapter.create_models(config, 1, {}, ["autoencoder"])["autoencoder"],
            (
                {"n_filters_scale": 1, "object_big": False, "C_model": 4, "C_forward": 4},
                {"N": 64, "C": 4, "grid_size": (2, 2)},
                {},
                {},
            ),
        )
        self.assertTrue(any("PtychoPINN_Lightning" in note for note in adapter.notes))
        self.system.model = None
        with self.assertRaises(NotImplementedError):
            self.adapted().create_models(config, 1, {}, None)
        self.assertEqual(
            self.adapted().create_models(config, 1, {"autoencoder": "s"}, ["autoencoder"]),
            {"autoencoder": {"_sentinel": "s", "name": "autoencoder"}},
        )

    def test_a_module_that_is_not_there_is_none_and_a_broken_one_is_an_error(self) -> None:
        with tempfile.TemporaryDirectory() as place, mock.patch("sys.path", [place, *sys.path]):
            package = Path(place, "stand_in_of_a_revision")
            package.mkdir()
            Path(package, "__init__.py").touch()
            Path(package, "there.py").write_text("name = 1")
            Path(package, "broken.py").write_text("import stand_in_of_nothing")
            self.assertEqual(getattr(imported("stand_in_of_a_revision.there"), "name", None), 1)
            self.assertIsNone(imported("stand_in_of_a_revision.missing"))
            self.assertIsNone(imported("stand_in_of_another.there"))
            with self.assertRaisesRegex(ModuleNotFoundError, "stand_in_of_nothing"):
                imported("stand_in_of_a_revision.broken")


class Profiles(StandIn):
    def loaded_with(self, load: Any, bundle_dir: Path) -> Any:
        self.system.components.load_inference_bundle_torch = load
        self.adapted().load_inference_bundle_torch(str(bundle_dir))
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
            ("torch.serialization", "RuntimeError('Invalid magic number')", "malformed"),
            ("torch.cuda", "RuntimeError('no device')", "internal"),
            ("ptycho.params", "AssertionError()", "invalid_value"),
            ("ptycho.params", "AttributeError('x')", "internal"),
            ("ptycho.params", "NotImplementedError()", "not_implemented"),
            ("ptycho.raw_data", "KeyError('x')", "missing_field"),
        ):
            with self.subTest(module, exception=exception):
                self.assertEqual(self.adapter.kind_of(raised(module, exception)), kind)

    def test_a_tensor_that_torch_load_cannot_build_is_malformed(self) -> None:
        def load(rebuild: str) -> BaseException:
            names: dict[str, Any] = {"__name__": rebuild}
            exec("def rebuild(): raise RuntimeError('Tensor: invalid storage offset -1')", names)
            loading: dict[str, Any] = {"__name__": "torch.serialization", "rebuild": names["rebuild"]}
            exec("def load(): rebuild()", loading)
            try:
                loading["load"]()
            except RuntimeError as caught:
                return caught
            raise AssertionError(rebuild)

        for rebuild in ("torch._utils", "torch._tensor"):
            with self.subTest(rebuild):
                self.assertEqual(self.adapter.kind_of(load(rebuild)), "malformed")
        # Outside of torch.load it says nothing about a file.
        self.assertEqual(self.adapter.kind_of(raised("torch._utils", "RuntimeError('invalid storage')")), "internal")

    def test_a_file_that_torch_save_cannot_write_is_io(self) -> None:
        names: dict[str, Any] = {"__name__": "torch.serialization"}
        exec("def _save(): raise RuntimeError('unexpected pos 64 vs 0')\ndef save(): _save()", names)
        try:
            names["save"]()
        except RuntimeError as caught:
            kind = self.adapter.kind_of(caught)
        self.assertEqual(kind, "io")

    def test_a_wrapped_failure_is_a_refusal_unless_it_comes_out_of_training(self) -> None:
        for module, kind in (("torch.nn.modules.module", "mismatch"), ("lightning.pytorch.trainer", "internal")):
            with self.subTest(module):
                wrapped = raised("ptycho_torch.workflows.components", "RuntimeError('it failed')")
                wrapped.__cause__ = raised(module, "RuntimeError('shapes')")
                self.assertEqual(self.adapter.kind_of(wrapped), kind)
        for mistake in ("UnboundLocalError('x')", "AttributeError('x')", "TypeError('x')"):
            with self.subTest(mistake):
                wrapped.__cause__ = raised("ptycho_torch.workflows.components", mistake)
                self.assertEqual(self.adapter.kind_of(wrapped), "internal")

    def test_a_wrapped_error_of_a_file_is_that_error(self) -> None:
        wrapped = raised("ptycho_torch.workflows.components", "RuntimeError('training failed')")
        wrapped.__cause__ = raised("lightning.fabric", "NotADirectoryError('out/lightning_logs')")
        self.assertEqual(self.adapter.kind_of(wrapped), self.adapter.kind_of(wrapped.__cause__))
        self.assertNotEqual(self.adapter.kind_of(wrapped), "internal")
        mistake = raised("ptycho_torch.workflows.components", "AttributeError('x')")
        mistake.__cause__ = wrapped.__cause__
        self.assertEqual(self.adapter.kind_of(mistake), "internal")

    def test_keys_before_a_refused_one_are_put_back(self) -> None:
        params = self.system.params

        def keep_and_check(key: str, value: Any) -> None:
            params.cfg[key] = value
            assert key != "data_source"

        params.set = keep_and_check
        params.cfg.update({"N": 64, "data_source": "lines"})
        with self.assertRaises(AssertionError):
            self.adapter.set_params({"N": 128, "offset": 4, "data_source": "nowhere", "gridsize": 2})
        self.assertEqual(params.cfg, {"N": 64, "data_source": "nowhere"})

    @unittest.skipIf(find_spec("torch") is None, "PyTorch is not installed")
    def test_every_bit_of_a_seed_matters(self) -> None:
        import torch

        self.system.config.dataclass_to_legacy_dict = lambda config: {"N": 64, "gridsize": 1}
        self.system.model_manager.create_torch_model_with_gridsize = lambda gridsize, N: torch.rand(4).tolist()
        adapter = self.adapted()
        config = Config("training", {"model": {}})
        drawn = [adapter.create_models(config, seed, {}, ["autoencoder"])["autoencoder"] for seed in (1, 1 + 2**32, 1)]
        self.assertNotEqual(drawn[0], drawn[1])
        self.assertEqual(drawn[0], drawn[2])

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

        class Layer(torch.nn.Module):
            def forward_predict(self, x: Any, *others: Any) -> Any:
                return torch.nn.Conv2d(4, 1, 3)(x) if len(others) == 3 else None

        class Broken(torch.nn.Module):
            def forward_predict(self, *inputs: Any) -> Any:
                raise RuntimeError("no device")

        with self.assertRaisesRegex(Refused, "to have 4 channels, but got 1 channels"):
            self.adapter.forward({"network": Layer()}, "network", inputs)
        with self.assertRaisesRegex(RuntimeError, "no device"):
            self.adapter.forward({"network": Broken()}, "network", inputs)
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
            "ptycho_torch.config_params",
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
        here = os.getcwd()
        places: set[str] = set()

        def imported(name: str) -> ModuleType:
            caching.add(os.environ.get("PTYCHO_DISABLE_MEMOIZE"))
            places.add(os.getcwd())
            return modules[name]

        # Other tests of this process may have set it.
        self.addCleanup(torch.use_deterministic_algorithms, torch.are_deterministic_algorithms_enabled())
        torch.use_deterministic_algorithms(False)
        with mock.patch.dict(os.environ):
            with mock.patch("importlib.import_module", imported):
                system = System()
            self.assertEqual(caching, {"1"}, "the system makes a directory while it is imported, unless it is told")
            self.assertNotIn(here, places, "older revisions make it all the same")
            self.assertEqual(os.getcwd(), here)
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
