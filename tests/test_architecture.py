"""The house rules a machine can check: ranks, circles, file and function length, no print, no unsafe call.

Each rule is a function of parsed source, so that the tests below can also plant a breach and see it found.
"""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.reliability.figures import Record

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "translate"
MAX_FILE, MAX_FUNCTION, MAX_FORWARD = 400, 40, 20

# A part imports from parts in the lines above its own, never from its own line or below.
RANKS = (
    {"errors"},
    {"locking", "draws", "stopping"},
    {"images", "config", "devices", "download"},
    {"data", "networks", "metrics"},
    {"objectives"},
    {"checkpoints"},
    {"interop", "presets"},
    {"catalog"},
    {"features"},
    {"trainers", "inference"},
    {"editing"},
    {"evaluation"},
    {"jobs"},
    {"cli", "ui"},
    {"__main__"},
)
RANK = {part: rank for rank, parts in enumerate(RANKS) for part in parts}
FORBIDDEN = {("objectives", "data"), ("inference", "trainers"), ("metrics", "networks")}
# `translate serve` is the one verb that opens the page.
ALLOWED = {("translate.cli.serve", "ui")}

UNSAFE_IMPORTS = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
UNSAFE_CALLS = {"eval", "exec", "extractall", "torch.hub.load", "torch.jit.load", "yaml.load", "os.system"}


def part_of(module: str) -> str:
    """The name in RANKS a module belongs to: "data" for translate.data.paired, "" for translate itself."""
    return [*module.split("."), ""][1]


class Source(NamedTuple):
    """One parsed file and the module it is."""

    module: str
    path: Path
    text: str
    tree: ast.Module

    @property
    def part(self) -> str:
        """The name in RANKS this module belongs to."""
        return part_of(self.module)


def read(path: Path) -> Source:
    """Parse a file of the package (or app.py)."""
    text = path.read_text(encoding="utf-8")
    parts = path.relative_to(ROOT).with_suffix("").parts
    module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    return Source(module, path, text, ast.parse(text, str(path)))


def planted(code: str, module: str = "translate.data.planted") -> Source:
    """Code that is in no file, as if it were `module`."""
    return Source(module, ROOT / f"{module.replace('.', '/')}.py", code, ast.parse(code))


SOURCES = [read(path) for path in sorted((ROOT / PACKAGE).rglob("*.py"))]
MODULES = {source.module for source in SOURCES}
ALL = [*SOURCES, *(read(path) for path in (ROOT / "app.py",) if path.exists())]
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def imported(source: Source, modules: set[str] = MODULES) -> Iterator[tuple[int, str]]:
    """(line, module of this package) for every import in a file, also those inside functions."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = source.module if source.path.name == "__init__.py" else source.module.rpartition(".")[0]
                base = ".".join([*package.split(".")[: len(package.split(".")) - node.level + 1], *base.split(".")])
                base = base.rstrip(".")
            # `from translate.data import paired` is translate.data.paired when there is such a module.
            names = [f"{base}.{a.name}" if f"{base}.{a.name}" in modules else base for a in node.names]
        else:
            continue
        yield from ((node.lineno, name) for name in names if name.split(".")[0] == PACKAGE)


def rank_breaches(source: Source) -> list[str]:
    """Imports that point the wrong way."""
    found = []
    for line, name in imported(source):
        part = part_of(name)
        if not source.part or source.part == part or (source.module, part) in ALLOWED:
            continue
        if not part and source.part in {"cli", "ui"}:
            continue  # the public face, for its version and its folder
        if RANK.get(part, 99) >= RANK.get(source.part, 0) or (source.part, part) in FORBIDDEN:
            found.append(f"{source.path.relative_to(ROOT)}:{line} imports {name}")
    return found


def long_functions(source: Source) -> list[str]:
    """Functions over the limit, docstrings not counted, nor a verb's signature: that is its table of options."""
    found = []
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            start = first.lineno if source.part == "cli" else node.lineno
            documented = (first.end_lineno or 0) - first.lineno + 1 if ast.get_docstring(node) is not None else 0
            length = (node.end_lineno or 0) - start + 1 - documented
            limit = MAX_FORWARD if node.name == "forward" else MAX_FUNCTION
            if length > limit:
                found.append(f"{source.path.relative_to(ROOT)}:{node.lineno} {node.name} has {length} lines")
    return found


def prints(source: Source) -> list[str]:
    """print, exit and the like outside cli/."""
    if source.part == "cli":
        return []
    names = {"print", "exit", "quit", "breakpoint", "sys.exit", "os._exit"}
    return [where(source, node) for node in calls(source) if ast.unparse(node.func) in names]


