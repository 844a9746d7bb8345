"""The README is true: its commands parse, its links lead somewhere, its tree is the tree, its Python compiles."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "checkpoints/README.md", "datasets/README.md")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"""\]\(([^)\s]+)\)|(?:src|href)="([^"]+)\"""")


def blocks(page: str, *languages: str) -> list[str]:
    """The fenced code blocks of a page in one of `languages`."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return [code for language, code in FENCE.findall(text) if language in languages]


def shell_lines(*languages: str) -> list[tuple[str, str]]:
    """(page, command) for every command in the pages' shell blocks, continuation lines joined."""
    found = []
    for page in PAGES:
        for block in blocks(page, *languages):
            lines = block.replace("\\\n", " ").replace("`\n", " ").splitlines()
            parts = [part.strip() for line in lines for part in re.split(r"&&|;", line.partition(" #")[0])]
            found += [(page, part) for part in parts if part]
    return found


LINES = shell_lines("bash", "powershell")
TRANSLATE = [(page, line) for page, line in LINES if re.match(r"(\S*[/\\])?translate ", line)]
MAKE = [(page, line) for page, line in LINES if line.startswith("make ")]
LINKS = [
    (page, target.partition("#")[0])
    for page in PAGES
    for groups in LINK.findall((ROOT / page).read_text(encoding="utf-8"))
    for target in ("".join(groups),)
    if not re.match(r"[a-z]+:|#", target)
]


def command_of(words: list[str]) -> tuple[Any, list[str]]:
    """The verb (or sub-verb) a command line names, and the words behind it."""
    import typer.main

    from translate.cli.main import app

    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands"):
        assert words, f"{command.name} needs one of {sorted(command.commands)}"
        assert words[0] in command.commands, f"no verb {words[0]!r}; there are {sorted(command.commands)}"
        command, words = command.commands[words[0]], words[1:]
    return command, words


def test_the_readme_shows_the_commands_a_newcomer_needs() -> None:
    verbs = {line.split()[1] for page, line in TRANSLATE if page == "README.md"}
    assert {"apply", "train", "data", "evaluate", "serve"} <= verbs


@pytest.mark.parametrize(("page", "line"), TRANSLATE, ids=[line for _, line in TRANSLATE])
def test_a_translate_command_in_the_pages_parses(page: str, line: str) -> None:
    # shlex would take a Windows path's backslashes for escapes.
    command, words = command_of(shlex.split(line.replace("\\", "/"))[1:])
    context = command.make_context(command.name, [], resilient_parsing=True)
    _, left, _ = command.make_parser(context).parse_args(list(words))
    assert not left, f"{page}: {line}: {left} fits no argument"


@pytest.mark.parametrize(("page", "line"), MAKE, ids=[line for _, line in MAKE])
def test_a_make_command_in_the_pages_has_a_rule(page: str, line: str) -> None:
    rules = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert {word for word in line.split()[1:] if "=" not in word} <= rules, page


@pytest.mark.parametrize(("page", "target"), LINKS, ids=[f"{page}:{target}" for page, target in LINKS])
def test_a_link_in_the_pages_leads_to_a_file(page: str, target: str) -> None:
    assert ((ROOT / page).parent / target).exists()


def test_the_tree_in_the_readme_is_the_tree() -> None:
    tree = next(block for block in blocks("README.md", "text") if "translate/" in block)
    folders: dict[int, str] = {}
    for line in tree.splitlines():
        depth = len(line) - len(line.lstrip())
        # Two spaces part the names from what is said of them.
        names = re.split(r"\s{2,}", line.strip())[0].split(" ")
        folders = {level: folder for level, folder in folders.items() if level < depth}
        for name in names:
            path = ROOT / "".join(folders.values()) / name
            assert path.exists(), f"{path.relative_to(ROOT)} is in the README and nowhere else"
        if names[0].endswith("/"):
            folders[depth] = names[0]


def test_every_part_of_the_package_is_in_the_readme_s_tree() -> None:
    tree = next(block for block in blocks("README.md", "text") if "translate/" in block)
    parts = {path.name for path in (ROOT / "translate").iterdir() if not path.name.startswith(("_", "py.typed"))}
    assert not {part for part in parts if part not in tree}


def test_the_readme_s_python_names_what_there_is() -> None:
    import translate

    for block in blocks("README.md", "python"):
        compile(block, "README.md", "exec")
        for name in re.findall(r"\btranslate\.(\w+)", block):
            assert name in dir(translate), f"translate.{name} is in the README and nowhere else"


def test_the_readme_s_presets_exist() -> None:
    from translate.cli.train import PARTS
    from translate.presets import PRESETS

    named = {line.split()[2] for _, line in TRANSLATE if line.split()[1] == "train"}
    assert named
    assert named <= {*PRESETS, *PARTS}
