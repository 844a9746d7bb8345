"""`translate apply` from the command line: files, one line of report, exit codes."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from translate.checkpoints import save_model
from translate.config import ClassSpec, DataConfig, GeneratorConfig, ModelConfig
from translate.networks import build_generator


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two runs, `picture` and `street` (labels), and three photos."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    data = DataConfig(size=32, load_size=32, crop=32)
    picture = ModelConfig(name="picture", generator=GeneratorConfig(filters=4, depth=2), data=data)
    classes = (ClassSpec(name="road", color=(9, 9, 9)), ClassSpec(name="sky", color=(0, 0, 200)))
    network = GeneratorConfig(filters=4, depth=2, out_channels=2, head="labels")
    street = ModelConfig(name="street", generator=network, data=data, classes=classes)
    for config in (picture, street):
        save_model(Path("runs") / config.name, build_generator(config.generator), config)
    for name, size in {"a": (32, 32), "b": (64, 64), "c": (40, 20)}.items():
        Path("in").mkdir(exist_ok=True)
        Image.effect_noise(size, 50).convert("RGB").save(f"in/{name}.jpg")
    return tmp_path


def one_line(err: str) -> bool:
    return err.startswith("error: ") and err.count("\n") == 1 and err.endswith("\n")


def test_one_photo_becomes_one_file_of_its_size(cli):
    code, out, err = cli("apply", "picture", "in/c.jpg", "-o", "deep/map.png", "--device", "cpu")
    assert (code, err) == (0, "")
    assert out.startswith("picture: 1 written -> deep/map.png (scale 1.13, cpu, ")
    assert out.count("\n") == 1
    with Image.open("deep/map.png") as image:
        assert (image.size, image.mode) == ((40, 20), "RGB")


def test_a_folder_is_translated_resumed_and_redone(cli):
    Path("in/sub").mkdir()
    Path("in/a.jpg").rename("in/sub/a.jpg")
    code, out, _ = cli("apply", "street", "in", "-o", "out", "--batch-size", "2")
    assert code == 0
    assert out.startswith("street: 3 written -> out (scale 0.5 to 1.13, ")
    files = [path for path in sorted(Path("out").rglob("*")) if path.is_file()]
    assert [path.as_posix() for path in files] == ["out/b.png", "out/c.png", "out/sub/a.png"]
    before = [path.read_bytes() for path in files]
    files[1].unlink()
    code, out, _ = cli("apply", "street", "in", "-o", "out")
    assert code == 0
    assert out.startswith("street: 1 written, 2 skipped (already there; --overwrite redoes them) -> out (scale 1.13,")
    assert [path.read_bytes() for path in files] == before
    assert cli("apply", "street", "in", "-o", "out", "--overwrite")[1].startswith("street: 3 written ->")


def test_a_folder_of_finished_outputs_is_left_alone(cli):
    cli("apply", "street", "in/*.jpg", "-o", "out")
    code, out, _ = cli("apply", "street", "in/*.jpg", "-o", "out")
    assert (code, out.split(" -> ")[0]) == (0, "street: 0 written, 3 skipped (already there; --overwrite redoes them)")


def test_json_tells_what_was_done(cli):
    Path("in/b.jpg").write_text("no picture")
    code, out, err = cli("apply", "street", "in", "-o", "out", "--json", "--scale", "native", "--precision", "fp32")
    report = json.loads(out)
    assert code == 2
    assert (report["model"], report["precision"], report["skipped"]) == ("street", "fp32", [])
    assert [Path(w["output"]).as_posix() for w in report["written"]] == ["out/a.png", "out/c.png"]
    first = report["written"][0]
    assert (first["width"], first["height"], first["scale"]) == (32, 32, 1.0)
    assert sum(first["shares"].values()) == pytest.approx(1)
    assert [Path(f["input"]).name for f in report["failed"]] == ["b.jpg"]
    assert err.endswith("error: 1 of 3 files could not be translated\n")


def test_bad_files_are_named_at_the_end_and_the_rest_is_written(cli):
    Path("in/b.jpg").write_text("no picture")
    Path("in/notes.png").write_bytes(b"")
    code, out, err = cli("apply", "picture", "in", "-o", "out")
    assert code == 2
    assert out.startswith("picture: 2 written, 2 failed -> out (scale ")
    lines = err.splitlines()
    assert [line.split(": ")[:2] for line in lines[:2]] == [["failed", "in/b.jpg"], ["failed", "in/notes.png"]]
    assert lines[2:] == ["error: 2 of 4 files could not be translated"]
    assert sorted(path.name for path in Path("out").iterdir()) == ["a.png", "c.png"]


def test_one_bad_file_alone_is_one_line_and_leaves_nothing(cli):
    Path("bad.png").write_text("no picture")
    code, out, err = cli("apply", "picture", "bad.png", "-o", "out/map.png")
    assert (code, out) == (2, "")
    assert one_line(err)
    assert err.startswith("error: bad.png: ")
    assert not Path("out").exists()


def test_shards_share_a_folder_and_say_how_much_is_theirs(cli):
    code, out, _ = cli("apply", "picture", "in", "-o", "out", "--shard", "1/2", "--device", "cpu")
    assert (code, out.split(" -> ")[0]) == (0, "picture: 2 of 3 files, shard 1/2, 2 written")
    assert sorted(path.name for path in Path("out").iterdir()) == ["a.png", "c.png"]
    report = json.loads(cli("apply", "picture", "in", "-o", "out", "--shard", "2/2", "--json")[1])
    assert (report["shard"], [Path(w["input"]).name for w in report["written"]]) == (
        "1 of 3 files, shard 2/2",
        ["b.jpg"],
    )
    assert cli("apply", "picture", "in", "-o", "out", "--shard", "9/9")[1].startswith(
        "picture: 0 of 3 files, shard 9/9, 0 written -> out"
    )


def test_a_clip_is_translated_and_its_frames_are_counted(cli, tmp_path: Path):
    clips = pytest.importorskip("tests.inference.clips")
    clips.write_clip(tmp_path / "in" / "d.mp4", [np.full((48, 64, 3), 90, np.uint8)] * 4)
    code, out, err = cli("apply", "street", "in", "-o", "out", "--smooth", "0.5", "--device", "cpu")
    assert (code, err) == (0, "")
    assert out.startswith("street: 4 written, 4 frames of clips -> out (scale ")
    report = json.loads(cli("apply", "street", "in/d.mp4", "-o", "e.mp4", "--json")[1])
    assert [(w["frames"], w["width"], w["height"]) for w in report["written"]] == [(4, 64, 48)]
    assert len(clips.pictures(Path("e.mp4"))) == 4


def test_an_overlay_may_be_a_jpeg(cli):
    assert cli("apply", "street", "in/a.jpg", "-o", "o.jpg", "--overlay", "0.5")[0] == 0
    with Image.open("o.jpg") as image:
        assert (image.format, image.size) == ("JPEG", (32, 32))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["apply"], "Missing argument"),
        (["apply", "picture", "in/a.jpg"], "Missing option"),
        (["apply", "picture", "in/a.jpg", "-o", "o", "--frobnicate"], "No such option"),
        (["apply", "picture", "in/a.jpg", "-o", "o", "--batch-size", "0"], "--batch-size"),
        (["apply", "picture", "in/a.jpg", "-o", "o", "--overlay", "2"], "--overlay"),
        (["apply", "picture", "in/a.jpg", "-o", "o", "--scale", "big"], "--scale big: known: auto, native"),
        (["apply", "picture", "in/a.jpg", "-o", "o", "--scale", "-1"], "--scale -1: known: auto, native"),
        (["apply", "picture", "in/a.jpg", "-o", "o", "--scale", "99999"], "choose a smaller scale"),
        (["apply", "picture", "in/a.jpg", "-o", "o", "--device", "abacus"], "device is 'abacus'; known: auto, cpu"),
        (["apply", "picture", "in/a.jpg", "-o", "o", "--precision", "int4"], "precision is 'int4'; known: auto"),
        (["apply", "picture", "in/a.jpg", "-o", "o", "--format", "exe"], "format is 'exe'; known: png"),
        (["apply", "street", "in/a.jpg", "-o", "o", "--format", "jpg"], "can't hold class numbers"),
        (["apply", "picture", "in", "-o", "o", "--shard", "0/2"], "--shard 0/2: the first part is 1/2, the last 2/2"),
        (["apply", "picture", "in", "-o", "o", "--shard", "3/2"], "--shard 3/2: the first part is 1/2, the last 2/2"),
        (["apply", "picture", "in", "-o", "o", "--shard", "1/0"], "--shard 1/0: "),
        (["apply", "picture", "in", "-o", "o", "--shard", "half"], "expected I/N, such as 3/8"),
        (["apply", "picture", "in", "-o", "o", "--shard", "-1/2"], "expected I/N, such as 3/8"),
        (["apply", "picture", "in", "-o", "o", "--smooth", "1.5"], "--smooth"),
        (["apply", "m.onnx", "in", "-o", "o"], "no model 'm.onnx'"),
        (["apply", "picture", "in/none.jpg", "-o", "o"], "in/none.jpg: no such file"),
        (["apply", "picture", "in/a.jpg", "-o", "in/a.jpg"], "inputs are never written over"),
        (["apply", "pictur", "in/a.jpg", "-o", "o"], "did you mean picture? `translate models list` shows all"),
        (["aply"], "No such command"),
        (["--frobnicate"], "No such option"),
    ],
)
def test_a_user_s_mistake_is_one_line_and_exit_code_2(cli, arguments, message):
    code, out, err = cli(*arguments)
    assert (code, out) == (2, "")
    assert one_line(err), err
    assert message in err
    assert not Path("o").exists()


def test_an_interruption_is_exit_code_130(cli, monkeypatch):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("translate.inference.folder.apply", interrupted)
    code, _, err = cli("apply", "picture", "in", "-o", "out")
    assert (code, err) == (130, "interrupted\n")


def test_a_bug_is_no_user_s_mistake(cli, monkeypatch):
    def bug(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("translate.inference.folder.apply", bug)
    with pytest.raises(ZeroDivisionError):
        cli("apply", "picture", "in", "-o", "out")


def test_help_and_version_are_no_mistakes(cli):
    code, out, err = cli("--help")
    assert (code, err) == (0, "")
    for verb in ("apply", "train", "evaluate", "models", "data", "bench", "serve"):
        assert f"  {verb} " in out
    assert cli("apply", "-h")[0] == 0
    assert cli("--version")[1].startswith("translate ")


def test_no_verb_at_all_shows_the_help(cli):
    for group in ([], ["models"], ["data"], ["bench"]):
        code, out, err = cli(*group)
        assert code == 2
        assert "Usage: translate" in out + err
        assert "error" not in err


def test_the_module_is_the_command(repo: Path, place: Path):
    command = [sys.executable, "-m", "translate", "apply", "picture"]
    done = subprocess.run([*command, "in/ü.jpg", "-o", "out"], capture_output=True, text=True, timeout=120, cwd=place)
    assert (done.returncode, done.stdout) == (2, "")
    assert one_line(done.stderr), done.stderr
    done = subprocess.run([*command, "in", "-o", "out"], capture_output=True, text=True, timeout=120, cwd=place)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert len(list((place / "out").iterdir())) == 3
