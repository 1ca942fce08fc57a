"""Mistakes of an adapter that can be seen before it is used."""

from __future__ import annotations

import difflib
import inspect

from .adapter import OPERATIONS, Adapter

MIN_RESEMBLANCE = 0.75
"""How much the name of a method must resemble that of an operation to be taken for a misspelled one, from 0 to 1."""


def mistakes(adapter: Adapter) -> list[str]:
    """Returns what is wrong with the methods of an adapter, a sentence each."""
    return [*_misnamed(adapter), *_with_other_parameters(adapter)]


def _misnamed(adapter: Adapter) -> list[str]:
    cls = type(adapter)
    absent = {*OPERATIONS} - {*adapter.operations} - {*adapter.missing}
    own = [name for name, _ in inspect.getmembers(cls, callable) if name[0] != "_" and not hasattr(Adapter, name)]
    nearest = [(name, *difflib.get_close_matches(name, OPERATIONS, 1, MIN_RESEMBLANCE)) for name in own]
    return [
        f"{cls.__name__}.{name} is not an operation: did you mean {near[0]}? "
        "Begin the name of a method of your own with _"
        for name, *near in nearest
        if absent.intersection(near)
    ]


def _with_other_parameters(adapter: Adapter) -> list[str]:
    found = []
    for name in ("reset", "params", *adapter.operations):
        expected = inspect.signature(getattr(Adapter, name))
        given = [parameter.name for parameter in expected.parameters.values()][1:]
        # The kit passes all of them by position; only a default of `get_param` is optional.
        fewest = sum(one.default is inspect.Parameter.empty for one in expected.parameters.values()) - 1
        try:
            signature = inspect.signature(getattr(adapter, name))
            signature.bind(*given)
            signature.bind(*given[:fewest])
        except TypeError:
            parameters = ", ".join(["self", *given])
            found.append(f"{type(adapter).__name__}.{name} must take ({parameters}), and takes {signature}")
        except ValueError:
            continue  # Written in another language, without a signature.
    return found
