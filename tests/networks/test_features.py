"""What lies inside a network: the layers contrastive translation compares, and what a discriminator judges by."""

import weakref

import pytest
import torch
from torch import Tensor, nn

from translate.networks import MultiScale, PatchGAN, PixelGAN, ResNetGenerator, UNet

GENERATORS = {
    "resnet-9": lambda: ResNetGenerator(3, 2, filters=2, blocks=9),
    "resnet-2": lambda: ResNetGenerator(3, 2, filters=2, blocks=2),
    "resnet-1": lambda: ResNetGenerator(3, 2, filters=2, blocks=1),
    "resnet-0": lambda: ResNetGenerator(3, 2, filters=2, blocks=0),
    "unet": lambda: UNet(3, 2, filters=2, depth=4, norm="instance"),
    "unet-residual": lambda: UNet(3, 2, filters=2, depth=3, residual=1),
}
DISCRIMINATORS = {
    "patch": lambda: PatchGAN(3, filters=2, layers=2),
    "pixel": lambda: PixelGAN(3, filters=2),
    "multiscale": lambda: MultiScale(3, filters=2, layers=1, scales=3),
}
generators = pytest.mark.parametrize("build", GENERATORS.values(), ids=GENERATORS)
discriminators = pytest.mark.parametrize("build", DISCRIMINATORS.values(), ids=DISCRIMINATORS)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def outputs_of(parts: list[nn.Module]) -> list[Tensor]:
    """Filled with what each part gives, in the order they run."""
    seen: list[Tensor] = []
    for part in parts:
        part.register_forward_hook(lambda _, __, output: seen.append(output))
    return seen


@pytest.mark.parametrize(("blocks", "tapped"), [(9, [0, 4]), (6, [0, 3]), (2, [0, 1]), (1, [0]), (0, [])])
def test_resnet_features_are_picture_halvings_first_and_middle_block(blocks: int, tapped: list[int]):
    """Park 2020: pixels, both downsampling convolutions, blocks 1 and 5 of 9."""
    network = ResNetGenerator(3, 3, filters=2, blocks=blocks)
    seen = outputs_of([*network.downs, *(network.blocks[number] for number in tapped)])
    x = torch.rand(2, 3, 20, 24)
    features = network.features(x)
    assert len(features) == 3 + len(tapped)
    assert features[0] is x
    assert all(ours is theirs for ours, theirs in zip(features[1:], seen, strict=True))


def test_no_block_behind_the_middle_one_and_no_decoder_runs_for_features():
    network = ResNetGenerator(3, 3, filters=2, blocks=9)
    seen = outputs_of([*list(network.blocks)[5:], *network.ups, network.last])
    network.features(torch.rand(1, 3, 16, 16))
    assert seen == []


def test_unet_features_are_the_picture_and_every_level_without_the_decoder():
    network = UNet(3, 3, filters=2, depth=4, norm="instance")
    levels, decoder = outputs_of(list(network.downs)), outputs_of(list(network.ups))
    x = torch.rand(1, 3, 37, 20)
    features = network.features(x)
    assert features[0] is x
    assert all(ours is theirs for ours, theirs in zip(features[1:], levels, strict=True))
    assert [tuple(feature.shape[2:]) for feature in features] == [(37, 20), (19, 10), (10, 5), (5, 3), (3, 2)]
    assert decoder == []


