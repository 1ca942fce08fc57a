"""An independent implementation of the contract with PyTorch, dill and NumPy.

    python -m bundleproof_adapter.plain_torch

It was written from the sentences of the contract and shares no code with the reference of the suite, so that what
both agree about is not one mistake made once. Start with `adapter.py`.
"""
