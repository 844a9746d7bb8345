"""Captions: right for the face they were made for, in English, and of known words alone."""

import random
import re

import pytest

from translate.data.captions import BEHIND, FRAMES, FRONT, NOUNS, article, draw_caption, holds, join, words
from translate.data.faces import FACTS, PLACE, facts_of


def drawn(facts: tuple[int, ...], count: int = 400) -> list[str]:
    rng = random.Random(0)
    return [draw_caption(facts, rng).text for _ in range(count)]


def with_facts(facts: tuple[int, ...], **signs: int) -> tuple[int, ...]:
    return tuple(signs.get(name, sign) for name, sign in zip(FACTS, facts, strict=True))


def test_a_caption_asserts_only_what_is_known_of_its_face():
    rng = random.Random(1)
    for age in range(0, 100, 3):
        facts = with_facts(facts_of(age, male=age % 2 == 0), smiling=1, glasses=-1)
        for _ in range(40):
            asserts = draw_caption(facts, rng).asserts
            assert all(told in (0, known) for told, known in zip(asserts, facts, strict=True))


def test_an_old_woman_is_called_so_and_never_a_man_or_a_child():
    texts = drawn(facts_of(72, male=False))
    assert "an old woman" in texts
    assert not [text for text in texts if re.search(r"\b(man|guy|boy|girl|child|young|beard|mustache)\b", text)]


def test_a_boy_of_seven_is_told_by_years_of_his_bin():
    texts = " ".join(drawn(facts_of(7, male=True)))
    assert {int(number) for number in re.findall(r"\d+", texts)} == set(range(7, 13))
    assert re.search(r"an? \d+ year old boy", texts)
    assert re.search(r"boy of \d+ years", texts)


def test_what_is_not_known_is_never_told():
    texts = " ".join(drawn(facts_of(30, male=True)))
    assert not re.search(r"smil|glasses|hair|beard|hat|lipstick", texts)


def test_a_smile_and_its_lack_are_told():
    happy, serious = (drawn(with_facts(facts_of(30, male=True), smiling=sign)) for sign in (1, -1))
    assert any(text.startswith("a smiling") for text in happy)
    assert not any("without a smile" in text or "serious" in text for text in happy)
    assert any("without a smile" in text or "with no smile" in text for text in serious)


def test_two_things_of_one_face_are_joined_and_both_asserted():
    noun = next(phrase for phrase in NOUNS if phrase.text == "man")
    front = [phrase for phrase in FRONT if phrase.text == "old"]
    behind = [phrase for phrase in BEHIND if phrase.text in ("with a beard", "wearing glasses")]
    caption = join(noun, front, behind)
    assert caption.text == "an old man with a beard and wearing glasses"
    assert caption.bare == "old man with a beard and wearing glasses"
    assert {FACTS[n] for n, sign in enumerate(caption.asserts) if sign} == {"male", "adult", "old", "beard", "glasses"}


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [("old man", "an"), ("man", "a"), ("8 year old", "an"), ("18 year old", "an"), ("11 year old", "an"),
     ("80 year old", "an"), ("1 year old", "a"), ("infant", "an"), ("unsmiling face", "an"), ("7 year old", "a")],
)  # fmt: skip
def test_the_article_is_the_one_that_is_spoken(phrase: str, expected: str):
    assert article(phrase) == expected


def test_every_word_of_a_caption_is_in_the_list_and_those_that_tell_something_come_first():
    listed = words()
    texts = [frame.format(text) for age in (1, 8, 17, 33, 50, 90) for text in drawn(facts_of(age, male=True), 60)
             for frame in FRAMES]  # fmt: skip
    assert {word for text in texts for word in re.findall(r"[a-z]+|\d", text)} <= set(listed)
    assert listed[:3] == ("old", "elderly", "aged")
    assert listed.index("glasses") < listed.index("portrait")


def test_every_phrase_can_hold_and_every_fact_it_names_exists():
    for phrase in [*NOUNS, *FRONT, *BEHIND]:
        facts = [0] * len(FACTS)
        for fact, sign in phrase.asserts.items():
            facts[PLACE[fact]] = sign
        assert holds(phrase, facts)
        if phrase.asserts:
            assert not holds(phrase, [0] * len(FACTS))
