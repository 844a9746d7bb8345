"""The Models tab without a browser: the list, the card, what is told of a check, what is taken from a file."""

import functools
import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.loopback import Site, serving
from tests.ui.tiny_page import save_tiny
from translate import catalog
from translate.download import fetch
from translate.errors import CheckpointError, ConfigError, TranslateError
from translate.interop import published
from translate.stopping import Cancelled
from translate.ui import models_card, models_import, models_pull, models_tab
from translate.ui.controls import asking
from translate.ui.models_api import listing
from translate.ui.status import Stage

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "parity"
UNET, RESNET = FIXTURES / "unet_256_ngf4.pth", FIXTURES / "resnet_9blocks_ngf8_oldstyle.pth"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of this test's own: one sound model, one broken."""
    monkeypatch.setenv("TRANSLATE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(catalog, "_PACKAGE", tmp_path / "site" / "translate")
    save_tiny(tmp_path / "home/models/map", "labels", title="A <map>", licence="CC0 <1>", metrics={"mean_iou": 0.5})
    save_tiny(tmp_path / "home/models/torn", "labels")
    (tmp_path / "home/models/torn/config.json").write_text("{")
    return tmp_path / "home"


def test_a_line_says_title_name_source_kind_and_size(home: Path) -> None:
    lines = [models_card.line(found) for found in catalog.scan()]
    size = (home / "models/map/model.safetensors").stat().st_size
    assert lines[0] == f"A <map> · map · installed · 3 classes · {size / 1e3:.1f} kB"
    assert lines[1].startswith("torn · installed · ⚠ can't be used · ")


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("", ["a", "b"]),
        ("MAP", ["a"]),
        ("installed", ["a", "b"]),
        ("installed map", ["a"]),
        ("map horse", []),
        (None, ["a", "b"]),
    ],
)
def test_a_search_finds_lines_with_all_its_words(search: str, found: list[str]) -> None:
    lines = [("A map · installed", "a"), ("Horses · installed", "b")]
    assert [name for _, name in models_card.matching(lines, search)] == found


def test_a_card_tells_facts_figures_licence_and_its_own_text_all_escaped(home: Path) -> None:
    (home / "models/map/README.md").write_text("# map\n\nMade for <b>tests</b>.")
    card = models_card.card("map")
    for words in (
        "A &lt;map&gt;",
        "CC0 &lt;1&gt;",
        "0.500",
        "mean IoU",
        "Made for &lt;b&gt;tests&lt;/b&gt;.",
        "unet, 4 filters",
    ):
        assert words in card
    assert str(home / "models/map") in card


def test_a_broken_model_s_card_says_why() -> None:
    assert "not a readable JSON file" in models_card.card("torn")
    with pytest.raises(TranslateError, match="is here any more"):
        models_card.card("../map")


def test_the_parts_of_a_model_are_counted_apart(home: Path) -> None:
    shutil.copytree(home / "models/map", home / "models/map/encoder")
    whole = (home / "models/map/model.safetensors").stat().st_size
    assert models_card.sizes(home / "models/map") == {"": whole, "encoder": whole}


def test_a_check_tells_the_sha_256_of_a_sound_model_and_what_is_wrong_with_another(home: Path) -> None:
    from translate.checkpoints import sha256

    said = models_tab.verified("map", home / "models/map")
    assert "map is sound" in said
    assert sha256(home / "models/map/model.safetensors") in said
    assert "recorded" not in said
    models_import.import_model(RESNET, "horses", "", "", "tracked")
    assert "the same as recorded when it came here" in models_tab.verified("horses", home / "models/horses")
    config = home / "models/horses/config.json"
    config.write_text(config.read_text().replace('"title": ""', '"title": "x"'))
    assert "its SHA-256 is not the one recorded" in models_tab.verified("horses", home / "models/horses")
    assert "can&#x27;t be used" in models_tab.verified("torn", home / "models/torn")


def test_a_file_is_imported_under_a_name_and_says_what_it_is() -> None:
    said = models_import.import_model(UNET, "shoes", "Shoes", "theirs", "picture")
    assert said.startswith("shoes is here: unet, 4 filters, 3 -> 3. batch norm goes by each picture's own")
    config = catalog.get("shoes").config
    assert (config.title, config.licence, config.generator.norm) == ("Shoes", "theirs", "picture")
    assert "unet_256_ngf4.pth, 20" in models_card.card("shoes")


