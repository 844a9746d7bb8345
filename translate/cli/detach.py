"""`translate train --detach`: the same training, as a job."""

import json
from collections.abc import Mapping
from pathlib import Path

from translate.errors import ConfigError


def start_detached(
    folder: Path,
    preset: str | None,
    fixed: Mapping[str, object],
    changeable: Mapping[str, object],
    *,
    device: str,
    as_json: bool,
) -> None:
    """Queue a training in `folder`, or without a `preset` the rest of one, and say how to watch it.

    Raises: ConfigError where the folder is not one of runs/.
    """
    from translate import jobs
    from translate.catalog import roots

    if folder.absolute().parent != roots()["run"].absolute():
        raise ConfigError(f"{folder}: jobs live in runs/, where they are found again; use --out runs/NAME")
    changes = _options(changeable)
    if preset is None:
        job = jobs.resume(folder.name, changes, device=device)
    else:
        job = jobs.start(folder.name, [preset, *_options(fixed), *changes], device=device)
    if as_json:
        print(json.dumps(jobs.as_json(job)))
        return
    print(f"{job.folder}: {job.state}; look at it: translate jobs watch {job.name}")


def _options(given: Mapping[str, object]) -> list[str]:
    """Options as `translate train` takes them; its process may run elsewhere, so that paths are absolute."""
    words = []
    for name, value in given.items():
        for item in value if isinstance(value, list) else [value]:
            if item is not None:
                words.append(f"--{name}={item.absolute() if isinstance(item, Path) else item}")
    return words
