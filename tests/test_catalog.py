"""Models are found by name in three places, listed even when broken, and never outside those places."""

import json
from pathlib import Path

import pytest

from translate import catalog
from translate.config import ModelConfig
from translate.errors import CheckpointError, TranslateError
from translate.locking import held


def make(folder: Path, *, config: str | None = None, weights: bool = True) -> Path:
    folder.mkdir(parents=True)
    sound = ModelConfig.model_validate({"name": folder.name, "generator": {"kind": "unet", "filters": 4, "depth": 2}})
    (folder / "config.json").write_text(sound.model_dump_json() if config is None else config)
    if weights:
        (folder / "model.safetensors").write_bytes(b"")
    return folder


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Empty places of this test's own."""
    monkeypatch.setattr(catalog, "_PACKAGE", tmp_path / "checkout" / "translate")
    (tmp_path / "checkout").mkdir()
    (tmp_path / "checkout" / "pyproject.toml").touch()
    monkeypatch.setenv("TRANSLATE_HOME", str(tmp_path / "home"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return {
        "shipped": tmp_path / "checkout" / "checkpoints",
        "run": tmp_path / "here" / "runs",
        "installed": tmp_path / "home" / "models",
    }


def test_an_empty_catalog_is_empty():
    assert (catalog.models(), catalog.broken()) == ([], [])


def test_shipped_models_runs_and_installed_ones_are_listed_in_this_order(places):
    make(places["installed"] / "c")
    make(places["run"] / "b")
    make(places["shipped"] / "z")
    make(places["shipped"] / "a")
    listed = [(entry.name, entry.source, entry.config.name) for entry in catalog.models()]
    assert listed == [("a", "shipped", "a"), ("z", "shipped", "z"), ("b", "run", "b"), ("c", "installed", "c")]


def test_every_listed_name_is_found(places):
    for place in places.values():
        make(place / "same")
        make(place / f"own of {place.name}")
    entries = catalog.models()
    assert len(entries) == len({entry.name for entry in entries}) == 6
    for entry in entries:
        assert catalog.find(entry.name).samefile(entry.folder)
        assert catalog.get(entry.name) == entry


def test_a_name_is_looked_up_before_a_path_of_that_name(places, tmp_path: Path):
    make(places["installed"] / "same")
    make(tmp_path / "here" / "same")
    assert catalog.find("same") == places["installed"] / "same"
    assert catalog.find("./same").samefile(tmp_path / "here" / "same")
    assert catalog.find(Path("same")).samefile(tmp_path / "here" / "same")


def test_a_model_is_found_by_its_folder_or_its_weights_file(tmp_path: Path):
    folder = make(tmp_path / "elsewhere" / "m")
    assert catalog.find(folder) == catalog.find(str(folder)) == catalog.find(folder / "model.safetensors") == folder


def test_a_wrong_name_is_answered_with_the_nearest(places):
    make(places["shipped"] / "street-segmentation")
    make(places["run"] / "facades")
    with pytest.raises(CheckpointError, match=r"'street-segmentaton'; did you mean street-segmentation\?.*models list"):
        catalog.find("street-segmentaton")
    with pytest.raises(CheckpointError, match=r"no model 'qqqq'; `translate models list` shows all"):
        catalog.get("qqqq")


def make_run(folder: Path, *directions: str) -> Path:
    """A training that learnt both ways, as its loop leaves it."""
    for direction in directions:
        make(folder / direction)
        make(folder / direction / "last")
    (folder / "state").mkdir(parents=True)
    (folder / "train.json").touch()
    return folder


def test_each_direction_of_a_run_is_a_model_of_its_own(places):
    run = make_run(places["run"] / "horses", "AtoB", "BtoA")
    make(places["run"] / "streets")
    assert [(e.name, e.source) for e in catalog.models()] == [
        ("horses/AtoB", "run"), ("horses/BtoA", "run"), ("streets", "run"),
    ]  # fmt: skip
    for name in ("AtoB", "BtoA"):
        expected = run / name
        found = [catalog.find(given) for given in (f"horses/{name}", f"runs/horses/{name}", str(expected), expected)]
        assert {folder.absolute() for folder in found} == {expected}
        assert catalog.get(f"horses/{name}").config.name == name
        assert catalog.find(f"runs/horses/{name}/last").absolute() == expected / "last"


@pytest.mark.parametrize("name", ["horses", "runs/horses"])
def test_a_run_of_both_directions_is_no_model_and_says_which_it_holds(places, tmp_path: Path, name):
    make_run(places["run"] / "horses", "AtoB", "BtoA")
    (tmp_path / "here" / "horses").mkdir()  # its data, say
    with pytest.raises(CheckpointError, match=f"^{name} holds two models: {name}/AtoB and {name}/BtoA; name one$"):
        catalog.find(name)
    with pytest.raises(CheckpointError, match="holds two models" if name == "horses" else "no model"):
        catalog.get(name)


def test_a_run_whose_other_direction_was_deleted_names_the_one_it_holds(places):
    make_run(places["run"] / "horses", "AtoB", "BtoA")
    assert catalog.delete("horses/AtoB").absolute() == places["run"] / "horses" / "AtoB"
    assert [entry.name for entry in catalog.models()] == ["horses/BtoA"]
    with pytest.raises(CheckpointError, match="its model is horses/BtoA; name that"):
        catalog.find("horses")


@pytest.mark.parametrize("directions", [("AtoB", "BtoA"), ("BtoA",), ()])
def test_a_whole_run_is_deleted_with_its_state_whatever_models_are_left(places, directions):
    run = make_run(places["run"] / "horses", *directions)
    assert catalog.locate("horses") == (Path("runs/horses"), "run")
    assert catalog.delete("horses").absolute() == run
    assert list(places["run"].iterdir()) == []


def test_a_model_of_the_name_goes_before_the_run_of_that_name(places):
    make_run(places["run"] / "horses", "AtoB", "BtoA")
    make(places["installed"] / "horses")
    assert catalog.find("horses") == places["installed"] / "horses"
    assert catalog.delete("horses") == places["installed"] / "horses"
    assert len(catalog.models()) == 2


def test_a_folder_that_is_no_training_is_not_deleted(places):
    (places["run"] / "notes").mkdir(parents=True)
    with pytest.raises(CheckpointError, match="no model 'notes'"):
        catalog.delete("notes")


def test_a_broken_direction_is_told_by_its_name(places):
    make_run(places["run"] / "horses", "AtoB", "BtoA")
    (places["run"] / "horses" / "BtoA" / "model.safetensors").unlink()
    assert [entry.name for entry in catalog.models()] == ["horses/AtoB"]
    assert [found.name for found in catalog.broken()] == ["horses/BtoA"]


@pytest.mark.parametrize("wrong", ["horse/AtoB", "horses/atob", "horses/AtoC", "runs/hores/BtoA"])
def test_a_direction_nearly_named_is_answered_with_its_name(places, wrong):
    make_run(places["run"] / "horses", "AtoB", "BtoA")
    with pytest.raises(CheckpointError, match=r"did you mean .*horses/(AtoB|BtoA)"):
        catalog.find(wrong)


@pytest.mark.parametrize("name", ["../AtoB", "horses/../AtoB", "horses/AtoB/last", "horses/state", "horses//AtoB"])
def test_a_direction_s_name_leads_nowhere_else(places, name):
    make_run(places["run"] / "horses", "AtoB", "BtoA")
    make(places["run"].parent / "AtoB")
    make(places["run"] / "horses" / "state" / "AtoB")
    with pytest.raises(CheckpointError, match="no model"):
        catalog.get(name)
    with pytest.raises(CheckpointError, match="no model"):
        catalog.delete(name)
    with pytest.raises(CheckpointError, match="no model"):
        catalog.find(name)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/etc", "x" * 5000, "a\0b", "~", "\\\\host\\x", "C:", "-"])
def test_an_odd_name_is_not_found_and_nothing_worse(name):
    with pytest.raises(CheckpointError):
        catalog.find(name)
    with pytest.raises(CheckpointError):
        catalog.get(name)


@pytest.mark.parametrize("name", ["../../outside", "..", "x/../../../outside", ".hidden"])
def test_get_and_delete_follow_no_path(places, tmp_path: Path, name):
    outside = make(tmp_path / "outside")
    make(places["installed"] / ".hidden")
    for given in (name, str(outside)):
        with pytest.raises(CheckpointError, match="no model"):
            catalog.get(given)
        with pytest.raises(CheckpointError, match="no model"):
            catalog.delete(given)
    assert outside.is_dir()


def test_a_folder_that_holds_no_model_is_refused_by_path_and_not_listed(tmp_path: Path, places):
    (places["run"] / "just-started" / "state").mkdir(parents=True)
    assert catalog.scan() == []
    with pytest.raises(CheckpointError, match="no model in this folder"):
        catalog.find(places["run"] / "just-started")


@pytest.mark.parametrize(
    ("config", "weights", "problem"),
    [
        ("{", True, "not a readable JSON file"),
        ("[]", True, "holds a list"),
        ('{"name": "x"}', True, "generator"),
        ("{}", True, "generator"),
        (json.dumps({"format": 99, "name": "x", "generator": {}}), True, "newer than this program"),
        (None, False, "weights .* are missing"),
    ],
)
def test_a_broken_model_is_listed_as_broken_and_the_others_are_not_touched(places, config, weights, problem):
    make(places["run"] / "broken", config=config, weights=weights)
    make(places["run"] / "sound")
    assert [entry.name for entry in catalog.models()] == ["sound"]
    (found,) = catalog.broken()
    assert (found.name, found.source) == ("broken", "run")
    with pytest.raises(CheckpointError, match=problem) as caught:
        catalog.get("broken")
    assert str(caught.value) == found.problem
    assert "\n" not in found.problem


def test_weights_without_a_config_are_broken(places):
    folder = make(places["run"] / "x")
    (folder / "config.json").unlink()
    assert "config.json is missing" in catalog.broken()[0].problem


def test_runs_and_installed_models_are_deleted_with_all_their_files(places):
    for place in ("run", "installed"):
        folder = make(places[place] / "old")
        (folder / "state").mkdir()
        assert catalog.delete("old").absolute() == folder
        assert list(places[place].iterdir()) == []


def test_what_an_interrupted_removal_left_does_not_stand_in_the_way_of_the_next(places):
    folder = make(places["installed"] / "old")
    (folder.with_name(".old.deleted") / "state").mkdir(parents=True)
    catalog.delete("old")
    assert list(places["installed"].iterdir()) == []


def test_a_broken_model_can_be_deleted(places):
    folder = make(places["installed"] / "broken", config="{")
    catalog.delete("broken")
    assert not folder.exists()


def test_a_linked_model_is_unlinked_and_what_it_points_to_stays(places, tmp_path: Path):
    folder = make(tmp_path / "elsewhere" / "m")
    places["installed"].mkdir(parents=True)
    (places["installed"] / "m").symlink_to(folder)
    catalog.delete("m")
    assert not (places["installed"] / "m").exists()
    assert folder.is_dir()


def test_a_shipped_model_is_never_deleted(places):
    folder = make(places["shipped"] / "a")
    with pytest.raises(CheckpointError, match="comes with the program"):
        catalog.delete("a")
    assert folder.is_dir()


@pytest.mark.parametrize("name", ["a", "horse-to-zebra", "v1.2_b", "7"])
def test_a_good_name_is_taken(name):
    assert catalog.valid_name(name) == name


@pytest.mark.parametrize("name", ["", ".", "..", ".a", "a/b", "a\\b", "a b", "ä", "a\n", "-a", "a.", "C:", "x" * 101])
def test_a_name_that_could_be_a_path_or_trouble_is_refused(name):
    with pytest.raises(CheckpointError, match="no name for a model"):
        catalog.valid_name(name)


def test_beside_an_installed_package_no_stranger_s_folder_is_read(places, tmp_path: Path):
    make(places["shipped"] / "stranger")
    (tmp_path / "checkout" / "pyproject.toml").unlink()
    assert catalog.models() == []
    make(tmp_path / "checkout" / "translate" / "_checkpoints" / "ours")
    assert [entry.name for entry in catalog.models()] == ["ours"]


@pytest.mark.parametrize(
    ("platform", "environment", "expected"),
    [
        ("linux", {"XDG_DATA_HOME": "/data"}, "/data/translate-images"),
        ("linux", {"XDG_DATA_HOME": "relative"}, "~/.local/share/translate-images"),
        ("linux", {}, "~/.local/share/translate-images"),
        ("darwin", {}, "~/Library/Application Support/translate-images"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/translate-images"),
        ("linux", {"TRANSLATE_HOME": "~/mine"}, "~/mine"),
    ],
)
def test_installed_models_live_where_the_platform_keeps_a_user_s_data(monkeypatch, platform, environment, expected):
    for name in ("TRANSLATE_HOME", "XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.platform", platform)
    assert catalog.home() == Path(expected).expanduser()


def test_a_model_is_installed_when_its_folder_is_whole(places):
    with catalog.installing("fresh") as folder:
        (folder / "config.json").write_text("{}")
        assert catalog.scan() == []
        assert not (places["installed"] / "fresh").exists()
    assert [path.name for path in (places["installed"] / "fresh").iterdir()] == ["config.json"]
    assert [path.name for path in places["installed"].iterdir()] == ["fresh"]


def test_what_fails_half_way_is_not_installed(places):
    def fail() -> None:
        with catalog.installing("fresh") as folder:
            (folder / "config.json").touch()
            raise CheckpointError("half way")

    with pytest.raises(CheckpointError, match="half way"):
        fail()
    assert list(places["installed"].iterdir()) == []


@pytest.mark.parametrize("source", ["shipped", "run", "installed"])
def test_a_name_that_leads_to_another_model_is_not_installed(places, source):
    make(places[source] / "taken")
    make_run(places["run"] / "both", "AtoB", "BtoA")
    for name in ("taken", "TAKEN", "both"):
        with pytest.raises(CheckpointError, match="is the name of a model already"), catalog.installing(name):
            raise AssertionError("nothing may be written")
    assert (places[source] / "taken" / "config.json").is_file()


def test_a_folder_of_the_user_s_that_is_in_the_way_is_kept(places):
    (places["installed"] / "notes").mkdir(parents=True)
    (places["installed"] / "notes" / "mine.txt").touch()
    with pytest.raises(CheckpointError, match="notes: can't be written"), catalog.installing("notes"):
        pass
    assert [path.name for path in places["installed"].iterdir()] == ["notes"]
    assert (places["installed"] / "notes" / "mine.txt").is_file()


def test_delete_never_leaves_the_user_s_own_folders(places, tmp_path: Path):
    """Links in the way, and a model folder that holds a link to elsewhere."""
    outside = make(tmp_path / "outside")
    model = make(places["installed"] / "linked")
    (model / "more").symlink_to(outside)
    (places["installed"] / "other").symlink_to(outside)
    catalog.delete("linked")
    catalog.delete("other")
    assert list(places["installed"].iterdir()) == []
    assert sorted(path.name for path in outside.iterdir()) == ["config.json", "model.safetensors"]


def test_a_run_that_is_being_trained_is_not_deleted_under_its_training(places):
    run = places["run"] / "mine"
    for direction in ("AtoB", "BtoA"):
        make(run / direction)
    (run / "train.json").write_text("{}")
    with held(run / ".lock", "busy"):
        for name in ("mine", "mine/AtoB"):
            with pytest.raises(TranslateError, match="a training is under way here; stop it first"):
                catalog.delete(name)
    assert (run / "AtoB" / "config.json").is_file()
    catalog.delete("mine")
    assert list(places["run"].iterdir()) == []
