"""One evaluation for the page and the API: models and data in, reports and a zip of them to download out."""

import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from translate.errors import ConfigError
from translate.jobs import datasets
from translate.ui import markdown
from translate.ui.folders import server_folder
from translate.ui.guard import own_folder, uploaded
from translate.ui.models import Models
from translate.ui.settings import Settings
from translate.ui.status import Stage, Tell
from translate.ui.sweep import at_work

if TYPE_CHECKING:
    from translate.evaluation.gallery import Gallery
    from translate.evaluation.report import Report

MOST = 12
"""Models that stand side by side on a page."""
HTML = "report.html"
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Evaluation</title><style>
body{{font:16px/1.55 system-ui,sans-serif;max-width:1000px;margin:2em auto;padding:0 1em}} img{{max-width:100%}}
table{{border-collapse:collapse;font-variant-numeric:tabular-nums}} .tr-wide{{overflow-x:auto}}
td,th{{padding:4px 14px 4px 0;border-bottom:1px solid #ccc;text-align:left}}</style>{body}</html>"""


@dataclass(frozen=True, kw_only=True)
class Ask:
    """What is to be evaluated, as it came from the page: nothing of it is checked yet."""

    models: object
    upload: object = None
    folder: object = ""
    split: object = "auto"
    at: object = "auto"
    direction: object = ""


@dataclass(frozen=True)
class Evaluated:
    """The reports, the sheet of pictures, and everything in one file."""

    reports: "list[Report]"
    sheet: Path
    file: Path

    def record(self) -> dict[str, Any]:
        """As `translate evaluate --json` writes it."""
        from translate.evaluation import page

        return page.record(self.reports)


def evaluate(
    models: Models,
    settings: Settings,
    ask: Ask,
    tell: Tell = lambda stage: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Evaluated:
    """Score models on an uploaded zip, or on a folder below the data root; what is unpacked goes again.

    Raises: TranslateError for models, data or options that won't do; Cancelled, asked between batches.
    """
    from translate.evaluation.gallery import Gallery
    from translate.evaluation.side_by_side import score  # torch takes seconds

    names = _names(ask.models)
    folders = [models.entry(name).folder for name in names]
    options = _options(ask)
    tell(Stage("Reading the data"))
    gallery = Gallery()

    def progress(folder: Path, done: int, total: int) -> None:
        place = folders.index(folder)
        which = f" ({place + 1} of {len(folders)})" if len(folders) > 1 else ""
        share = (place + done / total) / len(folders) if total else None
        tell(Stage(f"{names[place]}{which}: {done} of {total}" if total else f"Loading {names[place]}{which}", share))

    with _data(settings, ask) as data:
        reports = score(
            folders, data.folder, gallery=gallery, device=models.device, precision=models.precision,
            progress=progress, cancelled=cancelled, **options,
        )  # fmt: skip
    return _written([data.named(report) for report in reports], gallery)


@dataclass(frozen=True)
class _Data:
    """Where the data lie, and what they are called where that is a place of passage."""

    folder: Path
    passage: Path | None = None

    def named(self, report: "Report") -> "Report":
        """The report with the uploaded archive's name in place of the folder it was unpacked to."""
        if self.passage is None:
            return report
        place = f"{self.passage}/"
        notes = tuple(note.replace(place, "") for note in report.notes)
        return replace(report, data=report.data.replace(place, ""), notes=notes)


@contextmanager
def _data(settings: Settings, ask: Ask) -> Iterator[_Data]:
    """What is asked about; an archive is unpacked for as long as it is scored."""
    archive = uploaded(ask.upload)
    if archive is None:
        yield _Data(server_folder(settings, ask.folder)) if settings.data_root else _nothing()
        return
    with at_work(Path(tempfile.mkdtemp(prefix="data-", dir=own_folder()))) as passage:
        try:
            yield _Data(datasets.unpack(archive, passage), passage)
        finally:
            shutil.rmtree(passage, ignore_errors=True)


def _nothing() -> _Data:
    raise ConfigError("there are no data; upload a zip of pairs, or of two folders of pictures")


def _names(models: object) -> list[str]:
    names = models.split(",") if isinstance(models, str) else models
    if not isinstance(names, list | tuple) or not names:
        raise ConfigError("no model is chosen; choose one or several")
    if len(names) > MOST:
        raise ConfigError(f"{len(names)} models are chosen; at most {MOST} stand side by side")
    found = list(dict.fromkeys(str(name).strip() for name in names))
    return [name for name in found if name] or _names(())


def _options(ask: Ask) -> dict[str, Any]:
    from translate.config import Direction
    from translate.evaluation.evaluate import At
    from translate.evaluation.selection import Split

    options: dict[str, Any] = {}
    for field, value, known in (
        ("split", ask.split, get_args(Split)),
        ("at", ask.at, get_args(At)),
        ("direction", ask.direction or None, (None, *get_args(Direction))),
    ):
        if value not in known:
            words = ", ".join(str(word) for word in known if word)
            raise ConfigError(f"{field} is {str(value)[:40]!r}; known: {words}")
        options[field] = value
    return options


def _written(reports: "Sequence[Report]", gallery: "Gallery") -> Evaluated:
    """The report as Markdown, HTML and JSON, the sheet, and all in one zip."""
    from translate.evaluation import page

    folder = Path(tempfile.mkdtemp(prefix="report-", dir=own_folder()))
    page.write(folder, reports, gallery)
    text = (folder / page.PAGE).read_text(encoding="utf-8")
    (folder / HTML).write_text(_PAGE.format(body=markdown.rendered(text, folder)), encoding="utf-8")
    file = folder / "evaluation.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in (HTML, page.PAGE, page.RECORD, page.SHEET):
            archive.write(folder / name, f"evaluation/{name}")
            if name != page.SHEET:
                (folder / name).unlink()
    return Evaluated(list(reports), folder / page.SHEET, file)
