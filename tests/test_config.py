"""Settings: validated once, frozen, and every mistake named with field, value and what is allowed."""

import json
from pathlib import Path

import pytest

from translate.config import DataConfig, GeneratorConfig, LatentConfig, ModelConfig, TrainConfig, parse, read
from translate.errors import ConfigError
from translate.presets import PRESETS, preset


def test_a_dotted_key_reaches_into_a_nested_config():
    config = preset("pix2pix").replace(steps=7, **{"data.crop": 128, "generator.filters": 8})
    assert (config.steps, config.data.crop, config.generator.filters) == (7, 128, 8)
    assert preset("pix2pix").data.crop == 256


def test_an_unknown_setting_is_named_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"data\.crp: no such setting; known here: .*data\.crop"):
        preset("pix2pix").replace(**{"data.crp": 1})


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("steps", 0, "steps is 0: Input should be greater than or equal to 1"),
        ("generator.dropout", 1.5, "generator.dropout is 1.5"),
        ("generator.norm", "group", "generator.norm is 'group'"),
        ("data.crop", 999, "crop 999 is larger than load_size 286"),
        ("data.zoom", (0.5, 2.0), "zoom is"),
        ("batch_size", "many", "batch_size is 'many'"),
    ],
)
def test_a_value_out_of_range_is_answered_in_one_line(field: str, value: object, said: str):
    with pytest.raises(ConfigError) as caught:
        preset("pix2pix").replace(**{field: value})
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_mistake_among_several_kinds_of_config_is_named_as_it_would_be_set():
    with pytest.raises(ConfigError, match=r"^objective\.lambda_class is -1\.0: "):
        preset("dcgan").replace(**{"objective.lambda_class": -1.0})
    with pytest.raises(ConfigError, match=r"^generator\.latent is 0: "):
        preset("mixture").replace(**{"generator.latent": 0})


def test_a_generator_is_a_translator_or_starts_from_noise_and_says_which():
    assert preset("cyclegan").translator.kind == "resnet"
    assert preset("dcgan").latent.kind == "dcgan"
    with pytest.raises(ConfigError, match=r"^dcgan: its generator \(dcgan\) starts from noise"):
        _ = preset("dcgan").translator
    with pytest.raises(ConfigError, match=r"^cyclegan: its generator \(resnet\) translates pictures"):
        _ = preset("cyclegan").latent


def test_classes_and_their_names_come_in_equal_numbers():
    network = LatentConfig(classes=2)
    assert ModelConfig(name="x", generator=network, labels=("a", "b")).latent == network
    with pytest.raises(ValueError, match="1 labels are named but the generator knows 2"):
        ModelConfig(name="x", generator=network, labels=("a",))


@pytest.mark.parametrize("bounds", [(3.0, 1.0), (1.0, 1.0)])
def test_bounds_of_classes_have_to_rise(bounds: tuple[float, ...]):
    with pytest.raises(ConfigError, match="have to rise"):
        DataConfig().replace(class_column="age", class_bounds=bounds)


def test_points_have_no_instance_norm():
    with pytest.raises(ConfigError, match="points have no places to normalise over"):
        preset("mixture").replace(**{"generator.norm": "instance"})


def test_settings_never_change_after_validation():
    with pytest.raises(ValueError, match="frozen"):
        DataConfig().crop = 3  # type: ignore[misc]


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_survives_json(name: str):
    config = preset(name)
    assert config.preset == name
    assert parse(TrainConfig, json.loads(config.model_dump_json())) == config


def test_an_unknown_preset_lists_the_known_ones():
    with pytest.raises(ConfigError, match="pix3pix: no such preset; known: pix2pix"):
        preset("pix3pix")


def test_the_paper_preset_has_the_papers_figures():
    config = preset("pix2pix")
    assert (config.generator.filters, config.generator.depth, config.generator.norm) == (64, 8, "batch")
    assert (config.discriminator.layers, config.discriminator.filters) == (3, 64)
    assert (config.objective.lambda_l1, config.objective.adversarial) == (100, "vanilla")
    assert (config.optim.lr, config.optim.betas, config.batch_size) == (2e-4, (0.5, 0.999), 1)
    assert (config.data.load_size, config.data.crop, config.data.flip) == (286, 256, True)


def test_a_broken_file_is_named(tmp_path: Path):
    for text in ("{", "[1]", '{"crop": "wide"}', '{"colour": 0.1, "more": 1}', "[" * 100_000):
        (tmp_path / "c.json").write_text(text)
        with pytest.raises(ConfigError, match=r"c\.json"):
            read(DataConfig, tmp_path / "c.json")


def test_a_label_model_names_each_of_its_classes():
    with pytest.raises(ConfigError, match="1 classes are named but the head has 2"):
        parse(
            ModelConfig,
            {
                "name": "m",
                "generator": GeneratorConfig(head="labels", out_channels=2).model_dump(),
                "classes": [{"name": "road", "color": (1, 2, 3)}],
            },
        )
