"""A small CLIP on drawn faces: captions against pictures, learning, resuming bit for bit, refusing in one line."""

import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from translate import catalog
from translate.checkpoints import read_tensors
from translate.config.clip import ClipConfig
from translate.data.faces import ATTRIBUTES, CELEBA_CROP, FACTS, Face, facts_of
from translate.errors import CheckpointError, ConfigError, DatasetError
from translate.features.clip import load_clip
from translate.trainers import clip as trainer
from translate.trainers.clip import ClipTrainConfig, train_clip
from translate.trainers.clip_data import Faces, batch, changed, relate, sentence, store
from translate.trainers.clip_judge import embed

TINY = ClipTrainConfig(
    size=32, width=4, layers=(1, 1, 1, 1), dim=16, text_width=16, text_heads=2, text_layers=1, batch_size=12, steps=6,
    lr=3e-3, warmup=0, log_every=1, save_every=3, infer_from=0.5, confident=0.51, ema=0.5, precision="fp32",
)  # fmt: skip
WIDER = {"text_width": 32, "lr": 1e-2, "weight_decay": 0.0, "warmup": 10, "log_every": 60}


@pytest.fixture
def drawn(tmp_path: Path) -> Path:
    """Men are blue, women red; the old light, the young dark."""
    folder, rng = tmp_path / "faces", np.random.default_rng(0)
    folder.mkdir()
    rows = ["file,split,age,sex"]
    for number in range(40):
        male, age = number % 2 == 0, 70 if number % 4 < 2 else 22
        colour = np.array([40, 60, 150] if male else [150, 60, 40]) + (80 if age == 70 else -30)
        noise = rng.normal(0, 12, (40, 40, 3))
        Image.fromarray((colour + noise).clip(0, 255).astype(np.uint8)).save(folder / f"{number}.png")
        rows.append(f"{number}.png,{'val' if number >= 32 else 'train'},{age},{'male' if male else 'female'}")
    (folder / "labels.csv").write_text("\n".join(rows))
    return folder


def signs(*rows: dict[str, int]) -> torch.Tensor:
    return torch.tensor([[row.get(name, 0) for name in FACTS] for row in rows], dtype=torch.int8)


def test_a_caption_fits_contradicts_or_is_open_by_what_is_known():
    facts = signs({"male": 1, "smiling": 1}, {"male": 1, "smiling": -1}, {"male": -1}, {"male": 1})
    captions = signs({}, {"male": 1}, {"male": 1, "smiling": 1}, {"male": 1, "glasses": 1})
    fits, known = relate(facts, captions)
    assert fits.tolist() == [
        [True, True, True, False],
        [True, True, False, False],
        [True, False, False, False],
        [True, True, False, False],
    ]
    assert known.tolist() == [
        [True, True, True, False],
        [True, True, True, False],
        [True, True, True, True],
        [True, True, False, False],
    ]


def test_each_face_s_own_caption_fits_it_and_the_seed_decides_all():
    facts = torch.tensor([facts_of(age, male=age % 2 == 0) for age in range(3, 83, 5)], dtype=torch.int8)
    faces = Faces(torch.randint(0, 256, (len(facts), 3, 36, 36), dtype=torch.uint8), facts)
    a, b, c = (batch(faces, 32, seed) for seed in (4, 4, 5))
    assert a.fits.diagonal().all()
    assert a.pictures.shape == (16, 3, 32, 32)
    assert a.pictures.abs().max() <= 1
    assert a.texts == b.texts
    assert torch.equal(a.pictures, b.pictures)
    assert a.texts != c.texts
    assert not torch.equal(a.pictures, c.pictures)


def test_changes_shift_and_tint_but_leave_the_picture_near_what_it_was():
    pictures = torch.zeros(8, 3, 36, 36)
    pictures[:, 0] = 0.5
    found = changed(pictures, 32, torch.Generator().manual_seed(0))
    assert (found.mean(dim=(2, 3))[:, 0] > found.mean(dim=(2, 3))[:, 1]).all()  # red stays the most
    assert (found - found[:1]).abs().max() > 0.05


def test_templates_get_the_phrase_without_its_article():
    import random

    from translate.data.captions import Caption

    rng, caption = random.Random(0), Caption("an old man", (0,) * len(FACTS))
    texts = {sentence(caption, rng) for _ in range(600)}
    assert "an old man" in texts
    assert "the plushie old man." in texts
    assert not [text for text in texts if "a an " in text or "the an " in text]


def test_celeba_s_pictures_are_cut_to_the_face_and_others_are_not(tmp_path: Path):
    left, top, right, bottom = CELEBA_CROP
    array = np.zeros((218, 178, 3), np.uint8)
    array[top:bottom, left:right] = 255
    Image.fromarray(array).save(tmp_path / "c.png")
    Image.fromarray(np.tile(np.array([255, 0], np.uint8), (20, 10))).save(tmp_path / "u.png")
    faces = store([Face(tmp_path / name, "train", (0,) * len(FACTS)) for name in ("c.png", "u.png")], 16)
    assert (faces.pictures[0] == 255).all()
    assert not (faces.pictures[1] == 255).all()


def test_it_learns_whose_colour_is_whose(drawn: Path, tmp_path: Path):
    config = TINY.replace(steps=120, confident=1.0, save_every=1000, batch_size=24, ema=0.9, **WIDER)
    scores = train_clip(drawn, tmp_path / "out", config, device="cpu")
    assert scores["sex"].faces == 8
    assert scores["sex"].balanced >= 0.9
    clip, held = load_clip(tmp_path / "out"), [face for face in trainer.read_faces(drawn) if face.split == "val"]
    texts = clip.encode_text(["an old man", "an old woman", "a young man", "a young woman"])
    found = (embed(clip, store(held, 32).pictures) @ texts.T).argmax(dim=1)
    assert found.tolist() == [0, 1, 2, 3, 0, 1, 2, 3]
    figures = json.loads((tmp_path / "out" / "clip" / "config.json").read_text())["figures"]
    assert figures["sex"] == round(scores["sex"].balanced, 4)


