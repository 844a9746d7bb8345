"""A list of pictures is read by its columns, and every line that can't be used is named by its number."""

from collections.abc import Callable
from pathlib import Path

import pytest

from translate.config import DataConfig
from translate.data.domains import recognise_domains
from translate.data.picture_list import read_list
from translate.errors import DatasetError

List = Callable[..., Path]


@pytest.fixture
def listed(tmp_path: Path) -> List:
    """Eight empty pictures in four folders, and a list of the given lines beside them."""
    for folder in ("horse/brown", "horse/white", "zebra", "with, comma"):
        (tmp_path / folder).mkdir(parents=True)
        for i in range(2):
            (tmp_path / folder / f"{i}.PNG").touch()

    def write(*lines: str, encoding: str = "utf-8", end: str = "\n") -> Path:
        path = tmp_path / "list.csv"
        path.write_bytes(end.join([*lines, ""]).encode(encoding))
        return path

    return write


@pytest.mark.parametrize(("encoding", "end"), [("utf-8", "\n"), ("utf-8-sig", "\r\n")])
def test_paths_domains_and_splits_are_read(listed: List, tmp_path: Path, encoding: str, end: str) -> None:
    file = listed(
        "Domain, split, path",
        "a,train,horse/brown/0.PNG",
        " A , Training , horse/white/0.PNG ",
        "",
        f"b,train,{tmp_path / 'zebra/0.PNG'}",
        "B,valid,zebra/1.PNG",
        'a,val,"with, comma/0.PNG"',
        "b,test,./zebra/../horse/brown/1.PNG",
        encoding=encoding,
        end=end,
    )
    entries, problems = read_list(file)
    assert problems == []
    assert [(e.domain, e.split, e.name) for e in entries] == [
        ("a", "train", "horse/brown/0"),
        ("a", "train", "horse/white/0"),
        ("b", "train", "zebra/0"),
        ("b", "val", "zebra/1"),
        ("a", "val", "with, comma/0"),
        ("b", "test", "horse/brown/1"),
    ]
    assert all(entry.path.is_file() for entry in entries)


def test_a_list_without_splits_is_all_for_training_and_a_part_is_held_out(listed: List) -> None:
    lines = [f"{folder}/{i}.PNG,{domain}" for folder, domain in (("horse/brown", "a"), ("zebra", "b")) for i in (0, 1)]
    layout = recognise_domains(listed("path,domain", *lines), config=DataConfig())
    assert (layout.kind, layout.counts) == ("a list of pictures", {"train": "1 + 1", "val": "1 + 1"})
    assert layout.held_out is not None
    assert [name.rpartition("/")[0] for name in layout.held_out.names] == ["a/horse/brown", "b/zebra"]


def test_a_picture_outside_the_lists_folder_is_named_by_the_way_to_it(listed: List, tmp_path: Path) -> None:
    (tmp_path / "lists").mkdir()
    file = listed("path,domain", "../zebra/0.PNG,a").rename(tmp_path / "lists/list.csv")
    entries, _ = read_list(file)
    assert [entry.name for entry in entries] == ["../zebra/0"]


def test_every_unusable_line_is_named_with_its_number(listed: List, tmp_path: Path) -> None:
    (tmp_path / "zebra/0.jpg").touch()
    (tmp_path / "notes.txt").touch()
    file = listed(
        "path,domain,split",
        "zebra/0.PNG,b,train",
        "zebra/1.PNG,c,train",
        "zebra/1.PNG,b,dev",
        "",
        "gone.png,b,train",
        "zebra/0.PNG,b,val",
        "zebra/0.jpg,b,train",
        "zebra,b,train",
        "notes.txt,a,train",
        "zebra/1.PNG,b",
        "zebra/1.PNG,b,",
        "horse/white/0.PNG,a,train",
    )
    layout = recognise_domains(file, config=DataConfig())
    assert layout.counts == {"train": "1 + 1"}
    assert [str(problem).removeprefix(f"{file}: ") for problem in layout.problems] == [
        "line 3: domain is 'c'; it is a or b",
        "line 4: split is 'dev'; it is train, val or test",
        f"line 6: 'gone.png' does not exist; paths start in {tmp_path}",
        "line 7: zebra/0.PNG has the name of line 2 without its suffix; keep one of them",
        "line 8: zebra/0.jpg has the name of line 2 without its suffix; keep one of them",
        "line 9: 'zebra' is no picture by its name",
        "line 10: 'notes.txt' is no picture by its name",
        "line 11: has not as many cells as there are columns; quote a path that holds a comma",
        "line 12: split is ''; it is train, val or test",
    ]


@pytest.mark.parametrize(
    "header", ["", "zebra/0.PNG,b", "path;domain", "path,domain,split,class", "path,domain,domain", "path,split"]
)
def test_other_columns_are_refused(listed: List, header: str) -> None:
    with pytest.raises(
        DatasetError, match=r"list\.csv: line 1: the columns are .*; expected path,domain, or path,domain,split"
    ):
        read_list(listed(header, "zebra/0.PNG,b"))


def test_a_list_in_another_encoding_or_with_an_open_quote_is_refused(listed: List) -> None:
    with pytest.raises(DatasetError, match="is no UTF-8 text"):
        read_list(listed("path,domain", "zürich.png,a", encoding="latin-1"))
    with pytest.raises(DatasetError, match="line 3: no CSV"):
        read_list(listed("path,domain", 'zebra/0.PNG,"b', "zebra/1.PNG,b"))


def test_a_list_of_one_domain_says_what_is_wrong_with_the_other(listed: List) -> None:
    file = listed("path,domain", "zebra/0.PNG,b", "gone.png,a")
    with pytest.raises(DatasetError, match=r"train has 0 pictures of A and 1 of B.*line 3: 'gone\.png' does not exist"):
        recognise_domains(file, config=DataConfig())
