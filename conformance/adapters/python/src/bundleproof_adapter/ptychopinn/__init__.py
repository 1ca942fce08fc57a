"""The real system: the installed revision of the packages `ptycho` and `ptycho_torch`.

    PYTHONPATH=path/to/its/checkout python -m bundleproof_adapter.ptychopinn

Every operation is a call of the system's own function, with the system's own configuration and models. Nothing is put
in the place of one and nothing is patched, so that what a case sees is what the system does. What the system cannot
do is not made up for: it fails the cases that ask for it.

What the adapter does for a caller is stated in `initialize`, and in the report: see `PtychoPinn.notes`. A workflow of
the system takes data and not a path, so that the data are read before it begins, and a file that cannot be read is
refused before anything is bridged. The networks are the system's own, so that the bundles of the suite's fixtures do
not fit them. And the system's cache of simulated data is switched off, by the variable that it has for that.

It runs on every revision since the first one with a saver of PyTorch bundles, in October 2025. A module or a function
that a revision does not have is an operation less; a field that its configurations do not have is refused as
`not_implemented`.
"""
