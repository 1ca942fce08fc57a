"""Serves the adapter."""

from bundleproof_adapter import serve

try:
    from .adapter import PlainTorch
except ModuleNotFoundError as missing:
    if missing.name not in ("dill", "numpy", "torch"):
        raise
    raise SystemExit(f'plain_torch requires {missing.name}; pip install "bundleproof-adapter[plain-torch]"') from None

if __name__ == "__main__":
    serve(PlainTorch())
