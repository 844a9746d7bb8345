"""Which pictures are taken, and where each translation goes."""

from pathlib import Path

import pytest

from translate.errors import ConfigError
from translate.inference.files import Job, plan, shard


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def touch(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(b"")


def planned(inputs: list[str], out: str = "out", **options: str) -> dict[str, str]:
    return {job.source.as_posix(): job.target.as_posix() for job in plan(inputs, out, **options)}


def test_a_picture_and_a_folder_keep_the_name():
    touch("in/My Photo.JPG")
    assert planned(["in/My Photo.JPG"]) == {"in/My Photo.JPG": "out/My Photo.png"}
    assert planned(["in/My Photo.JPG"], format="webp") == {"in/My Photo.JPG": "out/My Photo.webp"}


def test_a_picture_and_a_file_give_that_file():
    touch("a.jpg")
    assert planned(["a.jpg"], "deep/er/b.webp") == {"a.jpg": "deep/er/b.webp"}
    assert planned(["a.jpg"], "b.JPEG", format="jpg") == {"a.jpg": "b.JPEG"}


def test_a_folder_is_taken_with_all_below_it_in_order():
    touch("in/b.png", "in/sub/Ünï cödé.tiff", "in/a.GIF", "in/notes.txt", "in/.hidden.png", "in/.git/x.png")
    assert planned(["in"]) == {
        "in/a.GIF": "out/a.png",
        "in/b.png": "out/b.png",
        "in/sub/Ünï cödé.tiff": "out/sub/Ünï cödé.png",
    }
    assert list(planned(["in"])) == ["in/a.GIF", "in/b.png", "in/sub/Ünï cödé.tiff"]


def test_a_glob_keeps_the_folders_below_its_fixed_part():
    touch("in/x/a.jpg", "in/x/y/b.jpg", "in/x/c.png", "in/x/n.txt")
    assert planned(["in/**/*.jpg"]) == {"in/x/a.jpg": "out/x/a.png", "in/x/y/b.jpg": "out/x/y/b.png"}
    assert planned(["in/x/*"]) == {"in/x/a.jpg": "out/a.png", "in/x/c.png": "out/c.png"}


def test_a_file_whose_name_looks_like_a_glob_is_that_file():
    touch("photo[1].jpg", "photo1.jpg")
    assert planned(["photo[1].jpg"]) == {"photo[1].jpg": "out/photo[1].png"}


def test_a_glob_that_climbs_does_not_lead_out_of_the_output():
    touch("in/x/a.jpg", "b.jpg")
    assert planned(["in/*/../../*.jpg"]) == {"in/x/../../b.jpg": "out/b.png"}


def test_names_that_differ_in_the_suffix_alone_both_survive():
    touch("in/a.jpg", "in/a.png", "in/b.jpg")
    assert planned(["in"]) == {"in/a.jpg": "out/a_jpg.png", "in/a.png": "out/a_png.png", "in/b.jpg": "out/b.png"}


def test_names_that_differ_in_case_alone_both_survive():
    touch("in/a.jpg", "in/A.png")
    assert planned(["in"]) == {"in/A.png": "out/A_png.png", "in/a.jpg": "out/a_jpg.png"}


def test_equal_names_of_different_folders_both_survive():
    touch("x/a.jpg", "y/a.jpg")
    assert planned(["x/a.jpg", "y/a.jpg"]) == {"x/a.jpg": "out/x/a.png", "y/a.jpg": "out/y/a.png"}
    assert planned(["x", "y"]) == {"x/a.jpg": "out/x/a.png", "y/a.jpg": "out/y/a.png"}


def test_no_two_outputs_are_ever_one_file():
    touch("p/x/a.jpg", "q/x/a.jpg", "p/x/a.png", "q/x/a.png", "a_jpg.jpg", "a.jpg", "a_jpg.png")
    found = planned(["p/x", "q/x", "a_jpg.jpg", "a.jpg", "a_jpg.png"])
    assert len(found) == 7
    assert len({target.casefold() for target in found.values()}) == 7


def test_a_picture_named_twice_is_translated_once():
    touch("in/a.jpg")
    assert planned(["in", "in/a.jpg", "./in/../in"]) == {"in/a.jpg": "out/a.png"}


def test_outputs_inside_the_input_folder_are_no_inputs_of_the_next_run():
    touch("in/a.jpg", "in/out/a.png")
    assert planned(["in"], "in/out") == {"in/a.jpg": "in/out/a.png"}


@pytest.mark.parametrize(
    ("inputs", "out", "message"),
    [
        (["none.jpg"], "out", "none.jpg: no such file or folder"),
        (["in", "none"], "out", "none: no such file or folder"),
        (["none/*.jpg"], "out", r"none/\*.jpg: matches no picture"),
        (["empty"], "out", "empty: holds no picture"),
        (["in"], "in", "in: is the input folder"),
        (["in"], "map.png", "map.png is one file, but the inputs may be several"),
        (["in/a.jpg", "in/b.jpg"], "map.png", "map.png is one file"),
        (["in/a.jpg"], "in/a.jpg", "in/a.jpg: is an input, and inputs are never written over"),
        (["in/c.png", "in/a.jpg"], "in", "in/c.png: is an input"),
        (["in/a.jpg"], "link.jpg", "link.jpg: is an input"),
        (["in/a.jpg"], "notes", "notes: is a file; outputs need a folder"),
    ],
)
def test_what_can_t_be_meant_is_refused_before_anything_is_done(inputs, out, message):
    touch("in/a.jpg", "in/b.jpg", "in/c.png", "empty/notes.txt", "notes")
    Path("link.jpg").symlink_to("in/a.jpg")
    with pytest.raises(ConfigError, match=message):
        plan(inputs, out)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"out": "b.png", "format": "webp"}, "asks for png, --format for webp"), ({"format": "exe"}, "known: png, jpg")],
)
def test_a_format_that_can_t_be_is_refused(options, message):
    touch("a.jpg")
    with pytest.raises(ConfigError, match=message):
        planned(["a.jpg"], **options)


