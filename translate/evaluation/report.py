"""What an evaluation found, ready for a table, for JSON and for a model card."""

import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

FORMAT = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassScore:
    """One class: IoU and accuracy (recall) in [0, 1], nan where the truth has no pixel of it; pixels of the truth."""

    name: str
    iou: float
    accuracy: float
    pixels: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SetFigures:
    """What was found of two sets of pictures, the judged and the real ones, whichever picture belongs to which."""

    space: str = ""
    """The feature space that distances are figures of; empty where none was measured."""
    counts: tuple[int, int] = (0, 0)
    """Judged and real pictures."""
    scores: dict[str, float] = field(default_factory=dict)
    errors: dict[str, float] = field(default_factory=dict)
    """Standard errors, of the figures that have one."""
    biased: tuple[str, ...] = ()
    """Figures that few pictures push one way: they compare only with figures of as many."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """One model on one set of data, or one folder beside another: figures, and all that says what they mean."""

    model: str = ""
    """Empty where two folders were compared; then so is what else is told of a model."""
    sha256: str = ""
    step: int = 0
    target: Literal["labels", "image", "domain", "folder"]
    data: str
    """Folder of the data, or of the judged pictures."""
    against: str = ""
    """Folder of the real pictures, where two folders were compared."""
    layout: str = ""
    direction: str = ""
    split: str = ""
    protocol: str
    inputs: str = ""
    """SHA-256 of which pictures a model was given: figures of several compare where it is the same."""
    pairs: int
    """Pairs, or inputs translated where there are none; of folders those that were compared picture by picture."""
    pixels: int = 0
    """Pixels (for pictures: per channel) that were scored against a truth."""
    void: int = 0
    """Pixels left out because the truth doesn't know them."""
    seconds: float = 0.0
    """Time of the model alone, without reading and scoring."""
    device: str = ""
    precision: str = ""
    scores: dict[str, float]
    errors: dict[str, float] = field(default_factory=dict)
    space: str = ""
    counts: tuple[int, int] = (0, 0)
    biased: tuple[str, ...] = ()
    """These four are those of SetFigures."""
    classes: tuple[ClassScore, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
    """Rows truth, columns prediction."""
    notes: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What stands above its column: the model, or the folder that was judged."""
        return self.model or Path(self.data).resolve().name

    @property
    def milliseconds(self) -> float:
        """Time of the model for one pair."""
        return 1000 * self.seconds / self.pairs

    def as_json(self) -> dict[str, Any]:
        """Plain values; a figure that is undefined or infinite is null, for JSON knows neither."""
        cleaned = _finite({"format": FORMAT, **asdict(self)})
        assert isinstance(cleaned, dict)
        return cleaned


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
