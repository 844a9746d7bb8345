"""What happens in the Edit tab: a face is taken, edits are done and undone, files are made."""

import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from translate.ui import edit_files, edit_work
from translate.ui.edit_board import Asking, Board, Faces, brush
from translate.ui.edit_work import EDIT_STEPS, NEAR_STEPS, Asked, Table, parse_steps
from translate.ui.editors import Editors
from translate.ui.events import ONE_AT_A_TIME, Updates, told
from translate.ui.guard import uploaded
from translate.ui.ways import wire_stop
from translate.ui.work import Follow, working

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

METHODS = [("Direction: at once", "direction"), ("Optimise: one face, step by step", "optimise")]
MAPPER = ("Mapper: trained for one sentence", "mapper")

Steps = AsyncIterator[Updates]


def connect(editors: Editors, faces: Faces, asking: Asking, board: Board) -> None:
    """Wire all events; work that lasts is stopped by its own visitor's button."""
    _on_photo(editors, faces)
    _on_faces(editors, faces, asking, board)
    _on_words(editors, faces, asking, board)
    _on_how(editors, faces, asking)
    _on_history(editors, asking, board)
    _on_files(editors, board)
    wire_stop(board.stop, board.stopper)


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


def _on_faces(editors: Editors, faces: Faces, asking: Asking, board: Board) -> None:
    taken = partial(_taken, editors, asking, board)

    async def of_photo(model: str, picture: Any, which: float, near: float, square: str) -> Steps:
        with told():
            path = uploaded(picture)
            if path is None:
                raise gr.Error("No photo was given.", print_exception=False)
            begun = partial(
                edit_work.begin_photo, editors, model, path, crop=square, face=_face(which, square),
                steps=parse_steps(near, NEAR_STEPS),
            )  # fmt: skip
            follow = Follow[Any, Updates](
                lambda tell, cancelled: taken(begun(cancelled=cancelled, report=lambda *seen: tell(seen)))
            )
            following = _watched(board, follow, "Looking at the photo …", partial(_searching, board))
            async with aclosing(following):
                async for updates in following:
                    yield updates

    async def of_seed(model: str, seed: float, variety: float) -> Updates:
        with told():
            return await working(lambda _: taken(edit_work.begin_seed(editors, model, seed, variety)))

    async def of_file(model: str, file: Any) -> Updates:
        with told():
            path = uploaded(file)
            if path is None:
                return board.idle()
            return await working(lambda _: taken(edit_work.begin_latent(editors, model, path)))

    begin = partial(_begin, [*board.components(), asking.brush], board)
    begin(faces.use.click, of_photo, [faces.model, faces.photo, faces.which, faces.near, faces.square], js=_SQUARE)
    seeded = [faces.model, faces.seed, faces.variety]
    begin(faces.show.click, of_seed, seeded)
    begin(faces.variety.release, of_seed, seeded)
    drawn = faces.another.click(lambda: random.randrange(SEEDS), None, faces.seed, **QUICK)
    begin(drawn.then, of_seed, seeded)
    begin(faces.saved.upload, of_file, [faces.model, faces.saved])


def _taken(editors: Editors, asking: Asking, board: Board, table: Table) -> Updates:
    """A new face on the table."""
    return board.show(editors, table) | {asking.brush: brush(editors, table)}


def _begin(
    outputs: list[Any], board: Board, on: Any, work: Callable[..., Any], inputs: list[Any], js: Any = None
) -> None:
    done = on(
        work, inputs, outputs, js=js, preprocess=False, show_progress="minimal",
        show_progress_on=[board.welcome, board.slider], **PRIVATE, **ONE_AT_A_TIME,
    )  # fmt: skip
    done.success(None, js=_SCROLL, **PRIVATE)
    done.failure(board.idle, None, [board.busy, board.status], **QUICK)


