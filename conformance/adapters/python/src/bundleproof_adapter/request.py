"""The params of a request, taken out field by field. What is not asked for is ignored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from . import notation
from .adapter import Config

CONFIG_KINDS = ("model", "training", "inference", "execution")


class Malformed(Exception):
    """The params are not those of the method."""


class Request:
    """The params of one request."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        self._params = params

    def has(self, name: str) -> bool:
        """Whether the field is there; it may be None."""
        return name in self._params

    def text(self, name: str) -> str:
        """A field that must be text."""
        value = self._params.get(name)
        return value if isinstance(value, str) else self._odd(name, "text")

    def text_or_none(self, name: str) -> str | None:
        """Text, or None where the field is absent or null."""
        return None if self._params.get(name) is None else self.text(name)

    def whole(self, name: str, default: int) -> int:
        """A whole number."""
        value = self._params.get(name, default)
        return value if isinstance(value, int) and not isinstance(value, bool) else self._odd(name, "a whole number")

    def number_or_none(self, name: str) -> float | None:
        """A number, or None where the field is absent or null."""
        value = self._decoded(name, self._params.get(name))
        if value is None:
            return None
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return float(value) if is_number else self._odd(name, "a number or null")

    def value(self, name: str) -> Any:
        """A value in the notation."""
        return self._decoded(name, self._params.get(name))

    def values(self, name: str) -> dict[str, Any]:
        """An object whose members are in the notation."""
        return self._members(name, self._params.get(name))

    def texts(self, name: str) -> dict[str, str]:
        """An object of texts; empty where the field is absent."""
        value = self._params.get(name, {})
        if isinstance(value, dict) and all(isinstance(text, str) for text in value.values()):
            return dict(value)
        return self._odd(name, "an object of texts")

    def list_or_none(self, name: str) -> list[str] | None:
        """A list of texts, or None where the field is absent or null."""
        value = self._params.get(name)
        if value is None or (isinstance(value, list) and all(isinstance(text, str) for text in value)):
            return value
        return self._odd(name, "a list of texts or null")

    def config(self) -> Config:
        """The field `config`."""
        config = self._params.get("config")
        if not isinstance(config, dict) or config.get("kind") not in CONFIG_KINDS:
            return self._odd("config", "a configuration: its kind is one of " + ", ".join(CONFIG_KINDS))
        return Config(config["kind"], self._members("config.values", config.get("values", {})))

    def _members(self, name: str, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            return self._odd(name, "an object")
        return {key: self._decoded(f"{name}.{key}", member) for key, member in value.items()}

    def _decoded(self, name: str, spelled: Any) -> Any:
        try:
            return notation.decode(spelled)
        except ValueError as cause:
            raise Malformed(f"{name}: {cause}") from cause

    def _odd(self, name: str, expected: str) -> NoReturn:
        raise Malformed(f"{name} must be {expected}")
