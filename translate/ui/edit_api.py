"""The endpoints `/edit`, `/invert` and `/generate`, as a user's program asks them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, get_args

import gradio as gr

from translate.errors import ConfigError
from translate.stopping import check
from translate.ui import edit_files, edit_work, generate_work
from translate.ui.edit_work import API_STEPS, Asked, Table, parse_steps
from translate.ui.editors import Editors
from translate.ui.events import ONE_AT_A_TIME, told
from translate.ui.guard import uploaded
from translate.ui.work import working

Method = Literal["direction", "optimise", "mapper"]


def endpoints(editors: Editors) -> None:
    """Add them to the Blocks being built."""
    _edit(editors)
    _invert(editors)
    _generate(editors)


def _edit(editors: Editors) -> None:
    async def edit(
        prompt: str, image: Any = None, latent: Any = None, seed: int = 0, model: str = "faces",
        method: str = "direction", strength: float = 1.0, disentangle: str = "auto", neutral: str = "",
        crop: str = "", steps: int = 25,
    ) -> tuple[str, str, dict[str, Any]]:  # fmt: skip
        """Edit a face as `prompt` says: of an `image`, of a saved `latent`, or of a `seed`.

        `method` direction, optimise or mapper; `disentangle` auto or 0 to 1; `crop` X,Y,SIDE is the face's square in
        the image's pixels; `steps` of an optimisation. Gives a PNG, the latent with its edits, and details.
        """

        def work(cancelled: Callable[[], bool]) -> tuple[str, str, dict[str, Any]]:
            asked = _asked(prompt, neutral, method, strength, disentangle, steps)
            table = _table(editors, model, image, latent, seed, crop, cancelled)
            check(cancelled)
            done = edit_work.edit(editors, table, asked, cancelled)
            check(cancelled)
            picture, file = edit_files.download_picture(editors, done), edit_files.download_latent(editors, done)
            return str(picture), str(file), _details(editors, done, len(table.state.steps))

        with told():
            return await working(work)

    inputs = [
        gr.Textbox(label="prompt", visible=False), _image(), _file("latent"),
        gr.Number(0, label="seed", visible=False), _model(editors),
        gr.Textbox("direction", label="method", visible=False), gr.Number(1.0, label="strength", visible=False),
        gr.Textbox("auto", label="disentangle", visible=False), gr.Textbox("", label="neutral", visible=False),
        gr.Textbox("", label="crop", visible=False), gr.Number(25, label="steps", visible=False),
    ]  # fmt: skip
    outputs = [
        gr.Image(format="png", label="result", visible=False),
        gr.File(label="latent", visible=False),
        gr.JSON(label="details", visible=False),
    ]
    gr.Button(visible=False).click(edit, inputs, outputs, api_name="edit", preprocess=False, **ONE_AT_A_TIME)


def _invert(editors: Editors) -> None:
    async def invert(
        image: Any, model: str = "faces", crop: str = "", steps: int = 100
    ) -> tuple[str, str, dict[str, Any]]:
        """Turn the face in a photo into a latent of `model`, to be edited; `crop` X,Y,SIDE where no detector finds it.

        `steps` 0 is the encoder alone. Gives the latent, the face as the model draws it, and details.
        """
        with told():
            path = uploaded(image)
            if path is None:
                raise gr.Error("No photo was given.", print_exception=False)
            return await working(
                lambda cancelled: inverted(path, model, crop, parse_steps(steps, API_STEPS), cancelled)
            )

    def inverted(
        path: Path, model: str, crop: str, steps: int, cancelled: Callable[[], bool]
    ) -> tuple[str, str, dict[str, Any]]:
        table = edit_work.begin_photo(editors, model, path, crop=crop, steps=steps, cancelled=cancelled)
        check(cancelled)
        file = edit_files.download_latent(editors, table)
        details = {"model": editors.load(model).name, "square": _corners(table), "notes": list(table.said)}
        return str(file), str(edit_files.drawn(editors, table)), details

    inputs = [
        _image(), _model(editors), gr.Textbox("", label="crop", visible=False),
        gr.Number(100, label="steps", visible=False),
    ]  # fmt: skip
    outputs = [
        gr.File(label="latent", visible=False), gr.Image(format="png", label="face", visible=False),
        gr.JSON(label="details", visible=False),
    ]  # fmt: skip
    gr.Button(visible=False).click(invert, inputs, outputs, api_name="invert", preprocess=False, **ONE_AT_A_TIME)


def _generate(editors: Editors) -> None:
    async def generate(
        seeds: str = "0", model: str = "faces", truncation: float = 0.7, prompt: str = "", steps: int = 100
    ) -> tuple[list[str], dict[str, Any]]:
        """Make faces: of `seeds` such as 0-7 or 3,8, nearer to the mean face the smaller the `truncation`; or one of a
        `prompt` alone, in so many `steps`. Gives the PNGs and details.
        """

        def work(cancelled: Callable[[], bool]) -> tuple[list[str], dict[str, Any]]:
            if prompt.strip():
                done = generate_work.of_words(editors, model, prompt, parse_steps(steps, API_STEPS), cancelled)
            else:
                done = generate_work.of_seeds(editors, model, seeds, truncation, cancelled)
            return [str(path) for path in done.files], {"model": editors.load(model).name, "names": done.names}

        with told():
            return await working(work)

    inputs = [
        gr.Textbox("0", label="seeds", visible=False), _model(editors),
        gr.Number(0.7, label="truncation", visible=False), gr.Textbox("", label="prompt", visible=False),
        gr.Number(100, label="steps", visible=False),
    ]  # fmt: skip
    outputs = [gr.File(label="pictures", file_count="multiple", visible=False), gr.JSON(label="details", visible=False)]
    gr.Button(visible=False).click(generate, inputs, outputs, api_name="generate", preprocess=False, **ONE_AT_A_TIME)


def _table(
    editors: Editors, model: str, image: Any, latent: Any, seed: object, crop: str, cancelled: Callable[[], bool]
) -> Table:
    photo, file = uploaded(image), uploaded(latent)
    if photo is not None and file is not None:
        raise ConfigError("give an image or a latent, not both")
    if file is not None:
        return edit_work.begin_latent(editors, model, file)
    if photo is not None:
        return edit_work.begin_photo(editors, model, photo, crop=crop, cancelled=cancelled)
    return edit_work.begin_seed(editors, model, seed)


def _asked(prompt: str, neutral: str, method: Any, strength: float, disentangle: str, steps: object) -> Asked:
    if method not in get_args(Method):
        raise ConfigError(f"method is {str(method)[:40]!r}; known: {', '.join(get_args(Method))}")
    try:
        threshold = None if disentangle == "auto" else float(disentangle)
    except (TypeError, ValueError):
        raise ConfigError(f"disentangle is {str(disentangle)[:40]!r}; take auto or a number from 0 to 1") from None
    return Asked(
        prompt=prompt, neutral=neutral, method=method, strength=float(strength), disentangle=threshold,
        steps=max(1, parse_steps(steps, API_STEPS)),
    )  # fmt: skip


def _details(editors: Editors, done: Table, before: int) -> dict[str, Any]:
    editor, steps = editors.load(done.model), done.state.steps
    return {
        "model": editor.name,
        "changed": len(steps) > before,
        "edits": [{"prompt": s.prompt, "method": s.method, "strength": s.strength, "beta": s.beta} for s in steps],
        "square": _corners(done),
        "figures": done.figures,
        "identity_measured_by": None if editor.identity is None else editor.identity.name,
        "notes": list(done.said),
    }


def _corners(table: Table) -> list[list[float]] | None:
    return None if table.square is None else [[round(v, 2) for v in corner] for corner in table.square.corners.tolist()]


def _model(editors: Editors) -> gr.Textbox:
    return gr.Textbox(editors.default(), label="model", visible=False)


def _image() -> gr.Image:
    image = gr.Image(type="filepath", label="image", visible=False)
    _shown_as(image, "photo.jpg")
    return image


def _file(label: str) -> gr.File:
    file = gr.File(label=label, visible=False)
    _shown_as(file, "face.safetensors")
    return file


def _shown_as(component: Any, name: str) -> None:
    # On the API page; Gradio's own example is an address that the guard would refuse to fetch.
    example = {"path": name, "url": name, "meta": {"_type": "gradio.FileData"}}
    vars(component)["example_payload"] = lambda: example