def _on_words(editors: Editors, faces: Faces, asking: Asking, board: Board) -> None:
    begin = partial(_taken, editors, asking, board)

    async def edited(
        table: Table | None, model: str, seed: float, variety: float, prompt: str, sentence: str, neutral: str,
        method: Any, auto: bool, threshold: float, steps: float, painted: str,
    ) -> Steps:  # fmt: skip
        with told():
            count = parse_steps(steps, EDIT_STEPS)
            shown = {} if table else await working(lambda _: begin(edit_work.begin_seed(editors, model, seed, variety)))
            if shown:
                yield shown
            face: Table = table or shown[board.table]
            asked = Asked(
                prompt=(sentence if method == "mapper" else prompt) or "", neutral=neutral or "", method=method,
                disentangle=None if auto else threshold, steps=count,
                mask=edit_files.read_mask(face.folder, painted or ""),
            )  # fmt: skip
            follow = _editing(editors, board, face, asked)
            following = _watched(board, follow, "Finding out what the words mean …", partial(_progress, board))
            async with aclosing(following):
                async for updates in following:
                    yield updates

    inputs = [
        board.table, faces.model, faces.seed, faces.variety, asking.prompt, asking.mapper, asking.neutral,
        asking.method, asking.auto, asking.threshold, asking.steps, asking.painted,
    ]  # fmt: skip
    starts = [asking.edit.click, asking.prompt.submit]
    starts += [chip.click(lambda text=chip.value: text, None, asking.prompt, **QUICK).then for chip in asking.chips]
    for start in starts:
        _begin([*board.components(), asking.brush], board, start, edited, inputs, js=_PAINTED)


def _on_how(editors: Editors, faces: Faces, asking: Asking) -> None:
    """Show what belongs to the chosen method; mappers are offered where the model has some."""

    def how(method: str, auto: bool) -> Updates:
        is_mapper = method == "mapper"
        return {
            asking.prompt: gr.Textbox(visible=not is_mapper),
            asking.row: gr.Row(visible=not is_mapper),
            asking.mapper: gr.Dropdown(visible=is_mapper),
            asking.auto: gr.Checkbox(visible=not is_mapper),
            asking.neutral: gr.Textbox(visible=not is_mapper),
            asking.threshold: gr.Slider(visible=not is_mapper and not auto),
            asking.steps: gr.Slider(visible=method == "optimise"),
        }

    def offered(model: str | None, method: str, auto: bool, sentence: str | None) -> Updates:
        choices = editors.choices()
        model = model if model in [name for _, name in choices] else editors.default()
        known = editors.mappers(model) if model else []
        method = "direction" if method == "mapper" and not known else method
        chosen = sentence if sentence in known else next(iter(known), None)
        return how(method, auto) | {
            faces.model: gr.Dropdown(choices, value=model, visible=len(choices) != 1),
            asking.method: gr.Radio([*METHODS, MAPPER] if known else METHODS, value=method),
            asking.mapper: gr.Dropdown(known, value=chosen, visible=method == "mapper"),
        }

    parts = [
        asking.prompt, asking.row, asking.mapper, asking.auto, asking.neutral, asking.threshold, asking.steps,
    ]  # fmt: skip
    asking.method.input(how, [asking.method, asking.auto], parts, **QUICK)
    asking.auto.input(lambda auto: gr.Slider(visible=not auto), asking.auto, asking.threshold, **QUICK)
    given = [faces.model, asking.method, asking.auto, asking.mapper]
    for on in (faces.model.input, partial(gr.on, None)):  # on every visit: one may have been trained meanwhile
        on(offered, given, [faces.model, *parts, asking.method], preprocess=False, **QUICK)


