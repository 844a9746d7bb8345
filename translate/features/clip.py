"""CLIPs by name or folder: OpenAI's and LAION's once they are pulled, and small ones trained here."""

from pathlib import Path

from translate import catalog
from translate.checkpoints import CONFIG_FILE, MODEL_FILE, load_part_config, load_weights, save_weights
from translate.config.clip import ClipConfig
from translate.download import fetch
from translate.errors import CheckpointError, ConfigError
from translate.interop.clip import PUBLISHED, Published, read_published
from translate.networks.clip import Clip, build_clip

FOLDER = "clip"
"""Where one lies in a run or in a faces model, and pulled ones in the user's home: no model that translates."""


def load_clip(name: str | Path) -> Clip:
    """A CLIP in evaluation mode, float32, on the CPU, frozen: "openai/ViT-B-32", "laion2b/ViT-B-32", or a folder.

    A folder is one that a training or `models pull` wrote, or that of a run or a faces model with such a folder, clip/,
    in it.
    Raises: CheckpointError when it is not here, telling how to fetch it, or can't be read.
    """
    folder = _folder(name)
    config = load_part_config(ClipConfig, folder)
    clip = build_clip(config)
    load_weights(clip, folder / MODEL_FILE)
    return clip.eval().requires_grad_(False)


def is_clip(folder: Path) -> bool:
    """Whether a folder holds a CLIP, by its config."""
    try:
        load_part_config(ClipConfig, folder)
    except CheckpointError:
        return False
    return True


def pulled(name: str) -> Path:
    """Where the published CLIP called `name` lies once it is pulled."""
    return catalog.home() / FOLDER / name.replace("/", "-")


def pull_clip(
    name: str, published: Published | None = None, *, progress: fetch.Progress | None = None, loopback: bool = False
) -> fetch.Fetched:
    """Fetch a published CLIP and store it as one of ours, so that `load_clip(name)` finds it.

    Raises: ConfigError where it is there already; TranslateError for what `fetch` refuses, as no network;
    CheckpointError when the file is not that network.
    """
    published, folder = published or PUBLISHED[name], pulled(name)
    if (folder / CONFIG_FILE).is_file():
        raise ConfigError(f"{folder}: {name} is there already; delete the folder to fetch it again")
    target = catalog.home() / "downloads" / f"{published.pull_name}.pt"
    fetched = fetch.fetch(published.remote, target, ledger=catalog.ledger(), progress=progress, loopback=loopback)
    try:
        save_weights(folder, read_published(target, published), published.config)
    finally:
        target.unlink(missing_ok=True)
    return fetched


def _folder(name: str | Path) -> Path:
    if str(name) in PUBLISHED:
        published, folder = PUBLISHED[str(name)], pulled(str(name))
        if not (folder / CONFIG_FILE).is_file():
            fetch = f"`translate models pull {published.pull_name}` ({published.mib} MiB)"
            raise CheckpointError(f"{name}: its weights are not here ({folder}); fetch them with {fetch}")
        return folder
    folder = Path(name).expanduser()
    for candidate in (folder, folder / FOLDER):
        if (candidate / CONFIG_FILE).is_file() and (candidate / MODEL_FILE).is_file():
            if candidate == folder and not is_clip(folder) and (folder / FOLDER / CONFIG_FILE).is_file():
                continue
            return candidate
    raise CheckpointError(
        f"{folder}: no CLIP here; name one of {', '.join(PUBLISHED)}, or a folder of one trained here"
    )
