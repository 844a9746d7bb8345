"""Zero-shot classification of labelled faces by a CLIP: how well its words and pictures agree, without any training."""

from pathlib import Path

from translate.data.faces import read_faces
from translate.devices import pick_device
from translate.errors import DatasetError
from translate.features.clip import load_clip
from translate.trainers.clip_data import store
from translate.trainers.clip_judge import Score, judge


def zero_shot(model: str | Path, folder: Path, *, split: str = "val", device: str = "auto") -> dict[str, Score]:
    """Accuracy of every question that the folder's table can answer; `split` is val, train or all.

    Raises: DatasetError for a folder without such faces; CheckpointError for a model that can't be loaded.
    """
    faces = [face for face in read_faces(folder) if split == "all" or (face.split == "train") == (split == "train")]
    if not faces:
        raise DatasetError(f"{folder}: its table names no faces of the split {split}")
    clip = load_clip(model).to(pick_device(device))
    stored = store(faces, clip.size)
    return judge(clip, stored.pictures, stored.facts)
