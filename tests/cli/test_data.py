"""`translate data` describes a sound folder, names every bad file of another, and exits with 2 for it."""

import functools
import io
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from tests.loopback import Site, serving
from tests.reliability.hostile_archives import zipped
from translate.cli.data import app
from translate.data import catalog
from translate.download import fetch
from translate.errors import ConfigError, DatasetError

RUNNER = CliRunner()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five pairs of pictures and index maps in two classes."""
    source = np.random.default_rng(0)
    for i in range(5):
        for side, array in (
            ("images", source.integers(0, 256, (24, 32, 3), np.uint8)),
            ("labels", np.array([[0, 0, 0, 1]], np.uint8).repeat(24, axis=0).repeat(8, axis=1)),
        ):
            (tmp_path / side).mkdir(exist_ok=True)
            Image.fromarray(array).save(tmp_path / side / f"{i}.png")
    classes = [{"index": i, "name": name, "color": [i, i, i]} for i, name in enumerate(("ground", "roof"))]
    (tmp_path / "classes.json").write_text(json.dumps({"classes": classes}))
    return tmp_path


def test_a_sound_folder_is_described(folder: Path) -> None:
    result = RUNNER.invoke(app, ["check", str(folder)])
    assert result.exit_code == 0
    for part in ("images/ labels/; 4 train, 1 val pairs; targets are labels", "32x24 (5)", "ground 75.0%, roof 25.0%"):
        assert part in result.stdout
    assert not result.stderr


def test_every_bad_file_is_named_on_stderr(folder: Path) -> None:
    (folder / "images/1.png").write_bytes(b"")
    (folder / "labels/2.png").unlink()
    result = RUNNER.invoke(app, ["check", str(folder)])
    assert result.exit_code == 2
    lines = result.stderr.splitlines()
    assert [line.split(": ")[0] for line in lines[:2]] == [str(folder / "images/1.png"), str(folder / "images/2.png")]
    assert lines[2].startswith("2 files can't be used")


def test_json_holds_the_layout_and_the_problems(folder: Path) -> None:
    (folder / "labels/2.png").unlink()
    result = RUNNER.invoke(app, ["check", str(folder), "--json", "--direction", "BtoA"])
    record = json.loads(result.stdout)
    assert result.exit_code == 2
    assert record["pairs"] == {"train": 3, "val": 1}
    assert record["target"] == "image"
    assert [item["name"] for item in record["classes"]] == ["ground", "roof"]
    assert [Path(problem["path"]).name for problem in record["problems"]] == ["2.png"]


def test_two_folders_can_be_given(folder: Path) -> None:
    result = RUNNER.invoke(app, ["check", "--a", str(folder / "images"), "--b", str(folder / "labels")])
    assert result.exit_code == 0
    assert "two folders, images/ and labels/" in result.stdout


def test_list_names_every_layout() -> None:
    shown = RUNNER.invoke(app, ["list"])
    record = json.loads(RUNNER.invoke(app, ["list", "--json"]).stdout)["layouts"]
    assert shown.exit_code == 0
    assert all(name in shown.stdout for name in record)
    assert {"A|B pictures", "trainA/ trainB/", "images/ labels/"} <= record.keys()


@pytest.fixture
def domains(tmp_path: Path) -> Path:
    """Six pictures of horses and four of zebras."""
    source = np.random.default_rng(0)
    for name, count, size in (("horse", 6, (24, 32, 3)), ("zebra", 4, (20, 20, 3))):
        for i in range(count):
            path = tmp_path / "animals" / name / f"{name}{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(source.integers(0, 256, size, np.uint8)).save(path)
    return tmp_path / "animals"


def test_two_sound_domains_are_described(domains: Path) -> None:
    result = RUNNER.invoke(app, ["check", str(domains), "--unpaired"])
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        f"{domains}: horse/ zebra/; 5 + 3 train, 1 + 1 val pictures of A + B",
        "  A is horse/ and B is zebra/, by the order of their names",
        "  1 of 6 pictures of A and 1 of 4 of B are held out for validation (no val split; chosen by seed 0)",
        "  sizes of A: 32x24 (6)",
        "  sizes of B: 20x20 (4)",
        "every file can be used",
    ]
    assert not result.stderr


def test_every_bad_picture_of_two_domains_is_named_and_json_holds_the_counts(domains: Path) -> None:
    bad = domains / "zebra/zebra1.png"
    bad.write_bytes(b"")
    result = RUNNER.invoke(app, ["check", str(domains), "--unpaired", "--direction", "BtoA"])
    assert result.exit_code == 2
    assert [line.split(": ")[0] for line in result.stderr.splitlines()] == [
        str(bad),
        "1 files can't be used; mend or remove them",
    ]
    result = RUNNER.invoke(app, ["check", str(domains), "--unpaired", "--json", "--direction", "BtoA"])
    record = json.loads(result.stdout)
    assert (result.exit_code, result.stderr) == (2, "")
    assert (record["layout"], record["pictures"]) == (
        "horse/ zebra/",
        {"train": {"a": 3, "b": 5}, "val": {"a": 1, "b": 1}},
    )
    assert record["sizes"] == {
        "a": [{"width": 20, "height": 20, "pictures": 3}],
        "b": [{"width": 32, "height": 24, "pictures": 6}],
    }
    assert [name[:2] for name in record["held_out"]] == ["a/", "b/"]
    assert [problem["path"] for problem in record["problems"]] == [str(bad)]


def test_two_folders_or_a_list_can_be_given_as_domains(domains: Path) -> None:
    given = ["--a", str(domains / "zebra"), "--b", str(domains / "horse")]
    assert "3 + 5 train, 1 + 1 val" in RUNNER.invoke(app, ["check", *given, "--unpaired"]).stdout
    lines = [f"{path.relative_to(domains)},{'ab'[path.parent.name == 'zebra']}" for path in domains.rglob("*.png")]
    (domains / "list.csv").write_text("\n".join(["path,domain", *lines, "gone.png,a"]))
    result = RUNNER.invoke(app, ["check", str(domains / "list.csv"), "--unpaired"])
    assert result.exit_code == 2
    assert "5 + 3 train, 1 + 1 val" in result.stdout
    assert "list.csv: line 12: 'gone.png' does not exist" in result.stderr


def test_a_check_for_pairs_knows_two_domains_when_it_sees_them(domains: Path, folder: Path) -> None:
    result = RUNNER.invoke(app, ["check", "--a", str(domains / "zebra"), "--b", str(domains / "horse")])
    assert isinstance(result.exception, DatasetError)
    assert str(result.exception).endswith("it looks unpaired (two folders, zebra/ and horse/): add --unpaired")
    (folder / "classes.json").write_text("broken")
    result = RUNNER.invoke(app, ["check", str(folder)])
    assert isinstance(result.exception, DatasetError)
    assert "unpaired" not in str(result.exception)


def test_domains_have_no_targets(domains: Path) -> None:
    result = RUNNER.invoke(app, ["check", str(domains), "--unpaired", "--target", "labels"])
    assert isinstance(result.exception, ConfigError)
    assert "only pairs have targets" in str(result.exception)


def test_list_names_the_layouts_of_domains_too() -> None:
    assert "translate data list --unpaired" in RUNNER.invoke(app, ["list"]).stdout
    shown = RUNNER.invoke(app, ["list", "--unpaired"]).stdout
    record = json.loads(RUNNER.invoke(app, ["list", "--unpaired", "--json"]).stdout)["layouts"]
    assert all(name in shown for name in record)
    assert {"trainA/ trainB/", "list.csv", "horse/ zebra/"} <= record.keys()


def test_list_names_the_public_sets_their_terms_and_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "facades").mkdir()
    shown = RUNNER.invoke(app, ["list", "--out", str(tmp_path)]).stdout
    assert f"29 MiB; research (CMP Facades, Tyleček & Šára 2013); there: {tmp_path}/facades" in shown
    assert "not given away; register at https://www.cityscapes-dataset.com" in shown
    sets = json.loads(RUNNER.invoke(app, ["list", "--json", "--out", str(tmp_path)]).stdout)["sets"]
    assert {one["name"]: one["folder"] for one in sets if one["folder"]} == {"facades": str(tmp_path / "facades")}
    unpaired = RUNNER.invoke(app, ["list", "--unpaired"]).stdout
    assert "horse2zebra" in unpaired
    assert "edges2shoes" not in unpaired


def test_all_public_sets_are_listed_each_with_what_it_is() -> None:
    shown = RUNNER.invoke(app, ["list"]).stdout
    said = [line.split()[:2] for line in shown.partition("public sets")[2].splitlines()[1:-1]]
    assert said == [[one.name, f"{one.kind}:"] for one in catalog.SETS]
    assert [kind for _, kind in said] == ["pairs:"] * 6 + ["domains:"] * 10
    assert len(json.loads(RUNNER.invoke(app, ["list", "--json"]).stdout)["sets"]) == 16


def test_a_pulled_set_is_checked_by_the_command_it_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.arange(16 * 32 * 3, dtype=np.uint8).reshape(16, 32, 3)).save(buffer, "PNG")
    names = [f"facades/{split}/{i}.png" for split in ("train", "val") for i in range(2)]
    monkeypatch.chdir(tmp_path)
    with serving(Site(zipped([(name, buffer.getvalue()) for name in names]))) as site:
        monkeypatch.setattr(catalog, "HOST", site.url.rpartition("/set/")[0])
        monkeypatch.setattr(fetch, "fetch", functools.partial(fetch.fetch, loopback=True, pause=0))
        result = RUNNER.invoke(app, ["pull", "facades"])
    assert result.exit_code == 0
    assert "terms: research (CMP Facades" in result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].startswith("datasets/facades: 4 files, ")
    assert lines[1].startswith("  unverified: no SHA-256 is published")
    assert lines[2] == "  look at it: translate data check datasets/facades"
    assert RUNNER.invoke(app, ["check", "datasets/facades"]).exit_code == 0


def test_stripes_are_drawn_on_what_the_model_finds_and_does_not_hold_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.data.test_stripes import meadow
    from translate.inference.translator import Translator

    photo, body = meadow()
    for name in ("seen", "kept-apart"):
        (tmp_path / "horses").mkdir(exist_ok=True)
        Image.fromarray(photo).save(tmp_path / "horses" / f"{name}.png")

    class Zebras:
        """Paints what it takes for a horse white."""

        config = SimpleNamespace(held_out=SimpleNamespace(names=("a/kept-apart", "b/seen")))

        def __call__(self, picture: np.ndarray, *, scale: float) -> np.ndarray:
            return np.where(body[..., None], 255, picture)

    monkeypatch.setattr(Translator, "load", lambda *_: Zebras())
    out = tmp_path / "pairs"
    result = RUNNER.invoke(app, ["stripes", str(tmp_path / "horses"), str(out), "--variants", "2"])
    assert result.exit_code == 0, result.output
    assert f"{out}: 2 pairs from 1 of 1 photos" in result.output
    assert sorted(path.name for path in (out / "a").iterdir()) == ["seen-0.png", "seen-1.png"]
    for number in range(2):
        with Image.open(out / "b" / f"seen-{number}.png") as before, Image.open(out / "a" / f"seen-{number}.png") as a:
            np.testing.assert_array_equal(np.asarray(before), photo)
            assert (np.asarray(a) != photo).any(axis=2)[body].mean() > 0.9
    again = RUNNER.invoke(app, ["stripes", str(tmp_path / "horses"), str(out)])
    assert isinstance(again.exception, DatasetError)
    assert "is not empty" in str(again.exception)
