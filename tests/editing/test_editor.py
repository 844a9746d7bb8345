"""The editor: each method on its own, what is remembered, what is told, files, and who is asked for what."""

from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

import translate
from tests.editing.doubles import ColourCLIP, HashedCLIP, tiny
from translate import images
from translate.checkpoints import save_model
from translate.config import GeneratorConfig, LatentConfig, ModelConfig
from translate.editing import editor as module
from translate.editing.alignment import Square
from translate.editing.editor import Editor
from translate.editing.latents import load_latent
from translate.editing.mapper import MapperConfig, TrainedMapper, build_mapper, save_mapper
from translate.editing.methods import ALPHA, Asked, target
from translate.editing.optimisation import OptimisationConfig
from translate.editing.styles import conv_channels
from translate.errors import ConfigError
from translate.networks import StyleGAN2Generator, build_generator, build_latent_generator
from translate.stopping import Cancelled

NETWORK = LatentConfig(kind="stylegan2", latent=5, size=16, filters=4, max_filters=8, depth=2, norm="none")
CONFIG = ModelConfig(name="faces", generator=NETWORK)


class Counting(ColourCLIP):
    """It counts what it is asked."""

    def __init__(self) -> None:
        self.pictures = self.texts = 0

    def encode_image(self, image: Tensor) -> Tensor:
        self.pictures += len(image)
        return super().encode_image(image)

    def encode_text(self, texts):
        self.texts += len(texts)
        return super().encode_text(texts)


def make(clip=None, **given: object) -> Editor:
    clip = ColourCLIP() if clip is None else clip
    given = {"templates": ("a {}",), "device": "cpu"} | given
    return Editor(tiny(), CONFIG, "ab" * 32, clip=clip, **given)  # type: ignore[arg-type]


def mapper(prompt: str = "bright", weights: str = "", w_dim: int = 7) -> TrainedMapper:
    config = MapperConfig(prompt=prompt, weights=weights, num_ws=6, w_dim=w_dim, levels=("coarse", "medium"))
    torch.manual_seed(1)
    return TrainedMapper(build_mapper(config), config)


def brightness(picture: Tensor) -> float:
    return float(picture.mean())


def test_a_seed_is_the_face_that_the_generator_makes_of_it():
    editor = make()
    z = torch.randn(5, generator=torch.Generator().manual_seed(7))[None]
    with torch.no_grad():
        expected = editor.network(z, psi=0.7).clamp(-1, 1)
    assert torch.allclose(editor.picture(editor.start(7)), expected, atol=1e-6)
    shown = editor.generate([7, 3])
    assert [picture.size for picture in shown] == [(16, 16)] * 2
    assert images.to_pil(expected).tobytes() == shown[0].tobytes()
    assert editor.start(7, truncation=0.0).w_plus.allclose(editor.mean().w_plus)


@pytest.mark.parametrize("prompt", ["bright", "red", "top"])
def test_a_direction_leads_to_the_text_at_any_sign(prompt):
    editor = make()
    done = editor.edit(3, prompt, disentangle=0.2)
    assert done.figures["clip_after"] > done.figures["clip_before"] + 0.01
    assert editor.edit(3, prompt, disentangle=0.2, strength=-1).figures["clip_after"] < done.figures["clip_before"]
    assert torch.equal(done.picture, editor.picture(done.state))


def test_a_direction_is_alpha_sigma_p_of_the_channels_that_survive():
    editor = make()
    done = editor.edit(3, "bright", disentangle=0.3, strength=0.5)
    p = editor.relevance("bright").values
    kept = torch.where(p.abs() >= 0.3, p, 0.0)
    step = done.state.steps[0]
    assert torch.allclose(step.s_change[0], ALPHA * editor.statistics.std * kept / kept.abs().max(), atol=1e-6)
    assert (step.strength, step.beta, step.channels) == (0.5, 0.3, int((kept != 0).sum()))


def test_what_a_prompt_means_is_asked_once_and_a_new_strength_asks_nothing():
    clip = Counting()
    editor = make(clip)
    editor.edit(3, "bright", measure=False)
    asked = (clip.pictures, clip.texts)
    assert asked == (module.RELEVANCE_SAMPLES, 2)
    again = editor.edit(4, "bright", strength=2.0, measure=False)
    editor.image(again.state.at(-1))
    assert (clip.pictures, clip.texts) == asked
    editor.edit(4, "bright", neutral="dark", measure=False)
    assert clip.pictures == 2 * module.RELEVANCE_SAMPLES


