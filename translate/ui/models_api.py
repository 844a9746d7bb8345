"""The endpoint `/models`: what a script may ask for by name."""

from typing import Any

import gradio as gr

from translate import catalog
from translate.config import described
from translate.ui.events import told
from translate.ui.models import Models


def models_endpoint(models: Models) -> None:
    """Add the endpoint to the Blocks being built; strangers may ask it too, so it tells of no folder."""

    def listed() -> list[dict[str, Any]]:
        """Every model that can be used: its name, what it is called, and what it makes."""
        with told():
            return listing(models)

    button = gr.Button(visible=False)
    button.click(listed, None, gr.JSON(label="models", visible=False), api_name="models", queue=False)


def listing(models: Models) -> list[dict[str, Any]]:
    """Name, title, kind, output and classes of each; the one that `/apply` takes by default is first."""
    found = {entry.name: entry for entry in catalog.models()}
    names = dict.fromkeys([name for _, name in models.choices()] + list(found))
    return [
        {
            "name": name,
            "title": found[name].config.title,
            "kind": found[name].config.kind,
            "output": described.output(found[name].config),
            "classes": [*(spec.name for spec in found[name].config.classes), *found[name].config.labels],
            "licence": found[name].config.licence,
        }
        for name in names
        if name in found
    ]
