"""What is said of pictures made of noise: copies of held-out ones are perfect, a single one is real but not all."""

import weakref
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from translate import presets
from translate.data.labelled import LabelledDataset, recognise_labelled
from translate.trainers.picture_judge import PictureJudge


class Copies(nn.Module):
    """Gives the held-out pictures in turn, or only the first; notes the classes that it was asked for."""

    def __init__(self, pictures: Tensor) -> None:
        super().__init__()
        self.pictures, self.at = pictures, 0
        self.asked: list[int] = []

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        self.asked += [] if label is None else label.tolist()
        chosen = [(self.at + number) % len(self.pictures) for number in range(len(z))]
        self.at += len(z)
        return self.pictures[chosen]


@pytest.fixture
def held(tmp_path: Path) -> LabelledDataset:
    """Twelve pictures of coloured blocks in two classes."""
    rng = np.random.default_rng(0)
    for number in range(14):
        path = tmp_path / ("one" if number % 2 else "two") / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        blocks = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
        Image.fromarray(np.kron(blocks, np.ones((4, 4, 1), np.uint8))).save(path)
    config = presets.preset("dcgan").replace(**{"data.size": 16, "data.load_size": 16, "data.crop": 16}).data
    layout = recognise_labelled(tmp_path, classed=True, config=config.replace(holdout=12))
    return LabelledDataset(layout.splits["val"], config, train=False, seed=0)


def judge_of(held: LabelledDataset, classes: int) -> PictureJudge:
    condition = "projection" if classes else "none"
    config = presets.preset("dcgan").replace(
        **{"generator.classes": classes, "objective.condition": condition, "samples": 3}
    )
    return PictureJudge(held, config.latent, torch.device("cpu"), samples=config.samples, seed=config.seed)


def everything(held: LabelledDataset) -> Tensor:
    return torch.stack([held[(0, index)].real for index in range(len(held))])


def test_large_pictures_are_made_a_few_at_once_and_judged_the_same(held: LabelledDataset):
    judge, copies = judge_of(held, 2), Copies(everything(held).flip(0))
    whole = judge.figures({"generator": copies})["generator"]
    judge.at_once, asked, copies.asked = 5, copies.asked, []
    assert judge.figures({"generator": copies})["generator"] == pytest.approx(whole, abs=1e-5)
    assert copies.asked == asked


def test_held_out_pictures_go_to_the_device_one_at_a_time_and_none_stays(held: LabelledDataset):
    judge, given, living = judge_of(held, 0), [], []

    def features(pictures: Tensor) -> Tensor:
        living.append(sum(picture() is not None for picture in given))
        given.append(weakref.ref(pictures))
        return pictures.flatten(1)[:, :4]

    judge.features = features  # type: ignore[assignment]
    judge.figures({"generator": Copies(everything(held))})
    # What the loop has in its hand until it takes the next.
    assert max(living[: len(held)]) <= 1


def test_copies_of_the_held_out_pictures_are_where_they_are_and_all_of_them(held: LabelledDataset):
    found = judge_of(held, 0).figures({"generator": Copies(everything(held))})["generator"]
    assert (found["precision"], found["recall"]) == (1.0, 1.0)
    # Its root is of rounding, where there are fewer pictures than features.
    assert found["frechet"] == pytest.approx(0, abs=1e-3)


def test_a_single_picture_is_real_but_far_from_all(held: LabelledDataset):
    pictures = everything(held)
    found = judge_of(held, 0).figures({"generator": Copies(pictures[:1])})["generator"]
    copies = judge_of(held, 0).figures({"generator": Copies(pictures)})["generator"]
    assert found["precision"] == 1.0
    assert found["recall"] < 0.2
    assert found["frechet"] > 10 * max(copies["frechet"], 0.01)


def test_it_asks_for_as_many_of_each_class_as_are_held_out(held: LabelledDataset):
    network = Copies(everything(held))
    judge_of(held, 2).figures({"generator": network})
    assert network.asked == held.labels.tolist()


def test_a_sheet_has_a_class_a_row_of_the_same_noise(held: LabelledDataset):
    """Three pictures of 16 pixels across, two rows, gaps of 4."""
    network = Copies(everything(held))
    sheet = judge_of(held, 2).sheet({"generator": network})
    assert sheet.size == (4 + 3 * 20, 4 + 2 * 20)
    assert network.asked == [0, 0, 0, 1, 1, 1]
    assert judge_of(held, 0).sheet({"generator": network}).size == (4 + 3 * 20, 4 + 3 * 20)
