"""Trains a small CLIP (Radford 2021) on labelled faces, so that editing by text needs no download."""

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from translate.catalog import RUN_FILE
from translate.checkpoints import load_state, save_model, save_state, write_json
from translate.config import Config, Count, NonNegative, OptimConfig, Positive, Precision, Probability, Share, read
from translate.config.clip import ClipConfig, TextConfig, VisionConfig
from translate.data.captions import words as caption_words
from translate.data.faces import read_faces
from translate.devices import pick_device, pick_precision
from translate.errors import CheckpointError, DatasetError, TranslateError
from translate.features.clip import FOLDER
from translate.networks.clip import Clip, Vocabulary, build_clip
from translate.objectives.clip import caption_contrast
from translate.objectives.templates import TEMPLATES
from translate.trainers.clip_data import MARGIN, Faces, batch, store
from translate.trainers.clip_judge import Score, embed, infer, judge
from translate.trainers.ema import EMA
from translate.trainers.schedule import factor
from translate.trainers.state import Parts
from translate.trainers.update import build_generator_player

STATE = "state"
CHANGEABLE = frozenset({"log_every", "save_every"})
"""Settings that may differ when a run is resumed."""
CONTEXT = 32
"""Tokens of the longest caption in the longest template, and some more for a user's own."""

log = logging.getLogger(__name__)


class ClipTrainConfig(Config):
    """The recipe of a small CLIP; `size` is the side of the pictures it sees."""

    name: str = ""
    """What the model is called; empty: like its folder."""
    also: tuple[str, ...] = ()
    """Further folders with tables, as CelebA's attributes beside ages."""
    size: Annotated[int, Field(ge=32, le=512, multiple_of=32)] = 64
    width: Annotated[int, Field(ge=4, le=128)] = 16
    """Channels of the image tower's first stage, a modified ResNet."""
    layers: tuple[Count, Count, Count, Count] = (1, 2, 2, 1)
    dim: Count = 128
    text_width: Annotated[int, Field(ge=8, le=1024, multiple_of=8)] = 128
    text_heads: Count = 4
    text_layers: Count = 2
    batch_size: Annotated[int, Field(ge=4)] = 96
    steps: Count = 4000
    also_share: Share = 0.5
    """How much of each batch comes from the further folders."""
    infer_from: Share = 0.6
    """The share of the steps after which what no table tells is filled in by the model itself, where it is sure."""
    confident: Annotated[float, Field(gt=0.5, le=1)] = 0.9
    """The probability from which on it is sure; 1 never is."""
    lr: Positive = 1e-3
    weight_decay: NonNegative = 0.05
    warmup: Annotated[int, Field(ge=0)] = 100
    ema: Probability = 0.995
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    precision: Precision = "auto"
    log_every: Count = 50
    save_every: Count = 500


class Record(Config):
    """train.json: all that a run was started with."""

    config: ClipTrainConfig
    data: str


def read_record(out: Path) -> Record:
    """What the run in `out` was started with.

    Raises: CheckpointError when there is none.
    """
    path = out / RUN_FILE
    if not path.is_file():
        raise CheckpointError(f"{out}: holds no training to resume ({RUN_FILE} is missing)")
    return read(Record, path)


def train_clip(
    data: Path,
    out: Path,
    config: ClipTrainConfig | None = None,
    *,
    resume: bool = False,
    device: str = "auto",
    stop: threading.Event | None = None,
    report: Callable[[int, float], None] | None = None,
) -> dict[str, Score]:
    """Train on the faces of `data` and of `config.also`, store the CLIP in `out`/clip, return how held-out faces went.

    `report` sees (step, loss); when `stop` is set the run saves and ends. Nothing of a resumed run differs from one
    that was never stopped.
    Raises: DatasetError, ImageError for data that can't be used; CheckpointError where `out` holds a run already
    (without `resume`) or none (with it).
    """
    config = config or ClipTrainConfig()
    has_state = (out / STATE).exists() or (out / f"{STATE}.previous").exists()
    if has_state != resume:
        advice = "go on with --resume, or choose another --out" if has_state else "start one without --resume"
        raise CheckpointError(f"{out}: holds {'a' if has_state else 'no'} training already; {advice}")
    training = Training(data, config, config.name or out.resolve().name, pick_device(device))
    out.mkdir(parents=True, exist_ok=True)
    if resume:
        training.restore(out / STATE)
    write_json(out / RUN_FILE, Record(config=config, data=str(data)).model_dump(mode="json"))
    began = time.perf_counter()
    while training.step < config.steps and not (stop and stop.is_set()):
        loss = training.advance()
        if training.step % config.log_every == 0 or training.step == config.steps:
            _note(training.step, config.steps, float(loss), time.perf_counter() - began)
            if report:
                report(training.step, float(loss))
        if training.step % config.save_every == 0:
            training.save(out)
    training.save(out)
    return training.judged()


