"""Typed access to the params of a request. Unknown fields are ignored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from . import notation
from .adapter import Config, PlainText

CONFIG_KINDS = ("model", "training", "inference", "execution")


class Malformed(Exception):
    """The params are invalid for the method."""


class Request:
    """The params of one request."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        self._params = params

    def has(self, name: str) -> bool:
        """Whether the field is present; it may be None."""
        return name in self._params

    def text(self, name: str) -> str:
        """A required text field."""
        value = self._params.get(name)
        return value if isinstance(value, str) else self._fail(name, "text")

    def text_or_none(self, name: str) -> str | None:
        """Text, or None if the field is absent or null."""
        return None if self._params.get(name) is None else self.text(name)

    def whole(self, name: str, default: int) -> int:
        """An integer."""
        value = self._params.get(name, default)
        return value if isinstance(value, int) and not isinstance(value, bool) else self._fail(name, "an integer")

    def number_or_none(self, name: str) -> float | None:
        """A number, or None if the field is absent or null."""
        value = self._decoded(name, self._params.get(name))
        if value is None:
            return None
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return float(value) if is_number else self._fail(name, "a number or null")

    def value(self, name: str) -> Any:
        """A value in the notation."""
        return self._decoded(name, self._params.get(name))

    def values(self, name: str) -> dict[str, Any]:
        """An object whose members are in the notation."""
        return self._members(name, self._params.get(name))

    def texts(self, name: str) -> dict[str, str]:
        """An object of texts; empty if the field is absent."""
        value = self._params.get(name, {})
        if isinstance(value, dict) and all(isinstance(text, str) for text in value.values()):
            return dict(value)
        return self._fail(name, "an object of texts")

    def list_or_none(self, name: str) -> list[str] | None:
        """A list of texts, or None if the field is absent or null."""
        value = self._params.get(name)
        if value is None or (isinstance(value, list) and all(isinstance(text, str) for text in value)):
            return value
        return self._fail(name, "a list of texts or null")

    def config(self) -> Config:
        """The field `config`."""
        config = self._params.get("config")
        if not isinstance(config, dict) or config.get("kind") not in CONFIG_KINDS:
            return self._fail("config", "a configuration with a kind of " + ", ".join(CONFIG_KINDS))
        values = self._members("config.values", config.get("values", {}))
        return Config(config["kind"], {name: _plain_text(value) for name, value in values.items()})

    def _members(self, name: str, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            return self._fail(name, "an object")
        return {key: self._decoded(f"{name}.{key}", member) for key, member in value.items()}

    def _decoded(self, name: str, spelled: Any) -> Any:
        try:
            return notation.decode(spelled)
        except ValueError as cause:
            raise Malformed(f"{name}: {cause}") from cause

    def _fail(self, name: str, expected: str) -> NoReturn:
        raise Malformed(f"{name} must be {expected}")


def _plain_text(value: Any) -> Any:
    """`{"text": ...}` is text for a field that is meant for a path."""
    if isinstance(value, dict) and value.keys() == {"text"} and isinstance(value["text"], str):
        return PlainText(value["text"])
    return value
