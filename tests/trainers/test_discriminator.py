"""A generator's discriminator is found beside it or in its run, and a training goes on from either."""

from pathlib import Path

import pytest
import torch

from tests import tiny_faces
from translate.checkpoints import CONFIG_FILE, DISCRIMINATOR, save_state, write_json
from translate.config import TrainConfig
from translate.presets import preset
from translate.trainers import discriminator
from translate.trainers.run import RunRecord, Source, warm_start
from translate.trainers.stylegan2 import StyleGAN2


@pytest.fixture
def tiny() -> TrainConfig:
    base = preset("stylegan2")
    network = {f"generator.{name}": value for name, value in tiny_faces.LATENT.model_dump().items()}
    judge = {f"discriminator.{name}": value for name, value in tiny_faces.JUDGE.model_dump().items()}
    return base.replace(**network, **judge, **{"data.size": 16, "data.load_size": 16, "data.crop": 16})


def test_it_is_found_beside_the_generator_frozen(tmp_path: Path):
    folder = tiny_faces.model(tmp_path / "tiny")
    found = discriminator.find(folder)
    assert found is not None
    image = torch.randn(2, 3, 16, 16)
    torch.testing.assert_close(found[0](image), tiny_faces.discriminator()(image))
    assert (found[1].name, any(p.requires_grad for p in found[0].parameters())) == ("tiny", False)


def test_it_is_found_in_the_run_that_made_the_generator_from_its_newest_model_too(tmp_path: Path, tiny: TrainConfig):
    folder = tiny_faces.model(tmp_path / "run", judged=False)
    tiny_faces.model(folder / "last", judged=False)
    assert discriminator.find(folder) is None
    write_json(folder / "train.json", RunRecord(config=tiny, source=Source()).model_dump(mode="json"))
    save_state(folder / "state", {"discriminator": tiny_faces.discriminator().state_dict()}, {})
    image = torch.randn(2, 3, 16, 16)
    for model in (folder, folder / "last"):
        found = discriminator.find(model)
        assert found is not None
        torch.testing.assert_close(found[0](image), tiny_faces.discriminator()(image))


def test_a_training_goes_on_from_the_discriminator_of_a_shipped_model(tmp_path: Path, tiny: TrainConfig):
    folder = tiny_faces.model(tmp_path / "tiny")
    trainer = StyleGAN2(tiny, torch.device("cpu"))
    warm_start(trainer, folder)
    expected, own = tiny_faces.discriminator().state_dict(), trainer.players["discriminator"].module.state_dict()
    assert all(torch.equal(own[name], tensor) for name, tensor in expected.items())


def test_one_that_does_not_fit_is_left_and_said(tmp_path: Path, tiny: TrainConfig, caplog: pytest.LogCaptureFixture):
    folder = tiny_faces.model(tmp_path / "tiny")
    smaller = tiny.replace(**{"discriminator.filters": 4})
    trainer = StyleGAN2(smaller, torch.device("cpu"))
    before = {name: t.clone() for name, t in trainer.players["discriminator"].module.state_dict().items()}
    warm_start(trainer, folder)
    assert "a new discriminator starts from noise" in caplog.text
    after = trainer.players["discriminator"].module.state_dict()
    assert all(torch.equal(before[name], tensor) for name, tensor in after.items())
    assert (folder / DISCRIMINATOR / CONFIG_FILE).is_file()
