"""Times of edits: what is timed, and that a model without words is refused."""

import pytest

from tests.editing.doubles import HashedCLIP, tiny
from translate.config import LatentConfig, ModelConfig
from translate.editing.editor import Editor
from translate.errors import ConfigError
from translate.evaluation import bench_edit as bench

CONFIG = ModelConfig(name="tiny", generator=LatentConfig(kind="stylegan2", latent=5, size=16, depth=2, norm="none"))


def editor(clip) -> Editor:
    return Editor(tiny(), CONFIG, "ab" * 32, clip=clip, templates=("a {}",), device="cpu")


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> list[tuple]:
    """What the editor was asked for, with a CLIP of random numbers; the machine's rates are not measured."""
    asked = []

    class Watched(Editor):
        def edit(self, source, prompt, **how):
            known = any(words == prompt for words, _ in self._relevance)
            asked.append((prompt, how.get("method", "direction"), known))
            return super().edit(source, prompt, **how)

    who = Watched(tiny(), CONFIG, "ab" * 32, clip=HashedCLIP(), templates=("a {}",), device="cpu")
    monkeypatch.setattr(Editor, "load", lambda name, device="auto": who)
    monkeypatch.setattr(bench, "rates", lambda device: {"matmul_fp32_gflops": 1.0})
    return asked


def test_each_new_sentence_is_new_and_the_known_one_is_known(timed):
    found = bench.bench_edit("tiny", device="cpu", rounds=1, steps=2)
    directions = [(prompt, known) for prompt, method, known in timed if method == "direction"]
    new = len(bench.PROMPTS)
    assert directions[:new] == [(prompt, False) for prompt in bench.PROMPTS]
    assert directions[new:] == [(bench.PROMPTS[0], True)] * (len(directions) - new)
    assert [method for _, method, _ in timed].count("optimise") == 1
    assert (found.size, found.steps) == (16, 2)
    assert min(found.generate_s, found.new_prompt_s, found.known_prompt_s, found.optimise_s) > 0
    assert found.known_prompt_s < found.new_prompt_s


def test_the_report_is_plain_values(timed):
    plain = bench.bench_edit("tiny", device="cpu", rounds=1, steps=1).as_json()
    assert (plain["bench"], plain["format"], plain["model"]) == ("edit", 1, "tiny-abababab")
    assert plain["rates"] == {"matmul_fp32_gflops": 1.0}


def test_a_model_without_words_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Editor, "load", lambda name, device="auto": editor(None))
    with pytest.raises(ConfigError, match="no CLIP"):
        bench.bench_edit("tiny", device="cpu")
