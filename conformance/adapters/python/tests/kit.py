"""Makes the kit importable: the installed one, or the source next to the tests."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent / "src"

if find_spec("bundleproof_adapter") is None:
    sys.path.insert(0, str(SOURCE))
