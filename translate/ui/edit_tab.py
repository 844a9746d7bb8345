"""The Edit tab: the face of a photo, of a seed or from a file, changed as sentences say. `edit_events` wires it."""

from pathlib import Path

import gradio as gr

from translate.ui import edit_cards
from translate.ui.edit_api import endpoints
from translate.ui.edit_board import Asking, Board, Faces
from translate.ui.edit_events import METHODS, connect
from translate.ui.edit_work import EDIT_STEPS, NEAR_STEPS
from translate.ui.guard import KEEP_SECONDS
from translate.ui.models import Models
from translate.ui.settings import Settings

PROMPTS = ("an old man", "a young woman", "a child", "a smiling face", "a face with glasses", "a bearded man")
_PHOTO_HINT = "Drop a photo of a face here\n or click to choose one"


def edit_tab(models: Models, settings: Settings) -> None:
    """Add the tab's content and its endpoints to the Blocks being built."""
    editors = models.editors
    with gr.Row(equal_height=False, elem_classes="tr-columns"):
        with gr.Column(scale=4, min_width=300):
            faces = _faces(models)
            asking = _asking()
        with gr.Column(scale=7, min_width=300):
            board = _board(editors.default() is not None)
    connect(editors, faces, asking, board)
    endpoints(editors)


def _faces(models: Models) -> Faces:
    editors = models.editors
    model = gr.Dropdown(
        editors.choices(), value=editors.default(), label="Model of faces", filterable=False, elem_id="edit-model",
        visible=len(editors.choices()) != 1,
    )  # fmt: skip
    with gr.Tabs(elem_id="edit-source"):
        with gr.Tab("Photo", id="photo"):
            photo = gr.Image(
                label="Photo", type="filepath", image_mode=None, sources=["upload", "clipboard", "webcam"], height=220,
                placeholder=_PHOTO_HINT, buttons=[], elem_id="edit-photo", alt_text="The photo of a face",
            )  # fmt: skip
            crop = gr.HTML(js_on_load=_script("edit_crop.js"), elem_id="edit-crop")
            by_hand = gr.Checkbox(label="Set the face's square by hand", visible=False, elem_id="edit-by-hand")
            with gr.Accordion("More about the photo", open=False, visible=False) as more:
                face = gr.Number(
                    1, label="Which face, where there are several (1 is the largest)", precision=0, minimum=1
                )
                near = gr.Slider(
                    *NEAR_STEPS, 100, step=10, label="Steps towards the photo",
                    info="0 is the encoder alone, at once; more come nearer.", buttons=[],
                )  # fmt: skip
            square = gr.Textbox(visible=False, max_length=100)
            use = gr.Button("Use this face", variant="primary", visible=False, elem_id="edit-use")
        with gr.Tab("Random face", id="random"):
            seed = gr.Number(7, label="Seed", info="The same number is the same face.", precision=0, minimum=0,
                             elem_id="edit-seed")  # fmt: skip
            variety = gr.Slider(0, 1, 0.7, step=0.05, label="Variety", info="Less is safer.", buttons=[])
            with gr.Row(elem_classes="tr-row"):
                show = gr.Button("Show this face", elem_id="edit-show", min_width=120)
                another = gr.Button("Another", variant="primary", elem_id="edit-another", min_width=120)
        with gr.Tab("Saved face", id="saved"):
            saved = gr.File(
                label="A face that was saved here (.safetensors)", file_types=[".safetensors"], height=120,
                elem_id="edit-saved",
            )  # fmt: skip
    return Faces(model, photo, crop, square, by_hand, more, face, near, use, seed, variety, show, another, saved)


