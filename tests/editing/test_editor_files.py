"""An editor's states as files: the same picture again, and whatever is no sound latent of this model refused."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from tests.editing.doubles import ColourCLIP, tiny
from translate.checkpoints import read_facts, read_tensors, write_tensors
from translate.config import LatentConfig, ModelConfig
from translate.editing import methods
from translate.editing.editor import Editor
from translate.editing.history import EditState
from translate.editing.latents import Latent, save_latent
from translate.editing.mapper import MapperConfig, TrainedMapper, build_mapper
from translate.errors import CheckpointError, ConfigError
from translate.stopping import Cancelled

NETWORK = LatentConfig(kind="stylegan2", latent=5, size=16, filters=4, max_filters=8, depth=2, norm="none")
CONFIG = ModelConfig(name="faces", generator=NETWORK)


def make(**given: object) -> Editor:
    return Editor(tiny(), CONFIG, "ab" * 32, clip=ColourCLIP(), device="cpu", templates=("a {}",), **given)  # type: ignore[arg-type]


def mapper() -> TrainedMapper:
    config = MapperConfig(prompt="bright", num_ws=6, w_dim=7, levels=("coarse", "medium"))
    torch.manual_seed(1)
    return TrainedMapper(build_mapper(config), config)


def test_a_saved_state_is_the_same_picture_and_may_be_edited_on(tmp_path: Path):
    editor = make(mappers=[mapper()])
    top = torch.zeros(1, 1, 16, 16)
    top[..., :8, :] = 1
    state = editor.edit(3, "bright", mask=top).state
    state = editor.edit(state, "bright", method="mapper", strength=0.5).state
    editor.save(tmp_path / "face.safetensors", state)
    again = make().open(tmp_path / "face.safetensors")
    assert torch.equal(editor.picture(again), editor.picture(state))
    assert (again.origin, [step.prompt for step in again.steps]) == ("seed 3", ["bright", "bright"])
    assert torch.equal(editor.picture(again.undo()), editor.picture(state.undo()))
    assert (again.steps[0].beta, again.steps[0].channels) == (state.steps[0].beta, state.steps[0].channels)
    with pytest.raises(CheckpointError, match=r"a latent is a safetensors file; name it face\.safetensors"):
        editor.save(tmp_path / "face.png", state)


def test_another_model_s_latent_is_refused(tmp_path: Path):
    path = tmp_path / "face.safetensors"
    make().save(path, make().start(3))
    other = Editor(tiny(1), CONFIG.replace(name="cats"), "cd" * 32, device="cpu")
    with pytest.raises(CheckpointError, match="'faces' with weights abababab, and this model's are cdcdcdcd"):
        other.open(path)


def head(**changes: object) -> dict[str, str]:
    facts = {"format": 1, "kind": "translate latent", "model": "faces", "sha256": "ab" * 32, "origin": "", "steps": []}
    return {"translate": json.dumps(facts | changes)}


W_PLUS = {"w_plus": torch.zeros(1, 6, 7)}
STEP = {"prompt": "a", "method": "mapper"}


@pytest.mark.parametrize(
    ("tensors", "facts", "said"),
    [
        (W_PLUS, {}, "no latent of this program"),
        (W_PLUS, {"translate": "[]"}, "no latent of this program"),
        (W_PLUS, {"translate": "{"}, "no latent of this program"),
        (W_PLUS, head(format=2), "format 2 is newer than this program reads"),
        (W_PLUS, head(model=3), "its head is damaged"),
        (W_PLUS, head(steps=[STEP | {"method": "magic"}]), "its head is damaged"),
        (W_PLUS, head(steps=[STEP | {"strength": float("nan")}]), "its head is damaged"),
        ({}, head(), "it lacks w_plus"),
        ({"w_plus": torch.zeros(1, 5, 7)}, head(), r"w_plus is \[1, 5, 7\], the model takes \(N, 6, 7\)"),
        (W_PLUS | {"0.s_change": torch.zeros(1, 3)}, head(steps=[STEP]), r"0\.s_change is torch\.float32 \[1, 3\]"),
        (W_PLUS | {"1.w_change": torch.zeros(1, 6, 7)}, head(steps=[STEP]), r"'1\.w_change' besides"),
        ({"w_plus": torch.full((1, 6, 7), torch.inf)}, head(), "not finite"),
        (W_PLUS | {"extra": torch.zeros(1)}, head(), "'extra' besides, which is no part of a latent"),
        (W_PLUS | {"0.mask": torch.full((1, 1, 16, 16), 2.0)}, head(steps=[STEP]), r"outside \[0, 1\]"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_sound_latent_is_refused_in_one_line(tmp_path: Path, tensors, facts, said):
    path = tmp_path / "face.safetensors"
    write_tensors(path, tensors, facts)
    with pytest.raises(CheckpointError, match=said) as caught:
        make().open(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_of_no_tensors_at_all_is_refused(tmp_path: Path):
    (tmp_path / "a.safetensors").write_bytes(b"no safetensors")
    for name in ("a", "b"):
        with pytest.raises(CheckpointError, match=rf"{name}\.safetensors"):
            make().open(tmp_path / f"{name}.safetensors")


def test_the_head_of_a_saved_latent_says_which_model_it_is_of(tmp_path: Path):
    path = tmp_path / "face.safetensors"
    make().save(path, make().start(3))
    facts = json.loads(read_facts(path)["translate"])
    assert (facts["kind"], facts["model"], facts["sha256"]) == ("translate latent", "faces", "ab" * 32)
    assert set(read_tensors(path)) == {"w_plus"}


def test_the_latent_of_an_inverted_photo_is_opened_with_the_generator_tuned_to_it(tmp_path: Path):
    editor, w_plus = make(), torch.ones(1, 6, 7)
    save_latent(tmp_path / "a.safetensors", Latent(w_plus=w_plus, model="faces", digest="ab" * 32))
    assert torch.equal(editor.open(tmp_path / "a.safetensors").w_plus, w_plus)
    name = "synthesis.blocks.0.conv1.bias"
    moved = {name: editor.network.state_dict()[name] + 1}
    save_latent(tmp_path / "b.safetensors", Latent(w_plus=w_plus, model="faces", digest="ab" * 32, tuned=moved))
    state = editor.open(tmp_path / "b.safetensors")
    assert not torch.allclose(editor.picture(state), editor.picture(editor.open(tmp_path / "a.safetensors")))
    save_latent(tmp_path / "c.safetensors", Latent(w_plus=w_plus.repeat(2, 1, 1), model="faces", digest="ab" * 32))
    with pytest.raises(CheckpointError, match="holds 2 faces; edit one"):
        editor.open(tmp_path / "c.safetensors")
    save_latent(tmp_path / "d.safetensors", Latent(w_plus=w_plus, model="cats", digest="cd" * 32))
    with pytest.raises(CheckpointError, match="'cats' with weights cdcdcdcd"):
        editor.open(tmp_path / "d.safetensors")


def test_another_strength_is_measured_as_if_it_had_been_asked_for():
    editor = make()
    asked = editor.edit(3, "bright", strength=0.5)
    moved = editor.at(editor.edit(3, "bright", strength=2.0).state, 0.5)
    assert torch.equal(moved.picture, asked.picture)
    assert moved.figures == asked.figures
    with pytest.raises(ConfigError, match="there is no edit to undo"):
        editor.at(editor.start(3), 1.0)
    with pytest.raises(ConfigError, match="strength is 1000"):
        editor.at(asked.state, 1000)


def test_a_mix_goes_from_one_face_to_the_other_layer_by_layer():
    editor = make()
    mixed = editor.mix(3, 7)
    assert len(mixed) == 7
    assert mixed[0].tobytes() == editor.image(editor.start(7)).tobytes()
    assert mixed[-1].tobytes() == editor.image(editor.start(3)).tobytes()
    assert len({picture.tobytes() for picture in mixed}) > 4


@pytest.mark.parametrize(
    "draw",
    [
        lambda editor, stop: editor.generate([1, 2, 3], cancelled=stop),
        lambda editor, stop: editor.morph(1, 2, 3, cancelled=stop),
        lambda editor, stop: editor.mix(1, 2, cancelled=stop),
    ],
    ids=["generate", "morph", "mix"],
)
def test_who_leaves_is_asked_about_before_every_picture(draw, monkeypatch: pytest.MonkeyPatch):
    editor, drawn = make(), []
    picture = editor.picture
    monkeypatch.setattr(editor, "picture", lambda state: drawn.append(state) or picture(state))
    with pytest.raises(Cancelled):
        draw(editor, lambda: len(drawn) == 2)
    assert len(drawn) == 2


class Pixels:
    """Whose pixels they are."""

    name = "pixels"

    def __call__(self, image: Tensor) -> Tensor:
        return F.normalize(image.flatten(1), dim=1)


def test_who_a_tuned_face_is_is_measured_on_the_tuned_face():
    """Opened again without its photo: before any edit it is itself, cosine 1."""
    tuned = EditState(torch.ones(1, 6, 7), synthesis=tiny(seed=9).synthesis)
    figures = make(identity=Pixels()).edit(tuned, "bright").figures
    assert figures["identity_before"] == pytest.approx(1, abs=1e-6)
    assert figures["identity_after"] < 1 - 1e-6


def test_a_clip_is_brought_to_the_editor_s_device():
    """On the CPU nothing shows but that it was asked to go."""

    class Moving(torch.nn.Module):
        name, asked = "moving", None

        def to(self, device):
            Moving.asked = device
            return self

    Editor(tiny(), CONFIG, "ab" * 32, clip=Moving(), device="cpu")
    assert Moving.asked == torch.device("cpu")


def test_of_two_mappers_for_a_prompt_the_one_named_last_is_taken():
    first, last = mapper(), mapper()
    assert methods.pick_mapper([first, last], " BRIGHT ", "faces", "") is last
