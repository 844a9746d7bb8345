"""A trained latent mapper in a folder, or as its authors published it, and the edit that it is."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from translate.checkpoints import load_weights, write_json, write_tensors, writing
from translate.config import Config, Count, read
from translate.errors import CheckpointError, ConfigError
from translate.interop.mapper import convert
from translate.interop.torch_file import read as read_published
from translate.networks.mapper import LatentMapper, Level

WEIGHTS_FILE, CONFIG_FILE = "mapper.safetensors", "mapper.json"
"""Unlike a model's names: a mapper alone makes no picture, and is listed with none."""
FORMAT = 1
SCALE = 0.1
"""w_hat = w + 0.1 M(w) (Patashnik 2021, released code)."""
FOLDER = "mappers"
"""Where they lie in a model's folder."""


class MapperConfig(Config):
    """What a stored mapper says of itself (mapper.json)."""

    format: Count = FORMAT
    prompt: str
    model: str = ""
    weights: str = ""
    """SHA-256 of the weights of the generator that it was trained with; empty where that is not known."""
    num_ws: Annotated[int, Field(ge=2, le=64)]
    w_dim: Annotated[int, Field(ge=1, le=4096)]
    levels: tuple[Level, ...]
    norm: Literal["features", "layers"] = "features"
    step: int = 0
    metrics: dict[str, float] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class TrainedMapper:
    """A mapper and what it was trained for."""

    network: LatentMapper
    config: MapperConfig

    @torch.no_grad()
    def change(self, w_plus: Tensor) -> Tensor:
        """What one edit adds to w_plus. Shape: (N, num_ws, w_dim) -> (N, num_ws, w_dim)."""
        return SCALE * self.network(w_plus)


def build_mapper(config: MapperConfig) -> LatentMapper:
    """A freshly initialised mapper.

    Raises: ConfigError for levels that the generator's layers don't have.
    """
    try:
        return LatentMapper(config.num_ws, config.w_dim, levels=config.levels, norm=config.norm)
    except ValueError as error:
        raise ConfigError(f"levels: {error}") from None


def save_mapper(folder: Path, mapper: TrainedMapper) -> None:
    """Write a mapper so that `load_mapper(folder)` gives it back.

    Raises: NotWritten.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    write_tensors(folder / WEIGHTS_FILE, mapper.network.state_dict())
    write_json(folder / CONFIG_FILE, mapper.config.model_dump(mode="json"))


def load_mapper(path: Path, prompt: str = "", device: str | torch.device = "cpu") -> TrainedMapper:
    """A mapper from its folder, or from a .pt file of StyleCLIP's authors, which says no prompt: give it one.

    Raises: CheckpointError naming the file and what is wrong with it.
    """
    try:
        mapper = _published(path, prompt) if path.is_file() and path.suffix != ".json" else _stored(path)
    except ConfigError as error:
        raise CheckpointError(str(error)) from None
    mapper.network.eval().requires_grad_(False).to(device)
    return mapper


def mappers_in(folder: Path, device: str | torch.device = "cpu") -> list[TrainedMapper]:
    """Those that come with a model, in the order of their folders' names.

    Raises: CheckpointError for a damaged one.
    """
    return [load_mapper(path.parent, device=device) for path in sorted((folder / FOLDER).glob(f"*/{CONFIG_FILE}"))]


def prompts_in(folder: Path) -> dict[str, str]:
    """What the mappers that come with a model were trained for, each with the SHA-256 of its generator's weights.

    Raises: CheckpointError for a damaged one.
    """
    paths = sorted((folder / FOLDER).glob(f"*/{CONFIG_FILE}"))
    try:
        found = [read(MapperConfig, path) for path in paths]
    except ConfigError as error:
        raise CheckpointError(str(error)) from None
    return {config.prompt: config.weights for config in found}


def _stored(path: Path) -> TrainedMapper:
    folder = path.parent if path.name in (CONFIG_FILE, WEIGHTS_FILE) else path
    if not (folder / CONFIG_FILE).is_file():
        raise CheckpointError(f"{folder}: no mapper here ({CONFIG_FILE} is missing)")
    config = read(MapperConfig, folder / CONFIG_FILE)
    if config.format > FORMAT:
        raise CheckpointError(f"{folder}: format {config.format} is newer than this program reads; update translate")
    network = build_mapper(config)
    load_weights(network, folder / WEIGHTS_FILE)
    return TrainedMapper(network, config)


def _published(path: Path, prompt: str) -> TrainedMapper:
    try:
        found = convert(read_published(path))
    except CheckpointError as error:
        text = str(error)
        raise CheckpointError(text if text.startswith(str(path)) else f"{path}: {text}") from None
    config = MapperConfig(
        prompt=prompt or path.stem, num_ws=found.num_ws, w_dim=found.w_dim, levels=found.levels, norm="layers"
    )
    network = build_mapper(config)
    network.load_state_dict(found.state)
    return TrainedMapper(network, config)
