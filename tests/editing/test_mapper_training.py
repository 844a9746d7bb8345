"""Training a mapper: it learns, a resumed training equals a whole one bit for bit, and refuses in one line."""

from pathlib import Path

import pytest
import torch

from tests.editing.doubles import ColourCLIP, HashedCLIP, tiny
from translate.checkpoints import read_tensors
from translate.editing.mapper import CONFIG_FILE, SCALE, WEIGHTS_FILE, MapperConfig, load_mapper
from translate.editing.mapper_training import MapperTraining, _Run, build_mapper, resumed, train_mapper
from translate.editing.styles import pack
from translate.errors import CheckpointError, ConfigError
from translate.objectives.styleclip import detached

WEIGHTS = "ab" * 32
TINY = MapperTraining(prompt="bright", steps=6, batch_size=2, save_every=2, log_every=2)


def train(out: Path, config: MapperTraining = TINY, **given: object):
    settings = {"model": "faces", "weights": WEIGHTS, "device": "cpu"} | given
    return train_mapper(tiny(), given.pop("clip", ColourCLIP()), out, config, **settings)  # type: ignore[arg-type]


def test_a_trained_mapper_brings_held_out_faces_nearer_to_the_text(tmp_path: Path):
    done = train(tmp_path / "m", TINY.replace(steps=60, lambda_l2=0.0))
    figures = done.config.metrics
    assert figures["clip_after"] > figures["clip_before"] + 0.1
    assert done.config.model_dump()["step"] == 60
    network, clip = tiny(), ColourCLIP()
    w_plus = network.map(torch.randn(8, 5, generator=torch.Generator().manual_seed(99)), psi=0.7).detach()
    with torch.no_grad():
        before, after = (clip.encode_image(network.synthesis(w)) for w in (w_plus, w_plus + done.change(w_plus)))
    assert bool((after[:, 0] > before[:, 0]).all())


def test_the_stored_mapper_is_the_trained_one(tmp_path: Path):
    done = train(tmp_path / "m")
    stored = load_mapper(tmp_path / "m")
    assert stored.config == done.config
    assert (stored.config.prompt, stored.config.weights, stored.config.levels) == (
        "bright",
        WEIGHTS,
        ("coarse", "medium"),
    )
    w_plus = torch.randn(1, 6, 7)
    assert torch.equal(stored.change(w_plus), done.change(w_plus))
    assert torch.equal(stored.change(w_plus), SCALE * stored.network(w_plus))


def test_a_training_cut_and_resumed_is_the_whole_one_bit_for_bit(tmp_path: Path):
    seen = []
    train(tmp_path / "whole", report=lambda step, losses: seen.append(step))
    assert seen == [2, 4, 6]
    asked = iter([False] * 3 + [True])
    train(tmp_path / "cut", cancelled=lambda: next(asked))
    assert load_mapper(tmp_path / "cut").config.step == 3
    torch.manual_seed(123)
    train(tmp_path / "cut", resumed(tmp_path / "cut", {}), resume=True)
    whole, cut = (read_tensors(tmp_path / name / WEIGHTS_FILE) for name in ("whole", "cut"))
    assert whole.keys() == cut.keys()
    assert all(torch.equal(whole[name], cut[name]) for name in whole)
    assert load_mapper(tmp_path / "cut").config.metrics == load_mapper(tmp_path / "whole").config.metrics


def test_a_resumed_training_may_be_longer_and_nothing_else(tmp_path: Path):
    train(tmp_path / "m", TINY.replace(steps=2))
    config = resumed(tmp_path / "m", {"steps": 4})
    assert train(tmp_path / "m", config, resume=True).config.step == 4
    with pytest.raises(ConfigError, match="lr can't change when a training is resumed"):
        resumed(tmp_path / "m", {"lr": 0.1})
    with pytest.raises(CheckpointError, match="was trained with other settings"):
        train(tmp_path / "m", config.replace(prompt="red"), resume=True)
    with pytest.raises(CheckpointError, match="was trained with the generator abababab, not cdcdcdcd"):
        train(tmp_path / "m", config, resume=True, weights="cd" * 32)


