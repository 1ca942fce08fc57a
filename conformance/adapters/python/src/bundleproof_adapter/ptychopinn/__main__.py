"""Serves the adapter, if there is a system to serve."""

import sys

from bundleproof_adapter import claim, serve

from .adapter import PtychoPinn
from .system import System

if __name__ == "__main__":
    # The system prints while it is imported.
    claim()
    try:
        system = System()
    except ImportError as missing:
        sys.exit(f"ptycho and ptycho_torch cannot be imported: {missing}")
    serve(PtychoPinn(system))
