"""Serves the adapter."""

from bundleproof_adapter import serve

from .adapter import PlainTorch

if __name__ == "__main__":
    serve(PlainTorch())