@pytest.mark.parametrize(
    ("name", "statistics", "words"),
    [
        ("map", "tracked", "is the name of a model already"),
        ("../x", "tracked", "no name for a model"),
        ("x", "y", "known: tracked"),
    ],
)
def test_a_name_or_a_setting_that_will_not_do_is_told_before_the_file_is_read(
    tmp_path: Path, name: str, statistics: str, words: str
) -> None:
    with pytest.raises((CheckpointError, ConfigError), match=words):
        models_import.import_model(tmp_path / "nowhere.pth", name, "", "", statistics)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("latest_net_G.pth", "latest_net_G"),
        ("mein Modell (2).zip", "mein-Modell-2"),
        ("--.pth", "imported"),
        ("ü.pkl", "imported"),
    ],
)
def test_a_file_without_a_name_lends_its_own(file: str, name: str) -> None:
    assert models_import.suggested(Path(file)) == name
    catalog.valid_name(models_import.suggested(Path(file)))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """The publisher's server, on this machine."""
    with serving(Site(UNET.read_bytes())) as site:
        monkeypatch.setattr(published, "HOST", site.url.rpartition("/set/")[0])
        monkeypatch.setattr(fetch, "fetch", functools.partial(fetch.fetch, loopback=True, pause=0))
        yield site


def test_what_is_not_free_is_fetched_only_when_its_terms_were_agreed_to(server: Site) -> None:
    with pytest.raises(ConfigError, match=r"UT Zappos50K \(academic, non-commercial\); read that"):
        models_pull.pull("edges2shoes", False, lambda stage: None)
    assert server.requests == []
    stages: list[Stage] = []
    offer, pulled = models_pull.pull("edges2shoes", True, stages.append)
    assert stages[-1].share == 1
    assert stages[-1].text.startswith("edges2shoes: ")
    assert catalog.get("edges2shoes").config.licence == offer.terms
    assert "unverified: no SHA-256 is published" in models_pull.said(offer, pulled)


def test_a_cancelled_fetch_keeps_what_came_and_goes_on_from_there(server: Site, home: Path) -> None:
    stop = threading.Event()
    server.cuts.append(100_000)

    def stop_soon(stage: Stage) -> None:
        if stage.share:
            stop.set()

    with pytest.raises(Cancelled):
        models_pull.pull("edges2shoes", True, asking(stop_soon, stop.is_set))
    assert not [entry for entry in catalog.models() if entry.name == "edges2shoes"]
    kept = next((home / "downloads").glob("*.part")).stat().st_size
    assert 0 < kept <= 100_000
    models_pull.pull("edges2shoes", True, lambda stage: None)
    assert server.requests[-1]["range"] == f"bytes={kept}-"
    assert catalog.get("edges2shoes")


@pytest.mark.parametrize("name", [None, "", 3, [], "no-such-model"])
def test_only_what_is_offered_is_fetched(name: object) -> None:
    with pytest.raises(TranslateError, match=r"nothing is chosen|no published model"):
        models_pull.pull(name, True, lambda stage: None)


def test_everything_offered_is_in_the_menu_with_what_is_here_marked(home: Path) -> None:
    (home / "features").mkdir()
    (home / "features" / "face_detection_yunet_2023mar.onnx").touch()
    choices = {name: title for title, name in models_pull.choices()}
    assert len(choices) == 23 + 5 + 2
    assert choices["yunet"].endswith(" · here")
    assert "here" not in choices["horse2zebra"]


def test_free_and_restricted_terms_are_told_apart() -> None:
    from translate.features.pulling import offers

    restricted = {offer.name: offer.is_restricted for offer in offers()}
    # CLIP's own card asks for research use, whatever its code's licence says.
    assert [name for name, is_so in restricted.items() if not is_so] == ["yunet", "sface"]


def test_the_listing_for_scripts_names_kinds_and_titles_and_no_folder(home: Path) -> None:
    from translate.ui.models import Models

    rows = listing(Models())
    assert rows == [
        {"name": "map", "title": "A <map>", "kind": "pix2pix", "output": "labels",
         "classes": ["ground", "road & path", "water"], "licence": "CC0 <1>"}
    ]  # fmt: skip
    assert str(home) not in json.dumps(rows)
