"""A zip of one of our own model folders, as somebody else packed it: what belongs to a model is taken, and checked."""

import os
import shutil
import zipfile
from pathlib import Path

from translate import checkpoints
from translate.checkpoints import CONFIG_FILE, DISCRIMINATOR, ENCODER, MODEL_FILE
from translate.config import ModelConfig
from translate.config.clip import ClipConfig
from translate.download.archives import BoundedFile, Limits, extract
from translate.errors import CheckpointError
from translate.networks.clip import build_clip

CLIP = "clip"
CARD, SAMPLE = "README.md", "sample.png"
LIMITS = Limits(size=8 * 2**30, files=10_000)
_FILES = (MODEL_FILE, CONFIG_FILE, CARD, SAMPLE)
_PARTS = (ENCODER, DISCRIMINATOR, CLIP)


def is_model_zip(path: Path) -> bool:
    """Whether a file is a zip with a model's two files at its top or in its one folder; PyTorch's own zips are not."""
    try:
        with path.open("rb") as file:
            if file.read(4) != b"PK\3\4":
                return False
            with zipfile.ZipFile(BoundedFile(file)) as archive:
                names = {name.removeprefix("./") for name in archive.namelist()}
    except Exception:  # damaged bytes make the reader raise whatever it likes; the next reader says what is wrong
        return False
    places = {name[: -len(CONFIG_FILE)] for name in names if name.rpartition("/")[2] == CONFIG_FILE}
    return any(f"{place}{MODEL_FILE}" in names and place.count("/") <= 1 for place in places)


def unpack(path: Path, folder: Path) -> tuple[ModelConfig, tuple[str, ...]]:
    """Fill `folder` with the model in the zip, checked tensor by tensor; its config, and notes on what was left out.

    Raises: TranslateError for an archive that is damaged or hostile; CheckpointError for a model that can't be loaded.
    """
    whole = folder / ".unpacked"
    extract(path, whole, LIMITS)
    left = []
    for child in sorted(whole.iterdir()):
        if child.name in _FILES and child.is_file():
            os.rename(child, folder / child.name)
        elif child.name in _PARTS and child.is_dir() and (child / CONFIG_FILE).is_file():
            _move_part(child, folder / child.name)
        else:
            left.append(child.name)
    shutil.rmtree(whole)
    try:
        _, config = checkpoints.load_model(folder)
        for part in _PARTS:
            _check_part(folder, part)
    except CheckpointError as error:
        # The folder is a place of passage; the user knows the zip.
        raise CheckpointError(f"{path}: {str(error).replace(f'{folder}{os.sep}', '')}") from None
    return config, ((f"left out, for no model needs it: {', '.join(left)}",) if left else ())


def _move_part(source: Path, target: Path) -> None:
    target.mkdir()
    for name in (MODEL_FILE, CONFIG_FILE):
        if (source / name).is_file():
            os.rename(source / name, target / name)


def _check_part(folder: Path, part: str) -> None:
    if not (folder / part).is_dir():
        return
    if part == ENCODER:
        checkpoints.load_encoder(folder / part)
    elif part == DISCRIMINATOR:
        checkpoints.load_discriminator(folder / part)
    else:
        clip = build_clip(checkpoints.load_part_config(ClipConfig, folder / part))
        checkpoints.load_weights(clip, folder / part / MODEL_FILE)
