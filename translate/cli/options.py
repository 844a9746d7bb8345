"""Checks of options that several verbs share."""

from pathlib import Path

from translate.errors import ConfigError


def check_json_out(path: Path | None) -> None:
    """Refuse a `--json OUT` that can't be written, before minutes of work end in an error about a name.

    Raises: ConfigError.
    """
    if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
        raise ConfigError(
            f"--json {path}: {'is a folder' if path.is_dir() else 'its folder does not exist'}; name a file"
        )


def check_says_synthetic(path: Path) -> None:
    """Refuse a picture file that can't say that what is in it is synthetic.

    Raises: ConfigError.
    """
    from translate.images.provenance import SUFFIXES

    if path.suffix.lower() not in SUFFIXES:
        known = ", ".join(SUFFIXES)
        raise ConfigError(f"{path}: a synthetic picture is written as {known}, which can say that it is one")


def check_kept(option: str, given: object, own: object) -> None:
    """Refuse an option that a resumed run would not hear; `own` is what the run has, which may be said once more.

    Raises: ConfigError.
    """
    if given is not None and given != own:
        raise ConfigError(f"{option} can't change when a run is resumed; leave it out")
