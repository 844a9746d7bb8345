"""Captions made from facts: "an old woman", "a 7 year old boy with black hair", "a smiling man without a beard".

Every phrase asserts facts; a caption asserts those of its phrases, so for any picture it is right, wrong or open.
"""

import random
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from translate.data.faces import AGES, PLACE

Facts = Sequence[int]
WEIGHTS = {"age": 2.0, "smiling": 4.0, "glasses": 3.0, "beard": 3.0, "hair colour": 2.0, "makeup": 1.0, "mustache": 1.0}
REST = 0.6
"""How often a matter is told, against others: edits ask for a smile or a beard more than for earrings."""
NEGATED = 0.15
"""How often, against what is there, a caption tells what is not; a serious face is as much to see as a smiling one."""


class Caption(NamedTuple):
    """A noun phrase with its article, and what it asserts, in the order of FACTS."""

    text: str
    asserts: tuple[int, ...]

    @property
    def bare(self) -> str:
        """The phrase without its article, for templates that bring their own."""
        return self.text.split(" ", 1)[1] if self.text.startswith(("a ", "an ")) else self.text


class Phrase(NamedTuple):
    """Words that assert facts; `group` is what at most one phrase of a caption speaks of."""

    text: str
    asserts: Mapping[str, int]
    group: str


def _nouns() -> list[Phrase]:
    told = {
        "person": {},
        "face": {},
        "human face": {},
        "adult": {"adult": 1},
        "man": {"male": 1, "adult": 1},
        "guy": {"male": 1, "adult": 1},
        "gentleman": {"male": 1, "adult": 1},
        "woman": {"male": -1, "adult": 1},
        "lady": {"male": -1, "adult": 1},
        "male": {"male": 1},
        "male face": {"male": 1},
        "male person": {"male": 1},
        "female": {"male": -1},
        "female face": {"male": -1},
        "female person": {"male": -1},
        "boy": {"male": 1, "adult": -1},
        "girl": {"male": -1, "adult": -1},
        "child": {"adult": -1},
        "kid": {"adult": -1},
        "baby": {"baby": 1},
        "infant": {"baby": 1},
        "baby boy": {"baby": 1, "male": 1},
        "baby girl": {"baby": 1, "male": -1},
        "teenager": {"teenage": 1},
    }
    return [Phrase(text, asserts, "noun") for text, asserts in told.items()]


ADJECTIVES = {
    "old": ("old", 1),
    "elderly": ("old", 1),
    "aged": ("old", 1),
    "senior": ("old", 1),
    "young": ("young", 1),
    "middle-aged": ("middle_aged", 1),
    "teenage": ("teenage", 1),
    "smiling": ("smiling", 1),
    "happy": ("smiling", 1),
    "laughing": ("smiling", 1),
    "serious": ("smiling", -1),
    "unsmiling": ("smiling", -1),
    "bearded": ("beard", 1),
    "bald": ("bald", 1),
    "blond": ("blond_hair", 1),
    "blonde": ("blond_hair", 1),
}
THINGS = {
    "a smile": ("smiling", 1),
    "glasses": ("glasses", 1),
    "eyeglasses": ("glasses", 1),
    "spectacles": ("glasses", 1),
    "a beard": ("beard", 1),
    "a mustache": ("mustache", 1),
    "a moustache": ("mustache", 1),
    "black hair": ("black_hair", 1),
    "dark hair": ("black_hair", 1),
    "blond hair": ("blond_hair", 1),
    "blonde hair": ("blond_hair", 1),
    "brown hair": ("brown_hair", 1),
    "gray hair": ("gray_hair", 1),
    "grey hair": ("gray_hair", 1),
    "white hair": ("gray_hair", 1),
    "bangs": ("bangs", 1),
    "makeup": ("makeup", 1),
    "lipstick": ("lipstick", 1),
    "a hat": ("hat", 1),
    "an open mouth": ("open_mouth", 1),
    "a closed mouth": ("open_mouth", -1),
    "wavy hair": ("wavy_hair", 1),
    "curly hair": ("wavy_hair", 1),
    "straight hair": ("straight_hair", 1),
    "earrings": ("earrings", 1),
}
WORN = {"glasses", "eyeglasses", "spectacles", "makeup", "lipstick", "a hat", "earrings"}
LACKING = {"a smile", "a beard", "a mustache", "glasses", "makeup", "lipstick", "a hat", "bangs"}
COLOURS = ("black_hair", "blond_hair", "brown_hair", "gray_hair", "bald")
"""Groups of one matter: who is blond has no black hair."""
AGE_GROUPS = ("old", "young", "middle_aged", "teenage")

NOUNS = _nouns()
UNCOUNTED = {"baby", "infant", "teenager", "adult"}
"""Nouns that a number of years does not go with."""
FRAMES = (
    "{}",
    "a photo of {}",
    "a photo of the face of {}",
    "the face of {}",
    "a portrait of {}",
    "a picture of {}",
    "a close-up of {}",
    "the portrait of {}",
    "an image of {}",
    "this is {}",
)
"""What stands around a phrase with an article."""


def _group(fact: str) -> str:
    return "hair colour" if fact in COLOURS else "age" if fact in AGE_GROUPS else fact


