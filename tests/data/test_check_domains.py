"""Each picture of two domains that can't be trained on is named, with the reason, before anything is trained."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from translate.config import DataConfig
from translate.data.check import refuse
from translate.data.check_domains import check_domains, examine_domains
from translate.data.domains import recognise_domains
from translate.data.folders import Problem
from translate.errors import DatasetError

Write = Callable[..., Path]
PLAIN = DataConfig()


@pytest.fixture
def domains(draw: Write, tmp_path: Path) -> Path:
    """Six pictures of A with 32x24 pixels, four of B with 20x20."""
    for i in range(6):
        draw(f"trainA/{i}.png", seed=i)
    for i in range(4):
        draw(f"trainB/{i}.jpg", size=(20, 20), seed=i)
    return tmp_path


def problems(root: Path, config: DataConfig = PLAIN, channels: tuple[int, int] = (3, 3)) -> dict[str, str]:
    found = check_domains(recognise_domains(root, config=config), config, channels)
    return {problem.path.relative_to(root).as_posix(): problem.reason for problem in found}


def test_sound_domains_have_no_problems_and_are_described(draw: Write, domains: Path) -> None:
    draw("trainB/odd.png", size=(7, 5))
    layout = recognise_domains(domains, config=PLAIN)
    calls: list[tuple[int, int]] = []
    report = examine_domains(layout, PLAIN, progress=lambda done, total: calls.append((done, total)))
    assert report.problems == ()
    assert report.sizes == ({(32, 24): 6}, {(20, 20): 4, (5, 7): 1})
    assert calls == [(done, 11) for done in range(1, 12)]
    refuse(layout, [])


def test_the_other_direction_swaps_what_is_described(domains: Path) -> None:
    config = DataConfig(direction="BtoA")
    report = examine_domains(recognise_domains(domains, config=config), config)
    assert report.sizes == ({(20, 20): 4}, {(32, 24): 6})


def test_every_unreadable_or_ambiguous_file_of_every_split_is_named_in_one_go(draw: Write, domains: Path) -> None:
    (domains / "trainA/1.png").write_bytes(b"")
    whole = (domains / "trainB/2.jpg").read_bytes()
    (domains / "trainB/2.jpg").write_bytes(whole[: len(whole) // 2])
    draw("trainA/4.bmp")
    for side in "AB":
        draw(f"test{side}/0.png").write_bytes(b"not a picture")
    found = problems(domains)
    assert list(found) == [
        "testA/0.png",
        "testB/0.png",
        "trainA/1.png",
        "trainA/4.bmp",
        "trainA/4.png",
        "trainB/2.jpg",
    ]
    assert "same name" in found["trainA/4.png"]
    assert not any("\n" in reason or reason.startswith(str(domains)) for reason in found.values())


def test_pictures_smaller_than_the_crop_are_problems_only_where_they_are_cut_as_they_are(
    draw: Write, domains: Path
) -> None:
    for side in "AB":
        draw(f"valA/{side}.png", size=(8, 8))
        draw(f"valB/{side}.png", size=(8, 8))
    reason = "is 20x20 pixels, smaller than the crop of 24; lower data.crop, or enlarge by data.fit keep or square"
    assert problems(domains, DataConfig(fit="native", crop=24)) == {f"trainB/{i}.jpg": reason for i in range(4)}
    assert not problems(domains, DataConfig(fit="native", crop=24, zoom=(0.5, 1.0)))
    assert not problems(domains, DataConfig(fit="keep", crop=24))


def test_each_domain_is_read_with_its_own_channels(draw: Write, domains: Path) -> None:
    draw("trainA/0.png", np.zeros((24, 32, 4), np.uint8))
    assert set(problems(domains, channels=(4, 1))) == {f"trainA/{i}.png" for i in range(1, 6)}
    swapped = DataConfig(direction="BtoA")
    assert problems(domains, swapped, channels=(4, 1)) == {
        f"trainB/{i}.jpg": "has 3 channels, 4 are expected" for i in range(4)
    }


def test_unusable_lines_of_a_list_are_problems_in_the_order_of_the_lines(domains: Path) -> None:
    lines = [f"train{side}/{i}.{suffix},{side}" for side, suffix in (("A", "png"), ("B", "jpg")) for i in range(4)]
    (domains / "list.csv").write_text("\n".join(["path,domain", *lines, *(f"gone{i}.png,a" for i in range(3))]))
    config = DataConfig()
    found = check_domains(recognise_domains(domains / "list.csv", config=config), config)
    assert [problem.reason.split(":")[0] for problem in found] == ["line 10", "line 11", "line 12"]


def test_a_refusal_names_twenty_and_points_to_the_check_of_domains(domains: Path) -> None:
    layout = recognise_domains(domains, config=PLAIN)
    with pytest.raises(DatasetError, match="23 files can't be used") as caught:
        refuse(layout, [Problem(Path(f"{i}.png"), "is broken") for i in range(23)])
    lines = str(caught.value).splitlines()
    assert len(lines) == 22
    assert lines[-1] == "  ... and 3 more; `translate data check --unpaired` names all"
