"""CLIPs by name or folder: OpenAI's and LAION's once they are pulled, and small ones trained here."""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from translate import catalog
from translate.checkpoints import CONFIG_FILE, MODEL_FILE, load_weights, write_json, write_tensors, writing
from translate.config import read
from translate.config.clip import ClipConfig
from translate.download import fetch
from translate.errors import CheckpointError, ConfigError
from translate.interop.clip import PUBLISHED, Published, read_published
from translate.networks.clip import Clip, build_clip

FOLDER = "clip"
"""Where one lies in a run or in a faces model, and pulled ones in the user's home: no model that translates."""


def load_clip(name: str | Path) -> Clip:
    """A CLIP in evaluation mode, float32, on the CPU, frozen: "openai/ViT-B-32", "laion2b/ViT-B-32", or a folder.

    A folder is one that `save_clip` wrote, or that of a run or a faces model with such a folder, clip/, in it.
    Raises: CheckpointError when it is not here, telling how to fetch it, or can't be read.
    """
    folder = _folder(name)
    config = load_clip_config(folder)
    clip = build_clip(config)
    load_weights(clip, folder / MODEL_FILE)
    return clip.eval().requires_grad_(False)


def load_clip_config(folder: Path) -> ClipConfig:
    """What a stored CLIP says of itself.

    Raises: CheckpointError when the folder holds none of a version this program reads.
    """
    try:
        return read(ClipConfig, folder / CONFIG_FILE)
    except ConfigError as error:
        raise CheckpointError(str(error)) from None


def is_clip(folder: Path) -> bool:
    """Whether a folder holds a CLIP, by its config."""
    try:
        load_clip_config(folder)
    except CheckpointError:
        return False
    return True


def save_clip(folder: Path, weights: Mapping[str, Tensor], config: ClipConfig, *, half: bool = True) -> None:
    """Write a CLIP's state_dict and config so that `load_clip(folder)` finds it; floats as float16 unless told else."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    state = {name: t.half() if half and t.is_floating_point() else t for name, t in weights.items()}
    write_tensors(folder / MODEL_FILE, state)
    write_json(folder / CONFIG_FILE, config.model_dump(mode="json"))


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
        save_clip(folder, read_published(target, published), published.config, half=False)
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