def test_the_oldest_prompt_is_forgotten_first(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "REMEMBERED", 2)
    clip = Counting()
    editor = make(clip)
    for prompt in ("bright", "red", "blue", "red"):
        editor.relevance(prompt)
    assert clip.pictures == 3 * module.RELEVANCE_SAMPLES
    editor.relevance("bright")
    assert clip.pictures == 4 * module.RELEVANCE_SAMPLES


def test_a_threshold_chosen_by_itself_is_told():
    done = make().edit(3, "bright")
    assert [message.kind for message in done.messages] == ["chosen by itself"]
    assert (
        done.messages[0].text
        == f"disentanglement {done.state.steps[0].beta:g}, which leaves {done.state.steps[0].channels} channels"
    )
    assert done.state.steps[0].channels > 20


def test_where_nothing_survives_the_face_stays_and_it_is_told(monkeypatch: pytest.MonkeyPatch):
    editor = make()
    relevance = editor.relevance("bright")
    editor._relevance["bright", "a face"] = type(relevance)(relevance.values * 0.9, "first-order")
    done = editor.edit(3, "bright", disentangle=0.95)
    assert done.state.steps == ()
    assert torch.equal(done.picture, editor.picture(editor.start(3)))
    assert done.messages[0].kind == "nothing survived"
    assert "no style channel reaches 0.95, the most relevant has 0.90" in done.messages[0].text


def test_an_optimisation_is_an_edit_that_strength_scales_afterwards():
    editor = make()
    how = OptimisationConfig(space="w_plus", steps=20, lambda_l2=0)
    done = editor.edit(3, "bright", method="optimise", optimisation=how)
    assert done.figures["clip_after"] > done.figures["clip_before"]
    half = done.state.at(0.5)
    w_plus = done.state.w_plus + 0.5 * done.state.steps[0].w_change
    with torch.no_grad():
        expected = editor.synthesis(w_plus, "const").clamp(-1, 1)
    assert torch.allclose(editor.picture(half), expected, atol=1e-5)


def test_an_optimisation_moves_the_channels_that_the_direction_of_its_text_moves():
    editor = make()
    led = editor.edit(3, "bright", disentangle=0.5).state.steps[0]
    done = editor.edit(3, "bright", method="optimise", disentangle=0.5)
    step = done.state.steps[0]
    assert (step.beta, step.channels, step.w_change) == (0.5, led.channels, None)
    assert 0 < led.channels < len(conv_channels(editor.synthesis))
    assert torch.equal(step.s_change != 0, led.s_change != 0)
    assert done.figures["clip_after"] > done.figures["clip_before"]


def test_an_optimisation_without_a_channel_to_move_says_so():
    editor = make()
    relevance = editor.relevance("bright")
    editor._relevance["bright", "a face"] = type(relevance)(relevance.values * 0.9, "first-order")
    done = editor.edit(3, "bright", method="optimise", disentangle=0.95)
    assert (done.state.steps, [message.kind for message in done.messages]) == ((), ["nothing survived"])


def test_an_optimisation_goes_where_the_words_lead_from_the_neutral_text_or_to_the_prompt_itself():
    """In the CLIP of colours "bright" is (1, 0, 0, 0, 1), a face (0, 0, 0, 0, 1), each brought to length 1."""
    clip, asked, templates = ColourCLIP(), Asked("bright", "a face"), ("a {}",)
    led = target(asked, clip, OptimisationConfig(), templates)
    half = 0.5**0.5
    towards = torch.tensor([half, 0, 0, 0, half - 1])
    assert torch.allclose(led, towards[None] / towards.norm(), atol=1e-6)
    told = torch.tensor([[half, 0, 0, 0, half]])
    assert torch.allclose(target(asked, clip, OptimisationConfig(towards="prompt"), templates), F.normalize(told))
    assert torch.allclose(target(asked, clip, OptimisationConfig(), templates, free=True), F.normalize(told))
    with pytest.raises(ConfigError, match="mean the same to this CLIP"):
        make().edit(0, "bright", neutral="bright", method="optimise")


def test_a_cancelled_optimisation_is_told_and_one_cancelled_at_once_changes_nothing():
    editor = make()
    editor.relevance("bright")  # finding it asks, too
    asked = iter([False] * 5 + [True] * 9)
    done = editor.edit(3, "bright", method="optimise", cancelled=lambda: next(asked))
    assert [message.kind for message in done.messages] == ["chosen by itself", "cancelled"]
    assert len(done.state.steps) == 1
    none = editor.edit(3, "bright", method="optimise", cancelled=lambda: True)
    assert (none.messages[-1].text, none.state.steps) == ("cancelled before it began", ())
    with pytest.raises(Cancelled):
        editor.edit(3, "dark", cancelled=lambda: True)


