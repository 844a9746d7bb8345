"""U-Net against the paper's layout, written a second time as nested blocks (Isola 2017, 6.1.1)."""

import itertools

import pytest
import torch
from torch import Tensor, nn

from tests.reliability.figures import Record
from translate.config import GeneratorConfig
from translate.networks import UNet, build_generator


class Nested(nn.Module):
    """One level around the next, as the paper draws it: even sizes only, nothing shared with the library."""

    def __init__(self, outer: int, inner: int, child: "Nested | None", norm: str, *, top: int = 0, of: int = 0):
        super().__init__()
        bias = norm != "batch"
        make = {"batch": nn.BatchNorm2d, "instance": nn.InstanceNorm2d, "none": nn.Identity}[norm]
        self.top, self.child = top, child
        self.down = nn.Conv2d(of or outer, inner, 4, 2, 1, bias=bias)
        self.down_norm = make(inner) if child and not top else nn.Identity()
        self.up = nn.ConvTranspose2d(2 * inner if child else inner, top or outer, 4, 2, 1, bias=bias or bool(top))
        self.up_norm = nn.Identity() if top else make(outer)

    def forward(self, x: Tensor) -> Tensor:
        y = self.down_norm(self.down(x if self.top else nn.functional.leaky_relu(x, 0.2)))
        if self.child is not None:
            y = self.child(y)
        y = self.up_norm(self.up(y.relu()))
        return y.tanh() if self.top else torch.cat([x, y], dim=1)


def paper(depth: int, filters: int, norm: str, *, of: int = 3, to: int = 2) -> Nested:
    widths = [min(filters * 2**level, 8 * filters) for level in range(depth)]
    block = None
    for level in reversed(range(1, depth)):
        block = Nested(widths[level - 1], widths[level], block, norm)
    return Nested(of, widths[0], block, norm, top=to, of=of)


def copy_weights(source: Nested, target: UNet) -> None:
    block: Nested | None = source
    for down, up in zip(target.downs, target.ups, strict=True):
        assert block is not None
        for ours, theirs in ((down.conv, block.down), (up.conv, block.up)):
            ours.load_state_dict(theirs.state_dict())
        for ours, theirs in ((down.norm, block.down_norm), (up.norm, block.up_norm)):
            ours.load_state_dict(theirs.state_dict())
        block = block.child


def randomise(module: nn.Module) -> None:
    """Statistics and scales other than 0 and 1, or a missing norm would not be noticed."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            for tensor in (part.weight.data, part.running_var):
                tensor.uniform_(0.5, 1.5)
            for tensor in (part.bias.data, part.running_mean):
                tensor.uniform_(-0.5, 0.5)


@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
@pytest.mark.parametrize(("depth", "height", "width"), [(3, 16, 24), (5, 32, 64), (6, 64, 64), (6, 192, 128)])
def test_at_multiples_of_two_to_the_depth_any_size_handling_is_the_papers_layout(
    norm: str, depth: int, height: int, width: int
):
    torch.manual_seed(0)
    theirs = paper(depth, 3, norm).double()
    randomise(theirs)
    ours = UNet(3, 2, filters=3, depth=depth, max_filters=24, norm=norm).double()
    copy_weights(theirs, ours)
    x = torch.randn(2, 3, height, width, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(ours.eval()(x), theirs.eval()(x), rtol=0, atol=1e-12)


def test_gradients_are_the_papers_too():
    torch.manual_seed(0)
    theirs = paper(4, 2, "batch").double().train()
    ours = UNet(3, 2, filters=2, depth=4, max_filters=16, dropout=0.0).double().train()
    copy_weights(theirs, ours)
    x = torch.randn(2, 3, 32, 48, dtype=torch.float64, requires_grad=True)
    (expected,) = torch.autograd.grad(theirs(x).square().sum(), x)
    (found,) = torch.autograd.grad(ours(x).square().sum(), x)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)


def test_gradients_are_exact_at_odd_sizes(record_figure: Record):
    torch.manual_seed(0)
    network = UNet(1, 1, filters=1, depth=2, norm="none").double()
    assert torch.autograd.gradcheck(network, (torch.randn(1, 1, 5, 7, dtype=torch.float64, requires_grad=True),))
    record_figure(27, "operations that pass gradcheck", 1)


def test_an_odd_border_is_the_repeated_last_row_and_column():
    """A 15 x 13 picture is answered like the 16 x 16 one that repeats its border, up to where that border reaches."""
    torch.manual_seed(0)
    network = UNet(3, 2, filters=4, depth=1).double().eval()
    x = torch.randn(1, 3, 15, 13, dtype=torch.float64)
    padded = nn.functional.pad(x, (0, 1, 0, 1), mode="replicate")
    with torch.no_grad():
        torch.testing.assert_close(network(x), network(padded)[..., :15, :13], rtol=0, atol=1e-12)


def test_norms_see_the_picture_alone():
    """Rows beyond an odd border would shift an instance norm's statistics: 13 -> 7 -> 4 doubles to 8."""
    network = UNet(3, 3, filters=2, depth=2, norm="instance")
    seen = []
    network.ups[1].norm.register_forward_pre_hook(lambda _, args: seen.append(tuple(args[0].shape[2:])))
    network(torch.rand(1, 3, 13, 10))
    assert seen == [(7, 5)]


