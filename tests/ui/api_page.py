"""docs/api.md, from the page itself: `python -m tests.ui.api_page docs/api.md`."""

import os
import sys
import tempfile
from pathlib import Path

from translate.ui.api import as_markdown
from translate.ui.app import build


def text() -> str:
    """The page as it should be, of the shipped models alone."""
    with tempfile.TemporaryDirectory() as empty:
        before = os.environ.get("TRANSLATE_HOME")
        os.environ["TRANSLATE_HOME"] = empty
        try:
            return as_markdown(build())
        finally:
            os.environ.pop("TRANSLATE_HOME")
            os.environ |= {"TRANSLATE_HOME": before} if before else {}


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(text(), encoding="utf-8")
