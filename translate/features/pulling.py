"""What others publish and can be fetched by name: translators, the networks that figures are taken by, and CLIPs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from translate import catalog
from translate.download import fetch
from translate.errors import ConfigError
from translate.features import FOLDER
from translate.features.clip import pull_clip, pulled
from translate.interop import clip, importing, published
from translate.interop.measures import MEASURES

CLIPS = ("clip-", "openai/", "laion2b/")
"""How the names of CLIPs begin."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One thing to fetch: what it is, where, and whose terms it bears; `key` is its name among its kind."""

    name: str
    kind: Literal["model", "measure", "clip"]
    title: str
    terms: str
    url: str
    most: int
    """Bytes that the file may have."""
    key: str

    @property
    def is_restricted(self) -> bool:
        """Whether its terms, or those of what it learnt from, allow research or private use alone."""
        return any(word in self.terms for word in ("research", "non-commercial", "academic", "Google's terms"))

    @property
    def is_here(self) -> bool:
        """Whether it was fetched already, under its own name."""
        if self.kind == "model":
            return any(name == self.name for name in _installed())
        return _place(self).exists()


@dataclass(frozen=True, slots=True)
class Pulled:
    """What came: where it lies, what a model's file turned out to be, and what its SHA-256 was compared with."""

    name: str
    place: Path
    fetched: fetch.Fetched
    imported: importing.Imported | None = None
    needs: str = ""
    """What else has to be installed for it."""


def offers() -> list[Offer]:
    """Everything, models first."""
    found = [_model(model) for model in published.MODELS]
    found += [_measure(name) for name in MEASURES]
    return found + [_clip(key) for key in clip.PUBLISHED]


def find(name: str) -> Offer:
    """The offer called `name`; a model also goes by its project's own name.

    Raises: CheckpointError, ConfigError with the nearest names.
    """
    if name in MEASURES:
        return _measure(name)
    if not name.startswith(CLIPS):
        return _model(published.find(name))
    key = clip.by_pull_name(name)
    if key is None:
        known = ", ".join(found.pull_name for found in clip.PUBLISHED.values())
        raise ConfigError(f"no published CLIP {name[:100]!r}; known: {known}")
    return _clip(key)


def check(offer: Offer, installed: str) -> None:
    """Refuse what is here already, before anything is fetched.

    Raises: CheckpointError where the name `installed` is taken or is none; ConfigError.
    """
    if offer.kind == "model":
        catalog.check_free(installed)
    elif offer.is_here:
        what = "file" if offer.kind == "measure" else "folder"
        raise ConfigError(f"{_place(offer)}: is there already; delete the {what} to fetch it again")


def pull(
    offer: Offer,
    installed: str,
    *,
    statistics: importing.Statistics = "picture",
    progress: fetch.Progress | None = None,
) -> Pulled:
    """Fetch it; a model is imported and then listed as `installed`.

    Raises: as `check`; TranslateError for what `fetch` refuses, as no network; CheckpointError for another content.
    """
    check(offer, installed)
    if offer.kind == "clip":
        fetched = pull_clip(offer.key, progress=progress)
        return Pulled(offer.key, _place(offer), fetched)
    if offer.kind == "measure":
        measure = MEASURES[offer.key]
        fetched = fetch.fetch(measure.remote, _place(offer), ledger=catalog.ledger(), progress=progress)
        return Pulled(offer.key, _place(offer), fetched, needs=measure.needs)
    return _pull_model(offer, installed, statistics, progress)


def _pull_model(
    offer: Offer, installed: str, statistics: importing.Statistics, progress: fetch.Progress | None
) -> Pulled:
    target = catalog.home() / "downloads" / f"{offer.key}.pth"
    fetched = fetch.fetch(fetch.Remote(offer.url, offer.most), target, ledger=catalog.ledger(), progress=progress)
    about = importing.About(
        name=installed, title=offer.title, licence=offer.terms, source=offer.url, trust=fetched.trust
    )
    try:
        with catalog.installing(installed) as folder:
            found = importing.write(target, folder, about, statistics)
    finally:
        target.unlink(missing_ok=True)
    fetch.remember(fetched, catalog.ledger())
    return Pulled(installed, catalog.roots()["installed"] / installed, fetched, found)


def _installed() -> list[str]:
    return [entry.name for entry in catalog.scan()]


def _place(offer: Offer) -> Path:
    """Where a measure or a CLIP lies once it is here."""
    if offer.kind == "clip":
        return pulled(offer.key)
    return catalog.home() / FOLDER / MEASURES[offer.key].file


def _model(model: published.Published) -> Offer:
    names = [other.name for other in published.MODELS]
    own = model.name if names.count(model.name) == 1 else model.full_name
    return Offer(own, "model", model.title, model.licence, model.url, model.limit, model.full_name)


def _measure(name: str) -> Offer:
    measure = MEASURES[name]
    return Offer(name, "measure", measure.title, measure.terms, measure.remote.url, measure.remote.limit, name)


def _clip(key: str) -> Offer:
    found = clip.PUBLISHED[key]
    title, most = f"CLIP {found.config.name}, for edits by text", found.remote.limit
    return Offer(found.pull_name, "clip", title, found.config.licence, found.remote.url, most, key)