class Training:
    """A run: its faces, its network with its average, and where it stands."""

    def __init__(self, data: Path, config: ClipTrainConfig, name: str, place: torch.device) -> None:
        self.config, self.place, self.step = config, place, 0
        groups = [read_faces(Path(folder)) for folder in [str(data), *config.also]]
        kept = round(config.size * MARGIN)
        self.groups = [store([face for face in faces if face.split == "train"], kept) for faces in groups]
        self.held = [store([face for face in faces if face.split != "train"], config.size) for faces in groups]
        if min(len(group.facts) for group in self.groups) < 2:
            raise DatasetError(f"{data}: too few faces to train on; each table has to name at least two")
        words = dict.fromkeys([*caption_words(), *(" ".join(TEMPLATES).replace("{}", "").split())])
        self.described = ClipConfig(
            name=name,
            dim=config.dim,
            vision=VisionConfig(size=config.size, layers=config.layers, width=config.width),
            text=TextConfig(
                context=CONTEXT, width=config.text_width, heads=config.text_heads, layers=config.text_layers
            ),
            words=_cut(tuple(words)),
        )
        self.clip = build_clip(self.described, config.seed).to(place)
        self.clip.model.visual.to(memory_format=torch.channels_last)
        self.optim = OptimConfig(
            lr=config.lr,
            optimizer="adamw",
            betas=(0.9, 0.98),
            weight_decay=config.weight_decay,
            schedule="cosine",
            warmup=config.warmup,
        )
        self.player = build_generator_player(self.clip.model, self.optim)
        self.ema = EMA(self.clip, config.ema)
        self.parts = Parts({"clip": self.player}, {"clip": self.ema.average}, {}, place)
        self.half = pick_precision(config.precision, place) == "bf16"

    @property
    def average(self) -> Clip:
        """The network that is judged and stored."""
        assert isinstance(self.ema.average, Clip)
        return self.ema.average

    def advance(self) -> Tensor:
        """One step; returns its loss, on the device."""
        config = self.config
        if self.step == round(config.infer_from * config.steps) and config.confident < 1:
            self._infer()
        self.player.set_factor(factor(self.optim, self.step, config.steps))
        captioned = batch(self._drawn(), config.size, self._seed())
        pictures = captioned.pictures.to(self.place, memory_format=torch.channels_last)
        self.clip.train()
        with torch.autocast(self.place.type, torch.bfloat16, enabled=self.half):
            image, text = self.clip(pictures, captioned.texts)
        fits, known = captioned.fits.to(self.place), captioned.known.to(self.place)
        loss = caption_contrast(image, text, fits, known, self.clip.scale)
        loss.backward()
        self.player.optimizer.step()
        self.player.optimizer.zero_grad(set_to_none=True)
        self.ema.update(self.step)
        self.step += 1
        return loss.detach()

    def judged(self) -> dict[str, Score]:
        """How the average answers questions about all held-out faces."""
        held = [group for group in self.held if len(group.facts)]
        if not held:
            return {}
        pictures = torch.cat([group.pictures for group in held])
        return judge(self.average, pictures, torch.cat([group.facts for group in held]))

    def save(self, out: Path) -> None:
        """Write the average as a CLIP, and the state to resume from."""
        figures = {name.replace(" ", "_"): round(score.balanced, 4) for name, score in self.judged().items()}
        log.info("step %d: held-out balanced accuracy %s", self.step, figures)
        save_model(out / FOLDER, self.average, self.described.replace(figures=figures), half=True)
        facts = {str(number): group.facts for number, group in enumerate(self.groups)}
        save_state(out / STATE, {**self.parts.capture(), "facts": facts}, {"step": self.step})

    def restore(self, folder: Path) -> None:
        """Inverse of `save`.

        Raises: CheckpointError when the state belongs to other settings or data.
        """
        tensors, known = load_state(folder, mend=True)
        facts = tensors.pop("facts", {})
        if [tuple(t.shape) for t in facts.values()] != [tuple(group.facts.shape) for group in self.groups]:
            raise CheckpointError(f"{folder}: the tables name other faces than when it was started")
        try:
            self.parts.reinstate(tensors)
            self.step = int(known["step"])
        except (KeyError, RuntimeError, ValueError) as error:
            raise CheckpointError(f"{folder}: belongs to other settings ({str(error)[:200]})") from None
        self.groups = [Faces(group.pictures, facts[str(n)]) for n, group in enumerate(self.groups)]

    def _drawn(self) -> Faces:
        """The faces of this step: further folders are drawn from in their share, whatever they hold."""
        generator = torch.Generator().manual_seed(self._seed())
        shares = [1.0]
        if further := len(self.groups) - 1:
            shares = [1 - self.config.also_share, *[self.config.also_share / further] * further]
        chosen = []
        for group, share in zip(self.groups, shares, strict=True):
            count = min(len(group.facts), round(share * self.config.batch_size))
            at = torch.randperm(len(group.facts), generator=generator)[:count]
            chosen.append(Faces(group.pictures[at], group.facts[at]))
        return Faces(torch.cat([part.pictures for part in chosen]), torch.cat([part.facts for part in chosen]))

    def _seed(self) -> int:
        return self.config.seed * 1_000_003 + self.step

    def _infer(self) -> None:
        groups = []
        for number, group in enumerate(self.groups):
            seen = embed(self.average, group.pictures)
            facts, counts = infer(self.average, seen, group.facts, self.config.confident)
            log.info("step %d: table %d, faces given an answer: %s of %d", self.step, number, counts, len(facts))
            groups.append(Faces(group.pictures, facts))
        self.groups = groups


def _cut(words: Sequence[str]) -> tuple[str, ...]:
    """Words as the tokenizer cuts them: "close-up" is three."""
    vocabulary = Vocabulary((), CONTEXT, "")
    return tuple(dict.fromkeys(part for word in words for part in vocabulary.split(word)))


def _note(step: int, steps: int, loss: float, seconds: float) -> None:
    if not math.isfinite(loss):
        raise TranslateError(f"step {step}: the loss is not finite; train again with a smaller lr")
    log.info("step %d of %d: loss %.4f, %.0f s", step, steps, loss, seconds)
