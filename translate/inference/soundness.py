"""Whether a stored model can be used: its files as they were written, its parts loaded, its output finite."""

from pathlib import Path

import torch

from translate import checkpoints
from translate.checkpoints import DISCRIMINATOR, ENCODER
from translate.config import GeneratorConfig
from translate.errors import TranslateError
from translate.features.clip import FOLDER, load_clip
from translate.inference.sampler import Sampler
from translate.inference.translator import Translator
from translate.interop import importing


def problem(folder: Path) -> str:
    """What is wrong with the model in `folder`, in one line; empty when it loads and makes a finite picture."""
    try:
        importing.check(folder)
        diverged = _diverged(folder)
        if checkpoints.holds_part(folder, ENCODER):
            checkpoints.load_encoder(folder / ENCODER)
        if checkpoints.holds_part(folder, DISCRIMINATOR):
            checkpoints.load_discriminator(folder / DISCRIMINATOR)
        if checkpoints.holds_part(folder, FOLDER):
            load_clip(folder / FOLDER)
    except TranslateError as error:
        return str(error)
    return "" if not diverged else f"{folder}: {diverged} gives values that are not finite"


def _diverged(folder: Path) -> str:
    """What gives something that is not finite; empty where all is."""
    if not isinstance(checkpoints.load_config(folder).generator, GeneratorConfig):
        return "" if Sampler.load(folder, device="cpu", precision="fp32").is_sound() else "noise"
    translator = Translator.load(folder, device="cpu", precision="fp32")
    size = translator.config.data.size
    output = translator.forward(torch.zeros(1, translator.config.translator.in_channels, size, size))
    return "" if bool(output.isfinite().all()) else "a gray picture"
