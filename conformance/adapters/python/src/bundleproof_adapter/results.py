"""What the methods of an adapter must return."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


class WrongResult(TypeError):
    """A method of the adapter returned something that cannot be sent: a mistake of the adapter, which says nothing about
    the implementation."""


def mapping(value: Any, expected: str) -> Mapping[str, Any]:
    """Returns a mapping with text keys."""
    if not isinstance(value, Mapping):
        raise _wrong(value, expected)
    odd = next((key for key in value if not isinstance(key, str)), None)
    if odd is not None:
        raise WrongResult(f"returned a mapping with the key {odd!r}, expected {expected}")
    return value


def pair(value: Any, expected: str) -> tuple[Any, Any]:
    """Returns a tuple of two."""
    if not isinstance(value, tuple) or len(value) != 2:
        raise _wrong(value, expected)
    return value


def with_fields(value: Any, kind: type) -> Any:
    """Returns an object with the attributes of this dataclass."""
    if not all(hasattr(value, name) for name in kind.__dataclass_fields__):  # type: ignore[attr-defined]
        raise _wrong(value, f"a {kind.__name__}")
    return value


def sent(what: str, describe: Callable[[Any], Any], value: Any) -> Any:
    """Returns the description of a part of a result."""
    try:
        return describe(value)
    except (TypeError, ValueError) as cause:
        raise WrongResult(f"returned something that cannot be sent as {what}: {cause}") from cause


def _wrong(value: Any, expected: str) -> WrongResult:
    if value is None:
        return WrongResult(f"returned None, expected {expected}; is a `return` missing?")
    size = f" of {len(value)}" if isinstance(value, tuple) else ""
    return WrongResult(f"returned {type(value).__qualname__}{size}, expected {expected}")
