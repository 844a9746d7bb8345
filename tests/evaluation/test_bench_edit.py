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


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's rates are not measured."""
    monkeypatch.setattr(bench, "rates", lambda device: {"matmul_fp32_gflops": 1.0})


@pytest.fixture
def timed() -> tuple[Editor, list[tuple]]:
    """An editor with a CLIP of random numbers, and what it was asked for."""
    asked: list[tuple] = []

    class Watched(Editor):
        def edit(self, source, prompt, **how):
            known = any(words == prompt for words, _ in self._relevance)
            asked.append((prompt, how.get("method", "direction"), known))
            return super().edit(source, prompt, **how)

    return Watched(tiny(), CONFIG, "ab" * 32, clip=HashedCLIP(), templates=("a {}",), device="cpu"), asked


@pytest.mark.parametrize(("rounds", "new"), [(1, 2), (2, 3), (9, len(bench.PROMPTS))])
def test_each_new_sentence_is_new_and_the_known_one_is_known(timed, rounds: int, new: int):
    who, asked = timed
    found = bench.bench_edit(who, rounds=rounds, steps=2)
    directions = [(prompt, known) for prompt, method, known in asked if method == "direction"]
    assert directions[:new] == [(prompt, False) for prompt in bench.PROMPTS[:new]]
    assert directions[new:] == [(bench.PROMPTS[0], True)] * (4 * rounds + 1)
    assert [method for _, method, _ in asked].count("optimise") == 1
    assert (found.size, found.steps) == (16, 2)
    assert min(found.generate_s, found.new_prompt_s, found.known_prompt_s, found.optimise_s) > 0
    assert found.known_prompt_s < found.new_prompt_s


def test_the_report_is_plain_values(timed):
    plain = bench.bench_edit(timed[0], rounds=1, steps=1).as_json()
    assert (plain["bench"], plain["format"], plain["model"]) == ("edit", 1, "tiny-abababab")
    assert plain["rates"] == {"matmul_fp32_gflops": 1.0}


def test_a_model_without_words_is_refused():
    with pytest.raises(ConfigError, match="no CLIP"):
        bench.bench_edit(editor(None))


def test_untrained_networks_are_those_of_the_published_models():
    """30,370,060 weights of ffhq-1024 and 151,277,313 of ViT-B/32, as their authors' own programs count them."""
    found = bench.random_editor(1024, device="cpu")
    assert found.network.resolution == 1024
    assert sum(weight.numel() for weight in found.network.parameters()) == 30_370_060
    assert sum(weight.numel() for weight in found.clip.parameters()) == 151_277_313


def test_sizes_that_no_such_network_has_are_refused():
    with pytest.raises(ConfigError, match="size is 100"):
        bench.random_editor(100)
