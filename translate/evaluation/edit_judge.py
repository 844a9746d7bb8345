"""A classifier of faces that judges edits and nothing else: trained for it alone, on real faces, by no CLIP.

It shares no weights with the model it judges: a small residual network (He 2016) from nothing, with one logit for
each fact that a table of faces can know (see `data.faces`).
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from translate.checkpoints import load_weights, write_tensors
from translate.data.faces import FACTS, PLACE, read_faces
from translate.devices import pick_precision
from translate.errors import DatasetError
from translate.trainers.clip_data import MARGIN, Faces, changed, store, to_float

SIZE = 64
WIDTHS = (48, 96, 160, 256)
STEPS, BATCH = 1500, 64
LR, DECAY = 2e-3, 0.05
SMALL = 0.25
"""Share of a batch that comes from the smaller folder: more, and its few hundred faces are learnt by heart."""
RAREST = 0.02
"""Below this share the rarer of two answers gets no more weight."""


class Question(NamedTuple):
    """Something that is asked of the judge: a fact, which sign of it means yes, and of which faces it is asked."""

    name: str
    fact: str
    sign: int = 1
    given: tuple[tuple[str, int], ...] = ()

    def truth(self, facts: Tensor) -> Tensor:
        """1 for yes, -1 for no, 0 where it is not known or not asked. Shape: (N, facts) -> (N,)."""
        held = torch.ones(len(facts), dtype=torch.bool)
        for fact, sign in self.given:
            held &= facts[:, PLACE[fact]] == sign
        return torch.where(held, self.sign * facts[:, PLACE[self.fact]].int(), 0)


class Accuracy(NamedTuple):
    """Of held-out real faces: right answers, the mean of both answers' own shares, and how many say yes and no.

    `ranked` is the share of all pairs of a yes and a no of which it is surer of the yes (the area under the ROC curve):
    whether an edit moved a face the right way hangs on that order alone, and not on where the line is drawn.
    """

    accuracy: float
    balanced: float
    ranked: float
    yes: int
    no: int


class Block(nn.Module):
    """Two convolutions and a way past them, at half the resolution (He 2016, Fig. 2).

    Shape: (N, C_in, H, W) -> (N, C_out, H/2, W/2).
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(in_channels, out_channels, 3, stride=2, padding=1, bias=False)
        self.second = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.past = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm2d(out_channels) for _ in range(2)])

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norms[0](self.first(x)))  # (N, C_out, H/2, W/2)
        y = self.norms[1](self.second(y))
        return F.relu(y + self.past(F.avg_pool2d(x, 2)))


