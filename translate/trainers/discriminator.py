"""The discriminator that belongs to a generator: shipped beside it, or kept by its run to go on with.

It is what a training with --init goes on from, and what a model of faces compares pictures by.
"""

from pathlib import Path

from translate import checkpoints
from translate.catalog import RUN_FILE
from translate.checkpoints import DISCRIMINATOR
from translate.config import JudgeConfig, read
from translate.errors import CheckpointError
from translate.networks import StyleGAN2Discriminator, build_latent_discriminator
from translate.trainers.run import RunRecord


def find(model: Path) -> tuple[StyleGAN2Discriminator, JudgeConfig] | None:
    """The frozen StyleGAN2 discriminator of the model in `model`, on the CPU, and its config; nothing without one.

    Raises: CheckpointError where it is damaged.
    """
    if checkpoints.holds_part(model, DISCRIMINATOR):
        judge, config = checkpoints.load_discriminator(model / DISCRIMINATOR)
        return (judge, config) if isinstance(judge, StyleGAN2Discriminator) else None
    # The newest model of a run lies in a folder of its own below it.
    run = next((folder for folder in (model, model.parent) if (folder / RUN_FILE).is_file()), None)
    if run is None or not (run / "state").is_dir():
        return None
    settings = read(RunRecord, run / RUN_FILE).config
    if settings.discriminator.kind != "stylegan2":
        return None
    config = JudgeConfig(name=run.name, discriminator=settings.discriminator, generator=settings.latent)
    judge = build_latent_discriminator(config.discriminator, config.generator, "none")
    assert isinstance(judge, StyleGAN2Discriminator)
    try:
        judge.load_state_dict(checkpoints.load_state(run / "state")[0]["discriminator"])
    except (KeyError, RuntimeError):
        raise CheckpointError(f"{run / 'state'}: its discriminator does not fit the run's settings") from None
    return judge.eval().requires_grad_(False), config
