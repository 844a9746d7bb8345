"""The table of docs/reliability.md, made of lines worked out by hand."""

import pytest

from tests.reliability.report import ROWS, table


def line(
    *figures: tuple[int, str, object], test: str = "t", passed: bool = True, seconds: float = 1.0
) -> dict[str, object]:
    return {"test": test, "passed": passed, "seconds": seconds, "figures": [list(figure) for figure in figures]}


def rows(*lines: dict[str, object], summary: str = "all passed") -> dict[int, str]:
    page = table(lines, day="2026-01-02", machine="a machine")
    assert f"2026-01-02, a machine: {len(lines)} tests, {summary}.\n" in page
    return {int(row.split("|")[1]): row for row in page.splitlines() if row.startswith("| ") and row[2].isdigit()}


def test_whole_numbers_of_one_name_are_added_up_and_of_others_the_largest_stands():
    found = rows(
        line((1, "files", 1200), (8, "slowest in ms", 0.12345), seconds=50.0),
        line((1, "files", 34), (1, "executions", 0), (8, "slowest in ms", 0.1), seconds=13.4),
    )
    assert found[1].endswith("| executions: 0; files: 1,234 | 1.1 min | met |")
    assert found[8].endswith("| slowest in ms: 0.123 | 1.1 min | met |")
    assert rows(line((8, "slowest in ms", 0.5), seconds=59.4))[8].endswith("| slowest in ms: 0.5 | 59 s | met |")


def test_a_failed_test_is_named_and_a_row_without_figures_is_not_called_met():
    found = rows(
        line((3, "bombs", 20)),
        line((3, "bombs", 1), test="test_bombs", passed=False),
        summary="**1 failed**: test_bombs",
    )
    assert found[3].endswith("| **failed**: test_bombs |")
    assert found[21].endswith("|  |  | not measured |")
    assert found.keys() == ROWS.keys()


def test_a_figure_of_an_unknown_row_is_a_mistake():
    with pytest.raises(KeyError):
        rows(line((99, "x", 1)))