def test_clips_go_to_a_container_that_holds_their_sound():
    touch("in/a.mp4", "in/b.MOV", "in/c.avi", "in/d.jpg", "in/e.webm")
    assert planned(["in"], format="webp") == {
        "in/a.mp4": "out/a.mp4",
        "in/b.MOV": "out/b.mov",
        "in/c.avi": "out/c.mkv",
        "in/d.jpg": "out/d.webp",
        "in/e.webm": "out/e.webm",
    }
    assert planned(["in/c.avi"], "film.mp4") == {"in/c.avi": "film.mp4"}


@pytest.mark.parametrize(
    ("source", "out", "message"),
    [
        ("a.mp4", "o.png", "a.mp4 is a clip; write .m4v .mkv .mov .mp4 .webm"),
        ("a.mp4", "o.avi", "a.mp4 is a clip; write .m4v .mkv .mov .mp4 .webm"),
        ("a.jpg", "o.mp4", "a.jpg is a picture; write .jpg .png .tif .webp"),
    ],
)
def test_a_picture_becomes_no_clip_and_a_clip_no_picture(source: str, out: str, message: str):
    touch(source)
    with pytest.raises(ConfigError) as error:
        plan([source], out)
    assert str(error.value) == f"{out}: {message}"


@pytest.mark.parametrize("count", [1, 2, 3, 7, 40])
def test_every_file_is_in_exactly_one_shard_and_they_are_even(count: int):
    jobs = [Job(Path(f"in/{number:02}.jpg"), Path(f"out/{number:02}.png")) for number in range(30)]
    parts = [shard(jobs[::-1], number, count) for number in range(1, count + 1)]
    assert sorted(job.source.name for part in parts for job in part) == [job.source.name for job in jobs]
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_a_shard_does_not_depend_on_the_order_of_the_inputs():
    touch("in/a.jpg", "in/b.jpg", "in/c.jpg", "in/d.jpg", "in/e.jpg")
    names = ["in/d.jpg", "in/a.jpg", "in/c.jpg", "in/e.jpg", "in/b.jpg"]
    for given in (names, sorted(names), ["in"]):
        assert [job.source.name for job in shard(plan(given, "out"), 2, 2)] == ["b.jpg", "d.jpg"]
