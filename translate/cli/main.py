"""The `translate` command: every verb in one app, and the one place where an error becomes a line and an exit code."""

import io
import logging
import sys
from typing import Annotated, Any, NoReturn

import typer

from translate import __version__
from translate.cli import bench, data, jobs, models
from translate.cli.apply import apply
from translate.cli.edit import edit
from translate.cli.evaluate import evaluate
from translate.cli.export import export
from translate.cli.generate import generate
from translate.cli.invert import invert
from translate.cli.serve import serve
from translate.cli.study import study
from translate.cli.train import train
from translate.errors import TranslateError

USER_ERROR = 2
INTERRUPTED = 130

app = typer.Typer(
    name="translate",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"translate {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Image-to-image translation: turn photos into maps and segmentations, and train translators of your own."""


app.command()(apply)
app.command()(train)
app.command()(generate)
app.command()(edit)
app.command()(invert)
app.command()(evaluate)
app.command()(study)
app.command()(export)
app.command()(serve)
app.add_typer(models.app, name="models")
app.add_typer(data.app, name="data")
app.add_typer(jobs.app, name="jobs")
app.add_typer(bench.app, name="bench")


def main() -> NoReturn:
    """Run the command line: exit code 0 done, 1 a bug, 2 the user's input, 130 interrupted."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a file may have a name that the terminal can't show
    logging.basicConfig(format="%(message)s")
    logging.getLogger("translate").setLevel(logging.INFO)
    try:
        code = app(prog_name="translate", standalone_mode=False)
    except TranslateError as error:
        _fail(str(error))
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except OSError as error:
        if error.filename is None:  # no file of the user's: a bug
            raise
        _fail(f"{error.filename}: {error.strerror}")
    except Exception as error:
        # Typer's own errors about options; their class has been in two packages, their shape is one.
        if not hasattr(error, "format_message"):
            raise
        _fail_usage(error)
    if code == INTERRUPTED:
        print("interrupted", file=sys.stderr)
    sys.exit(code if isinstance(code, int) else 0)


def _fail(message: str) -> NoReturn:
    print(f"error: {message}", file=sys.stderr)
    sys.exit(USER_ERROR)


def _fail_usage(error: Any) -> NoReturn:
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
        sys.exit(USER_ERROR)
    context = getattr(error, "ctx", None)
    hint = f"; see `{context.command_path} --help`" if context else ""
    _fail(" ".join(error.format_message().split()).rstrip(".") + hint)
