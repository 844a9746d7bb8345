"""One folder of pictures beside another: judged ones and real ones, as sets and, where names pair up, one by one."""

from collections.abc import Callable, Sequence
from pathlib import Path

from translate import images
from translate.config import DataConfig
from translate.data.domains import PictureFile
from translate.data.folders import PairFile, content, existing, match, pictures
from translate.data.unpaired import PictureDataset
from translate.devices import pick_device
from translate.errors import DatasetError
from translate.evaluation.gallery import Gallery, spread
from translate.evaluation.report import Report, SetFigures
from translate.evaluation.sets import PictureSet, compare, told
from translate.evaluation.tally import Outcome, PictureTally, load_perceptual
from translate.features import FeatureSpace, load_features

AS_THEY_ARE = "pictures as they are stored"
ONE_BY_ONE = "--unpaired compares them as sets alone"


def compare_folders(
    a: Path,
    b: Path,
    *,
    paired: bool | None = None,
    features: str = "auto",
    device: str = "auto",
    progress: Callable[[int, int], None] | None = None,
    gallery: Gallery | None = None,
) -> Report:
    """How the pictures in `a` compare with the real ones in `b`, at any depth, each at its own pixels.

    `paired`: also picture by picture, by name; None does so where every picture of `a` has its partner in `b` and
    their sizes agree, and says why not where only the sizes stand against it. `progress` is called with (pictures
    done, in all).
    Raises: DatasetError for a folder without pictures or inside the other, one picture without a partner, or, where
    `paired` is asked for, no pairs or pairs that differ in size; CheckpointError, ConfigError, ImageError in one line.
    """
    files_a, notes_a = _listed(a)
    files_b, notes_b = _listed(b)
    _refuse_nested(a, b)
    pairs, notes = _pairs(a, b, paired)
    if not pairs and min(len(files_a), len(files_b)) < 2:
        counts = f"{a} has {len(files_a)} and {b} {len(files_b)} usable pictures"
        raise DatasetError(f"{counts}; a distance between sets needs 2 of each, and no names pair up")
    place = pick_device(device)
    space = load_features(features, place)
    done, total = 0, len(files_a) + len(files_b) + len(pairs)

    def step() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, total)

    figures = compare(_set(files_a, space, step), _set(files_b, space, step))
    perceptual, missing = load_perceptual(place) if pairs else (None, "")
    outcome = _one_by_one(pairs, PictureTally(perceptual), step) if pairs else Outcome(how="", scores={}, pixels=0)
    if gallery is not None:
        _show(gallery, files_a, files_b, pairs)
    own = (*notes_a, *notes_b, *notes, *([missing] if missing else []))
    return _report(a, b, len(pairs), outcome, figures, own, str(place))


def _report(
    a: Path, b: Path, pairs: int, outcome: Outcome, figures: SetFigures, notes: Sequence[str], device: str
) -> Report:
    parts = [AS_THEY_ARE, outcome.how, told(figures, "pictures") if figures.space else ""]
    return Report(
        target="folder",
        data=str(a),
        against=str(b),
        layout="two folders",
        protocol="; ".join(part for part in parts if part),
        pairs=pairs,
        pixels=outcome.pixels,
        device=device,
        scores=outcome.scores | figures.scores,
        errors=figures.errors,
        space=figures.space,
        counts=figures.counts,
        biased=figures.biased,
        notes=(*notes, *outcome.notes, *figures.notes),
    )


def _listed(folder: Path) -> tuple[list[PictureFile], list[str]]:
    """The pictures of a folder, and a note on those that are left out."""
    found, problems = pictures(existing(folder, "a folder of pictures"))
    if not found:
        why = f"; {problems[0]}" if problems else ""
        raise DatasetError(f"{folder}: no pictures ({content(folder)}){why}; name a folder that holds some")
    notes = [f"left out: {len(problems)}, the first is {problems[0]}"] if problems else []
    return [PictureFile(path, name) for name, path in found.items()], notes


def _refuse_nested(a: Path, b: Path) -> None:
    for inner, outer in ((a, b), (b, a)):
        if outer.resolve() in inner.resolve().parents:
            raise DatasetError(f"{inner} lies inside {outer}; its pictures would be in both sets, move one of them")


def _pairs(a: Path, b: Path, paired: bool | None) -> tuple[Sequence[PairFile], list[str]]:
    """The pairs to compare one by one, none where they are not to be or can't be, and notes on them.

    Raises: DatasetError where they are asked for and can't be.
    """
    if paired is False:
        return (), []
    matched = match(a, b)
    notes = [matched.note] if matched.note else []
    lonely = matched.problems
    if paired and not matched.pairs:
        raise DatasetError(f"{a} and {b}: no two pictures have one name; name them alike, or {ONE_BY_ONE}")
    if paired is None and any(a in problem.path.parents for problem in lonely):
        some = f"{len(matched.pairs)} names pair up, not all of {a}; --paired compares those picture by picture"
        return (), ([some] if matched.pairs else [])
    unlike = _unlike(matched.pairs)
    if unlike and paired:
        raise DatasetError(f"{unlike}; bring them to one size, or {ONE_BY_ONE}")
    if unlike:
        return (), [f"names pair up, but sizes don't, so nothing was compared picture by picture: {unlike}"]
    if lonely:
        notes.append(f"left out of the pairs: {len(lonely)}, the first is {lonely[0]}")
    return matched.pairs, notes


def _unlike(pairs: Sequence[PairFile]) -> str:
    """What the first pair that differs in size is, or nothing."""
    for pair in pairs:
        assert pair.b is not None
        first, second = images.header(pair.a), images.header(pair.b)
        sizes = [f"{side.width} x {side.height}" for side in (first, second)]
        if sizes[0] != sizes[1]:
            return f"{pair.a} has {sizes[0]} pixels and {pair.b} {sizes[1]}"
    return ""


def _read(files: Sequence[PictureFile]) -> PictureDataset:
    config = DataConfig(fit="native", cache_mb=0)
    return PictureDataset(files, config, train=False, seed=0, channels=3)


def _set(files: Sequence[PictureFile], space: FeatureSpace, step: Callable[[], None]) -> PictureSet:
    # One at a time: a batch of large photos would take gigabytes, and the extractor has its own batches.
    found, data = PictureSet(space), _read(files)
    for index in range(len(data)):
        found.add(data[index][None])
        step()
    return found


def _sides(pairs: Sequence[PairFile]) -> tuple[PictureDataset, PictureDataset]:
    """The pictures of both sides, pair by pair."""
    first = _read([PictureFile(pair.a, pair.name) for pair in pairs])
    return first, _read([PictureFile(pair.b, pair.name) for pair in pairs if pair.b is not None])


def _one_by_one(pairs: Sequence[PairFile], tally: PictureTally, step: Callable[[], None]) -> Outcome:
    first, second = _sides(pairs)
    for index in range(len(pairs)):
        tally.add(first[index][None], second[index][None])
        step()
    return tally.outcome()


def _show(
    gallery: Gallery, files_a: Sequence[PictureFile], files_b: Sequence[PictureFile], pairs: Sequence[PairFile]
) -> None:
    """Pairs beside each other; without pairs, pictures of either folder."""
    first, second = _sides(pairs) if pairs else (_read(files_a), _read(files_b))
    for places in zip(*(spread(len(side), min(len(first), len(second))) for side in (first, second)), strict=True):
        judged, real = (side[place] for side, place in zip((first, second), places, strict=True))
        gallery.put(first.files[places[0]].name, judged, None, real)
