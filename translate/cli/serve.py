"""`translate serve`: the page in the browser, the same as `python app.py`."""

from typing import Annotated

import typer


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="The first free port from this one on is used.")] = 7860,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, fp32 or bf16.")] = "auto",
) -> None:
    """Open the page: upload a photo, get its translation."""
    from translate.ui.app import launch
    from translate.ui.models import Models

    if (device, precision) != ("auto", "auto"):  # told now, not at the first photo
        from translate.devices import pick_device, pick_precision

        pick_precision(precision, pick_device(device))
    launch(Models(device=device, precision=precision), host=host, port=port)
