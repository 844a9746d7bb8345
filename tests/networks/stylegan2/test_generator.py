"""The generator: parity with both public systems, style space, noise, residual blocks, gradients of every order."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from translate.interop.stylegan2 import ConvertedGenerator, Published, convert_generator, load
from translate.networks.stylegan2 import StyleGAN2Generator, channel_widths
from translate.networks.stylegan2.resample import upsample

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "parity"


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def tiny(**settings: object) -> StyleGAN2Generator:
    shape: dict[str, object] = {"widths": (8, 6, 4), "z_dim": 5, "w_dim": 7, "mapping_layers": 2} | settings
    network = StyleGAN2Generator(**shape)  # type: ignore[arg-type]
    for name, parameter in network.named_parameters():
        if name.endswith("noise_strength"):
            torch.nn.init.constant_(parameter, 0.3)
    return network


def nvidia() -> ConvertedGenerator:
    state = load_file(FIXTURES / "stylegan2_nvidia_32px.state.safetensors")
    return convert_generator(Published(state, {}, {}, {}))


def test_nvidias_w_and_pictures_are_given_to_1e_4():
    network, sample = nvidia().build(), load_file(FIXTURES / "stylegan2_nvidia_32px.io.safetensors")
    with torch.no_grad():
        w_plus = network.map(sample["z"])
        assert (w_plus - sample["w_plus"]).abs().max() <= 1e-5
        assert (network.map(sample["z"], psi=0.7) - sample["w_plus_psi0.7"]).abs().max() <= 1e-5
        const = network(sample["z"], psi=0.7, noise="const")
        none = network.synthesis(sample["w_plus"], "none")
    assert (const - sample["image_psi0.7_noise_const"]).abs().max() <= 1e-4
    assert (none - sample["image_psi1_noise_none"]).abs().max() <= 1e-4


def test_rosinalitys_w_and_pictures_are_given_to_1e_4():
    network = load(FIXTURES / "stylegan2_rosinality_32px.pt").build()
    sample = load_file(FIXTURES / "stylegan2_rosinality_32px.io.safetensors")
    with torch.no_grad():
        w_plus = network.map(sample["z"], psi=0.7)
        picture = network.synthesis(w_plus, "const")
    assert (w_plus - sample["w_plus_psi0.7"]).abs().max() <= 1e-5
    assert (picture - sample["image_psi0.7_noise_const"]).abs().max() <= 1e-4


def test_widths_are_the_papers():
    assert channel_widths(1024) == (512, 512, 512, 512, 512, 256, 128, 64, 32)
    assert channel_widths(256, base=16384) == (512, 512, 512, 512, 256, 128, 64)
    assert channel_widths(4, maximum=7) == (7,)
    with pytest.raises(ValueError, match="resolution is 48; it must be a power of two"):
        channel_widths(48)


def test_style_space_at_1024_pixels_has_9088_channels():
    """26 vectors, the layers to RGB at 1, 4, ..., 25, 6048 channels of convolutions (Wu 2021)."""
    with torch.device("meta"):
        layout = StyleGAN2Generator(channel_widths(1024)).synthesis.layout
    assert len(layout) == 26
    assert [i for i, layer in enumerate(layout) if layer.kind == "rgb"] == list(range(1, 26, 3))
    assert sum(layer.channels for layer in layout) == 9088
    assert sum(layer.channels for layer in layout if layer.kind == "conv") == 6048
    assert [layer.w_index for layer in layout[:6]] == [0, 1, 1, 2, 3, 3]
    assert layout[-1] == ("blocks.8.to_rgb", "rgb", 1024, 32, 17)


def test_a_picture_from_styles_is_that_from_w_plus():
    network = tiny()
    w_plus = network.map(torch.randn(3, 5))
    styles = network.synthesis.styles(w_plus)
    assert torch.equal(network.synthesis.render(styles), network.synthesis(w_plus))
    packed = network.synthesis.split(torch.cat(styles, dim=1))
    assert all(torch.equal(a, b) for a, b in zip(packed, styles, strict=True))


def test_a_style_channel_edits_its_layer_and_those_behind_it():
    network = tiny()
    styles = network.synthesis.styles(network.map(torch.randn(1, 5)))
    before = network.synthesis.render(styles)
    last_rgb = [*styles[:-1], 2 * styles[-1]]
    difference = network.synthesis.render(last_rgb) - before
    # The last layer to RGB is linear in its style: doubled, it adds itself once more, without its bias.
    once_more = network.synthesis.render([*styles[:-1], 3 * styles[-1]]) - before
    torch.testing.assert_close(once_more, 2 * difference)
    assert difference.abs().max() > 0


def test_noise_is_the_models_own_or_none_or_drawn_or_given():
    network, z = tiny(), torch.randn(2, 5)
    assert torch.equal(network(z), network(z, noise="const"))
    first = network(z, noise="random", generator=torch.Generator().manual_seed(3))
    assert torch.equal(first, network(z, noise="random", generator=torch.Generator().manual_seed(3)))
    assert not torch.equal(first, network(z, noise="random"))
    assert not torch.equal(network(z, noise="none"), network(z))
    own = [plane for plane in network.synthesis.noise_maps("const", 2) if plane is not None]
    assert torch.equal(network(z, noise=own), network(z))
    assert torch.equal(network(z, noise=[0 * plane for plane in own]), network(z, noise="none"))
    with pytest.raises(ValueError, match="noise is 'loud'; expected none, const, random or 5 tensors"):
        network(z, noise="loud")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="expected none, const, random or 5 tensors"):
        network(z, noise=own[:-1])


@pytest.mark.parametrize("architecture", ["skip", "residual"])
def test_pictures_have_the_resolution_and_channels_asked_for(architecture: str):
    network = tiny(architecture=architecture, image_channels=2, widths=(6, 4, 4, 4))
    assert network.resolution == 32
    assert network.num_ws == 8
    assert network(torch.randn(3, 5)).shape == (3, 2, 32, 32)


def test_a_residual_block_sums_two_branches_of_half_the_energy():
    network = tiny(architecture="residual", widths=(8, 6), noise=False)
    styles = network.synthesis.styles(network.map(torch.randn(1, 5)))
    assert [layer.name for layer in network.synthesis.layout][-1] == "blocks.1.to_rgb"
    assert len(network.synthesis.layout) == 4
    block = network.synthesis.stages[1]
    assert block.skip is not None
    x = torch.randn(2, 8, 4, 4)
    torch.nn.init.zeros_(block.conv1.weight)
    alone, _ = block(x, None, iter([s.expand(2, -1) for s in styles[1:]]), iter([None, None]))
    weight = block.skip.weight / 8**0.5
    torch.testing.assert_close(alone, upsample(torch.nn.functional.conv2d(x, weight)) * 0.5**0.5)


@pytest.mark.parametrize("settings", [{}, {"architecture": "residual"}, {"classes": 3}], ids=str)
def test_every_parameter_gets_a_gradient_and_saving_changes_nothing(settings: dict[str, object], tmp_path: Path):
    network, other = tiny(**settings), tiny(**settings)
    labels = torch.eye(3)[:2] if "classes" in settings else None
    z = torch.randn(2, 5)
    network(z, labels).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name
    save_file(network.state_dict(), tmp_path / "net.safetensors")
    other.load_state_dict(load_file(tmp_path / "net.safetensors"))
    assert torch.equal(network(z, labels), other(z, labels))


def test_a_picture_is_the_same_alone_and_in_a_batch():
    network, z = tiny(), torch.randn(4, 5)
    alone = torch.cat([network(row[None]) for row in z])
    assert (network(z) - alone).abs().max() <= 1e-5


def test_the_path_length_penalty_has_a_right_gradient():
    """Its gradient goes through the gradient of the pictures (Karras 2020, Eq. 4); compared with differences."""
    network = tiny(widths=(3, 2), w_dim=3, z_dim=3).double()
    y = torch.randn(1, 3, 8, 8).double()

    def lengths(w: Tensor) -> Tensor:
        w_plus = w[:, None].expand(-1, network.num_ws, -1)
        (grad,) = torch.autograd.grad((network.synthesis(w_plus) * y).sum(), w, create_graph=True)
        return grad.square().sum(dim=1).sqrt()

    w = torch.randn(1, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lengths, w)


def test_bfloat16_stays_close_and_gives_float32():
    network, z = nvidia().build(), torch.randn(8, 32)
    with torch.no_grad():
        exact = network(z)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rounded = network(z)
    assert rounded.dtype == torch.float32
    assert (rounded - exact).abs().mean() <= 0.02 * exact.std()


@pytest.mark.slow
def test_the_generator_is_exported_for_batches_of_any_size():
    network = tiny(widths=(3, 2)).eval()
    with torch.no_grad():
        sizes = {"z": {0: torch.export.Dim("samples", min=1, max=64)}}
        exported = torch.export.export(network, (torch.randn(2, 5),), dynamic_shapes=sizes)
        z = torch.randn(3, 5)
        assert torch.equal(exported.module()(z), network(z))


def test_wrong_shapes_are_refused_by_name():
    network = tiny()
    with pytest.raises(ValueError, match=r"expected z \(N, 5\), got \(2, 4\)"):
        network(torch.randn(2, 4))
    with pytest.raises(ValueError, match=r"expected w_plus \(N, 6, 7\), got \(2, 5, 7\)"):
        network.synthesis(torch.randn(2, 5, 7))
    with pytest.raises(ValueError, match=r"expected styles of \[8, 8, 8, 6, 6, 6, 4, 4\] channels"):
        network.synthesis.render([torch.randn(1, 8)])
