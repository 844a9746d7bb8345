"""How many times a reliability test tries: a sample by default, the full count of the table with RELIABILITY=full."""

import os


def count(full: int, sample: int) -> int:
    """`full` where the environment says RELIABILITY=full, else `sample`."""
    return full if os.environ.get("RELIABILITY") == "full" else sample
