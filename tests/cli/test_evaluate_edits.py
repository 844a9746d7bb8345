"""`translate evaluate MODEL --edits`, with a tiny model, a CLIP of colours and a judge of brightness."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests import tiny_faces
from tests.editing.doubles import ColourCLIP
from translate import catalog, images
from translate.checkpoints import ENCODER, save_model
from translate.config import EncoderConfig, HoldOut
from translate.data.faces import FACTS
from translate.editing.editor import Editor
from translate.editing.mapper import MapperConfig, TrainedMapper, build_mapper, save_mapper
from translate.editing.optimisation import OptimisationConfig
from translate.errors import DatasetError
from translate.evaluation import edit_judge, edit_report, edits
from translate.evaluation.edit_judge import FaceJudge, JudgeNetwork, Question
from translate.evaluation.edits import Attribute
from translate.networks import build_encoder
from translate.trainers.clip_data import store


class Lightness(JudgeNetwork):
    """Says yes to what is brighter than gray, whatever it is asked."""

    def forward(self, image: Tensor) -> Tensor:
        return image.mean(dim=(1, 2, 3))[:, None].expand(-1, len(FACTS))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model with its encoder, labelled faces, a CLIP of colours, and a judge of brightness."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(catalog, "_PACKAGE", tmp_path / "nothing")
    folder = tiny_faces.model(tmp_path / "tiny")
    config = EncoderConfig(name="tiny", size=16, filters=4, max_filters=8, num_ws=6, w_dim=8)
    torch.manual_seed(0)
    save_model(folder / ENCODER, build_encoder(config), config)
    lines = ["file,split,age,sex"]
    for number, (split, age, sex) in enumerate(
        [(split, age, sex) for split in ("train", "val") for age in (5, 30, 70) for sex in ("male", "female")]
    ):
        images.save(tiny_faces.smooth(64, 64), tmp_path / f"{number}.png")
        lines.append(f"{number}.png,{split},{age},{sex}")
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    load = Editor.load.__func__
    monkeypatch.setattr(
        Editor, "load", classmethod(lambda cls, name, device="auto": load(cls, name, device="cpu", clip=ColourCLIP()))
    )
    # A CLIP of colours knows no ages: two prompts that it does know.
    known = tuple(Attribute(f"{word} face", Question(word, "male", s)) for word, s in (("bright", 1), ("dark", -1)))
    monkeypatch.setattr(edits, "ATTRIBUTES", known)
    monkeypatch.setattr(edits, "OptimisationConfig", lambda **given: OptimisationConfig(steps=10, **given))
    monkeypatch.setattr(edit_judge, "train_judge", lambda folders, report=None: FaceJudge(Lightness()))
    return tmp_path


def test_the_whole_command_tells_that_bright_and_dark_go_their_ways(cli, place: Path):
    code, out, err = cli(
        "evaluate", "tiny", "--edits", "--data", ".", "--faces", "5", "--json", "a.json", "--report", "report"
    )
    assert code == 0, err
    told = json.loads((place / "a.json").read_text())
    assert [(o["attribute"], o["method"]) for o in told["outcomes"]] == [
        ("bright", "direction"), ("bright", "optimise"), ("dark", "direction"), ("dark", "optimise"),
    ]  # fmt: skip
    assert [o["moved"] for o in told["outcomes"]] == [1.0] * 4
    assert {o["faces"] for o in told["outcomes"]} == {5}
    assert told["identity"].startswith("encoder of tiny")
    assert told["inversion"].keys() == {"encoder_l2", "encoder_perceptual", "mean_face_l2", "mean_face_perceptual"}
    assert "bright face" in out
    assert "100%" in out
    page = (place / "report" / "report.md").read_text()
    assert "| bright face | direction | 100% |" in page
    assert "`encoder of tiny" in page
    # Four faces down; across as inverted, then the four edits.
    assert images.read_array(place / "report" / "samples.png").shape[:2] == (18 + 4 + 4 * 132, 4 + 5 * 132)


def test_one_method_can_be_asked_for_alone(cli, place: Path):
    code, out, err = cli("evaluate", "tiny", "--edits", "--data", ".", "--faces", "2", "--method", "direction")
    assert code == 0, err
    assert out.count(" direction ") == 2
    assert "optimise" not in out


def test_a_mapper_is_judged_by_its_own_prompt_and_another_prompt_is_refused(cli, place: Path):
    for prompt in ("dark face", "square face"):
        config = MapperConfig(prompt=prompt, num_ws=6, w_dim=8, levels=("coarse",))
        save_mapper(place / prompt[:4], TrainedMapper(build_mapper(config), config))
    found = edits.evaluate_edits("tiny", [place], mappers=[place / "dark"], wanted=(), faces=2)
    assert [(o.attribute, o.method) for o in found.outcomes] == [("dark", "mapper")]
    assert edit_report.outcome_rows(found)[0][:2] == ("dark face", "mapper")
    code, _, err = cli("evaluate", "tiny", "--edits", "--data", ".", "--mapper", "squa")
    assert (code, "not asked about the mapper's prompt 'square face'" in err) == (2, True)


def test_photos_are_those_that_the_training_recorded_as_held_out(place: Path):
    """The table's split says 6 to 11; a generator trained on the folder held out by itself."""
    who = Editor.load("tiny")
    who.config = who.config.replace(held_out=HoldOut(seed=0, names=("0.png", "2.png", "gone.png")))
    asked = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            edits, "store", lambda faces, side: asked.append({f.path.name for f in faces}) or store(faces, side)
        )
        assert edits._photos(place, who, 2, seed=0).shape == (2, 3, 16, 16)
    assert asked == [{"0.png", "2.png"}]
    with pytest.raises(DatasetError, match="3 held-out faces are asked for"):
        edits._photos(place, who, 3, seed=0)


