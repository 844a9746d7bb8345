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


def pull_model(
    name: Annotated[str | None, typer.Argument(help="A published model; without a name all are listed.")] = None,
    as_: Annotated[str | None, typer.Option("--name", help="Name to install it under; default its own.")] = None,
    statistics: Annotated[
        str | None,
        typer.Option(help="tracked or picture, as for `import`; default what the project tests its models with."),
    ] = None,
) -> None:
    """Fetch a model of the pix2pix and CycleGAN project and import it; or a network of figures, photos or text."""
    if name is None:
        _list()
        return
    from translate.features import pulling

    offer = pulling.find(name)
    if offer.kind != "model" and (as_ is not None or statistics is not None):
        what = "measure" if offer.kind == "measure" else "CLIP"
        raise ConfigError(f"{name} is no model but a {what}: it goes without --name and --statistics")
    chosen = parse_statistics(statistics or "picture")
    pulling.check(offer, as_ or name)
    print(f"{offer.url}\n  {offer.terms}", file=sys.stderr)
    with _bar("fetching") as progress:
        pulled = pulling.pull(offer, as_ or name, statistics=chosen, progress=progress)
    fetched = pulled.fetched
    if pulled.imported is None:
        print(f"{pulled.place}: {offer.title if offer.kind == 'measure' else offer.key}; {fetched.trust}")
    else:
        print_imported(pulled.name, pulled.imported)
        print(f"  {fetched.trust} ({fetched.sha256[:12]})")
    if pulled.needs:
        print(f"  it needs: {pulled.needs}")


def _list() -> None:
    from translate.interop import clip, published
    from translate.interop.measures import MEASURES

    for model in published.MODELS:
        print(f"{model.full_name:<32}{model.title}; {model.data}")
    for name, measure in MEASURES.items():
        print(f"{name:<32}{measure.title}; {measure.terms}")
    for found in clip.PUBLISHED.values():
        print(f"{found.pull_name:<32}CLIP {found.config.name}, for edits by text; {found.config.licence}")


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
