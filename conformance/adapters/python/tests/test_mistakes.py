"""What is seen of an adapter before it is used."""

from __future__ import annotations

import subprocess
import sys
import unittest
from pathlib import Path
from typing import Any

import kit  # noqa: F401
from example import Whole

from bundleproof_adapter import Adapter
from bundleproof_adapter.mistakes import mistakes


class Small(Adapter):
    def reset(self) -> None:
        pass

    def params(self) -> dict[str, Any]:
        return {}


class Mistakes(unittest.TestCase):
    def test_an_adapter_without_a_mistake(self) -> None:
        self.assertEqual(mistakes(Whole()), [])
        self.assertEqual(mistakes(Small()), [])

    def test_a_misspelled_operation(self) -> None:
        class Misspelled(Small):
            def get_params(self, key: str) -> Any:
                return key

            def _set_parms(self) -> None:
                pass

            def helper(self) -> None:
                pass

        (found,) = mistakes(Misspelled())
        self.assertIn("Misspelled.get_params is not an operation: did you mean get_param?", found)

    def test_a_method_that_resembles_an_operation_next_to_that_operation(self) -> None:
        class Both(Small):
            def load_torch_bundle(self, base_path: str) -> Any:
                return self.load_torch_bundles([base_path])

            def load_torch_bundles(self, paths: list[str]) -> Any:
                return paths

        self.assertEqual(mistakes(Both()), [])

    def test_other_parameters(self) -> None:
        class Other(Small):
            def reset(self, directory: str) -> None:  # type: ignore[override]
                pass

            def get_param(self, key: str) -> Any:  # type: ignore[override]
                return key

            def set_params(self, *values: Any, **more: Any) -> None:
                pass

            def load_torch_bundle(self) -> Any:  # type: ignore[override]
                return None

        self.assertEqual(
            [found.split(", and takes")[0] for found in mistakes(Other())],
            [
                "Other.reset must take (self)",
                "Other.get_param must take (self, key, default)",
                "Other.load_torch_bundle must take (self, base_path)",
            ],
        )

    def test_the_adapter_does_not_start(self) -> None:
        written = (
            "import sys; sys.path[:0] = sys.argv[1:]; import kit; from test_mistakes import Small\n"
            "class Mine(Small):\n    def get_params(self, key): return 1\n"
            "from bundleproof_adapter import serve; serve(Mine())"
        )
        command = [sys.executable, "-c", written, str(Path(__file__).parent)]
        done = subprocess.run(command, input=b"", capture_output=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stdout), (2, b""))
        self.assertIn(b"did you mean get_param?", done.stderr)


if __name__ == "__main__":
    unittest.main()
