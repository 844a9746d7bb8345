"""The shipped faces and their CLIP: our relevance beside the paper's, and what the two differ in.

On every 24th channel of eight faces. Small pushes without the paper's normalisation are ours; with it they are the
paper's: it counts every face alike, however far a channel moves it.
"""

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from translate.editing.directions import first_order, perturbed, perturbed_directions, rank_correlation
from translate.editing.editor import NEUTRAL, Editor
from translate.editing.styles import conv_channels, pack
from translate.objectives.clip import text_direction

FACES = Path(__file__).parents[2] / "checkpoints" / "faces"
PROMPTS = ("an old person", "a child", "a smiling person")
EVERY, PUSH = 24, 0.5


@pytest.fixture(scope="module")
def editor() -> Editor:
    return Editor.load(FACES, device="cpu")


@pytest.fixture(scope="module")
def styles(editor: Editor) -> Tensor:
    with torch.no_grad():
        return torch.cat([pack(editor.synthesis, editor.start(seed).w_plus) for seed in range(8)])


@pytest.fixture(scope="module")
def channels(editor: Editor) -> Tensor:
    return conv_channels(editor.synthesis)[::EVERY]


@pytest.fixture(scope="module")
def papers(editor: Editor, styles: Tensor, channels: Tensor) -> Tensor:
    """di_c (Patashnik 2021, Sec. 6.2)."""
    assert editor.clip is not None
    return perturbed_directions(editor.synthesis, editor.clip.encode_image, styles, editor.statistics, channels)


@pytest.fixture(scope="module")
def small_pushes(editor: Editor, styles: Tensor, channels: Tensor) -> Tensor:
    """How far each face's embedding goes when a channel is pushed half a deviation either way.

    Shape: (channels, faces, E).
    """
    moved = []
    for channel in channels.tolist():
        step = torch.zeros_like(styles)
        step[:, channel] = PUSH * editor.statistics.std[channel]
        with torch.no_grad():
            ends = editor.synthesis.render(editor.synthesis.split(torch.cat([styles + step, styles - step])))
            plus, minus = editor.clip.encode_image(ends).chunk(2)
        moved.append(plus - minus)
    return torch.stack(moved)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_ours_is_the_papers_but_for_its_normalisation(editor, styles, channels, papers, small_pushes, prompt):
    with torch.no_grad():
        towards = text_direction(editor.clip, prompt, NEUTRAL, editor.templates)
    ours = first_order(editor.synthesis, editor.clip.encode_image, towards, styles, editor.statistics).values[channels]
    theirs = perturbed(papers, towards).values[channels]
    plain = small_pushes.mean(dim=1) @ towards
    alike = F.normalize(F.normalize(small_pushes, dim=2).mean(dim=1), dim=1) @ towards
    assert rank_correlation(ours, plain) > 0.97
    assert rank_correlation(alike, theirs) > 0.85
    assert 0.6 < rank_correlation(ours, theirs) < rank_correlation(alike, theirs)
