"""`translate train clip`, `evaluate` and `models pull` of CLIPs: their figures, and each refusal in a line."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SMALL = ["--steps", "2", "--batch-size", "6", "--size", "32", "--device", "cpu"]
SETTINGS = {"width": 4, "layers": "[1,1,1,1]", "dim": 8, "text_width": 16, "text_heads": 2, "text_layers": 1}
SET = [word for key, value in SETTINGS.items() for word in ("--set", f"{key}={value}")]


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    folder, rows = tmp_path / "faces", ["file,split,age,sex"]
    folder.mkdir()
    for number in range(16):
        Image.fromarray(np.full((20, 20, 3), number * 15, np.uint8)).save(folder / f"{number}.png")
        sex, age = ("male", "female")[number % 2], (30, 70, 5)[number % 3]
        rows.append(f"{number}.png,{'val' if number > 9 else 'train'},{age},{sex}")
    (folder / "labels.csv").write_text("\n".join(rows))
    return folder


def test_a_clip_is_trained_resumed_and_scored(cli, faces: Path, tmp_path: Path):
    out = tmp_path / "out"
    code, text, _ = cli("train", "clip", "--data", str(faces), "--out", str(out), *SMALL, *SET)
    assert code == 0
    assert "held-out faces" in text
    code, _, err = cli("train", "clip", "--data", str(tmp_path), "--out", str(out), "--resume", "--device", "cpu")
    assert (code, err) == (2, "error: --data can't change when a run is resumed; leave it out\n")
    again = ("train", "clip", "--data", str(faces), "--out", str(out), "--resume", "--device", "cpu")
    code, text, _ = cli(*again, "--json")
    assert code == 0
    told = json.loads(text.splitlines()[-1])
    assert told["kind"] == "done"
    assert told["figures"]["sex"]["faces"] == 4
    code, text, _ = cli(
        "evaluate", str(out), "--data", str(faces), "--device", "cpu", "--json", str(tmp_path / "o.json")
    )
    assert code == 0
    figures = json.loads((tmp_path / "o.json").read_text())[str(out)]
    assert figures == told["figures"]
    assert f"{out}: zero-shot on {faces}, val" in text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--init", "faces"], "--init means nothing to the preset clip"),
        (["--dry-run"], "--dry-run means nothing to the preset clip"),
        (["--set", "widht=4"], "widht: no such setting"),
        (["--set", "layers=[1,2]"], "layers"),
        (["--resume"], "holds no training to resume"),
        ([], "--data FOLDER with labels.csv or attr.csv"),
        (["--data", "."], "neither labels.csv nor attr.csv"),
    ],
)
def test_what_means_nothing_is_refused(cli, tmp_path: Path, monkeypatch, options: list[str], said: str):
    monkeypatch.chdir(tmp_path)
    code, _, err = cli("train", "clip", "--out", str(tmp_path / "out"), *options)
    assert code == 2
    assert said in err
    assert err.count("\n") == 1


def test_a_clip_is_scored_on_faces_and_beside_no_other_kind(cli, tmp_path: Path):
    assert "--data FOLDER with labels.csv" in cli("evaluate", "openai/ViT-B-32")[2]
    code, _, err = cli("evaluate", "openai/ViT-B-32", "horse-to-zebra", "--data", str(tmp_path))
    assert (code, "horse-to-zebra is no CLIP" in err) == (2, True)


@pytest.mark.parametrize(
    "option",
    ["--report=out", "--a=a", "--b=b", "--unpaired", "--at=own", "--direction=BtoA", "--batch-size=2",
     "--precision=fp32", "--features=shipped", "--confusion"],
)  # fmt: skip
def test_what_a_clip_s_evaluation_would_not_hear_is_refused(cli, tmp_path: Path, option: str):
    name = option.partition("=")[0].replace("unpaired", "paired")
    code, _, err = cli("evaluate", "openai/ViT-B-32", "--data", str(tmp_path), option)
    said = f"error: {name} means nothing to openai/ViT-B-32, a CLIP: it answers about labelled faces\n"
    assert (code, err) == (2, said)


def test_one_that_is_not_pulled_says_how(cli, faces: Path):
    code, _, err = cli("evaluate", "openai/ViT-B-32", "--data", str(faces))
    assert code == 2
    assert "`translate models pull clip-openai-vit-b-32`" in err


def test_pull_lists_clips_and_refuses_what_is_none(cli):
    assert "clip-laion2b-vit-b-32" in cli("models", "pull")[1]
    assert "known: clip-openai-vit-b-32, clip-laion2b-vit-b-32" in cli("models", "pull", "clip-vit-l")[2]
    assert "goes without --name" in cli("models", "pull", "clip-openai-vit-b-32", "--name", "x")[2]
