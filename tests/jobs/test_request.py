"""From what a person asks for to what `translate train` is told."""

from pathlib import Path

import pytest

from translate.errors import ConfigError
from translate.jobs.request import RECOMMENDED, Request, about, fitting


def test_only_what_fits_is_offered_and_the_recommended_first() -> None:
    assert fitting("pictures")[:2] == ["pix2pix-fast", "pix2pix"]
    assert fitting("unpaired") == ["cyclegan-fast", "cyclegan", "horse-zebra", "cut", "fastcut"]
    assert fitting("labels")[0] == "segmentation"
    names = [name for task in RECOMMENDED for name in fitting(task)]
    assert len(names) == len(set(names))
    assert not {"dcgan", "stylegan2", "mixture"} & set(names)
    assert all(about(name).endswith((".", "early one.")) or about(name) for name in names)


def test_what_is_left_open_is_the_preset_s() -> None:
    config = Request(preset="pix2pix-fast", data=Path("d")).config()
    assert (config.steps, config.batch_size, config.data.size, config.data.crop) == (10_000, 4, 256, 256)


def test_the_words_say_the_same_as_the_config() -> None:
    request = Request(preset="segmentation", data=Path("/d"), size=128, steps=50, batch_size=2, direction="BtoA")
    assert request.words() == [
        "segmentation", "--data=/d", "--size=128", "--steps=50", "--batch-size=2", "--direction=BtoA",
    ]  # fmt: skip
    config = request.config(classes=7)
    assert (config.data.size, config.data.crop, config.data.load_size) == (128, 96, 143)
    assert (config.translator.out_channels, config.steps, config.batch_size) == (7, 50, 2)
    assert config.data.direction == "BtoA"


def test_cyclegan_learns_both_ways_whatever_is_asked() -> None:
    request = Request(preset="cyclegan-fast", data=Path("/d"), direction="BtoA")
    assert request.words() == ["cyclegan-fast", "--data=/d"]
    assert request.config().data.direction == "AtoB"


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ({"size": 8}, "size is 8; give 32 to 1024 pixels"),
        ({"size": 5000}, "size is 5000"),
        ({"steps": 0}, "steps is 0"),
        ({"batch_size": -1}, "batch_size is -1"),
        ({"preset": "no"}, "no: no such preset"),
    ],
)
def test_what_can_t_be_is_one_line(setting: dict[str, object], why: str) -> None:
    values: dict[str, object] = {"preset": "pix2pix", "data": Path("/d")} | setting
    with pytest.raises(ConfigError, match=why):
        Request(**values).words()  # type: ignore[arg-type]
