"""Whether edits by a sentence do what it says: held-out faces, edited by each method, before an independent judge."""

import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from translate import images
from translate.data.faces import read_faces
from translate.data.folders import existing
from translate.devices import pictures_at_once
from translate.editing import methods
from translate.editing.editor import Editor
from translate.editing.history import EditMethod, EditState, EditStep, draw
from translate.editing.mapper import TrainedMapper
from translate.editing.optimisation import OptimisationConfig, Start, optimise
from translate.editing.photo import PhotoInverter
from translate.errors import ConfigError, DatasetError
from translate.evaluation.edit_judge import SIZE, Accuracy, FaceJudge, Question, kept_judge, read_labelled
from translate.trainers.clip_data import Faces, store, to_float

FACES = 100
AT_ONCE = 20
"""The most faces that are optimised together: each as it would be alone, as Adam does not care how a loss is scaled."""
SHOWN = 4
ELLIPSE = (0.42, 0.5)
"""Half axes of what is taken for the head, as shares of the picture's sides; background is what lies outside."""


class Attribute(NamedTuple):
    """What is asked for, what the judge is asked, and whether the model claims to understand it."""

    prompt: str
    question: Question
    claimed: bool = True


ADULT = (("adult", 1),)
ATTRIBUTES = (
    Attribute("an old person", Question("old", "old", given=ADULT)),
    Attribute("a young person", Question("young", "young", given=ADULT)),
    Attribute("a man", Question("man", "male", given=ADULT)),
    Attribute("a woman", Question("woman", "male", -1, given=ADULT)),
    Attribute("a child", Question("child", "adult", -1)),
    Attribute("a smiling person", Question("smiling", "smiling")),
    Attribute("a person with a beard", Question("beard", "beard"), claimed=False),
    Attribute("a person with black hair", Question("black hair", "black_hair"), claimed=False),
    Attribute("a person with blond hair", Question("blond hair", "blond_hair")),
    Attribute("a person with glasses", Question("glasses", "glasses"), claimed=False),
)


class Outcome(NamedTuple):
    """What became of the faces by one prompt and one method; shares of them, cosines, and changes of 255."""

    attribute: str
    prompt: str
    method: EditMethod
    claimed: bool
    faces: int
    moved: float
    """Share whose logit rose."""
    lacking: int
    """Faces that the judge said no to before."""
    moved_lacking: float | None
    """Share of those whose logit rose."""
    crossed: float | None
    """Share of those that it says yes to after."""
    rise: float
    """Mean rise of the logit."""
    identity: float | None
    """Mean cosine of the embedding before and after."""
    background: float
    changed: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EditReport:
    """The judge's own accuracy, what became of the faces, and how near the inverted ones came to the photos."""

    model: str
    clip: str
    identity: str | None
    data: tuple[str, ...]
    accuracies: dict[str, Accuracy]
    outcomes: tuple[Outcome, ...]
    inversion: dict[str, float]
    """l2 and perceptual of the encoder's drawing, and of the mean face."""
    perceptual: str
    pictures: Tensor
    """Faces before, then by each outcome. Shape: (1 + outcomes, faces shown, 3, R, R)."""

    def as_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        plain = asdict(self)
        del plain["pictures"]
        plain["accuracies"] = {name: found._asdict() for name, found in self.accuracies.items()}
        plain["outcomes"] = [outcome._asdict() for outcome in self.outcomes]
        return plain


def evaluate_edits(
    model: str | Path,
    data: Sequence[Path],
    *,
    judge: Path | None = None,
    mappers: Sequence[Path] = (),
    wanted: Sequence[EditMethod] = ("direction", "optimise"),
    faces: int = FACES,
    seed: int = 0,
    device: str = "auto",
    progress: Callable[[str, int, int], None] | None = None,
) -> EditReport:
    """Train the judge (or read it from `judge`), invert held-out faces by the encoder, edit them, and ask it.

    The faces are of the first folder, drawn by `seed`. A mapper is asked for by the prompt that it was trained for.
    Raises: DatasetError for folders without labelled faces; ConfigError for a model that can't edit photos, or a mapper
    whose prompt nothing is asked about; CheckpointError for what can't be read.
    """
    editor = Editor.load(model, device=device)
    inverter = _inverter(editor)
    taught = [editor.add_mapper(path) for path in mappers]
    plan: list[tuple[Attribute, EditMethod, TrainedMapper | None]] = [(a, m, None) for a in ATTRIBUTES for m in wanted]
    plan += [(_asked_of(mapper), "mapper", mapper) for mapper in taught]
    say = progress or (lambda *_: None)
    asked = kept_judge(judge, data, lambda done, total: say("judge", done, total))
    accuracies = _accuracies(asked, read_labelled(data, "val"))
    photos = _photos(data[0], editor, faces, seed)
    start = _inverted(inverter, photos)
    before = _pictures(editor, start)
    outcomes, shown = [], [before[:SHOWN]]
    for number, (attribute, method, mapper) in enumerate(plan):
        say("edits", number, len(plan))
        after = _pictures(editor, start.then(_step(editor, start, attribute.prompt, method, mapper)))
        outcomes.append(_outcome(editor, asked, attribute, method, before, after))
        shown.append(after[:SHOWN])
    return EditReport(
        model=editor.name,
        clip=str(getattr(editor.clip, "name", "")),
        identity=None if editor.identity is None else editor.identity.name,
        data=tuple(folder.name for folder in data),
        accuracies=accuracies,
        outcomes=tuple(outcomes),
        inversion=_distances(inverter, editor, photos, before),
        perceptual=inverter.inverter.perceptual.name,
        pictures=torch.stack(shown).cpu(),
    )


