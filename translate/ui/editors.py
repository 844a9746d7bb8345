"""The models of faces that the page offers, and the one of them that is kept loaded."""

import logging
import threading
from typing import TYPE_CHECKING

from translate import catalog
from translate.checkpoints import MODEL_FILE
from translate.errors import CheckpointError

if TYPE_CHECKING:
    from translate.catalog import Entry
    from translate.editing.editor import Editor

MAPPERS = "mappers"
"""Where a model's mappers lie, known without torch."""

_log = logging.getLogger(__name__)


class Editors:
    """Editors by name, loaded under a lock when they are first asked for; the last one stays."""

    def __init__(self, device: str = "auto") -> None:
        self.device = device
        self._key: tuple[str, tuple[int, ...], bool] | None = None
        self._loaded: Editor | None = None
        self._lock = threading.Lock()

    def choices(self) -> list[tuple[str, str]]:
        """(title, name) of every model whose faces can be edited, for a menu."""
        return [(e.config.title or e.name, e.name) for e in catalog.models() if _is_of_faces(e)]

    def default(self) -> str | None:
        """The model a newcomer sees first; None when there is none."""
        return next((name for _, name in self.choices()), None)

    def entry(self, name: object) -> "Entry":
        """The listed model called `name`; a path is no name, so no visitor can open a folder.

        Raises: CheckpointError when it isn't listed, or its pictures can't be edited.
        """
        if not isinstance(name, str) or not name:
            raise CheckpointError("no model of faces is chosen; choose one first")
        entry = catalog.get(name)
        if not _is_of_faces(entry):
            raise CheckpointError(f"{name}: is no StyleGAN2 of colours; only such a model's pictures can be edited")
        return entry

    def mappers(self, name: object) -> list[str]:
        """The sentences that mappers of a listed model were trained for; none where one is damaged: the log says why.

        Raises: CheckpointError as `entry`.
        """
        folder = self.entry(name).folder
        if not (folder / MAPPERS).is_dir():
            return []
        from translate.editing import latents, mapper  # torch takes seconds

        try:
            known = mapper.prompts_in(folder)
        except CheckpointError as error:
            _log.warning("%s", error)
            return []
        own = latents.digest_of(folder) if any(known.values()) else ""
        return [prompt for prompt, weights in known.items() if weights in ("", own)]

    def load(self, name: object) -> "Editor":
        """The editor of a listed model; one that has been trained further, or has got a detector or another part,
        is loaded anew.

        Raises: CheckpointError when it isn't listed or is damaged.
        """
        entry = self.entry(name)
        from translate.editing import detection  # torch takes seconds; the page is there before
        from translate.editing.editor import Editor

        with self._lock:
            mappers = sorted((entry.folder / MAPPERS).glob("*/mapper.json"))
            parts = sorted(entry.folder.glob(f"*/{MODEL_FILE}"))  # its CLIP, encoder and discriminator
            stamps = tuple(path.stat().st_mtime_ns for path in (entry.folder / MODEL_FILE, *parts, *mappers))
            key = (entry.name, stamps, detection.is_installed())
            if key != self._key or self._loaded is None:
                self._key, self._loaded = None, None  # both at once may be more than there is memory for
                self._loaded = Editor.load(entry.folder, device=self.device)
                self._key = key
            return self._loaded


def _is_of_faces(entry: "Entry") -> bool:
    network = entry.config.generator
    return network.kind == "stylegan2" and network.out_channels == 3 and not entry.config.labels
