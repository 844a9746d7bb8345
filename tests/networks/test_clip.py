"""The wrapper over open_clip: what the towers are shown, how texts become rows, and what is refused."""

import pytest
import torch
from open_clip.model import CLIPTextCfg, CLIPVisionCfg
from open_clip.tokenizer import tokenize
from torch import Tensor

from translate.config import parse
from translate.config.clip import MEAN, STD, ClipConfig, TextConfig, VisionConfig
from translate.errors import ConfigError
from translate.networks.clip import Clip, Vocabulary, build_clip, squared

WORDS = ("old", "man", "glasses", "a", "photo", "of", "an", "7", ".", "with")


def tiny(words: tuple[str, ...] = WORDS, *, seed: int = 0) -> Clip:
    config = ClipConfig(
        name="tiny",
        dim=8,
        vision=VisionConfig(size=32, layers=(1, 1, 1, 1), width=4, head=16),
        text=TextConfig(context=12, width=16, heads=2, layers=1),
        words=words,
    )
    return build_clip(config, seed).eval()


def test_embeddings_have_length_one_whatever_the_size_of_the_picture():
    clip = tiny()
    for height, width in ((32, 32), (64, 64), (20, 50)):
        found = clip.encode_image(torch.rand(2, 3, height, width) * 2 - 1)
        torch.testing.assert_close(found.norm(dim=1), torch.ones(2))
    assert clip.encode_text(["an old man", "a photo of a man."]).shape == (2, 8)
    torch.testing.assert_close(clip.encode_text(["man"]).norm(dim=1), torch.ones(1))


def test_convention_minus_one_is_black_and_one_is_white_before_clip_s_mean_and_deviation():
    clip, seen = tiny(), []
    clip.model.visual.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    clip.encode_image(torch.cat([torch.full((1, 3, 32, 32), -1.0), torch.ones(1, 3, 32, 32)]))
    black = [-mean / std for mean, std in zip(MEAN, STD, strict=True)]
    white = [(1 - mean) / std for mean, std in zip(MEAN, STD, strict=True)]
    torch.testing.assert_close(seen[0][:, :, 5, 7], torch.tensor([black, white]))


def test_a_picture_is_resized_with_antialiasing_and_its_middle_square_taken():
    checks = (torch.arange(64)[:, None] + torch.arange(64)) % 2 * 2.0 - 1
    assert squared(checks.expand(1, 3, 64, 64), 32)[..., 2:-2, 2:-2].abs().max() < 0.2
    wide = torch.zeros(1, 3, 32, 96)
    wide[..., 32:64] = 1
    assert torch.equal(squared(wide, 32), torch.ones(1, 3, 32, 32))


def test_the_picture_gets_a_gradient_and_so_does_every_parameter():
    clip = tiny().train()
    picture = torch.rand(3, 3, 40, 40, requires_grad=True)
    image, text = clip(picture, ["a man", "an old man", "a photo of glasses"])
    (clip.scale * image @ text.T).square().sum().backward()
    assert picture.grad is not None
    assert picture.grad.abs().sum() > 0
    # A block's last norm starts at zero in open_clip, so what lies before it has a gradient, and that is zero.
    silent = {name for name, p in clip.named_parameters() if p.grad is None}
    assert not silent


def test_the_kept_rows_are_those_of_the_words_in_the_table_s_own_order():
    vocabulary = Vocabulary(WORDS, 12, "tiny")
    full = tokenize(["a photo of an old man.", "man with glasses"], context_length=12)
    ours = vocabulary(["a photo of an old man.", "man with glasses"])
    rows = {int(token): int(row) for token, row in zip(full.flatten(), ours.flatten(), strict=True)}
    assert rows == {token: row for token, row in vocabulary.rows.items() if token in rows}
    assert list(vocabulary.rows) == sorted(vocabulary.rows)
    assert ours.max() == len(vocabulary) - 1  # the end, where the text tower looks


def test_with_the_same_rows_a_cut_table_says_what_the_whole_one_says():
    whole, cut = tiny(()), tiny()
    state = whole.state_dict()
    rows = list(cut.vocabulary.rows)
    state["model.token_embedding.weight"] = state["model.token_embedding.weight"][rows]
    cut.load_state_dict(state)
    texts = ["an old man with glasses", "7"]
    torch.testing.assert_close(cut.encode_text(texts), whole.encode_text(texts))


def test_a_word_outside_is_told_with_what_the_model_knows_most_telling_first():
    with pytest.raises(ConfigError, match=r"^tiny does not know the word 'zebra'; it knows: old, man, .*with$"):
        tiny().encode_text(["a man", "a zebra"])
    many = Vocabulary([*WORDS, *(f"face{'x' * n}" for n in range(80))], 12, "many")
    with pytest.raises(ConfigError, match=r"and \d+ more$"):
        many(["zebra"])


def test_what_is_made_of_known_pieces_is_no_known_word():
    with pytest.raises(ConfigError, match="'oldman'"):
        tiny().encode_text(["oldman"])


@pytest.mark.parametrize("text", ["", "   ", "\n"])
def test_an_empty_text_is_refused(text: str):
    with pytest.raises(ConfigError, match="is empty"):
        tiny().encode_text([text])


def test_a_text_too_long_is_refused_and_not_cut():
    assert tiny().encode_text(["man " * 10]).shape == (1, 8)
    with pytest.raises(ConfigError, match=r"has 11; tiny reads at most 10 tokens, shorten it"):
        tiny().encode_text(["man " * 11])


def test_capitals_and_spaces_change_nothing():
    clip = tiny()
    assert torch.equal(clip.encode_text(["An  OLD man"]), clip.encode_text(["an old man"]))


def test_a_picture_of_another_shape_raises():
    with pytest.raises(ValueError, match=r"takes pictures \(N, 3, H, W\), got \(1, 1, 32, 32\)"):
        tiny().encode_image(torch.zeros(1, 1, 32, 32))


def test_a_seed_gives_the_same_weights_and_leaves_torch_s_own_alone():
    torch.manual_seed(7)
    before = torch.get_rng_state()
    a, b, c = tiny(seed=1), tiny(seed=1), tiny(seed=2)
    assert torch.equal(torch.get_rng_state(), before)

    def weights(clip: Clip) -> Tensor:
        return clip.model.token_embedding.weight

    assert torch.equal(weights(a), weights(b))
    assert not torch.equal(weights(a), weights(c))


def test_the_scale_starts_where_it_is_told_and_never_passes_a_hundred():
    clip = tiny()
    assert clip.scale.item() == pytest.approx(1 / 0.07)
    clip.model.logit_scale.data.fill_(9.0)
    assert clip.scale.item() == pytest.approx(100)


def test_a_vit_is_built_too():
    clip = Clip(
        "vit",
        dim=8,
        vision=CLIPVisionCfg(layers=1, width=32, head_width=16, patch_size=16, image_size=32),
        text=CLIPTextCfg(context_length=8, width=16, heads=2, layers=1),
        words=WORDS,
    )
    assert clip.encode_image(torch.zeros(2, 3, 48, 48)).shape == (2, 8)


@pytest.mark.parametrize(
    ("vision", "said"),
    [
        ({"size": 48, "layers": (1, 1, 1, 1), "width": 8}, "multiple of 32"),
        ({"size": 32, "layers": 2, "width": 64, "patch": 15}, "has to divide"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(vision: dict[str, object], said: str):
    with pytest.raises(ConfigError, match=said):
        parse(VisionConfig, vision)