def test_a_mapper_adds_a_tenth_of_what_it_says():
    editor = make(mappers=[mapper()])
    done = editor.edit(3, " BRIGHT", method="mapper", strength=2.0)
    before = editor.start(3).w_plus
    with torch.no_grad():
        expected = editor.synthesis(before + 0.2 * mapper().network(before), "const").clamp(-1, 1)
    assert torch.allclose(done.picture, expected, atol=1e-5)


def test_edits_of_all_three_methods_stack_and_come_off_again():
    editor = make(mappers=[mapper()])
    one = editor.edit(3, "bright")
    two = editor.edit(one.state, "red", method="optimise", optimisation=OptimisationConfig(steps=4, space="s"))
    three = editor.edit(two.state, "bright", method="mapper")
    assert [step.method for step in three.state.steps] == ["direction", "optimise", "mapper"]
    assert torch.equal(editor.picture(three.state.undo()), two.picture)
    assert torch.equal(editor.picture(three.state.undo().undo()), one.picture)


@pytest.mark.parametrize("method", ["direction", "optimise", "mapper"])
def test_a_mask_leaves_the_outside_bit_identical_whatever_the_method(method):
    editor = make(mappers=[mapper()])
    drawn = Image.new("L", (32, 32))
    drawn.paste(255, (0, 0, 32, 16))
    done = editor.edit(3, "bright", method=method, mask=drawn, optimisation=OptimisationConfig(steps=6))
    before = editor.picture(editor.start(3))
    assert torch.equal(done.picture[..., 8:, :], before[..., 8:, :])
    assert not torch.allclose(done.picture[..., :6, :], before[..., :6, :], atol=1e-2)
    assert done.figures["changed_outside"] == 0
    assert done.figures["changed"] > 0


def test_a_face_of_a_text_alone_starts_from_the_mean_face():
    editor = make()
    done = editor.free("bright", optimisation=OptimisationConfig(steps=30))
    assert torch.equal(done.state.w_plus, editor.mean().w_plus)
    assert brightness(done.picture) > brightness(editor.picture(editor.mean()))
    assert done.state.origin == "mean face"


def test_a_strip_shows_strengths_and_a_morph_the_way():
    editor = make()
    state = editor.edit(3, "bright").state
    strip = editor.strip(state, [-1, 0, 1])
    assert strip[1].tobytes() == editor.image(editor.start(3)).tobytes()
    assert strip[2].tobytes() == editor.image(state).tobytes()
    way = editor.morph(state, 5, 3)
    assert (way[0].tobytes(), way[2].tobytes()) == (strip[2].tobytes(), editor.image(editor.start(5)).tobytes())
    with pytest.raises(ConfigError, match="1 frames; a way from one face to another has at least 2"):
        editor.morph(3, 5, 1)


def test_identity_is_compared_with_the_face_before_all_edits():
    identity = HashedCLIP().encode_image
    double = type("Double", (), {"name": "double", "__call__": lambda self, x: identity(x)})()
    editor = make(identity=double)
    one = editor.edit(3, "bright")
    assert one.figures["identity_before"] == pytest.approx(1)
    assert one.figures["identity_after"] < 0.999
    two = editor.edit(one.state, "red")
    assert two.figures["identity_before"] == pytest.approx(one.figures["identity_after"])


class Photo:
    """A photo of 40 x 30 whose face is its left upper corner."""

    notes = ()
    square = Square(8, 8, 8)

    def __init__(self, photo: Image.Image) -> None:
        self.photo = photo
        self.target = images.to_tensor(images.from_pil(photo.crop((0, 0, 16, 16))))[None]

    def paste(self, picture: Tensor, base: Tensor, mask: Tensor | None = None) -> Image.Image:
        whole = self.photo.copy()
        whole.paste(images.to_pil(picture), (0, 0))
        return whole


def test_a_photo_is_inverted_edited_and_pasted_back():
    def invert(photo: Image.Image) -> tuple[Tensor, Photo, None]:
        return torch.ones(1, 6, 7), Photo(photo), None

    editor = make(inverter=invert)
    done = editor.edit(Image.new("RGB", (40, 30), "gray"), "bright")
    assert done.image.size == (40, 30)
    assert done.image.getpixel((30, 20)) == (128, 128, 128)
    assert done.image.crop((0, 0, 16, 16)).tobytes() == images.to_pil(done.picture).tobytes()
    assert torch.equal(done.state.w_plus, torch.ones(1, 6, 7))
    assert editor.provenance(done.state).kind == "edited"
    assert editor.image(editor.edit(done.state, "red").state).size == (40, 30)


