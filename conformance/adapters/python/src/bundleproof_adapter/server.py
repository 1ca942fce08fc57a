"""The protocol: JSON-RPC 2.0, one message a line, one request at a time."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

from . import channel, refusal
from .adapter import OPERATIONS, Adapter
from .refusal import Kind
from .request import Malformed, Request
from .session import Refusal, Session

PROTOCOL = 1
"""The version of the protocol that this kit speaks."""

PARSE, REQUEST, METHOD, PARAMS = -32700, -32600, -32601, -32602
"""What JSON-RPC calls these errors: no JSON, no request, no such method, and not the params of the method."""


def serve(adapter: Adapter) -> None:
    """Answers requests on stdin until `shutdown`, or until there are no more.

    From here on stdout belongs to the protocol alone, and what is printed goes to stderr.
    """
    requests, answers = channel.claim()
    if hasattr(sys, "set_int_max_str_digits"):
        # An archive may hold an integer of any length, and its digits are how it travels.
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
        # Whoever asked is gone.
        return


class Server:
    """Answers one line at a time."""

    def __init__(self, adapter: Adapter) -> None:
        self.done = False
        """Whether `shutdown` was asked for."""
        self._adapter = adapter
        self._session: Session | None = None

    def answer(self, line: bytes) -> bytes:
        """The line that answers this one."""
        try:
            message = json.loads(line.decode("utf-8"), parse_constant=_no_constant)
        except (ValueError, RecursionError) as cause:
            return _written(None, {"error": _error(PARSE, f"the line is no JSON: {cause}")})
        if not _is_request(message):
            return _written(None, {"error": _error(REQUEST, "the line is no request of JSON-RPC 2.0")})
        outcome = self._outcome(message["method"], message.get("params"))
        try:
            line = _written(message["id"], outcome)
            if len(line) <= channel.MAX_LINE:
                return line
            error = ValueError(f"the answer has {len(line)} bytes, and a line at most {channel.MAX_LINE}")
        except ValueError as raised:
            error = raised
        return _written(message["id"], {"error": refusal.refusal(error, _internal)})

    def _outcome(self, method: str, params: Any) -> dict[str, Any]:
        if params is not None and not isinstance(params, dict):
            return {"error": _error(PARAMS, "params must be an object")}
        try:
            return {"result": self._method(method)(Request(params or {}))}
        except Refusal as refused:
            return {"error": refused.error}
        except Malformed as cause:
            return {"error": _error(PARAMS, f"{method}: {cause}")}
        except _Unknown as cause:
            return {"error": cause.error}
        except BaseException as raised:
            # It wanted to end the process, or answered what cannot be described. Neither was foreseen, whatever kind
            # an adapter would make of it.
            return {"error": refusal.refusal(raised, _internal)}

    def _method(self, method: str) -> Callable[[Request], dict[str, Any]]:
        own = {"initialize": self._initialize, "reset": self._reset, "shutdown": self._shutdown}
        if method in own:
            return own[method]
        if method != "params" and (method not in OPERATIONS or method not in self._adapter.operations):
            raise _Unknown(METHOD, f"there is no method {method!r}")
        if self._session is None:
            raise _Unknown(REQUEST, f"{method} before the first reset")
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
            "supports": list(adapter.supports),
        }

    def _reset(self, request: Request) -> dict[str, Any]:
        directory = request.text("directory")
        if not os.path.isabs(directory) or not os.path.isdir(directory):
            raise Malformed(f"directory must be the absolute path of one that is there, not {directory!r}")
        os.chdir(directory)
        session, self._session = self._session or Session(self._adapter), None
        session.reset()
        self._session = session
        return {}

    def _shutdown(self, request: Request) -> dict[str, Any]:
        self.done = True
        return {}


class _Unknown(Exception):
    """There is no such method, or not yet."""

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
    raise ValueError(f"{word} is no number of JSON")


def _internal(raised: BaseException) -> Kind:
    return Kind.INTERNAL


def _error(code: int, message: str) -> dict[str, Any]:
    return {"code": code, "message": refusal.sendable(message)}


def _written(number: int | str | None, outcome: dict[str, Any]) -> bytes:
    """A response as a line. One that UTF-8 or JSON cannot hold is a `ValueError`."""
    response = {"jsonrpc": "2.0", "id": number, **outcome}
    return json.dumps(response, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8")
