"""Who the page is for, what it may touch and how much it takes."""

from dataclasses import dataclass, field
from pathlib import Path

from translate.errors import ConfigError

SHORTEST = 8
"""Characters of a password."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How the page was started: its owner's own, or open to strangers."""

    public: bool = False
    """For strangers: no training, no care of models, no folder of this machine."""
    data_root: Path | None = None
    """Folders of this machine may be named on the page only below this one; None allows none."""
    users: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Names and passwords; where there are any, nobody else gets in."""
    max_upload: int | None = None
    """Bytes of one upload; None is 64 MiB for strangers and 2 GiB, a set of training pictures, for the owner."""
    queue: int = 64
    """Requests that may wait; one more is told that the page is busy."""
    root_path: str = ""
    """Where a proxy shows the page: a path such as /translate, or a whole address."""

    @property
    def upload_limit(self) -> int:
        """Bytes of one upload."""
        return self.max_upload or (64 << 20 if self.public else 2 << 30)

    @property
    def is_for_this_machine(self) -> bool:
        """Whether everyone who reaches the page is its owner: then only programs of this machine may."""
        return not self.public and not self.users


def read_users(text: str, where: str) -> tuple[tuple[str, str], ...]:
    """Names and passwords, a line `name:password` each; empty lines and those that begin with # are none.

    Raises: ConfigError for another line, a short password, or none at all; no password is told.
    """
    users = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, colon, password = line.strip().partition(":")
        if not (name and colon):
            raise ConfigError(f"{where}: line {number} is not NAME:PASSWORD")
        if len(password) < SHORTEST:
            raise ConfigError(f"{where}: line {number}: a password has {SHORTEST} characters or more")
        users.append((name, password))
    if not users:
        raise ConfigError(f"{where}: there is no line NAME:PASSWORD")
    return tuple(users)
