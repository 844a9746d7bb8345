"""`translate models pull NAME` and `translate data pull NAME`: what others publish, fetched with care."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from translate.cli.import_ import parse_statistics, print_imported
from translate.errors import ConfigError

if TYPE_CHECKING:
    from translate.download.fetch import Progress
    from translate.interop.measures import Measure

CLIPS = ("clip-", "openai/", "laion2b/")
"""How the names of CLIPs begin."""


def pull_model(
    name: Annotated[str | None, typer.Argument(help="A published model; without a name all are listed.")] = None,
    as_: Annotated[str | None, typer.Option("--name", help="Name to install it under; default its own.")] = None,
    statistics: Annotated[
        str | None,
        typer.Option(help="tracked or picture, as for `import`; default what the project tests its models with."),
    ] = None,
) -> None:
    """Fetch a model that the pix2pix and CycleGAN project publishes and import it; a CLIP; a network of figures."""
    from translate.interop import published
    from translate.interop.measures import MEASURES

    if name is None:
        _list()
        return
    if name in MEASURES or name.startswith(CLIPS):
        if as_ is not None or statistics is not None:
            what = "measure" if name in MEASURES else "CLIP"
            raise ConfigError(f"{name} is no model but a {what}: it goes without --name and --statistics")
        _pull_measure(MEASURES[name]) if name in MEASURES else _pull_clip(name)
        return
    model = published.find(name)
    chosen = parse_statistics(statistics or "picture")

    from translate import catalog
    from translate.download import fetch

    installed = as_ or name
    catalog.check_free(installed)
    print(f"{model.url}\n  {model.licence}", file=sys.stderr)
    target = catalog.home() / "downloads" / f"{model.full_name}.pth"
    remote = fetch.Remote(model.url, model.limit)
    with _bar("fetching") as progress:
        fetched = fetch.fetch(remote, target, ledger=catalog.ledger(), progress=progress)

    from translate.interop import importing

    about = importing.About(
        name=installed, title=model.title, licence=model.licence, source=model.url, trust=fetched.trust
    )
    try:
        with catalog.installing(installed) as folder:
            found = importing.write(target, folder, about, chosen)
    finally:
        target.unlink(missing_ok=True)
    fetch.remember(fetched, catalog.ledger())
    print_imported(installed, found)
    print(f"  {fetched.trust} ({fetched.sha256[:12]})")


def _list() -> None:
    from translate.interop import clip, published
    from translate.interop.measures import MEASURES

    for model in published.MODELS:
        print(f"{model.full_name:<32}{model.title}; {model.data}")
    for name, measure in MEASURES.items():
        print(f"{name:<32}{measure.title}; {measure.terms}")
    for found in clip.PUBLISHED.values():
        print(f"{found.pull_name:<32}CLIP {found.config.name}, for edits by text; {found.config.licence}")


def _pull_clip(name: str) -> None:
    from translate.features.clip import pull_clip, pulled
    from translate.interop import clip

    key = clip.by_pull_name(name)
    if key is None:
        known = ", ".join(found.pull_name for found in clip.PUBLISHED.values())
        raise ConfigError(f"no published CLIP {name[:100]!r}; known: {known}")
    found = clip.PUBLISHED[key]
    print(f"{found.remote.url}\n  {found.config.licence}", file=sys.stderr)
    with _bar("fetching") as progress:
        fetched = pull_clip(key, progress=progress)
    print(f"{pulled(key)}: {key}; {fetched.trust}")


def _pull_measure(measure: "Measure") -> None:
    from translate import catalog
    from translate.download import fetch
    from translate.features import FOLDER

    target = catalog.home() / FOLDER / measure.file
    if target.exists():
        raise ConfigError(f"{target}: is there already; delete it to fetch it again")
    print(f"{measure.remote.url}\n  {measure.terms}", file=sys.stderr)
    with _bar("fetching") as progress:
        fetched = fetch.fetch(measure.remote, target, ledger=catalog.ledger(), progress=progress)
    print(f"{target}: {measure.title}; {fetched.trust}")
    if measure.needs:
        print(f"  it needs: {measure.needs}")


def pull_data(
    name: Annotated[str, typer.Argument(help="A public set, as `translate data list` names them.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Folder that the set's own folder is put in.")] = Path("datasets"),
) -> None:
    """Fetch a public data set and extract it; it appears when it is whole."""
    from translate import catalog as models
    from translate.data import catalog

    chosen = catalog.find(name)
    print(f"{chosen.url}, about {chosen.mib} MiB\n  terms: {chosen.terms}", file=sys.stderr)
    with _bar("fetching") as fetching, _bar("extracting") as extracting:
        pulled = catalog.pull(chosen, out, models.ledger(), fetching=fetching, extracting=extracting)
    print(f"{pulled.folder}: {pulled.extracted.files} files, {pulled.extracted.size / 1e6:.1f} MB")
    print(f"  {pulled.fetched.trust} ({pulled.fetched.sha256[:12]})")
    flag = "" if chosen.kind == "pairs" else " --unpaired"
    print(f"  look at it: translate data check {pulled.folder}{flag}")


@contextmanager
def _bar(what: str) -> "Iterator[Progress]":
    """A bar of bytes that appears with the first of them; nothing where stderr is no terminal."""
    from tqdm import tqdm

    bar = tqdm(desc=what, unit="B", unit_scale=True, disable=not sys.stderr.isatty(), leave=False, delay=0.5)

    def progress(done: int, total: int | None) -> None:
        bar.total = total
        bar.update(done - bar.n)

    with bar:
        yield progress