def test_a_generator_tuned_to_a_photo_draws_it_and_is_not_lost_in_a_file(tmp_path: Path):
    tuned = tiny(seed=9).synthesis
    editor = make(inverter=lambda photo: (torch.ones(1, 6, 7), Photo(photo), tuned))
    state = editor.start(Image.new("RGB", (16, 16)))
    with torch.no_grad():
        assert torch.equal(editor.picture(state), tuned(torch.ones(1, 6, 7), "const").clamp(-1, 1))
    edited = editor.edit(state, "bright").state
    editor.save(tmp_path / "a.safetensors", edited)
    again = make().open(tmp_path / "a.safetensors")
    assert (editor.picture(again) - editor.picture(edited)).abs().max() < 5e-3  # float16
    assert load_latent(tmp_path / "a.safetensors").square == Photo.square


def test_what_is_missing_is_said_by_what_needs_it():
    bare = Editor(tiny(), CONFIG, "ab" * 32, device="cpu")
    assert bare.image(bare.start(0)).size == (16, 16)
    with pytest.raises(ConfigError, match="faces: has no CLIP, and without one no text can be understood"):
        bare.edit(0, "bright")
    with pytest.raises(ConfigError, match="faces: has no way from a photo to a latent"):
        bare.edit(Image.new("RGB", (16, 16)), "bright")
    with pytest.raises(ConfigError, match="faces: no mapper for 'bright'; there is none; train one"):
        bare.edit(0, "bright", method="mapper")
    with pytest.raises(ConfigError, match=r"lambda_id is 0\.5, but faces has no network of identity"):
        make().edit(0, "bright", method="optimise", optimisation=OptimisationConfig(lambda_id=0.5))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"method": "magic"}, "method is 'magic'; known: direction, optimise, mapper"),
        ({"strength": float("nan")}, "strength is nan"),
        ({"strength": 101}, "strength is 101; it must lie in -100 to 100"),
        ({"disentangle": 1.2}, "disentangle is 1.2; take auto or a number from 0 to 1"),
        ({"disentangle": "much"}, "disentangle is 'much'"),
        ({"mask": torch.zeros(1, 1, 8, 8)}, r"the mask is \[1, 1, 8, 8\]; expected \[1, 1, 16, 16\]"),
        ({"mask": torch.full((1, 1, 16, 16), 2.0)}, r"in \[0, 1\]"),
        ({"neutral": "bright"}, "the prompt and the neutral text mean the same"),
        ({"method": "mapper"}, "no mapper for 'bright'; there are mappers for 'red'; 1 more are of other models"),
    ],
)
def test_what_can_not_be_done_is_refused_in_one_line(given, said):
    editor = make(mappers=[mapper("red"), mapper("bright", weights="cd" * 32)])
    with pytest.raises(ConfigError, match=said) as caught:
        editor.edit(3, "bright", **given)
    assert "\n" not in str(caught.value)


def test_a_mapper_of_another_width_is_refused():
    with pytest.raises(ConfigError, match="the mapper for 'bright' takes 6 w of 4, not 6 of 7"):
        make(mappers=[mapper(w_dim=4)]).edit(3, "bright", method="mapper")


def test_a_word_that_clip_does_not_know_is_its_own_error():
    with pytest.raises(ConfigError, match="hashed: does not know the word 'xylophone'"):
        make(HashedCLIP()).edit(3, "a xylophone")


def test_an_editor_is_loaded_by_name_with_the_mappers_beside_the_model(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    generator = build_latent_generator(NETWORK)
    assert isinstance(generator, StyleGAN2Generator)
    save_model(Path("runs/mine"), generator, CONFIG)
    editor = translate.load_editor("mine", device="cpu")
    assert isinstance(editor, translate.Editor)
    assert (editor.name[:6], len(editor.weights), editor.clip) == ("faces-", 64, None)
    config = MapperConfig(prompt="bright", weights=editor.weights, num_ws=6, w_dim=5, levels=("coarse",))
    save_mapper(Path("runs/mine/mappers/bright"), TrainedMapper(build_mapper(config), config))
    again = translate.load_editor("mine", device="cpu")
    assert [m.config.prompt for m in again.mappers] == ["bright"]
    changed = again.edit(0, "bright", method="mapper").figures["changed"]  # a mapper needs no CLIP
    assert changed > 0


def test_a_model_of_another_kind_is_refused(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    network = GeneratorConfig(filters=4, depth=2)
    save_model(Path("runs/unet"), build_generator(network), ModelConfig(name="unet", generator=network))
    with pytest.raises(ConfigError, match="unet: only a StyleGAN2 that makes RGB without classes can be edited"):
        translate.load_editor("unet")
    gray = NETWORK.replace(out_channels=1)
    save_model(Path("runs/gray"), build_latent_generator(gray), ModelConfig(name="gray", generator=gray))
    with pytest.raises(ConfigError, match="gray: only a StyleGAN2 that makes RGB"):
        translate.load_editor("gray")