class JudgeNetwork(nn.Module):
    """One logit for each of `data.faces.FACTS`. Shape: (N, 3, 64, 64) in [-1, 1] -> (N, facts)."""

    def __init__(self, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, widths[0], 4, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(widths[0])
        ends = pairwise(widths)
        self.blocks = nn.Sequential(*(Block(a, b) for a, b in ends))
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(widths[-1], len(FACTS))

    def forward(self, image: Tensor) -> Tensor:
        x = F.relu(self.norm(self.stem(image)))  # (N, widths[0], 32, 32)
        x = self.blocks(x).mean(dim=(2, 3))  # (N, widths[-1])
        logits: Tensor = self.head(self.drop(x))
        return logits


class FaceJudge:
    """A trained network and what it was found to be worth; answers in logits."""

    def __init__(self, network: JudgeNetwork) -> None:
        self.network = network.eval().requires_grad_(False).to(memory_format=torch.channels_last)

    @torch.no_grad()
    def __call__(self, pictures: Tensor, question: Question) -> Tensor:
        """How sure it is of yes: above 0 it says so. Shape: (N, 3, 64, 64) in [-1, 1] -> (N,)."""
        found = [
            self.network(part.contiguous(memory_format=torch.channels_last))[:, PLACE[question.fact]]
            for part in pictures.split(BATCH)
        ]
        return question.sign * torch.cat(found)

    def accuracy(self, faces: Faces, question: Question) -> Accuracy:
        """How often it is right about real faces."""
        truth = question.truth(faces.facts)
        asked = truth != 0
        logits, truth = self(to_float(faces.pictures[asked]), question), truth[asked] > 0
        said = logits > 0
        lead = logits[truth][:, None] - logits[~truth]  # (yes, no)
        ranked = float(((lead.sign() + 1) / 2).mean())  # a tie is half right
        shares = [float((said[truth == answer] == answer).float().mean()) for answer in (True, False)]
        yes = int(truth.sum())
        return Accuracy(float((said == truth).float().mean()), sum(shares) / 2, ranked, yes, len(truth) - yes)


def read_labelled(folders: Sequence[Path], split: str) -> list[Faces]:
    """The faces of each folder's `train` or `val`, and of them the facts of which it shows yes and no.

    A table of ages alone denies every child a beard: who learnt beards of it would know only where a face comes from.
    Raises: DatasetError for a folder without a table, or without faces of that split.
    """
    found = []
    for folder in folders:
        faces = read_faces(folder)
        chosen = [face for face in faces if (face.split == "train") == (split == "train")]
        if not chosen:
            raise DatasetError(f"{folder}: its table names no faces of the split {split}")
        stored = store(chosen, round(SIZE * MARGIN) if split == "train" else SIZE)
        learnt = torch.tensor([face.facts for face in faces if face.split == "train"], dtype=torch.int8)
        told = (learnt == 1).any(dim=0) & (learnt == -1).any(dim=0)
        found.append(Faces(stored.pictures, torch.where(told, stored.facts, 0)))
    return found


def train_judge(
    folders: Sequence[Faces],
    *,
    steps: int = STEPS,
    batch: int = BATCH,
    widths: Sequence[int] = WIDTHS,
    seed: int = 0,
    precision: str = "auto",
    report: Callable[[int, int], None] | None = None,
) -> FaceJudge:
    """Train on faces as `read_labelled` gives them, the largest folder first: cross-entropy of every known fact.

    Yes and no of a fact weigh alike, however rare one of them is.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = JudgeNetwork(widths).to(memory_format=torch.channels_last)
        optimizer = torch.optim.AdamW(network.parameters(), lr=LR, weight_decay=DECAY)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LR, total_steps=steps, pct_start=0.1)
        weights = _weights(torch.cat([faces.facts for faces in folders]))
        half = pick_precision(precision, torch.device("cpu")) == "bf16"
        for step in range(steps):
            pictures, facts = _batch(folders, batch, seed * 1_000_003 + step)
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                logits = network(pictures.contiguous(memory_format=torch.channels_last))
            loss = _loss(logits.float(), facts, weights)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            if report:
                report(step + 1, steps)
    return FaceJudge(network)


def kept_judge(
    path: Path | None, folders: Sequence[Path], report: Callable[[int, int], None] | None = None
) -> FaceJudge:
    """The judge in the file `path`, or a new one, which is then kept there.

    Raises: CheckpointError for a file that holds something else; DatasetError as `read_labelled`.
    """
    if path is not None and path.exists():
        network = JudgeNetwork()
        load_weights(network, path)
        return FaceJudge(network)
    judge = train_judge(read_labelled(folders, "train"), report=report)
    if path is not None:
        write_tensors(path, judge.network.state_dict())
    return judge


def _batch(folders: Sequence[Faces], size: int, seed: int) -> tuple[Tensor, Tensor]:
    """Changed pictures and their facts; what is drawn comes from `seed` alone."""
    draw = torch.Generator().manual_seed(seed)
    small = int(SMALL * size) if len(folders) > 1 else 0
    counts = [size - small * (len(folders) - 1), *[small] * (len(folders) - 1)]
    chosen = [torch.randint(len(f.pictures), (n,), generator=draw) for f, n in zip(folders, counts, strict=True)]
    pictures = torch.cat([faces.pictures[rows] for faces, rows in zip(folders, chosen, strict=True)])
    facts = torch.cat([faces.facts[rows] for faces, rows in zip(folders, chosen, strict=True)])
    return changed(to_float(pictures), SIZE, draw), facts


def _weights(facts: Tensor) -> tuple[Tensor, Tensor]:
    """What a yes and a no of each fact count. Shape: (N, facts) -> twice (facts,)."""
    yes, no = ((facts == sign).float().sum(dim=0).clamp_min(1) for sign in (1, -1))
    both = yes + no
    heavy, light = (both / (2 * torch.maximum(count, RAREST * both)) for count in (yes, no))
    return heavy, light


def _loss(logits: Tensor, facts: Tensor, weights: tuple[Tensor, Tensor]) -> Tensor:
    weight = torch.where(facts > 0, *weights) * (facts != 0)
    each = F.binary_cross_entropy_with_logits(logits, (facts > 0).float(), reduction="none")
    return (each * weight).sum() / weight.sum().clamp_min(1e-6)
