"""What happens in the Edit tab: a face is taken, edits are done and undone, files are made."""

import random
import threading
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from translate.ui import edit_files, edit_work
from translate.ui.edit_board import Asking, Board, Faces, brush
from translate.ui.edit_work import Asked, Table
from translate.ui.editors import Editors
from translate.ui.events import ONE_AT_A_TIME, Updates, told
from translate.ui.guard import uploaded
from translate.ui.live import Running, follow

PRIVATE: dict[str, Any] = {"api_visibility": "private"}
QUICK: dict[str, Any] = {"queue": False, "show_progress": "hidden"} | PRIVATE
SEEDS = 100_000
"""Of which another face is one."""

# What the page's scripts know is read when a button is clicked: the square, and what was painted.
_SQUARE = """(...given) => { const at = document.querySelector("#edit-crop .tr-crop");
given[given.length - 1] = at ? at.dataset.square : ""; return given; }"""
_PAINTED = """(...given) => { const drawn = document.querySelector("#edit-mask canvas"); let mask = "";
if (drawn && drawn.dataset.painted) { const flat = Object.assign(document.createElement("canvas"),
{width: drawn.width, height: drawn.height}), pen = flat.getContext("2d"); pen.fillRect(0, 0, flat.width, flat.height);
pen.drawImage(drawn, 0, 0); mask = flat.toDataURL("image/png"); } given[given.length - 1] = mask; return given; }"""
_SAVE = """() => setTimeout(() => document.querySelector("#edit-file").click(), 150)"""
# On a phone the result is below all that was asked: bring it into view.
_SCROLL = """() => { const at = document.getElementById("edit-result");
if (at && at.getBoundingClientRect().top > innerHeight * 0.4) at.scrollIntoView({block: "start",
behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth"}); }"""

Steps = Generator[Updates, None, None]


def connect(editors: Editors, faces: Faces, asking: Asking, board: Board) -> None:
    """Wire all events; work that lasts is stopped by its own visitor's button."""
    running = Running()
    _on_photo(editors, faces)
    _on_faces(editors, faces, asking, board, running)
    _on_words(editors, faces, asking, board, running)
    _on_how(asking)
    _on_history(editors, asking, board)
    _on_files(editors, board)
    board.cancel.click(running.stop, None, None, **QUICK)


def _on_photo(editors: Editors, faces: Faces) -> None:
    def looked(model: str, picture: Any, by_hand: bool) -> Updates:
        with told():
            path = uploaded(picture)
            html = "" if path is None else edit_work.look(editors, model, path, by_hand)
            has = path is not None
            return {
                faces.crop: html,
                faces.by_hand: gr.Checkbox(visible=has and (by_hand or not html)),
                faces.more: gr.Accordion(visible=has),
                faces.use: gr.Button(visible=has),
            }

    gr.on(
        [faces.photo.change, faces.by_hand.input], looked, [faces.model, faces.photo, faces.by_hand],
        [faces.crop, faces.by_hand, faces.more, faces.use], preprocess=False, show_progress="minimal",
        show_progress_on=faces.photo, concurrency_limit=2, **PRIVATE,
    )  # fmt: skip