def test_unet_256_has_54_414_thousand_parameters():
    """Kernels are 4 x 4; batch norm brings two values a channel; only the last convolution has a bias."""
    pairs = itertools.pairwise([64, 128, 256, 512, 512, 512, 512, 512])
    down = 16 * (3 * 64 + sum(a * b for a, b in pairs)) + 2 * (128 + 256 + 512 * 4)
    inner = 512 * 512 + 3 * 1024 * 512 + 1024 * 256 + 512 * 128 + 256 * 64 + 128 * 3
    up = 16 * inner + 3 + 2 * (512 * 4 + 256 + 128 + 64)
    assert down + up == 54_413_955
    with torch.device("meta"):
        network = build_generator(GeneratorConfig())
    assert sum(p.numel() for p in network.parameters()) == 54_413_955


@pytest.mark.parametrize(("depth", "levels"), [(8, [4, 5, 6]), (7, [4, 5]), (6, [4]), (5, []), (2, [])])
def test_dropout_sits_in_the_inner_levels_of_full_width_except_the_innermost(depth: int, levels: list[int]):
    network = UNet(3, 3, filters=1, depth=depth)
    assert [level for level, up in enumerate(network.ups) if up.dropout.p > 0] == levels


def test_dropout_draws_anew_in_training_and_rests_in_evaluation():
    torch.manual_seed(0)
    network = UNet(3, 3, filters=2, depth=6)
    x = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert not torch.equal(network.train()(x), network(x))
        assert torch.equal(network.eval()(x), network(x))


def test_max_filters_caps_the_width():
    network = UNet(3, 3, filters=4, depth=6, max_filters=12)
    assert [down.conv.out_channels for down in network.downs] == [4, 8, 12, 12, 12, 12]


def test_resize_upsampling_has_no_transposed_convolution_and_leaves_no_checkerboard():
    """A flat picture through plain layers: away from the border every pixel must come out the same."""
    torch.manual_seed(0)
    flat = torch.full((1, 3, 64, 64), 0.5)

    def ripple(upsample: str) -> float:
        network = UNet(3, 1, filters=8, depth=2, norm="none", upsample=upsample, head="labels")
        assert any(isinstance(p, nn.ConvTranspose2d) for p in network.modules()) == (upsample == "transposed")
        with torch.no_grad():
            return float(network(flat)[..., 16:48, 16:48].std())

    assert ripple("resize") < 1e-6 < 1e-3 < ripple("transposed")


def test_residual_blocks_follow_every_level_but_the_last():
    network = UNet(3, 3, filters=2, depth=3, residual=2)
    assert [len(down.residual) for down in network.downs] == [2, 2, 2]
    assert [len(up.residual) for up in network.ups] == [0, 2, 2]


@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_residual_blocks_at_a_bottleneck_of_one_pixel_can_be_trained(norm: str):
    network = UNet(3, 3, filters=2, depth=4, residual=1, norm=norm).train()
    assert network(torch.rand(1, 3, 16, 16)).shape == (1, 3, 16, 16)


def test_without_skips_the_decoder_sees_the_innermost_level_alone():
    """The encoder-decoder of Isola 2017, Sec. 4.2: what is not in the bottleneck can't come out."""
    torch.manual_seed(0)
    network = UNet(3, 3, filters=2, depth=3, norm="none", skips=False).eval()
    assert [up.conv.in_channels for up in network.ups] == [2, 4, 8]
    x = torch.rand(1, 3, 16, 24)
    with torch.no_grad():
        features = network.features(x)
        blanked = [torch.zeros_like(level) for level in features[:-1]] + features[-1:]
        assert torch.equal(network.decode(blanked, x.shape[-2:]), network(x))
        features[-1] = torch.zeros_like(features[-1])
        assert not torch.equal(network.decode(features, x.shape[-2:]), network(x))


def test_without_skips_the_layout_is_the_papers_encoder_decoder():
    """The same convolutions as a plain stack: down with leaky ReLU before each but the first, up with ReLU."""
    torch.manual_seed(0)
    network = UNet(3, 2, filters=2, depth=3, norm="none", skips=False).double().eval()
    down, up = [block.conv for block in network.downs], [block.conv for block in network.ups]
    leaky, relu = nn.LeakyReLU(0.2), nn.ReLU()
    stack = nn.Sequential(down[0], leaky, down[1], leaky, down[2], relu, up[2], relu, up[1], relu, up[0], nn.Tanh())
    x = torch.randn(2, 3, 16, 24, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(network(x), stack(x), rtol=0, atol=1e-12)


def test_a_config_reaches_every_setting_of_the_unet():
    config = GeneratorConfig(
        in_channels=2, out_channels=5, filters=3, max_filters=6, depth=5, residual=1, norm="instance", dropout=0.25,
        upsample="resize", head="labels", skips=False,
    )  # fmt: skip
    network = build_generator(config)
    same = UNet(
        2, 5, filters=3, max_filters=6, depth=5, residual=1, norm="instance", dropout=0.25,
        upsample="resize", head="labels", skips=False,
    )  # fmt: skip
    assert isinstance(network, UNet)
    assert str(network) == str(same)
    assert isinstance(network.head, nn.Identity)
