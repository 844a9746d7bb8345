"""A stored generator from noise against held-out pictures: what `models pack` writes into its config."""

from pathlib import Path

from translate import checkpoints
from translate.data.labelled import LabelledDataset, recognise_labelled
from translate.devices import pick_device
from translate.errors import DatasetError
from translate.trainers.picture_judge import MIN_JUDGED, PictureJudge


def score_samples(folder: Path, data: Path, *, device: str = "auto") -> tuple[dict[str, float], str]:
    """Distances, precision and recall of as many samples as pictures are held out, and how they were measured.

    Held out are the pictures that its training kept apart, or those of val/.
    Raises: ConfigError for a model that starts from pictures; DatasetError where fewer than four are held out.
    """
    network, config = checkpoints.load_model(folder)
    latent, place = config.latent, pick_device(device)
    layout = recognise_labelled(data, classed=bool(config.labels), config=config.data, held_out=config.held_out)
    held = layout.splits.get("val", ())
    if len(held) < MIN_JUDGED:
        raise DatasetError(
            f"{data}: {len(held)} pictures are held out; at least {MIN_JUDGED} are needed to compare with"
        )
    real = LabelledDataset(held, config.data, train=False, seed=0, channels=latent.out_channels)
    judge = PictureJudge(real, latent, place)
    (figures,) = judge.figures({config.name: network.to(place)}).values()
    return figures, f"{len(held)} samples against {len(held)} held-out pictures, in the space {judge.features.name}"
