"""The page with a leak: every translation keeps two megabytes. Started by test_load as `leaky_page.py serve ...`."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from translate.cli.main import main
from translate.ui import run as running
from translate.ui import translate_tab

_kept: list[bytes] = []


def leaking(*values: Any) -> running.Run:
    """As `run`, and something stays."""
    _kept.append(b"\1" * (2 << 20))
    return running.run(*values)


if __name__ == "__main__":
    translate_tab.run = leaking  # type: ignore[attr-defined]
    main()
