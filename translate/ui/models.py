"""The models the page offers, and the few of them that are kept loaded."""

import logging
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from translate import catalog
from translate.checkpoints import MODEL_FILE
from translate.config import GeneratorConfig
from translate.errors import CheckpointError, TranslateError
from translate.ui.editors import Editors

if TYPE_CHECKING:
    from translate.catalog import Entry
    from translate.inference.translator import Translator

_log = logging.getLogger(__name__)
_OWN = {"run": "your run", "installed": "installed"}


class Models:
    """Translators by name, loaded once each under a lock; the least recently used one goes first."""

    def __init__(self, *, device: str = "auto", precision: str = "auto", keep: int = 3) -> None:
        self.device, self.precision, self.keep = device, precision, keep
        self.editors = Editors(device)
        self._loaded: OrderedDict[tuple[str, int], Translator] = OrderedDict()
        self._lock = threading.Lock()

    def choices(self) -> list[tuple[str, str]]:
        """(title, name) of every model that translates, for a menu."""
        return [(_title(e), e.name) for e in catalog.models() if isinstance(e.config.generator, GeneratorConfig)]

    def default(self) -> str | None:
        """The model a newcomer sees first; None when there is none."""
        return next((name for _, name in self.choices()), None)

    def entry(self, name: object) -> "Entry":
        """The listed model called `name`; a path is no name, so no visitor can open a folder.

        Raises: CheckpointError when it isn't listed.
        """
        if not isinstance(name, str) or not name:
            raise CheckpointError("no model is chosen; choose one first")
        return catalog.get(name)

    def load(self, name: object) -> "Translator":
        """The translator of a listed model; a run that has been trained further is loaded anew.

        Raises: CheckpointError when it isn't listed or is damaged.
        """
        entry = self.entry(name)
        from translate.inference.translator import Translator  # torch takes seconds; the page is there before

        with self._lock:
            key = (entry.name, (entry.folder / MODEL_FILE).stat().st_mtime_ns)
            if key not in self._loaded:
                self._loaded[key] = Translator.load(entry.folder, device=self.device, precision=self.precision)
                while len(self._loaded) > self.keep:
                    self._loaded.popitem(last=False)
            self._loaded.move_to_end(key)
            return self._loaded[key]

    def warm(self) -> None:
        """Load the first model in the background, so that the first photo need not wait for torch."""

        def load() -> None:
            try:
                if name := self.default():
                    self.load(name)
            except TranslateError as error:
                _log.warning("%s", error)

        threading.Thread(target=load, name="warm", daemon=True).start()


def _title(entry: "Entry") -> str:
    title = entry.config.title or entry.config.name or entry.name
    return f"{title} · {_OWN[entry.source]}" if entry.source in _OWN else title
