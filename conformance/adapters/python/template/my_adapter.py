"""An adapter for bundleproof: `bundleproof run --impl my_adapter.toml`.

Each method is one operation of the contract. Cases that need a method the class does not define are `unsupported`. Add
a method, run, and repeat.
"""

from typing import Any

from bundleproof_adapter import ABSENT, Adapter, serve
from bundleproof_adapter.plain_torch.params import DEFAULTS


class MyAdapter(Adapter):
    name = "my_adapter"
    version = "0.1.0"

    def __init__(self) -> None:
        # The params of the process, which begin with the defaults. Replace them by those of your package, here and below.
        self._params: dict[str, Any] = dict(DEFAULTS)

    def reset(self) -> None:
        """Restores the state of a new process. Called before every case."""
        self._params = dict(DEFAULTS)

    def params(self) -> dict[str, Any]:
        """Returns all params of the process by key."""
        return self._params

    def set_params(self, values: dict[str, Any]) -> None:
        self._params.update(values)

    def get_param(self, key: str, default: Any = ABSENT) -> Any:
        return self._params[key] if default is ABSENT else self._params.get(key, default)

    # Add these next. An exception is sent as a refusal: a FileNotFoundError as `not_found`, a ValueError as
    # `invalid_value`, and so on; override `kind_of` if the exceptions of your package mean something else.
    #
    # def create_models(self, config, seed, sentinels, only):
    #     """Creates both networks of a configuration; the same seed gives the same weights."""
    #     return {"autoencoder": ..., "diffraction_to_obj": ...}
    #
    # def save_torch_bundle(self, models, base_path, config, intensity_scale):
    #     """Saves `<base_path>.zip`. `models` is the same mapping that create_models returned."""
    #     my_package.save(models, base_path, ...)
    #
    # def load_torch_bundle(self, base_path):
    #     """Loads `<base_path>.zip`; returns (models by name, archived params)."""
    #     return my_package.load(base_path)
    #
    # `help(bundleproof_adapter.Adapter)` shows all methods.


if __name__ == "__main__":
    serve(MyAdapter())