def test_two_mappers_of_one_prompt_are_judged_each_by_itself(place: Path):
    for seed in (1, 2):
        config = MapperConfig(prompt="dark face", num_ws=6, w_dim=8, levels=("coarse",))
        mapper = build_mapper(config)
        for weight in mapper.parameters():
            torch.nn.init.normal_(weight, generator=torch.Generator().manual_seed(seed))
        save_mapper(place / str(seed), TrainedMapper(mapper, config))
    both = edits.evaluate_edits("tiny", [place], mappers=[place / "1", place / "2"], wanted=(), faces=2).outcomes
    alone = edits.evaluate_edits("tiny", [place], mappers=[place / "1"], wanted=(), faces=2).outcomes
    assert both[0].changed == pytest.approx(alone[0].changed)
    assert both[1].changed != pytest.approx(alone[0].changed, rel=1e-3)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("tiny", "tiny", "--edits", "--data", "."), "is about one model"),
        (("tiny", "--edits", "--data", ".", "--split", "val"), "--split means nothing to --edits"),
        (("tiny", "--edits"), "--edits needs labelled faces"),
        (("tiny", "--edits", "--data", ".", "--faces", "7"), "7 held-out faces are asked for, and there are 6"),
        (("tiny", "--data", ".", "--judge", "a.safetensors"), "--judge is about edits of faces"),
        (("tiny", "--edits", "--data", ".", "--method", "mapper"), "--method mapper: known: direction, optimise"),
        (("none", "--edits", "--data", "."), "none"),
        (("tiny", "--edits", "--data", ".", "--judge", "."), "--judge .: name a file, as judge.safetensors"),
        (("tiny", "--edits", "--data", ".", "--judge", "no/judge.safetensors"), "in a folder that exists"),
    ],
)
def test_what_can_not_be_judged_is_refused_in_one_line(cli, place: Path, arguments, said):
    code, _, err = cli("evaluate", *arguments)
    assert code == 2
    assert said in err
    assert len(err.strip().splitlines()) == 1


def test_a_model_without_an_encoder_is_refused(cli, place: Path):
    for file in (place / "tiny" / ENCODER).iterdir():
        file.unlink()
    code, _, err = cli("evaluate", "tiny", "--edits", "--data", ".")
    assert (code, "has no encoder of faces" in err) == (2, True)
