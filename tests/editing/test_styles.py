"""Style space: what of it is edited, how it is spread, and that this is counted once a model."""

from pathlib import Path

import pytest
import torch

from tests.editing.doubles import tiny
from translate import catalog
from translate.editing import styles
from translate.editing.styles import conv_channels, known_statistics, pack, style_statistics


def test_channels_of_layers_to_rgb_are_left_out():
    """Widths 8, 6, 4: conv 8, rgb 8; conv 8, conv 6, rgb 6; conv 6, conv 4, rgb 4."""
    free = conv_channels(tiny().synthesis).tolist()
    assert free == [*range(8), *range(16, 30), *range(36, 46)]


def test_mean_and_deviation_are_those_of_the_samples():
    network = tiny()
    found = style_statistics(network, samples=700, seed=3)
    z = torch.randn(500, 5, generator=(draw := torch.Generator().manual_seed(3)))
    z = torch.cat([z, torch.randn(200, 5, generator=draw)])
    with torch.no_grad():
        s = pack(network.synthesis, network.map(z, psi=0.7))
    assert torch.allclose(found.mean, s.mean(dim=0), atol=1e-5)
    assert torch.allclose(found.std, s.std(dim=0, unbiased=False), atol=1e-5)


def test_truncation_shrinks_the_spread_in_proportion():
    network = tiny()
    whole, half = (style_statistics(network, samples=200, psi=psi) for psi in (1.0, 0.5))
    assert torch.allclose(half.std, whole.std / 2, atol=1e-6)


def test_statistics_are_counted_once_a_model(monkeypatch: pytest.MonkeyPatch):
    network = tiny()
    first = known_statistics(network, "abc", samples=50)
    monkeypatch.setattr(styles, "style_statistics", lambda *_, **__: pytest.fail("counted again"))
    again = known_statistics(network, "abc", samples=50)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))


@pytest.mark.parametrize("damage", [b"no safetensors", None])
def test_a_damaged_file_or_one_of_another_model_is_counted_anew(damage: bytes | None):
    network = tiny()
    good = known_statistics(network, "def", samples=50)
    path = catalog.home() / "statistics" / "def-0.7-50.safetensors"
    assert path.is_file()
    if damage is None:
        known_statistics(tiny(widths=(8, 6)), "ghi", samples=50)
        path.with_name("ghi-0.7-50.safetensors").replace(path)
    else:
        path.write_bytes(damage)
    assert torch.equal(known_statistics(network, "def", samples=50).std, good.std)


def test_a_disk_that_takes_nothing_costs_no_edit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TRANSLATE_HOME", str(tmp_path / "file"))
    assert known_statistics(tiny(), "abc", samples=50).std.shape == (50,)
