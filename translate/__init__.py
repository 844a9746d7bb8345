"""Image-to-image translation: `translate.load(name)(image)`.

Importing the package costs nothing; torch is loaded with the first model.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from translate.editing.editor import Editor
    from translate.inference.translator import Translator

__version__ = "0.1.0"
__all__ = ["Editor", "Translator", "__version__", "load", "load_editor"]


def load(name_or_path: "str | Path", *, device: str = "auto", precision: str = "auto") -> "Translator":
    """A translator by the name of a model, by the folder of a run, or by an ONNX file that `translate export` wrote.

    Raises: CheckpointError when there is none or it is damaged; ConfigError for a device that isn't there.
    """
    from translate.inference.translator import Translator

    return Translator.load(name_or_path, device=device, precision=precision)


def load_editor(name_or_path: "str | Path", *, device: str = "auto") -> "Editor":
    """What edits faces by text, by the name of a StyleGAN2 or its folder.

    Raises: CheckpointError when there is none or it is damaged; ConfigError for another kind of model, or a device that
    isn't there.
    """
    from translate.editing.editor import Editor

    return Editor.load(name_or_path, device=device)


def __getattr__(name: str) -> Any:
    if name == "Editor":
        from translate.editing.editor import Editor

        return Editor
    if name == "Translator":
        from translate.inference.translator import Translator

        return Translator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
