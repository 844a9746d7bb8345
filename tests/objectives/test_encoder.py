"""What the encoder learns by, by hand; nothing flows into what is known."""

import pytest
import torch

from translate.objectives.encoder import EncoderObjective

OBJECTIVE = EncoderObjective(
    perceptual=lambda a, b: (a - b).abs().mean(dim=(1, 2, 3)), spread=2.0, lambda_l2=3.0, lambda_perceptual=5.0,
    lambda_latent=7.0, lambda_delta=11.0,
)  # fmt: skip


def test_each_loss_is_its_formula_s():
    real = torch.zeros(2, 3, 4, 4)
    w_real = torch.zeros(2, 3, 5)
    w_real[:, 0] = 1  # the deltas of the other two layers are -1
    known = torch.zeros(2, 3, 5)
    losses = OBJECTIVE(real + 0.5, real, w_real, known + 2, known)
    assert {name: float(value) for name, value in losses.items()} == pytest.approx(
        {"l2": 3 * 0.25, "perceptual": 5 * 0.5, "latent": 7 * 4 / 4, "delta": 11 * 1 / 4}
    )


def test_all_are_zero_where_nothing_is_left_to_learn_and_known_styles_get_no_gradient():
    real, w = torch.rand(1, 3, 4, 4), torch.ones(1, 3, 5)
    assert [float(value) for value in OBJECTIVE(real, real, w, w, w).values()] == [0, 0, 0, 0]
    known = torch.ones(1, 3, 5, requires_grad=True)
    guess = torch.zeros(1, 3, 5, requires_grad=True)
    OBJECTIVE(real, real, w, guess, known)["latent"].backward()
    assert known.grad is None
    assert guess.grad is not None