def _asking() -> Asking:
    prompt = gr.Textbox(
        label="What to see", placeholder="an old man", max_length=300, elem_id="edit-prompt", submit_btn=False
    )
    mapper = gr.Dropdown([], label="What to see", visible=False, filterable=False, elem_id="edit-mapper")
    with gr.Row(elem_classes="tr-chips") as row:
        chips = [gr.Button(text, size="sm") for text in PROMPTS]
    edit = gr.Button("Edit", variant="primary", elem_id="edit-go")
    with gr.Accordion("How", open=False):
        method = gr.Radio(METHODS, value="direction", label="Method", elem_id="edit-method")
        neutral = gr.Textbox(label="Compared with", placeholder="a face", max_length=300, elem_id="edit-neutral")
        chosen = gr.Checkbox(True, label="Choose the disentanglement by itself", elem_id="edit-auto")
        threshold = gr.Slider(
            0, 1, 0.3, step=0.01, label="Disentanglement", info="0 changes much besides, 1 next to nothing.",
            visible=False, buttons=[], elem_id="edit-threshold",
        )  # fmt: skip
        steps = gr.Slider(*EDIT_STEPS, 25, step=5, label="Steps", visible=False, buttons=[], elem_id="edit-steps")
    with gr.Accordion("Only within a painted area", open=False):
        brush = gr.HTML(
            '<p class="tr-note">Choose a face first; then paint here where the next edit may change it.</p>',
            js_on_load=_script("edit_mask.js"), elem_id="edit-mask",
        )  # fmt: skip
        # What is painted, as the page's script hands it over with a click.
        painted = gr.Textbox(visible=False, max_length=2_000_000)
        remask = gr.Button("Keep the last edit within it", size="sm", elem_id="edit-remask")
    return Asking(prompt, mapper, row, chips, edit, method, neutral, chosen, threshold, steps, brush, painted, remask)


def _board(has_models: bool) -> Board:
    with gr.Row(visible=False, elem_classes="tr-row") as busy:
        status = gr.HTML(js_on_load=None, elem_id="edit-status", min_width=120)
        stop = gr.Button("Stop", size="sm", elem_id="edit-stop", scale=0, min_width=90)
    welcome = gr.HTML(
        edit_cards.WELCOME if has_models else edit_cards.NO_FACES, js_on_load=None, elem_id="edit-welcome"
    )
    with gr.Column(visible=False, elem_id="edit-result") as panel:
        slider = gr.ImageSlider(
            label="Before and after", show_label=False, interactive=False, buttons=["fullscreen"], max_height=460,
            elem_id="edit-comparison",
        )  # fmt: skip
        strength = gr.Slider(
            -2, 2, 1, step=0.05, label="Strength of the last edit", visible=False, buttons=[], elem_id="edit-strength",
            info="0 is none, below 0 the other way.",
        )  # fmt: skip
        told = gr.HTML(js_on_load=None, elem_id="edit-told")
        done = gr.HTML(js_on_load=None, elem_id="edit-history")
        with gr.Row(elem_classes="tr-row"):
            undo = gr.Button("Undo", size="sm", elem_id="edit-undo", min_width=90)
            over = gr.Button("Start over", size="sm", elem_id="edit-over", min_width=90)
        with gr.Row(elem_classes="tr-row"):
            picture = gr.Button("Download PNG", variant="primary", elem_id="edit-download", size="md", min_width=140)
            latent = gr.Button("Save the face", elem_id="edit-latent", size="md", min_width=140)
            strip = gr.Button("Strip", elem_id="edit-strip", size="md", min_width=140)
            animation = gr.Button("Animation", elem_id="edit-animation", size="md", min_width=140)
    # Clicked by the page itself, once the file is made.
    file = gr.DownloadButton("Download", visible="hidden", elem_id="edit-file")
    table, stopper = gr.State(time_to_live=KEEP_SECONDS), gr.State(time_to_live=KEEP_SECONDS)
    return Board(
        welcome, busy, status, stop, panel, slider, strength, told, done, undo, over,
        picture, latent, strip, animation, file, table, stopper,
    )  # fmt: skip


def _script(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
