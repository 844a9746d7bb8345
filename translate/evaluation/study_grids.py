"""The grids of `translate study`: which settings are compared."""

from collections.abc import Mapping
from typing import Any, get_args

from translate import presets
from translate.config import Adversarial, TrainConfig
from translate.errors import ConfigError

Grid = Mapping[str, tuple[str, Mapping[str, Any]]]
"""Name of the cell -> preset and what is changed in it."""

SMALL = {
    "generator.filters": 32,
    "discriminator.filters": 32,
    "data.size": 128,
    "data.load_size": 143,
    "data.crop": 128,
}
"""A quarter of the pixels and half of the width: what a small machine trains in minutes."""

PAIRED = SMALL | {"generator.max_filters": 256, "generator.depth": 7, "batch_size": 4}
"""The paper's U-Net at half its width; 128 pixels are halved seven times."""
GAN, ALONE, BLIND = {"objective.lambda_l1": 0.0}, {"objective.lambda_gan": 0.0}, {"objective.conditional": False}
PLAIN = {"generator.skips": False}

GRIDS: dict[str, Grid] = {
    "unpaired": {"CycleGAN": ("cyclegan", SMALL), "CUT": ("cut", SMALL), "FastCUT": ("fastcut", SMALL)},
    # Isola 2017: Table 1 (losses), Table 3 (receptive fields; 70 is L1+cGAN itself), Table 2 (encoder-decoder).
    "pix2pix": {
        "L1": ("pix2pix", PAIRED | ALONE),
        "GAN": ("pix2pix", PAIRED | GAN | BLIND),
        "cGAN": ("pix2pix", PAIRED | GAN),
        "L1+GAN": ("pix2pix", PAIRED | BLIND),
        "L1+cGAN": ("pix2pix", PAIRED),
        "L1+cGAN-1x1": ("pix2pix", PAIRED | {"discriminator.kind": "pixel"}),
        "L1+cGAN-16x16": ("pix2pix", PAIRED | {"discriminator.layers": 1}),
        "L1-no-skips": ("pix2pix", PAIRED | ALONE | PLAIN),
        "L1+cGAN-no-skips": ("pix2pix", PAIRED | PLAIN),
    },
}

RING = {"stability.r1": 0.0, "validate_every": 250}
"""Eight Gaussians on a ring, the discriminator unbound; what is reached is looked at on the way."""
CRITIC = {"objective.adversarial": "wgan", "stability.n_critic": 5}

BOUNDS: dict[str, dict[str, Any]] = {
    "free": {},
    "r1": {"stability.r1": 0.1},
    "spectral": {"stability.constraint": "spectral"},
}
GRIDS["objectives"] = {
    f"{word}_{bound}": ("mixture", RING | {"objective.adversarial": word} | changes)
    for word in get_args(Adversarial)
    for bound, changes in BOUNDS.items()
} | {
    # Each paper's own: Arjovsky 2017, Algorithm 1; Gulrajani 2017, Algorithm 1; Anil 2019.
    "wgan_clip": ("mixture", RING | CRITIC | {"stability.constraint": "clip", "optim.optimizer": "rmsprop"}),
    # The penalty weighs 10 there on pictures; its code for points says that less helps on toy data, and takes 0.1.
    "wgan_gp": ("mixture", RING | CRITIC | {"stability.gradient_penalty": 0.1}),
    "wgan_orthonormal": ("mixture", RING | CRITIC | {"stability.constraint": "orthonormal"}),
}

GRIDS["stability"] = {
    "plain": ("mixture", RING),
    "two-timescale": ("mixture", RING | {"optim.disc_lr": 4e-3}),
    "momentum-0.5": ("mixture", RING | {"optim.betas": (0.5, 0.999)}),
    "SGD-for-D": ("mixture", RING | {"optim.disc_optimizer": "sgd", "optim.disc_lr": 0.1}),
    "RMSprop": ("mixture", RING | {"optim.optimizer": "rmsprop"}),
    "clipped-gradients": ("mixture", RING | {"optim.clip": 1.0}),
    "smooth-labels": ("mixture", RING | {"stability.label_smoothing": 0.1}),
    "noisy-labels": ("mixture", RING | {"stability.label_noise": 0.05}),
    "instance-noise": ("mixture", RING | {"stability.instance_noise": 0.3}),
    "five-D-steps": ("mixture", RING | {"stability.n_critic": 5}),
    "clipped-weights": ("mixture", RING | {"stability.constraint": "clip", "stability.clip": 0.1}),
    "spectral": ("mixture", RING | {"stability.constraint": "spectral"}),
    "orthonormal": ("mixture", RING | {"stability.constraint": "orthonormal"}),
    "gradient-penalty": ("mixture", RING | {"stability.gradient_penalty": 1.0}),
    "r1": ("mixture", RING | {"stability.r1": 0.1}),
    "r1-lazy": ("mixture", RING | {"stability.r1": 0.1, "stability.lazy": 16}),
}

QUIET = {"log_every": 1, "validate_every": 10**9, "sample_every": 10**9, "save_every": 500}
"""Every step is timed, and only the last one is judged: the budget is for learning."""
LOGGED = 500
"""Steps that are written down, at the least, of a run whose number of steps is given."""
FIXED = {
    "steps": "--steps gives their number",
    "log_every": "a study times the steps by it",
    "seed": "--seeds gives their number",
}
"""What can't be changed in all cells, and why."""


def settings(
    grid: str, changes: Mapping[str, Any], *, only: tuple[str, ...] = (), steps: int | None = None
) -> dict[str, TrainConfig]:
    """The config of each cell of a grid, or of those named in `only`, with `changes` to all.

    Raises: ConfigError for an unknown grid, cell or change.
    """
    if grid not in GRIDS:
        raise ConfigError(f"{grid}: no such study; known: {', '.join(GRIDS)}")
    cells = GRIDS[grid]
    if unknown := [name for name in only if name not in cells]:
        raise ConfigError(f"{unknown[0]}: no such cell of {grid}; known: {', '.join(cells)}")
    if fixed := sorted(FIXED.keys() & changes.keys()):
        raise ConfigError(f"{fixed[0]} can't be set in a study: {FIXED[fixed[0]]}")
    budget = {} if steps is None else {"steps": steps, "log_every": max(1, steps // LOGGED)}
    return {
        name: presets.preset(preset).replace(**{**QUIET, **own, **budget, **changes})
        for name, (preset, own) in cells.items()
        if not only or name in only
    }


def told(config: TrainConfig, base: TrainConfig) -> str:
    """What is set otherwise than in `base`, in words of `--set`."""
    ours, theirs = _flat(config.model_dump()), _flat(base.model_dump())
    return ", ".join(f"{key}={value}" for key, value in ours.items() if theirs.get(key, value) != value)


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in values.items():
        found |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return found
