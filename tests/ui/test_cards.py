"""What the page says of a model, a picture and a run."""

import re

from translate.config import ClassSpec, GeneratorConfig, ModelConfig
from translate.ui import cards

SKY, ROAD, SIGN = (
    ClassSpec(name="sky", color=(10, 20, 30)),
    ClassSpec(name="road", color=(255, 0, 0)),
    ClassSpec(name="sign_symbol", color=(0, 0, 255)),
)


def words(html: str) -> list[str]:
    """The text of a fragment, piece by piece."""
    return [piece.strip() for piece in re.split(r"<[^>]*>", html) if piece.strip()]


def model(**facts: object) -> ModelConfig:
    return ModelConfig.model_validate({"name": "mine", "generator": GeneratorConfig(), **facts})


def test_the_legend_has_the_largest_share_first_and_names_what_is_absent() -> None:
    html = cards.legend((SKY, ROAD, SIGN), {"sky": 0.25, "road": 0.75, "sign_symbol": 0.0})
    assert words(html)[1:] == ["road", "75.0 %", "sky", "25.0 %", "Not in this picture: sign symbol"]
    assert html.index("#ff0000") < html.index("#0a141e")


def test_a_share_too_small_to_show_counts_as_absent() -> None:
    assert "Not in this picture: sky" in cards.legend((SKY, ROAD), {"sky": 0.0004, "road": 0.9996})


def test_everything_of_a_config_is_escaped() -> None:
    html = cards.model_card(
        model(
            description="<script>alert(1)</script>",
            metrics={"<b>": 0.5},
            generator=GeneratorConfig(out_channels=1, head="labels"),
            classes=(ClassSpec(name="<i>x</i>", color=(0, 0, 0)),),
        )
    )
    assert "<script>" not in html
    assert "<b></b>" not in html
    assert "&lt;i&gt;x&lt;/i&gt;" in html
    assert "<i>x" not in cards.legend((ClassSpec(name="<i>x", color=(0, 0, 0)),), {"<i>x": 1.0})


def test_figures_are_shown_in_their_own_units() -> None:
    html = cards.model_card(model(metrics={"l1": 0.2, "psnr": 17.26, "pixel_accuracy": 0.8831}))
    assert words(html)[:6] == ["88.3 %", "pixel accuracy", "17.3 dB", "PSNR", "0.200", "L1"]


def test_the_figure_of_a_class_stands_beside_the_class_and_the_mean_comes_first() -> None:
    config = model(
        generator=GeneratorConfig(out_channels=2, head="labels"),
        classes=(SKY, SIGN),
        metrics={"pixel_accuracy": 0.9, "mean_iou": 0.6, "iou sky": 0.925, "iou sign_symbol": 0.2754},
        licence="research <only>",
    )
    assert words(cards.model_card(config)) == [
        "0.600", "mean IoU", "90.0 %", "pixel accuracy",
        "Measured on held-out pictures (the checkpoint was chosen on them).",
        "2 classes, IoU of each · how it was made · terms of use", "sky", "0.93", "sign symbol", "0.28",
        "Method", "pix2pix", "Sees", "the area of 256 × 256", "research &lt;only&gt;",
    ]  # fmt: skip


def test_a_figure_that_is_no_number_is_left_out() -> None:
    html = cards.model_card(model(metrics={"mean_iou": float("nan")}))
    assert "mean IoU" not in html
    assert "Measured" not in html


def test_a_kind_of_model_that_nobody_has_heard_of_is_described_by_its_config() -> None:
    config = model(
        kind="whatever<2>",
        step=12_000,
        metrics={"shine": 0.5, "cycle": 0.04, "copied": 0.21, "frechet": 62.1, "kernel": 0.0345},
    )
    assert words(cards.model_card(config)) == [
        "0.0345", "kernel distance", "62.1", "Fréchet distance", "21.0 %", "left as it was",
        "0.04", "lost there and back", "Measured on held-out pictures (the checkpoint was chosen on them).",
        "How it was made", "Method", "whatever&lt;2&gt;", "Sees", "the area of 256 × 256", "Trained", "12,000 steps",
    ]  # fmt: skip


def test_a_figure_s_meaning_is_told_where_the_pointer_rests() -> None:
    assert 'title="structural similarity; 1 is identical"' in cards.model_card(model(metrics={"ssim": 0.9}))


def test_a_run_s_facts_are_names_and_values() -> None:
    assert words(cards.run_facts([("Time", "5 ms"), ("Device", "<cpu>")])) == ["Time", "5 ms", "Device", "&lt;cpu&gt;"]


def test_a_card_says_where_a_label_map_is_taken_and_no_photo() -> None:
    assert "a label map of 3 classes, drawn in the tab Paint" in words(
        cards.model_card(model(input_classes=(SKY, ROAD, SIGN)))
    )
    assert "Takes" not in words(cards.model_card(model()))