def background(side: int) -> Tensor:
    """1 outside of the ellipse that a head fills in aligned faces, 0 within. Shape: -> (1, 1, side, side)."""
    line = (torch.arange(side) + 0.5) / side - 0.5
    across, down = line[None, :] / ELLIPSE[0], line[:, None] / ELLIPSE[1]
    return (across.square() + down.square() > 1).float()[None, None]


def _photos(folder: Path, editor: Editor, count: int, seed: int) -> Tensor:
    """Photos that the model's training held out, as it recorded them, else as the table says.

    Shape: -> (count, 3, R, R) in [-1, 1].
    Raises: DatasetError where there are fewer.
    """
    faces, root = read_faces(folder), existing(folder, "faces")
    recorded = set(() if editor.config.held_out is None else editor.config.held_out.names)
    held_out = [face for face in faces if face.path.relative_to(root).as_posix() in recorded]
    held_out = held_out or [face for face in faces if face.split != "train"]
    if len(held_out) < count:
        raise DatasetError(f"{folder}: {count} held-out faces are asked for, and there are {len(held_out)}")
    return to_float(store(random.Random(seed).sample(held_out, count), editor.network.resolution).pictures)


def _inverter(editor: Editor) -> PhotoInverter:
    found = editor.inverter
    if not isinstance(found, PhotoInverter) or found.inverter.encoder is None:
        raise ConfigError(f"{editor.config.name}: has no encoder of faces; edits of photos can't be judged without one")
    return found


def _asked_of(mapper: TrainedMapper) -> Attribute:
    for attribute in ATTRIBUTES:
        if attribute.prompt == mapper.config.prompt:
            return attribute
    known = ", ".join(repr(attribute.prompt) for attribute in ATTRIBUTES)
    raise ConfigError(f"the judge is not asked about the mapper's prompt {mapper.config.prompt!r}; known: {known}")


def _accuracies(judge: FaceJudge, folders: Sequence[Faces]) -> dict[str, Accuracy]:
    """Of the first folder that can tell: what one table calls young is not what the next one does."""
    found: dict[str, Accuracy] = {}
    for question in (attribute.question for attribute in ATTRIBUTES):
        for faces in folders:
            truth = question.truth(faces.facts)
            if bool((truth > 0).any()) and bool((truth < 0).any()):
                found[question.name] = judge.accuracy(faces, question)
                break
    return found


def _split(pictures: Tensor) -> tuple[Tensor, ...]:
    """As many as fit through a network together. Shape: (N, 3, H, W) -> (n, 3, H, W), N of them in all."""
    return pictures.split(pictures_at_once(pictures.shape[-1], AT_ONCE))


@torch.no_grad()
def _inverted(inverter: PhotoInverter, photos: Tensor) -> EditState:
    """All faces as one state. Shape: (N, 3, R, R) in [-1, 1]."""
    latents = [inverter.inverter.encode(part.to(inverter.inverter.device)) for part in _split(photos)]
    return EditState(torch.cat([latent for latent in latents if latent is not None]))


@torch.no_grad()
def _pictures(editor: Editor, state: EditState) -> Tensor:
    """Shape: -> (N, 3, R, R) in [-1, 1]."""
    at_once = pictures_at_once(editor.network.resolution, AT_ONCE)
    parts = [slice(row, row + at_once) for row in range(0, len(state.w_plus), at_once)]
    return torch.cat([draw(editor.synthesis, _rows(state, part)) for part in parts]).clamp(-1, 1)


def _rows(state: EditState, part: slice) -> EditState:
    """Some of the faces."""
    return EditState(state.w_plus[part], tuple(_of_rows(step, part) for step in state.steps))


