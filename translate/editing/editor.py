"""`translate.load_editor(name)`: a generator of faces and all that edits what it makes."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Self, cast

import torch
from PIL import Image
from torch import Tensor

from translate import catalog, checkpoints, images
from translate.config import ModelConfig
from translate.devices import pick_device
from translate.editing import latents, methods
from translate.editing.composite import feather, read_mask
from translate.editing.directions import Relevance, first_order
from translate.editing.history import EditMethod, EditState, EditStep, blend, draw, mix
from translate.editing.mapper import TrainedMapper, load_mapper, mappers_in
from translate.editing.methods import Asked, Found, Message
from translate.editing.optimisation import OptimisationConfig, Progress
from translate.editing.parts import Identity, TakesPhotos, TextImageEncoder, find_parts
from translate.editing.styles import PSI, StyleStatistics, known_statistics, pack
from translate.errors import CheckpointError, ConfigError
from translate.inference.sampler import noise_of
from translate.networks import StyleGAN2Generator
from translate.networks.stylegan2.synthesis import Synthesis
from translate.objectives.clip import text_direction
from translate.objectives.templates import TEMPLATES
from translate.stopping import check

RELEVANCE_SAMPLES = 32
NEUTRAL = "a face"
REMEMBERED = 64
"""Prompts whose relevance is kept for the next strength."""

Source = EditState | Image.Image | int
"""What can be edited: a state, a photo (where there is an inverter), or the face of a seed."""


@dataclass(frozen=True, slots=True, eq=False)
class Edited:
    """A state after an edit, its picture, and what is to be said of it."""

    state: EditState
    picture: Tensor
    """(1, 3, R, R) in [-1, 1]."""
    image: Image.Image
    """The same as a picture, or the photo with the edited face in its place."""
    messages: tuple[Message, ...] = ()
    figures: dict[str, float] = field(default_factory=dict)
    """clip_before, clip_after: cosines with the prompt; identity_before, identity_after: with the face of the photo, or
    before all edits; changed: mean change of a pixel, of 255; changed_outside: the largest outside the mask."""


class Editor:
    """Edits of what one StyleGAN2 makes; holds networks and what prompts mean to them, never a user's picture.

    `clip`, `identity` and `inverter` are asked for by what needs them, and said to be missing there.
    Raises: ConfigError for a model that is no StyleGAN2 of colours without classes, or a device that isn't there.
    """

    def __init__(
        self,
        generator: torch.nn.Module,
        config: ModelConfig,
        weights: str,
        *,
        clip: TextImageEncoder | None = None,
        identity: Identity | None = None,
        inverter: TakesPhotos | None = None,
        mappers: Sequence[TrainedMapper] = (),
        neutral: str = NEUTRAL,
        templates: Sequence[str] = TEMPLATES,
        device: str = "auto",
    ) -> None:
        if (
            not isinstance(generator, StyleGAN2Generator)
            or generator.mapping.classes
            or config.latent.out_channels != 3
        ):
            raise ConfigError(f"{config.name}: only a StyleGAN2 that makes RGB without classes can be edited by a text")
        self.device = pick_device(device)
        self.network = generator.eval().requires_grad_(False).to(self.device)
        self.synthesis = self.network.synthesis
        self.config, self.weights = config, weights
        self.clip, self.identity, self.inverter = clip, identity, inverter
        if isinstance(network := cast(object, clip), torch.nn.Module):
            network.to(self.device)  # `load_clip` gives it on the CPU
        self.mappers = list(mappers)
        self.neutral, self.templates = neutral, tuple(templates)
        self._statistics: StyleStatistics | None = None
        self._relevance: dict[tuple[str, str], Relevance] = {}

    @classmethod
    def load(cls, name_or_path: str | Path, *, device: str = "auto", clip: TextImageEncoder | None = None) -> Self:
        """Load a model by name or folder, with what lies beside it: CLIP, encoder, discriminator, mappers.

        Raises: CheckpointError when there is none or it is damaged; ConfigError as the editor itself.
        """
        folder = catalog.find(name_or_path)
        generator, config = checkpoints.load_model(folder)
        weights = latents.digest_of(folder)
        editor = cls(generator, config, weights, clip=clip, device=device)
        parts = find_parts(folder, editor.network, config, weights, editor.device)
        editor.clip, editor.identity, editor.inverter = editor.clip or parts.clip, parts.identity, parts.inverter
        editor.mappers += mappers_in(folder, editor.device)
        return editor

    @property
    def name(self) -> str:
        """The model's name, with the beginning of its weights' SHA-256."""
        return f"{self.config.name}-{self.weights[:8]}"

    @property
    def statistics(self) -> StyleStatistics:
        """How style space is spread; counted once a model and kept."""
        if self._statistics is None:
            self._statistics = known_statistics(self.network, self.weights)
        return self._statistics

    def need_clip(self) -> TextImageEncoder:
        """The CLIP.

        Raises: ConfigError where there is none.
        """
        if self.clip is None:
            raise ConfigError(f"{self.config.name}: has no CLIP, and without one no text can be understood")
        return self.clip

    def provenance(self, state: EditState) -> images.Provenance:
        """What a file of this state's picture says of it."""
        done = "; ".join(f"{step.prompt} ({step.method}, strength {step.strength:g})" for step in state.steps)
        made = "a photo edited" if state.photo is not None else "a face made"
        text = f"Synthetic picture: {made} by the model {self.name}"
        return images.Provenance(f"{text}: {done}" if done else text, "generated" if state.photo is None else "edited")

    def add_mapper(self, path: Path, prompt: str = "") -> TrainedMapper:
        """Take in a mapper from its folder or its authors' file, which says no prompt: give it one.

        Raises: CheckpointError when it can't be read.
        """
        mapper = load_mapper(path, prompt, self.device)
        self.mappers.append(mapper)
        return mapper

    def start(self, source: Source, *, truncation: float = PSI) -> EditState:
        """The state of a seed or of a photo; a state is itself.

        Raises: ConfigError for a photo where there is no inverter; ImageError as that does.
        """
        if isinstance(source, EditState):
            return source
        if isinstance(source, int):
            return EditState(self._mapped([source], truncation), origin=f"seed {source}")
        if self.inverter is None:
            raise ConfigError(f"{self.config.name}: has no way from a photo to a latent; edit a seed or a saved latent")
        w_plus, photo, tuned = self.inverter(source)
        return EditState(w_plus, origin="photo", photo=photo, synthesis=tuned)

    def mean(self) -> EditState:
        """The face in the middle of all."""
        w_avg = self.network.mapping.w_avg
        return EditState(w_avg.repeat(1, self.network.num_ws, 1), origin="mean face")

    def generate(
        self, seeds: Sequence[int], *, truncation: float = PSI, cancelled: Callable[[], bool] = bool
    ) -> list[Image.Image]:
        """Faces of seeds. Raises: Cancelled."""
        return self._images((self.start(seed, truncation=truncation) for seed in seeds), cancelled)

    @torch.no_grad()
    def picture(self, state: EditState) -> Tensor:
        """Shape: -> (1, 3, R, R) in [-1, 1]."""
        return draw(self._drawing(state), state).clamp(-1, 1)

    def image(self, state: EditState, picture: Tensor | None = None) -> Image.Image:
        """The picture of a state (drawn, where it is not given), back in its photo where it has one."""
        picture = self.picture(state) if picture is None else picture
        if state.photo is None:
            return images.to_pil(picture)
        return state.photo.paste(picture, self.picture(replace(state, steps=())), state.reach)

    def at(self, state: EditState, strength: float) -> Edited:
        """The last edit at another strength, measured anew; nothing is asked of the text again but its cosine.

        Raises: ConfigError where there is no edit, or for a strength out of range.
        """
        methods.check(strength)
        before = state.undo()
        step = replace(state.steps[-1], strength=strength)
        return self._edited(before, Found(step), step.prompt, True)

    def strip(self, state: EditState, strengths: Sequence[float]) -> list[Image.Image]:
        """The last edit at each strength.

        Raises: ConfigError where there is no edit.
        """
        return [self.image(state.at(strength)) for strength in strengths]

    def morph(
        self, first: Source, last: Source, frames: int, *, cancelled: Callable[[], bool] = bool
    ) -> list[Image.Image]:
        """The way from one face to another, both included.

        Raises: ConfigError for less than two frames; Cancelled.
        """
        if frames < 2:
            raise ConfigError(f"{frames} frames; a way from one face to another has at least 2")
        a, b = self.start(first), self.start(last)
        return self._images((blend(a, b, number / (frames - 1)) for number in range(frames)), cancelled)

    def mix(self, coarse: Source, fine: Source, *, cancelled: Callable[[], bool] = bool) -> list[Image.Image]:
        """Style mixing at every layer: the first has all its styles from `fine`, the last from `coarse`."""
        a, b = self.start(coarse), self.start(fine)
        return self._images((mix(a, b, layers) for layers in range(self.network.num_ws + 1)), cancelled)

    def edit(
        self,
        source: Source,
        prompt: str,
        *,
        neutral: str | None = None,
        method: EditMethod = "direction",
        strength: float = 1.0,
        disentangle: Literal["auto"] | float = "auto",
        mask: Tensor | Image.Image | None = None,
        optimisation: OptimisationConfig | None = None,
        cancelled: Callable[[], bool] = bool,
        report: Callable[[Progress], None] | None = None,
        measure: bool = True,
    ) -> Edited:
        """Change a face as a text says; strength 1 is each method's own, below 0 is the other way.

        `disentangle` is how relevant a style channel must be to be moved, of [0, 1]. `mask` is where the picture may
        change: white on black, or (1, 1, R, R) in [0, 1]. `report` follows an optimisation.
        Raises: ConfigError for words that CLIP does not know, a missing mapper, or values out of range; Cancelled.
        """
        methods.check(strength, disentangle, method)
        state = self.start(source)
        asked = Asked(prompt, self.neutral if neutral is None else neutral, strength, self.mask(mask))
        if method == "direction":
            found = methods.by_direction(asked, self._channels(asked, disentangle, cancelled))
        elif method == "mapper":
            mapper = methods.pick_mapper(self.mappers, prompt, self.config.name, self.weights)
            found = methods.by_mapper(asked, state, self.synthesis, mapper)
        else:
            how = optimisation or OptimisationConfig()
            channels = self._channels(asked, disentangle, cancelled) if how.space == "channels" else None
            found = self._optimise(asked, state, how, cancelled, report, channels=channels)
        return self._edited(state, found, prompt, measure)

    def free(
        self,
        prompt: str,
        *,
        optimisation: OptimisationConfig | None = None,
        cancelled: Callable[[], bool] = bool,
        report: Callable[[Progress], None] | None = None,
    ) -> Edited:
        """A face of a text alone: from the mean face towards it, with nothing that holds it back (Patashnik 2021).

        Raises: ConfigError for words that CLIP does not know.
        """
        state = self.mean()
        how = (optimisation or OptimisationConfig()).replace(space="w_plus")
        found = self._optimise(Asked(prompt), state, how, cancelled, report, free=True)
        return self._edited(state, found, prompt, True)

    def relevance(self, prompt: str, neutral: str = NEUTRAL, *, cancelled: Callable[[], bool] = bool) -> Relevance:
        """Which style channels the prompt speaks of; the answers to the last prompts are kept.

        Raises: ConfigError for words that CLIP does not know, or a prompt that means what the neutral text does.
        """
        if (prompt, neutral) in self._relevance:
            return self._relevance[prompt, neutral]
        clip = self.need_clip()
        with torch.no_grad():
            towards = text_direction(clip, prompt, neutral, self.templates).to(self.device)
            styles = pack(self.synthesis, self._mapped(range(RELEVANCE_SAMPLES)))
        found = first_order(self.synthesis, clip.encode_image, towards, styles, self.statistics, cancelled=cancelled)
        while len(self._relevance) >= REMEMBERED:
            del self._relevance[next(iter(self._relevance))]
        self._relevance[prompt, neutral] = found
        return found

    def save(self, path: Path, state: EditState) -> None:
        """Write a state, so that `open` gives the same picture; its photo stays out of the file.

        A generator that was tuned to the photo goes with it, in float16.
        Raises: CheckpointError for a suffix other than .safetensors, or a disk that won't take it.
        """
        latent = latents.Latent(
            w_plus=state.w_plus,
            model=self.config.name,
            digest=self.weights,
            origin=state.origin,
            square=None if state.photo is None else state.photo.square,
            steps=state.steps,
            tuned=latents.tuned_tensors(self.network, state.synthesis),
        )
        latents.save_latent(path, latent)

    def open(self, path: Path) -> EditState:
        """A state from the file of a latent, with its edits where it has any.

        Raises: CheckpointError for a damaged file, another model's, or latents of several faces.
        """
        latent = latents.load_latent(path, digest=self.weights, generator=self.network)
        if len(latent.w_plus) != 1:
            raise CheckpointError(f"{path}: holds {len(latent.w_plus)} faces; edit one")
        own = latents.tuned_generator(self.network, latent)
        tuned = None if own is self.network else own.synthesis
        return EditState(latent.w_plus, latent.steps, latent.origin or path.name, synthesis=tuned).to(self.device)

    def mask(self, mask: Tensor | Image.Image | None) -> Tensor | None:
        """A mask as an edit holds it, a painted one with a faded border. Shape: -> (1, 1, R, R) in [0, 1].

        Raises: ImageError for a picture that is no square or has no white; ConfigError for another shape.
        """
        side = self.network.resolution
        if isinstance(mask, Image.Image):
            mask = feather(read_mask(mask, side))
        if mask is None:
            return None
        if tuple(mask.shape) != (1, 1, side, side) or not (float(mask.min()) >= 0 and float(mask.max()) <= 1):
            raise ConfigError(f"the mask is {list(mask.shape)}; expected [1, 1, {side}, {side}] in [0, 1]")
        return mask.to(self.device, torch.float32)

    def _images(self, states: Iterable[EditState], cancelled: Callable[[], bool]) -> list[Image.Image]:
        """Of the model's own size, without a photo around them."""
        found = []
        for state in states:
            check(cancelled)
            found.append(images.to_pil(self.picture(state)))
        return found

    def _drawing(self, state: EditState) -> Synthesis:
        return self.synthesis if state.synthesis is None else state.synthesis

    def _mapped(self, seeds: Sequence[int], truncation: float = PSI) -> Tensor:
        """w_plus of seeds, whatever the others. Shape: (N, num_ws, w_dim)."""
        z = noise_of(seeds, self.network.mapping.z_dim)
        with torch.no_grad():
            return self.network.map(z.to(self.device), psi=truncation).contiguous()

    def _channels(
        self, asked: Asked, disentangle: Literal["auto"] | float, cancelled: Callable[[], bool]
    ) -> methods.Channels:
        relevance = self.relevance(asked.prompt, asked.neutral, cancelled=cancelled)
        return methods.find_channels(relevance, self.statistics, disentangle)

    def _optimise(
        self,
        asked: Asked,
        state: EditState,
        config: OptimisationConfig,
        cancelled: Callable[[], bool],
        report: Callable[[Progress], None] | None,
        *,
        channels: methods.Channels | None = None,
        free: bool = False,
    ) -> Found:
        clip = self.need_clip()
        if config.lambda_id and self.identity is None:
            raise ConfigError(f"lambda_id is {config.lambda_id:g}, but {self.config.name} has no network of identity")
        with torch.no_grad():
            told = methods.target(asked, clip, config, self.templates, free=free).to(self.device)
        return methods.by_optimisation(
            asked,
            state,
            self._drawing(state),
            clip.encode_image,
            told,
            config,
            channels=channels,
            free=free,
            identity=self.identity,
            cancelled=cancelled,
            report=report,
        )

    def _edited(self, state: EditState, found: Found, prompt: str, measure: bool) -> Edited:
        after = state if found.step is None else state.then(found.step)
        picture = self.picture(after)
        numbers = self._measured(state, found.step, picture, prompt) if measure else {}
        return Edited(after, picture, self.image(after, picture), found.messages, numbers)

    @torch.no_grad()
    def _measured(self, state: EditState, step: EditStep | None, after: Tensor, prompt: str) -> dict[str, float]:
        before = self.picture(state)
        told, encode = None, None
        if self.clip is not None:
            told, encode = self.clip.encode_text([prompt]).to(self.device), self.clip.encode_image
        found = methods.figures(before, after, told, encode, None if step is None else step.mask)
        if self.identity is None:
            return found
        origin = self.picture(replace(state, steps=())) if state.photo is None else state.photo.target
        who, *others = (self.identity(x)[0] for x in (origin.to(self.device), before, after))
        return found | {f"identity_{when}": float(who @ x) for when, x in zip(("before", "after"), others, strict=True)}
