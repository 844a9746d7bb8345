"""What an evaluation found, ready for a table, for JSON and for a model card."""

import math
from dataclasses import asdict, dataclass
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
class Report:
    """One model on one set of pairs: scores, and everything needed to know what they mean."""

    model: str
    sha256: str
    step: int
    target: Literal["labels", "image", "domain"]
    data: str
    layout: str
    direction: str
    split: str
    protocol: str
    pairs: int
    """Pairs, or inputs translated where there are none."""
    pixels: int
    """Pixels (for pictures: per channel) that were scored; 0 where sets were compared."""
    void: int
    """Pixels left out because the truth doesn't know them."""
    seconds: float
    """Time of the model alone, without reading and scoring."""
    device: str
    precision: str
    scores: dict[str, float]
    classes: tuple[ClassScore, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
    """Rows truth, columns prediction."""
    notes: tuple[str, ...] = ()

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