def test_one_resnet_feature_sees_1_9_13_29_and_93_pixels():
    """7 of the first convolution; + 2 and + 2 * 2 of the halvings; + 2 * 2 * 4 a block, of which there are 1 and 5."""
    network = ResNetGenerator(1, 1, filters=1, blocks=9, norm="none")
    for parameter in network.parameters():
        parameter.data.abs_()  # no ReLU is shut
    for level, pixels in enumerate([1, 9, 13, 29, 93]):
        x = torch.rand(1, 1, 129, 8, requires_grad=True)
        feature = network.features(x)[level]
        feature[0, 0, feature.shape[2] // 2].sum().backward()
        rows = x.grad.abs().sum(dim=(0, 1, 3)).nonzero()
        assert int(rows.max() - rows.min() + 1) == pixels


@generators
@pytest.mark.parametrize(("height", "width"), [(32, 32), (33, 50), (3, 2), (1, 1)])
def test_features_have_the_promised_channels_at_any_size(build, height: int, width: int):
    network = build().eval()
    features = network.features(torch.rand(2, 3, height, width))
    assert tuple(feature.shape[1] for feature in features) == network.feature_channels
    assert all(feature.shape[0] == 2 for feature in features)


@generators
@pytest.mark.parametrize(("height", "width"), [(32, 32), (21, 30), (3, 2)])
def test_decoded_features_are_the_translation(build, height: int, width: int):
    network, x = build().eval(), torch.rand(2, 3, height, width)
    with torch.no_grad():
        assert torch.equal(network.decode(network.features(x), x.shape[-2:]), network(x))


@generators
def test_a_translation_runs_every_layer_once(build):
    network = build()
    parts = [part for part in network.modules() if isinstance(part, nn.Conv2d | nn.ConvTranspose2d)]
    seen = outputs_of(parts)
    network(torch.rand(1, 3, 32, 32))
    assert len(seen) == len(parts)


def test_the_features_of_a_tiny_picture_are_of_the_padded_one():
    x = torch.arange(6.0).reshape(1, 1, 2, 3)
    [padded, *_] = ResNetGenerator(1, 1, filters=2, blocks=1).features(x)
    assert padded[0, 0].tolist() == [[0, 1, 2, 2, 2], *[[3, 4, 5, 5, 5]] * 4]


@generators
def test_features_refuse_another_number_of_channels_by_name(build):
    with pytest.raises(ValueError, match=r"expected \(N, 3, H, W\), got \(1, 4, 8, 8\)"):
        build().features(torch.rand(1, 4, 8, 8))


def test_an_applied_resnet_keeps_no_early_layer_while_it_decodes():
    """A large picture's first layers would double the memory that its last ones need."""
    network, early, alive = ResNetGenerator(3, 3, filters=2, blocks=4), [], []
    for part in (*network.downs, network.blocks[0]):
        part.register_forward_hook(lambda _, __, output: early.append(weakref.ref(output)))
    network.last.register_forward_pre_hook(lambda _, __: alive.extend(ref() is not None for ref in early))
    with torch.no_grad():
        network(torch.rand(1, 3, 16, 16))
    assert alive == [False, False, False]


@discriminators
def test_logits_are_read_from_the_features_in_one_pass(build):
    network = build().eval()
    judges = list(network.judges) if isinstance(network, MultiScale) else [network]
    x = torch.rand(2, 3, 48, 40)
    with torch.no_grad():
        features, logits = network.features(x), network(x)
        if isinstance(features, Tensor):
            features, logits = [features], [logits]
        seen = outputs_of([judge.first for judge in judges])
        network(x)
        assert len(seen) == len(judges)
        for judge, feature, logit in zip(judges, features, logits, strict=True):
            assert torch.equal(judge.last(feature), logit)


def test_features_of_discriminators_have_the_documented_sizes():
    x = torch.rand(1, 3, 50, 41)
    assert PatchGAN(3, filters=2, layers=3).features(x).shape == (1, 16, 50 // 8 - 1, 41 // 8 - 1)
    assert PixelGAN(3, filters=2).features(x).shape == (1, 4, 50, 41)
    sizes = [tuple(f.shape) for f in MultiScale(3, filters=2, layers=1, scales=2).features(x)]
    assert sizes == [(1, 4, 24, 19), (1, 4, 11, 9)]


def test_the_features_of_a_discriminator_refuse_a_small_picture():
    with pytest.raises(ValueError, match="needs at least 24 x 24"):
        PatchGAN(3, filters=2).features(torch.rand(1, 3, 23, 40))
