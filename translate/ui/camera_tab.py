"""The camera, live, with a model that is quick enough on this machine: part of the Translate tab.

Every frame is a request of its own in the one queue of the page, asked for when the last one has been answered: between
two frames the accelerator is anybody's, and a visitor who stops or leaves holds nothing.
"""

from pathlib import Path
from typing import Any

import gradio as gr

from translate.errors import ConfigError
from translate.ui.camera import MOST_SECONDS, check_speed, translate_frame
from translate.ui.events import ONE_AT_A_TIME, told
from translate.ui.models import Models
from translate.ui.work import working

_SCRIPT = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
_STAGE = f"""<div class="tr-camera"><div class="tr-camera-bar">
<button type="button" class="tr-start">Start the camera</button>
<button type="button" class="tr-stop" hidden>Stop</button>
<p role="status">Live, with a model that takes {MOST_SECONDS} s a frame or less on this machine.</p></div>
<div class="tr-camera-views"><figure><div><video playsinline muted aria-label="Your camera"></video></div>
<figcaption>Your camera</figcaption></figure>
<figure><div><img alt="The translation of what the camera sees"></div>
<figcaption>Translated</figcaption></figure></div></div>"""
_QUIETLY: dict[str, Any] = {"preprocess": False, "api_visibility": "private", "show_progress": "hidden"}
_TO_STAGE = '(given) => {{ document.querySelector("#camera").camera.{what}(given); }}'


def camera_tab(models: Models) -> gr.Dropdown:
    """Add the content to the Blocks being built; its menu of models is given back."""
    model = gr.Dropdown(
        models.choices(), value=models.default(), label="Model", filterable=False, elem_id="camera-model"
    )
    stage: Any = gr.HTML(html_template=_STAGE, js_on_load=_SCRIPT, elem_id="camera")
    speed, answer = gr.JSON(visible=False), gr.Textbox(visible=False)

    async def measured(name: str) -> dict[str, Any]:
        with told():
            try:
                seconds = await working(lambda cancelled: check_speed(models, name, cancelled))
                return {"quick": True, "text": f"{seconds * 1000:.0f} ms a frame"}
            except ConfigError as error:  # told in its place, where it was asked
                return {"quick": False, "text": str(error)}

    async def translated(name: str, event: gr.EventData) -> str:
        picture = getattr(event, "picture", None)
        with told():
            return await working(lambda cancelled: translate_frame(models, name, picture, cancelled))

    looks = stage.begin(measured, model, speed, **_QUIETLY, **ONE_AT_A_TIME)
    frames = stage.frame(translated, model, answer, **_QUIETLY, **ONE_AT_A_TIME)
    stage.stopped(None, cancels=[looks, frames], api_visibility="private")
    for begun, given, shown in ((looks, speed, "measured"), (frames, answer, "answered")):
        begun.success(None, given, None, js=_TO_STAGE.format(what=shown), api_visibility="private")
        begun.failure(None, js=_TO_STAGE.format(what="failed"), api_visibility="private")
    return model
