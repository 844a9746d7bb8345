import math

import pytest
import torch
from torch import Tensor

from translate.config import IGNORE_INDEX
from translate.metrics.segmentation import confusion, iou_per_class, recall_per_class, scores

VOID = IGNORE_INDEX


def _maps(classes: int, seed: int = 0, count: int = 4) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(seed)
    pred = torch.randint(classes, (count, 13, 17), generator=random)
    target = torch.randint(classes, (count, 13, 17), generator=random)
    target[torch.rand(target.shape, generator=random) < 0.1] = VOID
    return pred, target


def test_rows_are_the_truth_and_columns_the_prediction():
    target = torch.tensor([[[0, 0, 1], [1, 1, 2]]])
    pred = torch.tensor([[[0, 1, 1], [1, 0, 2]]])
    assert confusion(pred, target, 3).tolist() == [[1, 1, 0], [1, 2, 0], [0, 0, 1]]


def test_hand_computed_scores():
    """Truth 4 zeros, 4 ones; three zeros and two ones found. IoU: 3 / (4 + 5 - 3) and 2 / (4 + 3 - 2)."""
    matrix = torch.tensor([[3, 1], [2, 2]])
    assert iou_per_class(matrix).tolist() == [0.5, 0.4]
    assert recall_per_class(matrix).tolist() == [0.75, 0.5]
    expected = {"pixel_accuracy": 5 / 8, "class_accuracy": 0.625, "mean_iou": 0.45}
    assert scores(matrix) == pytest.approx(expected)


def test_void_pixels_of_the_truth_count_nowhere():
    target = torch.tensor([[[0, VOID], [VOID, 1]]])
    for guess in (0, 1):
        pred = torch.tensor([[[0, guess], [guess, 1]]])
        assert confusion(pred, target, 2).tolist() == [[1, 0], [0, 1]]


def test_a_perfect_prediction_scores_one():
    _, target = _maps(5)
    pred = target.where(target != VOID, 0)
    matrix = confusion(pred, target, 5)
    assert int(matrix.sum()) == int((target != VOID).sum())
    assert scores(matrix) == {"pixel_accuracy": 1.0, "class_accuracy": 1.0, "mean_iou": 1.0}


def test_a_class_absent_from_the_truth_is_nan_and_left_out_of_the_means():
    """Class 2 never occurs but is predicted once: its own IoU is undefined, class 1 pays for the pixel."""
    matrix = torch.tensor([[4, 0, 0], [0, 3, 1], [0, 0, 0]])
    iou, recall = iou_per_class(matrix), recall_per_class(matrix)
    assert math.isnan(iou[2])
    assert math.isnan(recall[2])
    assert scores(matrix) == pytest.approx({"pixel_accuracy": 7 / 8, "class_accuracy": 0.875, "mean_iou": 0.875})


def test_a_class_that_is_never_predicted_scores_zero_not_nan():
    assert iou_per_class(torch.tensor([[4, 0], [2, 0]])).tolist() == pytest.approx([4 / 6, 0.0])


def test_a_truth_that_is_all_void_scores_nan():
    target = torch.full((1, 4, 4), VOID)
    matrix = confusion(torch.zeros(1, 4, 4, dtype=torch.int64), target, 3)
    assert matrix.sum() == 0
    assert all(math.isnan(value) for value in scores(matrix).values())


def test_iou_is_symmetric_in_truth_and_prediction():
    pred, target = _maps(4)
    target = target.where(target != VOID, 0)
    assert torch.equal(confusion(pred, target, 4), confusion(target, pred, 4).T)
    assert torch.allclose(iou_per_class(confusion(pred, target, 4)), iou_per_class(confusion(target, pred, 4)))


def test_batches_add_up_to_the_whole():
    pred, target = _maps(6, count=5)
    parts = sum(confusion(p[None], t[None], 6) for p, t in zip(pred, target, strict=True))
    assert torch.equal(parts, confusion(pred, target, 6))


def test_random_guesses_have_the_expected_iou():
    """Two equally frequent classes guessed by coin: IoU is 1/4 of the pixels over 3/4."""
    random = torch.Generator().manual_seed(1)
    pred, target = (torch.randint(2, (1, 1000, 1000), generator=random) for _ in range(2))
    assert scores(confusion(pred, target, 2))["mean_iou"] == pytest.approx(1 / 3, abs=2e-3)


def test_counts_stay_exact_where_float32_would_not():
    """2^24 + 1 is the first integer that float32 rounds away."""
    matrix = torch.tensor([[2**24 + 1, 0], [0, 1]])
    assert scores(matrix)["pixel_accuracy"] == 1.0
    assert confusion(torch.zeros(1, 1, 1, dtype=torch.uint8), torch.zeros(1, 1, 1, dtype=torch.uint8), 2).dtype == (
        torch.int64
    )


@pytest.mark.parametrize(("pred", "target"), [(3, 0), (-1, 0), (0, 3), (0, -1), (VOID, 0)])
def test_a_label_that_is_no_class_raises(pred: int, target: int):
    with pytest.raises(ValueError, match=r"expected 0\.\.2"):
        confusion(torch.full((1, 2, 2), pred), torch.full((1, 2, 2), target), 3)


def test_wrong_shapes_and_logits_raise():
    target = torch.zeros(1, 4, 4, dtype=torch.int64)
    with pytest.raises(ValueError, match="prediction is"):
        confusion(torch.zeros(1, 4, 5, dtype=torch.int64), target, 3)
    with pytest.raises(ValueError, match="argmax"):
        confusion(torch.zeros(1, 4, 4), target, 3)


def test_agrees_with_torchmetrics():
    """Figures of torchmetrics 1.9 (multiclass confusion matrix, Jaccard index, macro and micro accuracy)."""
    y, x = torch.meshgrid(torch.arange(12), torch.arange(10), indexing="ij")
    pred, target = (x * y + y // 3) % 4, (x * y + x) % 4
    target[0] = VOID
    matrix = confusion(pred[None], target[None], 4)
    assert matrix.tolist() == [[13, 16, 16, 15], [2, 5, 5, 0], [7, 5, 9, 4], [3, 5, 5, 0]]
    assert iou_per_class(matrix).tolist() == pytest.approx([0.180556, 0.131579, 0.176471, 0.0], abs=1e-5)
    assert scores(matrix)["class_accuracy"] == pytest.approx(0.248333, abs=1e-5)
    assert scores(matrix)["pixel_accuracy"] == pytest.approx(0.245455, abs=1e-5)
