"""`translate edit INPUT --prompt TEXT -o OUT`: change a face as a sentence says."""

import json
import math
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import typer

from translate.cli.options import check_says_synthetic
from translate.config.seeds import parse_seeds
from translate.errors import ConfigError

if TYPE_CHECKING:
    from translate.editing.editor import Edited, Editor
    from translate.editing.history import EditState
    from translate.editing.optimisation import OptimisationConfig, Progress

METHODS = ("direction", "optimise", "mapper")
MOST_STRENGTHS = 200
LATENT = ".safetensors"


class Job(NamedTuple):
    """One face and where the result goes: `source` is a photo's or latent's path, or a seed."""

    source: Path | int
    target: Path


class Settings(NamedTuple):
    """How to edit, the same for every face."""

    prompts: list[str]
    neutral: str | None
    method: str
    strength: float
    disentangle: "Literal['auto'] | float"
    mask: Path | None
    strengths: list[float]
    optimisation: "OptimisationConfig | None"


def edit(
    out: Annotated[Path, typer.Option("--out", "-o", help="A picture such as old.png; for several faces, a folder.")],
    inputs: Annotated[
        list[str] | None, typer.Argument(metavar="INPUT...", help="Photos, folders of them, or saved latents.")
    ] = None,
    prompt: Annotated[list[str] | None, typer.Option(help="What to see; several are done one upon the other.")] = None,
    model: Annotated[str, typer.Option(help="Name of a StyleGAN2 with a CLIP, or its folder.")] = "faces",
    seed: Annotated[str | None, typer.Option(help="Faces of these seeds instead of photos: 7, or 0-15.")] = None,
    neutral: Annotated[str | None, typer.Option(help="What the prompt is compared with.  [default: a face]")] = None,
    method: Annotated[str, typer.Option(help="direction, optimise or mapper.")] = "direction",
    strength: Annotated[float, typer.Option(help="1 is the method's own; below 0 the other way.")] = 1.0,
    disentangle: Annotated[str, typer.Option(help="0 changes most besides, 1 least; auto chooses.")] = "auto",
    mask: Annotated[Path | None, typer.Option(help="A square picture: white may change, black stays.")] = None,
    mapper: Annotated[Path | None, typer.Option(help="A trained mapper's folder, or its authors' .pt file.")] = None,
    strip: Annotated[str | None, typer.Option(help="At these strengths, as -1,0,1,2; .gif and .webp move.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, max=10_000, help="optimise: steps.  [default: 25]")] = None,
    space: Annotated[str, typer.Option(help="optimise: channels that the text moves, w_plus, or s.")] = "channels",
    latent: Annotated[Path | None, typer.Option(help="Save the edited latent too, as face.safetensors.")] = None,
    crop: Annotated[str | None, typer.Option(help="The face's square in the photo, X,Y,SIDE in pixels.")] = None,
    face: Annotated[int | None, typer.Option(help="Of several faces in a photo, which; 1 is the largest.")] = None,
    invert_steps: Annotated[
        int | None, typer.Option(min=0, max=10_000, help="From photo to latent, as invert.")
    ] = None,
    tune: Annotated[int, typer.Option(min=0, max=10_000, help="Most steps of tuning to a photo; 0 is off.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")] = False,
) -> None:
    """Change faces as a sentence says: of photos, of seeds, or of latents saved before.

    The pictures say in their metadata that they are synthetic, and by which model.
    """
    from translate import catalog

    # The quick questions first: a wrong word must not cost the seconds that torch takes to load.
    if method not in METHODS:
        raise ConfigError(f"--method {method}: known: {', '.join(METHODS)}")
    strengths, threshold = parse_strengths(strip), parse_disentangle(disentangle)
    jobs = plan(inputs or [], seed, out, moving=strip is not None)
    if latent is not None:
        _check_latent(latent, len(jobs))
    catalog.find(model)

    from translate.editing import detection
    from translate.editing.editor import Editor
    from translate.editing.optimisation import OptimisationConfig
    from translate.editing.photo import PhotoInverter

    editor = Editor.load(model, device=device)
    if isinstance(editor.inverter, PhotoInverter):
        square = None if crop is None else detection.parse_crop(crop)
        editor.inverter = replace(editor.inverter, crop=square, face=face, steps=invert_steps, tune=tune)
    prompts = list(prompt or [])
    if mapper is not None:
        taken = editor.add_mapper(mapper, prompts[0] if prompts else "")
        prompts, method = prompts or [taken.config.prompt], "mapper"
    if not prompts:
        raise ConfigError('say what to see: --prompt "an old man"')
    changes = {"space": space} | ({} if steps is None else {"steps": steps})
    config = OptimisationConfig().replace(**changes) if method == "optimise" else None
    how = Settings(prompts, neutral, method, strength, threshold, mask, strengths, config)
    done = [_one(editor, job, how, latent, hidden=as_json) for job in jobs]
    if as_json:
        record = {"model": editor.name, "clip": getattr(editor.clip, "name", None), "method": method}
        print(json.dumps(record | {"prompts": prompts, "results": done}, indent=2))
        return
    for result in done:
        print(_line(result))


def parse_strengths(text: str | None) -> list[float]:
    """[-1, 0, 1] for "-1,0,1"; empty for None.

    Raises: ConfigError for anything else.
    """
    if text is None:
        return []
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = []
    if not 1 < len(found) <= MOST_STRENGTHS or not all(abs(value) <= 100 for value in found):
        raise ConfigError(f"--strip {text}: expected 2 to {MOST_STRENGTHS} strengths of at most 100, as -1,0,1,2")
    return found


def parse_disentangle(text: str) -> "Literal['auto'] | float":
    """`auto`, or a number from 0 to 1.

    Raises: ConfigError for anything else.
    """
    if text == "auto":
        return "auto"
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise ConfigError(f"--disentangle {text}: take auto, or a number from 0 to 1")
    return value


def plan(inputs: list[str], seed: str | None, out: Path, *, moving: bool) -> list[Job]:
    """Which faces, and the file that each goes to.

    Raises: ConfigError where there is none, several for one file, or a suffix that can't hold the result.
    """
    from translate.inference import files

    if bool(inputs) == (seed is not None):
        raise ConfigError("name photos, folders or saved latents, or --seed N for a face of the model's own; not both")
    is_file = bool(out.suffix) and not out.is_dir()
    if is_file:
        check_says_synthetic(out)
    if is_file and not moving and out.suffix.lower() == ".gif":
        raise ConfigError(f"{out}: a .gif is for --strip; name a .png, .jpg or .webp")
    latents = [Path(given) for given in inputs if given.lower().endswith(LATENT)]
    photos = [given for given in inputs if not given.lower().endswith(LATENT)]
    named: list[tuple[Path | int, str]] = [(path, path.stem) for path in latents]
    named += [(number, f"seed-{number:04d}") for number in (parse_seeds(seed) if seed is not None else [])]
    if is_file and len(named) + len(photos) > 1:
        raise ConfigError(f"{out} is one file, but there are several faces; give -o a folder")
    jobs = [Job(source, out if is_file else out / f"{name}.png") for source, name in named]
    jobs += [Job(job.source, job.target) for job in (files.plan(photos, out) if photos else [])]
    targets = [job.target for job in jobs]
    if len(set(targets)) < len(targets):
        raise ConfigError(f"{out}: two faces would go to one file; edit them apart")
    return jobs


def _check_latent(latent: Path, faces: int) -> None:
    if faces > 1:
        raise ConfigError(f"--latent {latent}: is one file, and there are {faces} faces")
    if latent.suffix.lower() != LATENT:
        raise ConfigError(f"--latent {latent}: a latent is a safetensors file; name it {latent.stem}{LATENT}")


def _one(editor: "Editor", job: Job, how: Settings, latent: Path | None, *, hidden: bool) -> dict[str, Any]:
    from translate import images

    mask = None if how.mask is None else images.array_to_pil(images.read_array(how.mask))
    state = _start(editor, job.source)
    with _bar(how.optimisation.steps * len(how.prompts) if how.optimisation else 0, hidden=hidden) as bar:
        for prompt in how.prompts:
            done = editor.edit(
                state,
                prompt,
                neutral=how.neutral,
                method=how.method,  # type: ignore[arg-type]
                strength=how.strength,
                disentangle=how.disentangle,
                mask=mask,
                optimisation=how.optimisation,
                report=_moving(bar),
            )
            if len(done.state.steps) == len(state.steps):
                raise ConfigError(f"{prompt}: {'; '.join(message.text for message in done.messages)}")
            state = done.state
    _write(editor, done, job.target, how.strengths)
    if latent is not None:
        latent.parent.mkdir(parents=True, exist_ok=True)
        editor.save(latent, state)
    return _record(editor, job, done, latent)


def _start(editor: "Editor", source: Path | int) -> "EditState":
    from translate import images

    if isinstance(source, int):
        return editor.start(source)
    if source.suffix.lower() == LATENT:
        return editor.open(source)
    return editor.start(images.array_to_pil(images.read_array(source)))


def _write(editor: "Editor", done: "Edited", target: Path, strengths: list[float]) -> None:
    from translate import images

    provenance = editor.provenance(done.state)
    target.parent.mkdir(parents=True, exist_ok=True)
    if not strengths:
        images.save(done.image, target, provenance=provenance)
        return
    frames = editor.strip(done.state, strengths)
    if target.suffix.lower() in images.ANIMATED:
        images.save_animation(frames, target, provenance=provenance)
    else:
        images.save(images.grid([frames], titles=[f"{value:g}" for value in strengths]), target, provenance=provenance)


def _record(editor: "Editor", job: Job, done: "Edited", latent: Path | None) -> dict[str, Any]:
    step = done.state.steps[-1]
    return {
        "input": f"seed {job.source}" if isinstance(job.source, int) else str(job.source),
        "output": str(job.target),
        "latent": None if latent is None else str(latent),
        "edits": len(done.state.steps),
        "strength": step.strength,
        "beta": step.beta,
        "channels": step.channels,
        "messages": [message._asdict() for message in done.messages],
        "photo": [] if done.state.photo is None else list(done.state.photo.notes),
        "figures": {name: round(value, 4) for name, value in done.figures.items()},
        "identity_measured_by": getattr(editor.identity, "name", None),
    }


def _line(result: dict[str, Any]) -> str:
    figures = result["figures"]
    said = result["photo"] + [message["text"] for message in result["messages"]]
    if "clip_after" in figures:
        said.append(f"cosine with the text {figures['clip_before']:.3f} before, {figures['clip_after']:.3f} after")
    if "identity_after" in figures:
        by = result["identity_measured_by"]
        said.append(f"identity {figures['identity_before']:.3f} before, {figures['identity_after']:.3f} after ({by})")
    return f"{result['input']} -> {result['output']}: {'; '.join(said)}"


def _bar(total: int, *, hidden: bool) -> Any:
    from tqdm import tqdm

    return tqdm(total=total, unit="step", disable=hidden or not total or not sys.stderr.isatty(), leave=False)


def _moving(bar: Any) -> "Callable[[Progress], None]":
    def move(progress: "Progress") -> None:
        bar.set_postfix({name: f"{value:.3f}" for name, value in progress.losses.items()}, refresh=False)
        bar.update(1)

    return move
