"""Cancelled work ends between two layers, and only that of the thread that asked."""

import threading

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from translate.config import DataConfig, GeneratorConfig, ModelConfig
from translate.inference.tiling import stopping
from translate.inference.translator import Translator
from translate.networks import build_generator
from translate.stopping import Cancelled


class Layer(nn.Module):
    """Notes that it ran."""

    def __init__(self, ran: list[int], number: int) -> None:
        super().__init__()
        self.ran, self.number = ran, number

    def forward(self, x: Tensor) -> Tensor:
        self.ran.append(self.number)
        return x


def network(ran: list[int]) -> nn.Sequential:
    return nn.Sequential(*(Layer(ran, number) for number in range(4)))


def test_no_layer_runs_after_the_work_was_cancelled() -> None:
    ran: list[int] = []
    layers = network(ran)
    with pytest.raises(Cancelled), stopping(layers, lambda: len(ran) == 2):
        layers(torch.zeros(1))
    assert ran == [0, 1]
    layers(torch.zeros(1))
    assert ran == [0, 1, 0, 1, 2, 3]  # nothing asks any more


def test_another_thread_s_work_goes_on() -> None:
    ran: list[int] = []
    layers = network(ran)
    is_cancelled = False
    with stopping(layers, lambda: is_cancelled):
        is_cancelled = True
        thread = threading.Thread(target=layers, args=(torch.zeros(1),))
        thread.start()
        thread.join()
    assert ran == [0, 1, 2, 3]


@pytest.mark.parametrize("tile", [None, 64])
@pytest.mark.parametrize("head", ["image", "labels"])
def test_a_translation_is_stopped_and_the_next_is_as_if_nothing_had_been(head: str, tile: int | None) -> None:
    torch.manual_seed(0)
    generator = GeneratorConfig(filters=4, depth=2, dropout=0.0, head=head)
    classes = () if head == "image" else tuple({"name": str(i), "color": (i, i, i)} for i in range(3))
    config = ModelConfig.model_validate(
        {"name": "x", "generator": generator, "data": DataConfig(size=64, crop=64, load_size=64), "classes": classes}
    )
    translator = Translator(build_generator(generator), config, device="cpu", precision="fp32")
    photo = np.random.default_rng(0).integers(0, 256, (100, 130, 3), dtype=np.uint8)
    expected = translator.run(photo, scale="native", tile=tile).pixels
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > 5

    with pytest.raises(Cancelled):
        translator.run(photo, scale="native", tile=tile, cancelled=cancelled)
    assert asked == 6
    again = translator.run(photo, scale="native", tile=tile, cancelled=lambda: False).pixels
    np.testing.assert_array_equal(again, expected)
