"""`translate edit`, `generate --prompt` and `train mapper` from the command line, with a CLIP that measures colours."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence

from tests import tiny_faces
from tests.editing.doubles import ColourCLIP
from translate import catalog
from translate.checkpoints import save_model
from translate.cli.edit import parse_disentangle, parse_strengths
from translate.config import LatentConfig, ModelConfig
from translate.editing.editor import Editor
from translate.errors import ConfigError
from translate.networks import build_latent_generator

NETWORK = LatentConfig(kind="stylegan2", latent=5, size=16, filters=4, max_filters=8, depth=2, norm="none")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run `faces` and another, `more`, whose editors are given a CLIP of colours; no shipped model of that name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(catalog, "_PACKAGE", tmp_path / "nothing")
    for seed, name in enumerate(("faces", "more")):
        torch.manual_seed(seed)
        save_model(Path("runs") / name, build_latent_generator(NETWORK), ModelConfig(name=name, generator=NETWORK))
    load = Editor.load.__func__

    def with_clip(cls, name, *, device="auto"):
        return load(cls, name, device="cpu", clip=ColourCLIP())

    monkeypatch.setattr(Editor, "load", classmethod(with_clip))
    return tmp_path


def pixels(path: str | Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def test_the_face_of_a_seed_is_edited_and_says_so(cli):
    code, out, _ = cli("edit", "--seed", "3", "--prompt", "bright", "-o", "deep/a.png")
    assert code == 0
    assert out.startswith("seed 3 -> deep/a.png: disentanglement ")
    assert "cosine with the text" in out
    cli("edit", "--seed", "3", "--prompt", "bright", "--strength", "0", "-o", "before.png")
    assert pixels("deep/a.png").mean() > pixels("before.png").mean() + 2
    with Image.open("deep/a.png") as image:
        said = image.text["Comment"]
    assert said.startswith("Synthetic picture: a face made by the model faces-")
    assert said.endswith(": bright (direction, strength 1)")


def test_seeds_go_into_a_folder_and_json_tells_all(cli):
    code, out, _ = cli("edit", "--seed", "0-2", "--prompt", "red", "-o", "out", "--json", "--disentangle", "0.5")
    assert code == 0
    record = json.loads(out)
    assert sorted(path.name for path in Path("out").iterdir()) == [f"seed-000{n}.png" for n in range(3)]
    assert (record["clip"], record["method"], record["prompts"]) == ("colour", "direction", ["red"])
    assert [result["input"] for result in record["results"]] == ["seed 0", "seed 1", "seed 2"]
    assert record["results"][0]["beta"] == 0.5
    assert record["results"][0]["channels"] > 0
    assert {"clip_before", "clip_after", "changed"} <= record["results"][0]["figures"].keys()


def test_a_saved_latent_is_edited_on_and_several_prompts_stack(cli):
    cli("edit", "--seed", "3", "--prompt", "bright", "-o", "a.png", "--latent", "face.safetensors")
    code, out, _ = cli("edit", "face.safetensors", "--prompt", "red", "-o", "b.png", "--json")
    assert code == 0
    assert json.loads(out)["results"][0]["edits"] == 2
    cli("edit", "--seed", "3", "--prompt", "bright", "--prompt", "red", "-o", "c.png")
    assert np.array_equal(pixels("b.png"), pixels("c.png"))
    assert not np.array_equal(pixels("a.png"), pixels("b.png"))


def test_an_optimisation_takes_its_steps_and_space(cli):
    done = cli(
        "edit",
        "--seed",
        "1",
        "--prompt",
        "dark",
        "--method",
        "optimise",
        "--steps",
        "30",
        "--space",
        "s",
        "-o",
        "a.png",
    )
    assert done[0] == 0
    cli("edit", "--seed", "1", "--prompt", "dark", "--strength", "0", "-o", "b.png")
    assert pixels("a.png").mean() < pixels("b.png").mean() - 2


def test_a_mask_leaves_the_rest_of_the_picture(cli):
    mask = Image.new("L", (64, 64))
    mask.paste(255, (0, 0, 64, 32))
    mask.save("mask.png")
    cli("edit", "--seed", "3", "--prompt", "bright", "--strength", "0", "-o", "before.png")
    code, _, _ = cli("edit", "--seed", "3", "--prompt", "bright", "--mask", "mask.png", "-o", "a.png")
    assert code == 0
    assert np.array_equal(pixels("a.png")[8:], pixels("before.png")[8:])
    assert not np.array_equal(pixels("a.png")[:8], pixels("before.png")[:8])


def test_a_strip_stands_still_or_moves(cli):
    assert cli("edit", "--seed", "3", "--prompt", "bright", "--strip", "-1,0,1", "-o", "a.png")[0] == 0
    assert pixels("a.png").shape[1] > 3 * 16
    assert cli("edit", "--seed", "3", "--prompt", "bright", "--strip", "-1,0,1", "-o", "a.gif")[0] == 0
    with Image.open("a.gif") as image:
        light = [np.asarray(frame.convert("RGB")).mean() for frame in ImageSequence.Iterator(image)]
        assert b"Synthetic picture" in image.info["comment"]
    assert light == sorted(light)


def test_a_mapper_is_trained_resumed_and_used(cli):
    code, out, _ = cli(
        "train", "mapper", "--init", "faces", "--set", "prompt=bright", "--steps", "8", "--batch-size", "2"
    )
    assert code == 0
    assert out.startswith("runs/mapper-bright: step 8; held-out faces: cosine with the text")
    code, out, _ = cli(
        "train", "mapper", "--init", "faces", "--resume", "--out", "runs/mapper-bright", "--steps", "10", "--json"
    )
    assert code == 0
    assert json.loads(out.splitlines()[-1])["step"] == 10
    code, out, _ = cli("edit", "--seed", "3", "--mapper", "runs/mapper-bright", "-o", "a.png", "--json")
    assert code == 0
    assert (json.loads(out)["method"], json.loads(out)["prompts"]) == ("mapper", ["bright"])
    code, _, err = cli("edit", "--seed", "3", "--mapper", "runs/mapper-bright", "--model", "more", "-o", "a.png")
    assert code == 2
    assert "more: no mapper for 'bright'; there is none; 1 more are of other models" in err


def test_a_face_of_a_text_alone(cli):
    code, out, _ = cli("generate", "faces", "--prompt", "bright", "--steps", "20", "-o", "a.png")
    assert code == 0
    assert out.startswith("a.png: cosine with the text")
    cli("generate", "faces", "--truncation", "0", "-o", "mean.png")
    with Image.open("a.png") as image:
        assert "Synthetic picture: a face made by the model faces-" in image.text["Comment"]


def test_a_photo_is_edited_within_its_square_and_keeps_every_other_bit(cli, place: Path):
    tiny_faces.model(place / "runs" / "people")
    Image.fromarray(tiny_faces.smooth(60, 80)).save("me.png")
    same = ("edit", "me.png", "--model", "people", "--crop", "10,5,40", "--invert-steps", "3", "--prompt", "bright")
    code, out, err = cli(*same, "-o", "a.png", "--json")
    assert (code, err) == (0, "")
    result = json.loads(out)["results"][0]
    assert result["photo"] == ["the square 10,5,40 was given"]
    assert result["identity_measured_by"] == "discriminator of tiny"
    assert result["figures"]["identity_before"] != result["figures"]["identity_after"]
    photo, edited = pixels("me.png"), pixels("a.png")
    assert photo.shape == edited.shape
    outside = np.ones(photo.shape[:2], bool)
    outside[5:45, 10:50] = False
    assert np.array_equal(photo[outside], edited[outside])
    assert edited[15:35, 20:40].mean() > photo[15:35, 20:40].mean() + 2
    with Image.open("a.png") as image:
        assert image.text["Comment"].startswith("Synthetic picture: a photo edited by the model tiny-")
    # What no edit changed is the photo itself, not the model's picture of it.
    assert cli(*same, "--strength", "0", "-o", "b.png")[0] == 0
    assert np.array_equal(pixels("b.png"), photo)


def test_an_inverted_photo_s_latent_is_edited(cli, place: Path):
    tiny_faces.model(place / "runs" / "people")
    Image.fromarray(tiny_faces.smooth(40, 40)).save("me.png")
    code, _, _ = cli("invert", "me.png", "--model", "people", "--steps", "3", "--tune", "2", "-o", "me.safetensors")
    assert code == 0
    code, out, _ = cli("edit", "me.safetensors", "--model", "people", "--prompt", "bright", "-o", "a.png", "--json")
    assert code == 0
    assert json.loads(out)["results"][0]["edits"] == 1


def test_a_tuned_photo_s_latent_is_saved_with_its_edit_and_edited_on(cli, place: Path):
    tiny_faces.model(place / "runs" / "people")
    Image.fromarray(tiny_faces.smooth(40, 40)).save("me.png")
    people = ("--model", "people", "--prompt", "bright", "--json")
    tuned = ("--invert-steps", "2", "--tune", "2", "--latent", "me.safetensors")
    assert cli("edit", "me.png", *people, *tuned, "-o", "a.png")[0] == 0
    code, out, _ = cli("edit", "me.safetensors", *people, "-o", "b.png")
    assert code == 0
    assert json.loads(out)["results"][0]["edits"] == 2


def test_strengths_and_thresholds_are_numbers():
    assert parse_strengths("-1, 0,2.5") == [-1, 0, 2.5]
    assert parse_strengths(None) == []
    assert parse_disentangle("auto") == "auto"
    assert parse_disentangle("0.25") == 0.25
    for text in ("1", "", "a,b", "1,nan", "1,101", ",".join("1" * 201)):
        with pytest.raises(ConfigError, match="--strip"):
            parse_strengths(text)
    for text in ("x", "-0.1", "1.1", "nan"):
        with pytest.raises(ConfigError, match="--disentangle"):
            parse_disentangle(text)


BRIGHT = ("--seed", "3", "--prompt", "bright")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("edit", "--prompt", "bright", "-o", "x.png"), "name photos, folders or saved latents, or --seed N"),
        (("edit", "a.png", *BRIGHT, "-o", "x.png"), "or --seed N for a face of the model's own; not both"),
        (("edit", "--seed", "3", "-o", "x.png"), "say what to see"),
        (("edit", *BRIGHT, "-o", "x.bmp"), "x.bmp: a synthetic picture is written as .png"),
        (("edit", *BRIGHT, "-o", "x.gif"), "x.gif: a .gif is for --strip"),
        (("edit", "--seed", "0-2", "--prompt", "bright", "-o", "x.png"), "x.png is one file, but there are several"),
        (("edit", "--seed", "0-2", "--prompt", "bright", "-o", "x", "--latent", "f.safetensors"), "there are 3 faces"),
        (("edit", *BRIGHT, "--latent", "f.png", "-o", "x.png"), "name it f.safetensors"),
        (("edit", *BRIGHT, "--method", "magic", "-o", "x.png"), "--method magic: known: direction, optimise, mapper"),
        (("edit", *BRIGHT, "--method", "mapper", "-o", "x.png"), "faces: no mapper for 'bright'"),
        (("edit", *BRIGHT, "--method", "optimise", "--space", "z", "-o", "x.png"), "space is 'z'"),
        (("edit", *BRIGHT, "--strength", "1e9", "-o", "x.png"), "strength is 1e+09"),
        (("edit", *BRIGHT, "--model", "nothing", "-o", "x.png"), "no model 'nothing'"),
        (("edit", *BRIGHT, "--mask", "photo.png", "-o", "x.png"), "is 8 x 6; the mask of a face is a square"),
        (("edit", *BRIGHT, "--mask", "none.png", "-o", "x.png"), "none.png"),
        (("edit", "photo.png", "--prompt", "bright", "-o", "x.png"), "faces: has no way from a photo to a latent"),
        (("edit", "none.safetensors", "--prompt", "bright", "-o", "x.png"), "none.safetensors: no such file"),
        (("edit", *BRIGHT, "--prompt", "plain words", "-o", "x.png"), "mean the same to this CLIP"),
        (("edit", *BRIGHT, "--mapper", "runs/faces", "-o", "x.png"), "runs/faces: no mapper here"),
        (("generate", "faces", "--prompt", "bright", "-o", "x"), "--prompt makes one picture; name a file"),
        (("generate", "faces", "--prompt", "bright", "--seeds", "3", "-o", "x.png"), "leave out --seeds"),
        (("train", "mapper", "--set", "prompt=bright"), "name it with --init MODEL"),
        (("train", "mapper", "--init", "faces"), "a mapper is for one sentence"),
        (("train", "mapper", "--init", "faces", "--data", "d", "--set", "prompt=a"), "leave out --data"),
        (("train", "mapper", "--init", "faces", "--resume"), "--resume needs --out"),
        (("train", "mapper", "--init", "faces", "--resume", "--out", "x"), "no training state here"),
        (("train", "mapper", "--init", "faces", "--set", "prompt=a", "--set", "color=1"), "color: no such setting"),
    ],
)  # fmt: skip
def test_what_can_not_be_done_is_refused_in_one_line_and_nothing_is_written(cli, place: Path, arguments, said):
    Image.new("RGB", (8, 6)).save("photo.png")
    code, _, err = cli(*arguments)
    assert code == 2
    assert said in err
    assert err.count("\n") == 1
    assert {path.name for path in place.iterdir()} == {"runs", "photo.png"}