def test_a_resumed_run_equals_the_uninterrupted_one_bit_for_bit(drawn: Path, tmp_path: Path):
    """It is stopped once before and once after the model has filled in facts by itself, at step 3."""
    train_clip(drawn, tmp_path / "whole", TINY.replace(name="x"), device="cpu")
    stops: Iterator[int] = iter((2, 4))
    for resume in (False, True):
        stop, at = threading.Event(), next(stops)
        train_clip(drawn, tmp_path / "parts", TINY.replace(name="x"), resume=resume, device="cpu", stop=stop,
                   report=lambda step, _, stop=stop, at=at: stop.set() if step == at else None)  # fmt: skip
    train_clip(drawn, tmp_path / "parts", TINY.replace(name="x"), resume=True, device="cpu")
    whole, parts = (read_tensors(tmp_path / name / "clip" / "model.safetensors") for name in ("whole", "parts"))
    assert whole.keys() == parts.keys()
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    for file in ("clip", "clip_optimizer", "facts"):
        whole, parts = (read_tensors(tmp_path / name / "state" / f"{file}.safetensors") for name in ("whole", "parts"))
        assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_what_it_fills_in_is_never_what_a_table_tells(drawn: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    train_clip(drawn, tmp_path / "out", TINY, device="cpu")
    facts = read_tensors(tmp_path / "out" / "state" / "facts.safetensors")["0"]
    told = torch.tensor([face.facts for face in trainer.read_faces(drawn) if face.split == "train"], dtype=torch.int8)
    assert torch.equal(facts[told != 0], told[told != 0])
    assert (facts != told).any()
    assert "faces given an answer" in caplog.text


def test_further_folders_have_their_share_of_every_batch(drawn: Path, tmp_path: Path):
    other = tmp_path / "other"
    other.mkdir()
    columns = ["Male", "Young", "No_Beard", *ATTRIBUTES]
    for number in range(10):
        Image.new("RGB", (20, 20)).save(other / f"{number}.png")
    rows = "\n".join(f"{number}.png,{','.join(['-1'] * len(columns))}" for number in range(10))
    (other / "attr.csv").write_text(f"file,{','.join(columns)}\n{rows}")
    config = TINY.replace(also=(str(other),), also_share=0.25)
    run = trainer.Training(drawn, config, "x", torch.device("cpu"))
    faces = run._drawn()
    assert len(faces.facts) == 12
    assert (faces.pictures.flatten(1).float().std(dim=1) == 0).sum() == 3  # the plain ones


def test_only_words_of_captions_and_templates_are_kept(drawn: Path, tmp_path: Path):
    train_clip(drawn, tmp_path / "out", TINY.replace(steps=1), device="cpu")
    clip = load_clip(tmp_path / "out")
    assert len(clip.vocabulary) < 300
    assert clip.encode_text(["a plushie 64 year old woman with glasses, smiling"]).shape == (1, 16)
    with pytest.raises(ConfigError, match=r"out does not know the word 'surprised'; it knows: old, elderly, "):
        clip.encode_text(["a surprised woman"])


def test_a_folder_with_a_run_and_one_without_are_told_apart(drawn: Path, tmp_path: Path):
    train_clip(drawn, tmp_path / "out", TINY.replace(steps=1), device="cpu")
    with pytest.raises(CheckpointError, match="holds a training already; go on with --resume"):
        train_clip(drawn, tmp_path / "out", TINY, device="cpu")
    with pytest.raises(CheckpointError, match="holds no training"):
        train_clip(drawn, tmp_path / "none", TINY, resume=True, device="cpu")


def test_a_table_that_changed_since_the_start_is_refused(drawn: Path, tmp_path: Path):
    train_clip(drawn, tmp_path / "out", TINY.replace(steps=1), device="cpu")
    lines = (drawn / "labels.csv").read_text().splitlines()
    (drawn / "labels.csv").write_text("\n".join(lines[:-12]))
    with pytest.raises(CheckpointError, match="the tables name other faces than when it was started"):
        train_clip(drawn, tmp_path / "out", TINY.replace(steps=1), resume=True, device="cpu")


def test_one_face_is_too_few(tmp_path: Path):
    Image.new("RGB", (20, 20)).save(tmp_path / "0.png")
    (tmp_path / "labels.csv").write_text("file,age,sex\n0.png,3,male")
    with pytest.raises(DatasetError, match="too few faces"):
        train_clip(tmp_path, tmp_path / "out", TINY, device="cpu")


def test_the_default_towers_are_small_enough_to_ship():
    config = ClipTrainConfig()
    assert config.steps == 4000
    described = ClipConfig.model_validate(
        {"name": "x", "dim": config.dim, "vision": {"size": 64, "layers": config.layers, "width": config.width},
         "text": {"context": 32, "width": config.text_width, "heads": 4, "layers": 2}, "words": ("old",)}
    )  # fmt: skip
    from translate.networks.clip import build_clip

    assert 1e6 < sum(p.numel() for p in build_clip(described).parameters()) < 3e6


def test_a_run_is_no_model_that_translates_and_none_that_is_broken(
    drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    train_clip(drawn, Path("runs") / "words", TINY.replace(steps=1), device="cpu")
    assert not [found for found in catalog.scan() if found.source == "run"]
    assert catalog.locate("words") == (Path("runs") / "words", "run")
