"""Seeds as users write them."""

import re

from translate.errors import ConfigError

MOST = 10_000
MAX_SEED = 2**63 - 1


def parse_seeds(text: str, most: int = MOST) -> list[int]:
    """Seeds in the order given: 0, 1, 2, 3 and 7 for "0-3,7".

    Raises: ConfigError for anything else, or too many.
    """
    found: list[int] = []
    for part in text.split(","):
        ends = re.fullmatch(r"\s*(\d{1,19})(?:-(\d{1,19}))?\s*", part, re.ASCII)
        first, last = (int(ends[1]), int(ends[2] or ends[1])) if ends else (1, 0)
        if not first <= last <= MAX_SEED:
            raise ConfigError(
                f"seeds {text[:80]!r}: expected numbers and ranges from low to high, as 7, 0-15 or 3,8,20-25"
            )
        if last - first + 1 + len(found) > most:
            raise ConfigError(f"seeds {text[:80]!r}: more than {most} at once; make them in parts")
        found += range(first, last + 1)
    return found