def _on_faces(editors: Editors, faces: Faces, asking: Asking, board: Board, running: Running) -> None:
    outputs = [*board.components(), asking.brush]

    def taken(table: Table) -> Updates:
        return board.show(editors, table) | {asking.brush: brush(editors, table)}

    def of_photo(model: str, picture: Any, which: float, near: float, square: str, request: gr.Request) -> Steps:
        with told():
            path = uploaded(picture)
            if path is None:
                raise gr.Error("No photo was given.", print_exception=False)
            yield (begun := board.working("Looking at the photo …"))
            stop = running.begin(request)
            work = partial(
                edit_work.begin_photo, editors, model, path, crop=square, face=_face(which, square), steps=int(near)
            )
            table = yield from _watched(
                lambda report: work(cancelled=stop.is_set, report=lambda *seen: report(seen)), stop, begun,
                lambda seen: board.working(f"From photo to face: step {seen[0]} of {seen[1]}"),
            )  # fmt: skip
            yield taken(table)

    def of_seed(model: str, seed: float, variety: float) -> Updates:
        with told():
            return taken(edit_work.begin_seed(editors, model, seed, variety))

    def of_file(model: str, file: Any) -> Updates:
        with told():
            path = uploaded(file)
            return taken(edit_work.begin_latent(editors, model, path)) if path else board.idle()

    begin = partial(_begin, outputs, board)
    begin(faces.use.click, of_photo, [faces.model, faces.photo, faces.which, faces.near, faces.square], js=_SQUARE)
    seeded = [faces.model, faces.seed, faces.variety]
    begin(faces.show.click, of_seed, seeded)
    begin(faces.variety.release, of_seed, seeded)
    drawn = faces.another.click(lambda: random.randrange(SEEDS), None, faces.seed, **QUICK)
    begin(drawn.then, of_seed, seeded)
    begin(faces.saved.upload, of_file, [faces.model, faces.saved])


def _begin(
    outputs: list[Any], board: Board, on: Any, work: Callable[..., Any], inputs: list[Any], js: Any = None
) -> None:
    done = on(
        work, inputs, outputs, js=js, preprocess=False, show_progress="minimal",
        show_progress_on=[board.welcome, board.slider], **PRIVATE, **ONE_AT_A_TIME,
    )  # fmt: skip
    done.success(None, js=_SCROLL, **PRIVATE)
    done.failure(board.idle, None, [board.busy, board.status], **QUICK)


def _on_words(editors: Editors, faces: Faces, asking: Asking, board: Board, running: Running) -> None:
    def edited(
        table: Table | None, model: str, seed: float, variety: float, prompt: str, neutral: str, method: Any,
        auto: bool, threshold: float, steps: float, painted: str, request: gr.Request,
    ) -> Steps:  # fmt: skip
        with told():
            stop = running.begin(request)
            yield (begun := board.working("Finding out what the words mean …"))
            if table is None:
                table = edit_work.begin_seed(editors, model, seed, variety)
                yield board.show(editors, table) | {asking.brush: brush(editors, table)} | begun
            asked = Asked(
                prompt=prompt or "", neutral=neutral or "", method=method,
                disentangle=None if auto else threshold, steps=int(steps),
                mask=edit_files.read_mask(table.folder, painted or ""),
            )  # fmt: skip
            face = table
            after = yield from _watched(
                lambda report: edit_work.edit(editors, face, asked, stop.is_set, report), stop, begun,
                lambda seen: _progress(editors, board, face, seen),
            )  # fmt: skip
            yield board.show(editors, after)

    inputs = [
        board.table, faces.model, faces.seed, faces.variety, asking.prompt, asking.neutral, asking.method,
        asking.auto, asking.threshold, asking.steps, asking.painted,
    ]  # fmt: skip
    starts = [asking.edit.click, asking.prompt.submit]
    starts += [chip.click(lambda text=chip.value: text, None, asking.prompt, **QUICK).then for chip in asking.chips]
    for start in starts:
        _begin([*board.components(), asking.brush], board, start, edited, inputs, js=_PAINTED)


def _on_how(asking: Asking) -> None:
    """Show what belongs to the chosen method."""
    asking.method.input(
        lambda method, auto: {
            asking.auto: gr.Checkbox(visible=method == "direction"),
            asking.neutral: gr.Textbox(visible=method == "direction"),
            asking.threshold: gr.Slider(visible=method == "direction" and not auto),
            asking.steps: gr.Slider(visible=method == "optimise"),
        },
        [asking.method, asking.auto], [asking.auto, asking.neutral, asking.threshold, asking.steps], **QUICK,
    )  # fmt: skip
    asking.auto.input(lambda auto: gr.Slider(visible=not auto), asking.auto, asking.threshold, **QUICK)


