"""Mappers as StyleCLIP's authors publish them: names, levels, the quirk of their norm, and what is refused."""

from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from translate.editing.mapper import load_mapper
from translate.errors import CheckpointError
from translate.interop.mapper import convert

LEVELS = ("course_mapping", "medium_mapping", "fine_mapping")


def published(levels=LEVELS, w_dim=6, rgbs=8) -> dict[str, torch.Tensor]:
    """The names of a file of theirs: the norm is number 0 of a level and holds nothing."""
    draw = torch.Generator().manual_seed(0)
    state = {}
    for level in levels:
        prefix = f"mapper.{level}.mapping" if level else "mapper.mapping.mapping"
        for number in range(1, 5):
            state[f"{prefix}.{number}.weight"] = torch.randn(w_dim, w_dim, generator=draw) * 100
            state[f"{prefix}.{number}.bias"] = torch.randn(w_dim, generator=draw)
    return state | {f"decoder.to_rgbs.{k}.bias": torch.zeros(1, 3, 1, 1) for k in range(rgbs)}


def theirs(state: dict[str, torch.Tensor], w_plus: torch.Tensor) -> torch.Tensor:
    """What their code computes: each feature normed over its level's layers, four layers, side by side."""
    out = []
    for level, span in zip(LEVELS, (slice(0, 4), slice(4, 8), slice(8, None)), strict=True):
        x = w_plus[:, span]
        if f"mapper.{level}.mapping.1.weight" not in state:
            out.append(torch.zeros_like(x))
            continue
        x = x * torch.rsqrt(torch.mean(x**2, dim=1, keepdim=True) + 1e-8)
        for number in range(1, 5):
            weight, bias = (state[f"mapper.{level}.mapping.{number}.{kind}"] for kind in ("weight", "bias"))
            x = F.leaky_relu(F.linear(x, weight * 0.01 / x.shape[-1] ** 0.5) + bias * 0.01, 0.2) * 2**0.5
        out.append(x)
    return torch.cat(out, dim=1)


@pytest.mark.parametrize("levels", [LEVELS, LEVELS[:2]])
def test_a_published_file_gives_what_its_authors_code_gives(tmp_path: Path, levels):
    state = published(levels)
    torch.save({"state_dict": state, "opts": {"description": "a person with purple hair"}}, tmp_path / "purple.pt")
    mapper = load_mapper(tmp_path / "purple.pt", "purple hair")
    w_plus = torch.randn(2, 18, 6, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(mapper.change(w_plus), 0.1 * theirs(state, w_plus), atol=1e-6)
    assert (mapper.config.prompt, mapper.config.weights) == ("purple hair", "")


def test_without_a_prompt_the_file_s_name_is_it(tmp_path: Path):
    torch.save({"state_dict": published()}, tmp_path / "mohawk.pt")
    assert load_mapper(tmp_path / "mohawk.pt").config.prompt == "mohawk"


def test_a_single_mapper_is_one_network_for_all_layers():
    found = convert({"state_dict": published(("",))})
    assert (found.levels, found.num_ws, found.w_dim) == (("all",), 18, 6)


def test_the_number_of_layers_is_that_of_the_file_s_generator():
    """At 256 pixels to_rgbs 0 to 5 stand for 8 to 256; 14 w."""
    assert convert({"state_dict": published(rgbs=6)}).num_ws == 14
    assert convert({"state_dict": published(rgbs=0)}).num_ws == 18


def broken(**changes) -> dict[str, torch.Tensor]:
    state = published()
    for name, value in changes.items():
        key = f"mapper.{name.replace('__', '.')}"
        if value is None:
            del state[key]
        else:
            state[key] = value
    return state


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"decoder.x": torch.zeros(1)}, "no latent mapper of StyleCLIP"),
        (broken(fine_mapping__mapping__3__bias=None), "the fine mapper's bias 3 is missing"),
        (broken(course_mapping__mapping__1__weight=torch.zeros(3, 6)), r"coarse mapper's weight 1 is \[3, 6\]"),
        (broken(medium_mapping__mapping__2__bias=torch.full((6,), torch.nan)), "medium mapper's bias 2 is not finite"),
        (broken(course_mapping__mapping__1__weight=torch.tensor(1.0)), r"coarse mapper's weight 1 is \[\], expected"),
        (broken(course_mapping__mapping__5__bias=torch.zeros(6)), "25 tensors of a mapper, expected 24"),
        (published(rgbs=3), "coarse, medium, fine layers beside a generator of 8 layers"),
        (published(("s_mapping",)), "in style space, which is not read"),
    ],
)
def test_what_is_no_whole_mapper_is_refused_in_one_line(tmp_path: Path, state, said):
    torch.save({"state_dict": state}, tmp_path / "m.pt")
    with pytest.raises(CheckpointError, match=said) as caught:
        load_mapper(tmp_path / "m.pt")
    assert str(tmp_path / "m.pt") in str(caught.value)
    assert "\n" not in str(caught.value)
