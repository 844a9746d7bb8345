"""The grids: each cell is what its name says, and no two are the same."""

from translate.evaluation.study_grids import GRIDS, settings, told


def test_changes_are_made_to_every_cell():
    configs = settings("unpaired", {"batch_size": 3, "data.crop": 96})
    found = [(config.batch_size, config.data.crop, config.data.size) for config in configs.values()]
    assert found == [(3, 96, 128)] * 3


def test_the_papers_ablation_is_what_its_cells_say():
    configs = settings("pix2pix", {}, steps=600)
    found = {
        name: (c.objective.lambda_l1, c.objective.lambda_gan, c.objective.conditional, c.generator.skips)
        for name, c in configs.items()
    }
    assert found == {
        "L1": (100, 0, True, True),
        "GAN": (0, 1, False, True),
        "cGAN": (0, 1, True, True),
        "L1+GAN": (100, 1, False, True),
        "L1+cGAN": (100, 1, True, True),
        "L1+cGAN-1x1": (100, 1, True, True),
        "L1+cGAN-16x16": (100, 1, True, True),
        "L1-no-skips": (100, 0, True, False),
        "L1+cGAN-no-skips": (100, 1, True, False),
    }
    kinds = [(c.discriminator.kind, c.discriminator.layers) for c in configs.values()]
    assert kinds == [("patch", 3)] * 5 + [("pixel", 3), ("patch", 1)] + [("patch", 3)] * 2
    assert {(c.steps, c.log_every) for c in configs.values()} == {(600, 1)}


def test_objectives_are_compared_free_and_bound():
    configs = settings("objectives", {}, only=("hinge_free", "hinge_r1", "hinge_spectral", "wgan_gp"), steps=4000)
    assert {c.objective.adversarial for name, c in configs.items() if name != "wgan_gp"} == {"hinge"}
    bounds = [(c.stability.r1, c.stability.constraint, c.stability.n_critic) for c in configs.values()]
    assert bounds == [(0, "none", 1), (0.1, "none", 1), (0, "spectral", 1), (0, "none", 5)]
    assert configs["wgan_gp"].stability.gradient_penalty == 0.1
    assert {(c.validate_every, c.log_every) for c in configs.values()} == {(250, 8)}


def test_every_grid_can_be_set_up():
    for name in GRIDS:
        configs = settings(name, {}, steps=10)
        assert set(configs) == set(GRIDS[name])
        assert len({config.model_dump_json() for config in configs.values()}) == len(configs), "two cells are the same"


def test_what_a_cell_changes_is_told_in_words_of_set():
    plain = settings("pix2pix", {}, steps=10)
    assert told(plain["L1+cGAN-no-skips"], plain["L1+cGAN"]) == "generator.skips=False"
    assert told(plain["L1"], plain["L1"]) == ""