def _on_history(editors: Editors, asking: Asking, board: Board) -> None:
    outputs = board.components()

    def changed(work: Callable[..., Table], show: Callable[[Editors, Table], Updates], needs: int = 0) -> Any:
        def change(table: Table | None, *given: Any) -> Any:
            if table is None or len(table.state.steps) < needs:
                return gr.skip()
            with told():
                return show(editors, work(editors, table, *given))

        return change

    def by_threshold(found: Editors, table: Table, auto: bool, threshold: float) -> Table:
        is_direction = table.state.steps[-1].method == "direction"
        return edit_work.at_threshold(found, table, None if auto else threshold) if is_direction else table

    def masked(found: Editors, table: Table, painted: str) -> Table:
        mask = edit_files.read_mask(table.folder, painted or "")
        return edit_work.within(found, table, mask)

    live: dict[str, Any] = {"trigger_mode": "always_last", "show_progress": "hidden"} | PRIVATE | ONE_AT_A_TIME
    move = changed(edit_work.at_strength, board.restrengthened, needs=1)
    board.strength.input(move, [board.table, board.strength], outputs, **live)
    tighten = changed(by_threshold, board.restrengthened, needs=1)
    gr.on(
        [asking.threshold.input, asking.auto.input],
        tighten,
        [board.table, asking.auto, asking.threshold],
        outputs,
        **live,
    )
    usual: dict[str, Any] = {"show_progress": "hidden"} | PRIVATE | ONE_AT_A_TIME
    board.undo.click(changed(edit_work.undo, board.show), board.table, outputs, **usual)
    board.over.click(changed(lambda _, table: edit_work.start_over(table), board.show), board.table, outputs, **usual)
    asking.remask.click(
        changed(masked, board.show, needs=1), [board.table, asking.painted], outputs, js=_PAINTED, **usual
    )


def _on_files(editors: Editors, board: Board) -> None:
    def made(work: Callable[[Editors, Table], Path]) -> Callable[[Table | None], Any]:
        def make(table: Table | None) -> Any:
            with told():
                if table is None:
                    raise gr.Error("There is no face yet.", print_exception=False)
                path = work(editors, table)
                board.file.temp_files.add(str(path))
                return gr.DownloadButton(value=str(path))

        return make

    for button, work in (
        (board.picture, edit_files.download_picture),
        (board.latent, edit_files.download_latent),
        (board.strip, edit_files.download_strip),
        (board.animation, edit_files.download_animation),
    ):
        done = button.click(
            made(work), board.table, board.file, show_progress="minimal", show_progress_on=button, **PRIVATE,
            **ONE_AT_A_TIME,
        )  # fmt: skip
        done.success(None, js=_SAVE, **PRIVATE)


def _watched(
    work: Callable[[Callable[[Any], None]], Table],
    stop: threading.Event,
    begun: Updates,
    show: Callable[[Any], Updates],
) -> Generator[Updates, None, Table]:
    """Show the progress of work in a thread, at least once a second; what it comes to."""
    following, shown = follow(work, stop), begun
    try:
        while True:
            seen = next(following)
            shown = shown if seen is None else show(seen)
            yield shown
    except StopIteration as ended:
        table: Table = ended.value
        return table
    finally:
        following.close()


def _progress(editors: Editors, board: Board, table: Table, seen: Any) -> Updates:
    updates = board.working(f"Step {seen.step} of {seen.steps}")
    if seen.picture is None:
        return updates
    return updates | {board.slider: board.compare(table, str(edit_work.preview(editors, table, seen.picture)))}


def _face(which: object, square: str) -> int | None:
    """The number of the face, where the detector is asked at all."""
    return None if square or not isinstance(which, int | float) or which <= 1 else int(which)
