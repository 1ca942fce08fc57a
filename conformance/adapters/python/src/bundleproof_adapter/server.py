"""The protocol: JSON-RPC 2.0, one message per line, one request at a time."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Callable
from typing import Any

from . import channel, refusal
from .adapter import OPERATIONS, Adapter
from .mistakes import mistakes
from .refusal import Kind
from .request import Malformed, Request
from .results import WrongResult
from .session import Refusal, Session

PROTOCOL = 1
"""The supported version of the protocol."""

PARSE, REQUEST, METHOD, PARAMS = -32700, -32600, -32601, -32602
"""Error codes of JSON-RPC: invalid JSON, invalid request, unknown method, invalid params."""

MISTAKE = -32001
"""Error code of a mistake of the adapter, which says nothing about the implementation."""


def serve(adapter: Adapter) -> None:
    """Handles requests on stdin until `shutdown` or end of input.

    From now on stdout is reserved for the protocol, and printed text goes to stderr. An adapter whose methods have other
    names or parameters than operations exits with 2.
    """
    found = mistakes(adapter)
    if found:
        print(*found, sep="\n", file=sys.stderr)
        sys.exit(2)
    requests, answers = channel.claim()
    if hasattr(sys, "set_int_max_str_digits"):
        # Archives may contain integers of any length, which are sent as digits.
        sys.set_int_max_str_digits(0)
    server = Server(adapter)
    try:
        while not server.done:
            try:
                line = channel.read(requests)
            except ValueError as cause:
                channel.write(answers, _written(None, {"error": _error(PARSE, str(cause))}))
                continue
            if line is None:
                return
            channel.write(answers, server.answer(line))
    except BrokenPipeError:
        # The client closed the connection.
        return


class Server:
    """Handles one line at a time."""

    def __init__(self, adapter: Adapter) -> None:
        self.done = False
        """Whether `shutdown` was received."""
        self._adapter = adapter
        self._session: Session | None = None

    def answer(self, line: bytes) -> bytes:
        """Returns the response to a line."""
        try:
            message = json.loads(line.decode("utf-8"), parse_constant=_no_constant)
        except (ValueError, RecursionError) as cause:
            return _written(None, {"error": _error(PARSE, f"invalid JSON: {cause}")})
        if not _is_request(message):
            return _written(None, {"error": _error(REQUEST, "expected a JSON-RPC 2.0 request")})
        outcome = self._outcome(message["method"], message.get("params"))
        try:
            line = _written(message["id"], outcome)
            if len(line) <= channel.MAX_LINE:
                return line
            error = ValueError(f"expected a response of at most {channel.MAX_LINE} bytes, found {len(line)}")
        except ValueError as raised:
            error = raised
        return _written(message["id"], {"error": refusal.refusal(error, _internal)})

    def _outcome(self, method: str, params: Any) -> dict[str, Any]:
        if params is not None and not isinstance(params, dict):
            return {"error": _error(PARAMS, "params must be an object")}
        try:
            result = self._method(method)(Request(params or {}))
            return {"result": {**result, **self._notices()}}
        except Refusal as refused:
            return {"error": {**refused.error, "data": {**refused.error["data"], **self._notices()}}}
        except Malformed as cause:
            return {"error": _error(PARAMS, f"{method}: {cause}")}
        except _Unknown as cause:
            return {"error": cause.error}
        except WrongResult as mistake:
            return {"error": _error(MISTAKE, f"{type(self._adapter).__name__}.{method} {mistake}")}
        except BaseException as raised:
            # An exit, or a model whose state cannot be read. Both are internal errors, whatever `kind_of` of the adapter
            # would return.
            return {"error": refusal.refusal(raised, _internal)}

    def _notices(self) -> dict[str, Any]:
        return {} if self._session is None else self._session.notices()

    def _method(self, method: str) -> Callable[[Request], dict[str, Any]]:
        own = {"initialize": self._initialize, "reset": self._reset, "shutdown": self._shutdown}
        if method in own:
            return own[method]
        if method != "params" and (method not in OPERATIONS or method not in self._adapter.operations):
            raise _Unknown(METHOD, f"unknown method {method!r}")
        if self._session is None:
            raise _Unknown(REQUEST, f"received {method} before the first reset")
        operation: Callable[[Request], dict[str, Any]] = getattr(self._session, method)
        return operation

    def _initialize(self, request: Request) -> dict[str, Any]:
        adapter = self._adapter
        return {
            "protocol": PROTOCOL,
            "name": adapter.name or type(adapter).__name__,
            "version": adapter.version,
            "backend": adapter.backend,
            "operations": adapter.operations,
            "supports": [*adapter.supports, "warnings"],
            **({} if adapter.era is None else {"era": adapter.era}),
            "versions": {"python": platform.python_version(), **adapter.versions},
            "notes": list(adapter.notes),
        }

    def _reset(self, request: Request) -> dict[str, Any]:
        directory = request.text("directory")
        if not os.path.isabs(directory) or not os.path.isdir(directory):
            raise Malformed(f"expected the absolute path of an existing directory, found {directory!r}")
        os.chdir(directory)
        session, self._session = self._session or Session(self._adapter), None
        session.reset()
        self._session = session
        return {}

    def _shutdown(self, request: Request) -> dict[str, Any]:
        self.done = True
        return {}


class _Unknown(Exception):
    """The method is unknown, or not available yet."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.error = _error(code, message)


def _is_request(message: Any) -> bool:
    return (
        isinstance(message, dict)
        and message.get("jsonrpc") == "2.0"
        and isinstance(message.get("id"), (int, str))
        and not isinstance(message["id"], bool)
        and isinstance(message.get("method"), str)
    )


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is not valid JSON")


def _internal(raised: BaseException) -> Kind:
    return Kind.INTERNAL


def _error(code: int, message: str) -> dict[str, Any]:
    return {"code": code, "message": refusal.sendable(message)}


def _written(number: int | str | None, outcome: dict[str, Any]) -> bytes:
    """Returns a response as a line. Raises `ValueError` if UTF-8 or JSON cannot represent it."""
    response = {"jsonrpc": "2.0", "id": number, **outcome}
    return json.dumps(response, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8")
