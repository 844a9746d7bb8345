"""What is told about work: escaped, coarse where it is a guess, and never endless."""

import pytest

from translate.ui import status
from translate.ui.status import Stage, bar, note


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "about 1 s"), (89, "about 89 s"), (90, "about 2 min"), (3600, "about 60 min"), (5400, "about 1.5 h")],
)
def test_a_guess_of_the_time_left_is_coarse(seconds: float, words: str) -> None:
    assert status.remaining(seconds) == words


def test_a_bar_says_how_far_it_is_and_is_read_out() -> None:
    html = status.status(3, 8, "3 of 8 <files>")
    assert '<progress value="3" max="8" aria-label="Progress">' in html
    assert 'role="status"' in html
    assert "3 of 8 &lt;files&gt;" in html


def test_names_of_files_are_escaped_and_the_fiftieth_is_the_last_of_them() -> None:
    html = status.failures([(f"<b>{number}</b>.png", "is <broken>") for number in range(52)])
    assert "&lt;b&gt;49&lt;/b&gt;.png" in html
    assert "is &lt;broken&gt;" in html
    assert "50&lt;" not in html
    assert "and 2 more" in html
    assert status.failures([]) == ""


def test_words_are_escaped_and_a_share_outside_is_brought_inside() -> None:
    assert "&lt;b&gt;" in bar(Stage("<b>"))
    assert 'value="1.0000"' in bar(Stage("x", 1.5))
    assert "value=" not in bar(Stage("x"))
    assert note("<b>", "tr-bad") == '<p class="tr-told tr-bad" role="status">&lt;b&gt;</p>'
    assert note("") == ""
