"""Puts my_adapter under test by bundleproof: `bundleproof run --impl my_adapter.toml`.

Each method is one operation of the contract. An operation that the class does not have is not asked for: the cases
that need it are `unsupported`. So write one method, run, and go on with the next.
"""

from typing import Any

from bundleproof_adapter import ABSENT, Adapter, serve


class MyAdapter(Adapter):
    name = "my_adapter"
    version = "0.1.0"

    def __init__(self) -> None:
        # The params of the process. Put those of your own package in their place, here and below.
        self._params: dict[str, Any] = {}

    def reset(self) -> None:
        """Everything is again as in a new process. It is called before every case."""
        self._params.clear()

    def params(self) -> dict[str, Any]:
        """Every param of the process, by key."""
        return self._params

    def set_params(self, values: dict[str, Any]) -> None:
        self._params.update(values)

    def get_param(self, key: str, default: Any = ABSENT) -> Any:
        return self._params[key] if default is ABSENT else self._params.get(key, default)

    # The next ones to write are these. What a method raises is sent as a refusal: a FileNotFoundError as `not_found`,
    # a ValueError as `invalid_value`, and so on; override `kind_of` where your package means something else.
    #
    # def create_models(self, config, seed, sentinels, only):
    #     """Both networks of a configuration by name; the same seed gives the same weights."""
    #     return {"autoencoder": ..., "diffraction_to_obj": ...}
    #
    # def save_torch_bundle(self, models, base_path, config, intensity_scale):
    #     """Writes `<base_path>.zip`. `models` is the very mapping that create_models answered."""
    #     my_package.save(models, base_path, ...)
    #
    # def load_torch_bundle(self, base_path):
    #     """Reads `<base_path>.zip`: (models by name, the params in it)."""
    #     return my_package.load(base_path)
    #
    # `help(bundleproof_adapter.Adapter)` shows all of them.


if __name__ == "__main__":
    serve(MyAdapter())