def unsafe(source: Source) -> list[str]:
    """Calls that can run what a file says, or decode without limits."""
    found = []
    for node in ast.walk(source.tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        if source.part != "interop" and any(name.split(".")[0] in UNSAFE_IMPORTS for name in names):
            found.append(where(source, node))
    for node in calls(source):
        name = ast.unparse(node.func)
        given = {word.arg: ast.unparse(word.value) for word in node.keywords}
        if (
            name in UNSAFE_CALLS
            or name.endswith(".extractall")
            or (name == "torch.load" and given.get("weights_only") != "True")
            or (name.endswith("Image.open") and "formats" not in given)
            or given.get("allow_pickle", "False") != "False"
            or given.get("shell", "False") != "False"
        ):
            found.append(where(source, node))
    return found


def decodes(source: Source) -> list[str]:
    """Decoding of pictures anywhere but in images, where the limits are checked first."""
    if source.part == "images":
        return []
    names = ("Image.open", "cv2.imread", "cv2.imdecode", "io.read_image", "io.decode_image")
    return [where(source, node) for node in calls(source) if ast.unparse(node.func).endswith(names)]


def calls(source: Source) -> Iterator[ast.Call]:
    """Every call in a file."""
    return (node for node in ast.walk(source.tree) if isinstance(node, ast.Call))


def where(source: Source, node: ast.AST) -> str:
    """file:line and the line's start, for a failure message."""
    return f"{source.path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)} {ast.unparse(node)[:80]}"


def circle(sources: list[Source], modules: set[str] = MODULES) -> list[str]:
    """The modules of one import circle, or nothing."""
    graph = {s.module: {name for _, name in imported(s, modules) if name != s.module} for s in sources}
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        return list(error.args[1])
    return []


def test_every_part_of_the_package_has_a_rank() -> None:
    assert {source.part for source in SOURCES if source.part} <= RANK.keys()


def test_imports_point_to_lower_ranks() -> None:
    assert not [breach for source in SOURCES for breach in rank_breaches(source)]


def test_no_module_imports_itself_in_a_circle() -> None:
    assert not circle(SOURCES)


def test_app_imports_the_command_line_and_nothing_below_it() -> None:
    source = read(ROOT / "app.py")
    assert {part_of(name) for _, name in imported(source)} <= {"cli", ""}


def test_no_file_has_more_than_400_lines() -> None:
    paths = [source.path for source in ALL] + TESTS
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in paths}
    assert not {name: length for name, length in lengths.items() if length > MAX_FILE}


def test_no_function_has_more_than_40_lines_and_no_forward_more_than_20() -> None:
    assert not [found for source in ALL for found in long_functions(source)]


def test_only_the_command_line_prints_and_exits() -> None:
    assert not [found for source in ALL for found in prints(source)]


def test_no_call_can_run_what_a_file_says(record_figure: Record) -> None:
    found = [call for source in ALL for call in unsafe(source)]
    record_figure(5, f"unsafe calls in {len(ALL)} files", len(found))
    assert not found


def test_only_images_decodes_pictures() -> None:
    assert not [found for source in ALL for found in decodes(source)]


def test_every_module_says_what_it_is() -> None:
    assert not [
        str(source.path.relative_to(ROOT)) for source in ALL if source.text and not ast.get_docstring(source.tree)
    ]


@pytest.mark.parametrize(
    ("module", "code"),
    [
        ("translate.data.planted", "from translate.trainers import loop"),
        ("translate.data.planted", "def f():\n    import translate.networks.unet"),
        ("translate.objectives.planted", "from translate.data.paired import Pair"),
        ("translate.inference.planted", "from translate import trainers"),
        ("translate.metrics.planted", "from ..networks import unet"),
        ("translate.evaluation.planted", "from translate.cli import main"),
        ("translate.cli.planted", "from translate.ui import app"),
    ],
)
def test_an_import_against_the_ranks_is_found(module: str, code: str) -> None:
    assert rank_breaches(planted(code, module))


@pytest.mark.parametrize(
    "code",
    ["from translate.errors import DatasetError", "from . import layouts", "from translate.images import read_array"],
)
def test_an_import_along_the_ranks_is_fine(code: str) -> None:
    assert not rank_breaches(planted(code))


def test_a_circle_of_three_is_found() -> None:
    names = ("a", "b", "c")
    code = {"a": "from translate.data import b", "b": "import translate.data.c", "c": "from .a import x"}
    sources = [planted(code[name], f"translate.data.{name}") for name in names]
    assert set(circle(sources, {source.module for source in sources})) == {source.module for source in sources}


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from pickle import loads",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "Image.open(path)",
        "archive.extractall(folder, filter='data')",
        "np.load(path, allow_pickle=True)",
        "subprocess.run(line, shell=True)",
        "eval(text)",
    ],
)
def test_an_unsafe_call_is_found(code: str) -> None:
    assert unsafe(planted(code))


@pytest.mark.parametrize(
    "code",
    ["torch.load(path, weights_only=True)", "Image.open(path, formats=FORMATS)", "model.eval()", "np.load(path)"],
)
def test_a_safe_call_is_fine(code: str) -> None:
    assert not unsafe(planted(code))


def test_a_long_forward_is_found_and_its_docstring_is_not_counted() -> None:
    body = "\n".join(f"    x = x + {i}" for i in range(19))
    doc = '    """' + "\n    ".join(["One."] * 30) + '"""\n'
    assert not long_functions(planted(f"def forward(x):\n{doc}{body}"))
    assert long_functions(planted(f"def forward(x):\n{body}\n    return x"))