def _on_history(editors: Editors, asking: Asking, board: Board) -> None:
    outputs = board.components()

    def changed(work: Callable[..., Table], show: Callable[[Editors, Table], Updates], needs: int = 0) -> Any:
        async def change(table: Table | None, *given: Any) -> Any:
            if table is None or len(table.state.steps) < needs:
                return gr.skip()
            with told():
                return await working(lambda cancelled: show(editors, work(cancelled, editors, table, *given)))

        return change

    live: dict[str, Any] = {"trigger_mode": "always_last", "show_progress": "hidden"} | PRIVATE | ONE_AT_A_TIME
    move = changed(_at_strength, board.restrengthened, needs=1)
    board.strength.input(move, [board.table, board.strength], outputs, **live)
    tighten = changed(_at_threshold, board.restrengthened, needs=1)
    gr.on(
        [asking.threshold.input, asking.auto.input],
        tighten,
        [board.table, asking.auto, asking.threshold],
        outputs,
        **live,
    )
    usual: dict[str, Any] = {"show_progress": "hidden"} | PRIVATE | ONE_AT_A_TIME
    board.undo.click(
        changed(lambda _, found, table: edit_work.undo(found, table), board.show), board.table, outputs, **usual
    )
    board.over.click(
        changed(lambda _, __, table: edit_work.start_over(table), board.show), board.table, outputs, **usual
    )
    asking.remask.click(
        changed(_masked, board.show, needs=1), [board.table, asking.painted], outputs, js=_PAINTED, **usual
    )


def _at_strength(_: Any, editors: Editors, table: Table, strength: float) -> Table:
    return edit_work.at_strength(editors, table, strength)


def _at_threshold(cancelled: Any, editors: Editors, table: Table, auto: bool, threshold: float) -> Table:
    is_direction = table.state.steps[-1].method == "direction"
    wanted = None if auto else threshold
    return edit_work.at_threshold(editors, table, wanted, cancelled) if is_direction else table


def _masked(_: Any, editors: Editors, table: Table, painted: str) -> Table:
    return edit_work.within(editors, table, edit_files.read_mask(table.folder, painted or ""))


def _on_files(editors: Editors, board: Board) -> None:
    def made(work: Callable[..., Path]) -> Callable[[Table | None], Any]:
        async def make(table: Table | None) -> Any:
            with told():
                if table is None:
                    raise gr.Error("There is no face yet.", print_exception=False)
                path = await working(lambda cancelled: work(editors, table, cancelled))
                board.file.temp_files.add(str(path))
                return gr.DownloadButton(value=str(path))

        return make

    for button, work in (
        (board.picture, lambda found, table, _: edit_files.download_picture(found, table)),
        (board.latent, lambda found, table, _: edit_files.download_latent(found, table)),
        (board.strip, edit_files.download_strip),
        (board.animation, edit_files.download_animation),
    ):
        done = button.click(
            made(work), board.table, board.file, show_progress="minimal", show_progress_on=button, **PRIVATE,
            **ONE_AT_A_TIME,
        )  # fmt: skip
        done.success(None, js=_SAVE, **PRIVATE)


def _editing(editors: Editors, board: Board, table: Table, asked: Asked) -> Follow[Any, Updates]:
    """An edit; it tells (step, steps, the picture so far, mostly None)."""

    def work(tell: Callable[[Any], None], cancelled: Callable[[], bool]) -> Updates:
        def report(seen: Any) -> None:
            picture = None if seen.picture is None else edit_work.preview(editors, table, seen.picture)
            tell((seen.step, seen.steps, picture and board.compare(table, str(picture))))

        return board.show(editors, edit_work.edit(editors, table, asked, cancelled, report))

    return Follow(work)


def _searching(board: Board, seen: Any) -> Updates:
    return board.working(f"From photo to face: step {seen[-1][0]} of {seen[-1][1]}")


def _progress(board: Board, seen: Any) -> Updates:
    step, steps, _ = seen[-1]
    pictures = [both for *_, both in seen if both]
    updates = board.working(f"Step {step} of {steps}")
    return updates | {board.slider: pictures[-1]} if pictures else updates


async def _watched(
    board: Board, follow: Follow[Any, Updates], text: str, show: Callable[[Any], Updates]
) -> AsyncGenerator[Updates, None]:
    """Show the progress of work, with the button that stops it, and then what it comes to."""
    yield board.begin(follow.stop, text)
    async with aclosing(follow.news()) as news:
        async for seen in news:
            yield show(seen) if seen else {board.stop: gr.skip()}
    yield follow.result


def _face(which: object, square: str) -> int | None:
    """The number of the face, where the detector is asked at all."""
    return None if square or not isinstance(which, int | float) or which <= 1 else int(which)