def _of_rows(step: EditStep, part: slice) -> EditStep:
    """An edit of some faces; a direction is the same for all."""
    w, s = (change if change is None or len(change) == 1 else change[part] for change in (step.w_change, step.s_change))
    return replace(step, w_change=w, s_change=s)


def _step(
    editor: Editor, start: EditState, prompt: str, method: EditMethod, mapper: TrainedMapper | None = None
) -> EditStep:
    """What an edit at strength 1 adds to all faces."""
    asked = methods.Asked(prompt, editor.neutral)
    if method == "direction":
        found = methods.by_direction(asked, _channels(editor, prompt))
        assert found.step is not None
        return found.step
    if mapper is not None:
        found = methods.by_mapper(asked, start, editor.synthesis, mapper)
        assert found.step is not None
        return found.step
    return EditStep(prompt=prompt, method="optimise", s_change=_optimised(editor, start.w_plus, prompt))


def _channels(editor: Editor, prompt: str) -> methods.Channels:
    """Raises: ConfigError where the text moves none."""
    found = methods.find_channels(editor.relevance(prompt, editor.neutral), editor.statistics)
    if not found.number:
        raise ConfigError(f"{prompt!r}: {found.messages[0].text}")
    return found


def _optimised(editor: Editor, w_plus: Tensor, prompt: str) -> Tensor:
    """What optimisation adds to each face, each as if it were alone.

    Shape: (N, num_ws, w_dim) -> (N, channels of S).
    """
    config = OptimisationConfig(preview_every=0)
    clip, asked = editor.need_clip(), methods.Asked(prompt, editor.neutral)
    with torch.no_grad():
        told = methods.target(asked, clip, config, editor.templates).to(editor.device)
    lead = _channels(editor, prompt).lead
    found = []
    for part in w_plus.split(pictures_at_once(editor.network.resolution, AT_ONCE)):
        # Of N faces the loss takes the mean of what CLIP says and the sum of what they moved.
        shared = config.replace(lambda_l2=config.lambda_l2 / len(part))
        start = Start(part, torch.zeros_like(lead))
        found.append(optimise(editor.synthesis, clip.encode_image, told, start, shared, lead=lead).s_change)
    return torch.cat(found)


@torch.no_grad()
def _outcome(
    editor: Editor, judge: FaceJudge, attribute: Attribute, method: EditMethod, before: Tensor, after: Tensor
) -> Outcome:
    ends = [judge(_sized(pictures), attribute.question) for pictures in (before, after)]
    lacking = ends[0] <= 0
    identity = None
    if editor.identity is not None:
        pairs = zip(_split(before), _split(after), strict=True)
        cosines = [(editor.identity(x) * editor.identity(y)).sum(dim=1) for x, y in pairs]
        identity = float(torch.cat(cosines).mean())
    moved = (after - before).abs() * 127.5
    outside = background(before.shape[-1]).to(before.device)
    return Outcome(
        attribute=attribute.question.name,
        prompt=attribute.prompt,
        method=method,
        claimed=attribute.claimed,
        faces=len(before),
        moved=float((ends[1] > ends[0]).float().mean()),
        lacking=int(lacking.sum()),
        moved_lacking=_share(ends[1][lacking] > ends[0][lacking]),
        crossed=_share(ends[1][lacking] > 0),
        rise=float((ends[1] - ends[0]).mean()),
        identity=identity,
        background=float((moved * outside).sum() / outside.expand_as(moved).sum()),
        changed=float(moved.mean()),
    )


def _share(held: Tensor) -> float | None:
    return float(held.float().mean()) if len(held) else None


def _sized(pictures: Tensor) -> Tensor:
    """As the judge takes them. Shape: (N, 3, R, R) -> (N, 3, 64, 64)."""
    return pictures.cpu() if pictures.shape[-1] == SIZE else images.resize(pictures.cpu(), SIZE, SIZE)


@torch.no_grad()
def _distances(inverter: PhotoInverter, editor: Editor, photos: Tensor, drawn: Tensor) -> dict[str, float]:
    mean = editor.picture(editor.mean()).expand_as(drawn)
    found = {}
    for name, pictures in (("encoder", drawn), ("mean_face", mean)):
        pairs = list(zip(_split(photos.to(editor.device)), _split(pictures), strict=True))
        found[f"{name}_l2"] = float(F.mse_loss(pictures, photos.to(editor.device)))
        apart = [inverter.inverter.perceptual(shown, photo) for photo, shown in pairs]
        found[f"{name}_perceptual"] = float(torch.cat(apart).mean())
    return found
