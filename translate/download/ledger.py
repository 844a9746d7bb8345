"""The SHA-256 of files that nobody published one of, as they were at first use (trust on first use)."""

import datetime
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from translate.errors import TranslateError


@dataclass(frozen=True, slots=True)
class Ledger:
    """A JSON file of addresses, each with the SHA-256 and the date of its first use."""

    path: Path

    def recorded(self, url: str) -> str | None:
        """The SHA-256 kept for `url`, None before its first use.

        Raises: TranslateError when the ledger can't be read: it must not be taken for an empty one.
        """
        return self._read().get(url, {}).get("sha256")

    def date(self, url: str) -> str:
        """The day of the first use, as 2026-01-31; "" before it."""
        return str(self._read().get(url, {}).get("first", ""))

    def record(self, url: str, sha256: str, size: int) -> None:
        """Keep what `url` is known by from now on; a second call for one address changes nothing."""
        known = self._read()
        if url in known:
            return
        today = datetime.datetime.now(datetime.UTC).date().isoformat()
        known[url] = {"sha256": sha256, "bytes": size, "first": today}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{self.path.name}-", dir=self.path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(known, file, indent=2)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, self.path)
        except OSError as error:
            raise TranslateError(f"{self.path}: can't be written ({error.strerror or error})") from None
        finally:
            Path(name).unlink(missing_ok=True)

    def _read(self) -> dict[str, dict[str, Any]]:
        try:
            known = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError):
            known = None
        if not isinstance(known, dict) or not all(isinstance(entry, dict) for entry in known.values()):
            raise TranslateError(f"{self.path}: not a readable list of SHA-256s; mend it, or delete it to begin anew")
        return known