FRONT = [Phrase(text, {fact: sign}, _group(fact)) for text, (fact, sign) in ADJECTIVES.items()]
BEHIND = [
    *(Phrase(f"with {text}", {fact: sign}, _group(fact)) for text, (fact, sign) in THINGS.items()),
    *(Phrase(f"wearing {text}", {fact: 1}, _group(fact)) for text, (fact, _) in THINGS.items() if text in WORN),
    *(Phrase(f"without {text}", {fact: -1}, _group(fact)) for text, (fact, _) in THINGS.items() if text in LACKING),
    *(
        Phrase(f"with no {text.removeprefix('a ')}", {fact: -1}, _group(fact))
        for text, (fact, _) in THINGS.items()
        if text in LACKING
    ),
]


def draw_caption(facts: Facts, rng: random.Random) -> Caption:
    """A caption that is right for these facts, of a noun and up to two phrases."""
    nouns = [phrase for phrase in NOUNS if holds(phrase, facts)]
    noun = rng.choices(nouns, [len(phrase.asserts) + 0.5 for phrase in nouns])[0]
    groups: dict[str, list[tuple[Phrase, bool]]] = {}
    for phrases, front in ((FRONT, True), (BEHIND, False)):
        for phrase in phrases:
            if holds(phrase, facts) and not _repeats(noun, phrase) and not _is_idle(phrase, facts):
                groups.setdefault(phrase.group, []).append((phrase, front))
    years = _years(facts, rng)
    if years and noun.text not in UNCOUNTED:
        groups.setdefault("age", []).append((years, years.text.endswith("old")))
    weights = {name: _weight(name, [phrase for phrase, _ in group]) for name, group in groups.items()}
    chosen: list[tuple[Phrase, bool]] = []
    for _ in range(rng.choices((0, 1, 2), (0.15, 0.5, 0.35))[0]):
        if groups:
            name = rng.choices(list(groups), [weights[group] for group in groups])[0]
            chosen.append(rng.choice(groups.pop(name)))
    return join(noun, [phrase for phrase, front in chosen if front], [phrase for phrase, front in chosen if not front])


def _weight(group: str, phrases: Sequence[Phrase]) -> float:
    # What is there says more than what is not: of seventeen attributes most are absent.
    is_there = group == "smiling" or any(1 in phrase.asserts.values() for phrase in phrases)
    return WEIGHTS.get(group, REST) * (1 if is_there else NEGATED)


def join(noun: Phrase, front: Sequence[Phrase], behind: Sequence[Phrase]) -> Caption:
    """Phrases as one noun phrase with its article and everything it asserts."""
    asserts = [0] * len(PLACE)
    for phrase in (noun, *front, *behind):
        for fact, sign in phrase.asserts.items():
            asserts[PLACE[fact]] = sign
    words = " ".join([*(p.text for p in front), noun.text, " and ".join(p.text for p in behind)]).strip()
    return Caption(f"{article(words)} {words}", tuple(asserts))


def holds(phrase: Phrase, facts: Facts) -> bool:
    """Whether everything that a phrase asserts is known to be so."""
    return all(facts[PLACE[fact]] == sign for fact, sign in phrase.asserts.items())


def article(words: str) -> str:
    """The indefinite article in front of `words`: an old, a 7, an 8, an 11, an 18, an 80."""
    number = re.match(r"\d+", words)
    if number:
        return "an" if number[0].startswith("8") or number[0] in ("11", "18") else "a"
    return "an" if words[0] in "aeiou" else "a"


def _years(facts: Facts, rng: random.Random) -> Phrase | None:
    """A number of years out of the bin that the facts name: nobody tells 34 from 36 by a face."""
    for low, high in zip(AGES, (*AGES[1:], 96), strict=True):
        if facts[PLACE[f"age_{low}"]] == 1:
            number = rng.randrange(max(low, 1), high)
            text = f"of {number} years" if number > 1 and rng.random() < 0.3 else f"{number} year old"
            return Phrase(text, {f"age_{low}": 1}, "age")
    return None


def _repeats(noun: Phrase, phrase: Phrase) -> bool:
    """A teenage baby, an old child: nobody says so, even where it's true."""
    told = set(noun.asserts) & {"baby", "teenage"} or (noun.asserts.get("adult") == -1)
    return bool(told) and phrase.group == "age"


def _is_idle(phrase: Phrase, facts: Facts) -> bool:
    """That a woman or a child has no beard, a man or a child no make-up, is true and tells nothing."""
    child, male = facts[PLACE["adult"]] == -1, facts[PLACE["male"]]
    denied = {fact for fact, sign in phrase.asserts.items() if sign == -1}
    shaven, plain = denied & {"beard", "mustache"}, denied & {"makeup", "lipstick"}
    return bool((shaven and (child or male == -1)) or (plain and (child or male == 1)))


@lru_cache(maxsize=1)
def words() -> tuple[str, ...]:
    """Every word that a caption can hold, those that tell something first."""
    telling = [*ADJECTIVES, *THINGS, *(noun.text for noun in NOUNS), "year", "years", "with", "without", "wearing"]
    text = " ".join([*telling, "no", "and", "of", "the", "a", "an", *FRAMES])
    found = re.findall(r"[a-z]+", text)
    digits = [str(digit) for digit in range(10)]
    return tuple(dict.fromkeys([*found, *digits, "-", ".", ",", "'", "'s"]))
