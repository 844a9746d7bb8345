"""Who the page is for, and what it may touch."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How the page was started: its owner's own, or open to strangers."""

    public: bool = False
    """For strangers: no training, no care of models, no folder of this machine."""
    data_root: Path | None = None
    """Folders of this machine may be named on the page only below this one; None allows none."""
