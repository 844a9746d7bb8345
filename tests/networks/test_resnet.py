"""ResNet generator against the paper's layout, written a second time in one line (Zhu 2017, 7.2)."""

import pytest
import torch
from torch import Tensor, nn

from translate.config import GeneratorConfig
from translate.networks import ResNetGenerator, build_generator

NORMS = {"batch": nn.BatchNorm2d, "instance": nn.InstanceNorm2d, "none": nn.Identity}


class Residual(nn.Module):
    """R256 of the paper: nothing shared with the library."""

    def __init__(self, width: int, norm: str):
        super().__init__()
        bias = norm != "batch"
        self.body = nn.Sequential(
            nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3, bias=bias), NORMS[norm](width), nn.ReLU(),
            nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3, bias=bias), NORMS[norm](width),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


def paper(filters: int, blocks: int, norm: str) -> nn.Sequential:
    """c7s1-64, d128, d256, R256 x blocks, u128, u64, c7s1-3."""
    f, bias, make = filters, norm != "batch", NORMS[norm]
    return nn.Sequential(
        nn.ReflectionPad2d(3), nn.Conv2d(3, f, 7, bias=bias), make(f), nn.ReLU(),
        nn.Conv2d(f, 2 * f, 3, 2, 1, bias=bias), make(2 * f), nn.ReLU(),
        nn.Conv2d(2 * f, 4 * f, 3, 2, 1, bias=bias), make(4 * f), nn.ReLU(),
        *(Residual(4 * f, norm) for _ in range(blocks)),
        nn.ConvTranspose2d(4 * f, 2 * f, 3, 2, 1, 1, bias=bias), make(2 * f), nn.ReLU(),
        nn.ConvTranspose2d(2 * f, f, 3, 2, 1, 1, bias=bias), make(f), nn.ReLU(),
        nn.ReflectionPad2d(3), nn.Conv2d(f, 2, 7), nn.Tanh(),
    )  # fmt: skip


@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
@pytest.mark.parametrize(("height", "width"), [(32, 32), (16, 40), (8, 8)])
def test_at_multiples_of_four_any_size_handling_is_the_papers_layout(norm: str, height: int, width: int):
    torch.manual_seed(0)
    theirs = paper(3, 2, norm).double()
    ours = ResNetGenerator(3, 2, filters=3, blocks=2, norm=norm).double()
    # Both list their parts in the order of the paper.
    for mine, other in zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True):
        if other.is_floating_point():
            other.uniform_(0.1, 0.6) if other.ndim == 1 else other.normal_(0, 0.2)
        mine.copy_(other)
    x = torch.randn(2, 3, height, width, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(ours.eval()(x), theirs.eval()(x), rtol=0, atol=1e-12)
        torch.testing.assert_close(ours.train()(x), theirs.train()(x), rtol=0, atol=1e-12)


def test_gradients_are_exact_at_odd_sizes():
    torch.manual_seed(0)
    network = ResNetGenerator(1, 1, filters=1, blocks=1, norm="none").double()
    assert torch.autograd.gradcheck(network, (torch.randn(1, 1, 6, 7, dtype=torch.float64, requires_grad=True),))


def test_an_odd_picture_is_answered_without_inventing_pixels():
    """Far from the right and lower border nothing tells 61 x 59 from the 64 x 64 picture it was cut from."""
    torch.manual_seed(0)
    network = ResNetGenerator(3, 3, filters=2, blocks=1, norm="none").double().eval()
    x = torch.randn(1, 3, 64, 64, dtype=torch.float64)
    with torch.no_grad():
        whole, cut = network(x), network(x[..., :61, :59])
    torch.testing.assert_close(cut[..., :32, :32], whole[..., :32, :32], rtol=0, atol=1e-12)


def test_norms_see_the_picture_alone():
    """Rows beyond an odd border would shift an instance norm's statistics: 13 -> 7 -> 4 doubles to 8, then 14."""
    network = ResNetGenerator(3, 3, filters=2, blocks=1)
    seen = []
    for up in network.ups:
        up.norm.register_forward_pre_hook(lambda _, args: seen.append(tuple(args[0].shape[2:])))
    network(torch.rand(1, 3, 13, 10))
    assert seen == [(7, 5), (13, 10)]


def test_resnet_9_blocks_has_11_378_thousand_parameters():
    """Instance norm has none, so every convolution has a bias."""
    down = (49 * 3 * 64 + 64) + (9 * 64 * 128 + 128) + (9 * 128 * 256 + 256)
    blocks = 9 * 2 * (9 * 256 * 256 + 256)
    up = (9 * 256 * 128 + 128) + (9 * 128 * 64 + 64) + (49 * 64 * 3 + 3)
    assert down + blocks + up == 11_378_179
    with torch.device("meta"):
        network = build_generator(GeneratorConfig(kind="resnet", norm="instance", dropout=0.0))
    assert sum(p.numel() for p in network.parameters()) == 11_378_179


def test_resize_upsampling_has_no_transposed_convolution():
    network = ResNetGenerator(3, 3, filters=2, blocks=1, upsample="resize")
    assert not any(isinstance(part, nn.ConvTranspose2d) for part in network.modules())


@pytest.mark.parametrize("blocks", [0, 1, 6])
def test_any_number_of_blocks_is_built(blocks: int):
    network = ResNetGenerator(3, 3, filters=2, blocks=blocks)
    assert len(network.blocks) == blocks
    assert network(torch.rand(1, 3, 20, 20)).shape == (1, 3, 20, 20)


def test_dropout_draws_anew_in_training_and_rests_in_evaluation():
    torch.manual_seed(0)
    network = ResNetGenerator(3, 3, filters=2, blocks=1, dropout=0.5)
    x = torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        assert not torch.equal(network.train()(x), network(x))
        assert torch.equal(network.eval()(x), network(x))


def test_a_config_reaches_every_setting_of_the_resnet():
    settings = {"filters": 3, "blocks": 2, "norm": "batch", "dropout": 0.25, "upsample": "resize", "head": "labels"}
    network = build_generator(GeneratorConfig(kind="resnet", in_channels=2, out_channels=5, **settings))
    assert str(network) == str(ResNetGenerator(2, 5, **settings))
