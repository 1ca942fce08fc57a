"""Serves the adapter if the system is installed."""

import sys

from bundleproof_adapter import claim, serve

from .adapter import PtychoPinn
from .system import System

if __name__ == "__main__":
    # The system prints during its import.
    claim()
    try:
        system = System()
    except ImportError as missing:
        sys.exit(f"cannot import ptycho and ptycho_torch: {missing}")
    serve(PtychoPinn(system))
