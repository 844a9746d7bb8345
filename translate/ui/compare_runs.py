"""Trainings side by side: the curves they wrote down and their last figures."""

import base64
import tempfile
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from translate.errors import ConfigError
from translate.ui import tables
from translate.ui.events import Updates, told

MOST = 8
"""Lines in one plot that can be told apart."""
_EMPTY = """<p class="tr-note">Choose trainings to see their curves in one plot and their last figures in one table.
Each is a folder in <code>runs/</code> with a <code>log.jsonl</code>; validations come first.</p>"""
_NONE = """<p class="tr-note">No training has written anything down yet; one that is started on the Train tab, or with
<code>translate train</code> in this folder, appears here.</p>"""


def compare_panel() -> None:
    """Add the panel to the Blocks being built."""
    with gr.Accordion("Compare trainings", open=False, elem_id="compare") as panel:
        chosen = gr.Dropdown(
            [],
            value=[],
            multiselect=True,
            max_choices=MOST,
            label="Trainings",
            elem_id="compare-runs",
            interactive=True,
        )
        figures = gr.HTML(_EMPTY, js_on_load=None, elem_id="compare-figures")

    def listed() -> Updates:
        from translate.evaluation.histories import runs  # torch takes seconds

        with told():
            names = runs()
        return {chosen: gr.Dropdown(names), figures: _EMPTY if names else _NONE}

    def shown(names: Any) -> str:
        with told():
            return compare(names) if names else _EMPTY

    quiet: dict[str, Any] = {"preprocess": False, "api_visibility": "private"}
    panel.expand(listed, None, [chosen, figures], queue=False, show_progress="hidden", **quiet)
    chosen.input(
        shown, chosen, figures,
        trigger_mode="always_last", concurrency_limit=1, concurrency_id="plots", show_progress="minimal",
        show_progress_on=figures, **quiet,
    )  # fmt: skip


def compare(names: object) -> str:
    """The last figures of trainings as a table, and their curves: HTML.

    Raises: ConfigError for no list of names, or too many; CheckpointError for one that is no training.
    """
    from translate.evaluation import histories

    if not isinstance(names, list) or len(names) > MOST:
        raise ConfigError(f"choose at most {MOST} trainings")
    read = {str(name): histories.read(str(name)) for name in names}
    table = tables.table(list(read), histories.rows(read), "Last figures, a column a training")
    of = escape(", ".join(read), quote=True)
    with tempfile.TemporaryDirectory() as folder:
        drawn = histories.save_curves(read, Path(folder))
        curves = "".join(
            f'<img alt="{escape(title, quote=True)} over the steps of {of}" src="{_inline(path)}">'
            for title, path in drawn
        )
    return f'{table}<div class="tr-curves">{curves}</div>'


def _inline(path: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"