def test_training_changes_only_the_mapper_and_leaves_torch_s_state_alone(tmp_path: Path):
    network = tiny()
    before = {name: t.clone() for name, t in network.state_dict().items()}
    torch.manual_seed(5)
    train_mapper(network, ColourCLIP(), tmp_path / "m", TINY, model="faces", weights=WEIGHTS, device="cpu")
    drawn = torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(torch.rand(1), drawn)
    assert all(torch.equal(t, before[name]) for name, t in network.state_dict().items())


def test_given_latents_are_what_is_trained_on(tmp_path: Path):
    latents = torch.stack([torch.full((6, 7), float(number)) for number in range(4)])
    config = TINY.replace(batch_size=8)
    run = _Run(tiny(), ColourCLIP(), torch.nn.Identity(), config, None, latents)
    batch = run.batch(0)
    assert batch.shape == (8, 6, 7)
    assert set(batch[:, 0, 0].tolist()) <= {0.0, 1.0, 2.0, 3.0}
    assert torch.equal(batch, run.batch(0))
    assert not torch.equal(batch, run.batch(1))


def test_the_losses_of_a_step_are_the_papers_by_hand():
    network, clip = tiny(), HashedCLIP()
    torch.manual_seed(0)
    mapper = build_mapper(MapperConfig(prompt="a", num_ws=6, w_dim=7, levels=("coarse",)))
    run = _Run(network, clip, mapper, TINY, type("I", (), {"__call__": lambda _, x: clip.encode_image(x)})(), None)
    w_plus = run.batch(0)
    losses = detached(run.losses(w_plus))
    with torch.no_grad():
        moved = w_plus + 0.1 * mapper(w_plus)
        before, after = (
            clip.encode_image(network.synthesis.render(network.synthesis.split(pack(network.synthesis, w))))
            for w in (w_plus, moved)
        )
    told = clip.encode_text(["bright"])
    assert losses["clip"] == pytest.approx(float((1 - (after * told).sum(1)).mean()), abs=1e-5)
    assert losses["l2"] == pytest.approx(0.8 * float((moved - w_plus).square().mean()), rel=1e-4)
    assert losses["id"] == pytest.approx(0.1 * float((1 - (after * before).sum(1)).mean()), abs=1e-5)


def test_a_folder_that_holds_one_already_or_none_is_refused(tmp_path: Path):
    train(tmp_path / "m", TINY.replace(steps=1))
    with pytest.raises(CheckpointError, match="already holds a mapper; go on with --resume"):
        train(tmp_path / "m")
    with pytest.raises(CheckpointError, match="holds no training to resume"):
        train(tmp_path / "other", resume=True)
    with pytest.raises(CheckpointError, match="no training state here"):
        resumed(tmp_path / "other", {})


def test_levels_the_generator_lacks_are_refused(tmp_path: Path):
    with pytest.raises(ConfigError, match="levels: 6 layers have no fine level"):
        train(tmp_path / "m", TINY.replace(levels=("fine",)))
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (("mapper.json", b"{"), "not a readable JSON file"),
        (("mapper.json", b"{}"), "prompt"),
        (("mapper.safetensors", b"no"), "not a readable safetensors file"),
    ],
)
def test_a_damaged_mapper_is_named(tmp_path: Path, damage, said):
    train(tmp_path / "m", TINY.replace(steps=1))
    (tmp_path / "m" / damage[0]).write_bytes(damage[1])
    with pytest.raises(CheckpointError, match=said) as caught:
        load_mapper(tmp_path / "m")
    assert damage[0] in str(caught.value)


def test_a_folder_without_a_mapper_is_told(tmp_path: Path):
    with pytest.raises(CheckpointError, match=f"no mapper here \\({CONFIG_FILE} is missing"):
        load_mapper(tmp_path)
