"""What the figures beside a model are called and how they are written: one table for the page and the command line."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure in plain words; `about` says what it means and which way is better."""

    title: str
    about: str = ""
    unit: Literal["", "%", "dB"] = ""
    in_space: bool = False
    """Whether it is a figure of a feature space, whose name is told with it."""
    of_inception: str = ""
    """What it is called in InceptionV3's feature space and nowhere else."""

    def text(self, value: float) -> str:
        """A value as it is shown: three digits that mean something, and the unit."""
        if self.unit == "%":
            return f"{value * 100:.1f} %"
        if self.unit == "dB":
            return f"{value:.1f} dB"
        if abs(value) >= 1000:
            return f"{value:,.0f}"
        # Scores in [0, 1] stand in one column: 0.600, not 0.6.
        return f"{value:.3f}" if 0.1 <= abs(value) <= 1 else f"{value:.3g}"


FIGURES = {
    "mean_iou": Figure("mean IoU", "intersection over union, the mean over the classes: 1 is perfect, 0 is all wrong"),
    "pixel_accuracy": Figure("pixel accuracy", "share of the pixels that the model gets right", "%"),
    "class_accuracy": Figure("class accuracy", "share of a class that the model gets right, the mean over all", "%"),
    "fcn_pixel_accuracy": Figure(
        "FCN pixel accuracy", "share of the pixels in which the scorer finds again what was to be painted", "%"
    ),
    "fcn_class_accuracy": Figure("FCN class accuracy", "the same of each class, the mean over all", "%"),
    "fcn_mean_iou": Figure("FCN mean IoU", "the scorer's intersection over union with what was to be painted"),
    "psnr": Figure("PSNR", "peak signal-to-noise ratio; higher is closer", "dB"),
    "ssim": Figure("SSIM", "structural similarity; 1 is identical"),
    "l1": Figure("L1", "mean absolute difference; lower is closer"),
    "ms_ssim": Figure("MS-SSIM", "structural similarity over five scales; 1 is identical"),
    "lpips": Figure("LPIPS", "difference that a network trained to classify sees; lower is closer"),
    "colour_difference": Figure(
        "colour difference", "of the mean colours of a pair, in CIE Lab: 0 is none, 2.3 is just seen"
    ),
    "kernel": Figure(
        "kernel distance",
        "of its pictures to real ones, by their features; 0 where they can't be told apart",
        in_space=True,
        of_inception="KID",
    ),
    "frechet": Figure(
        "Fréchet distance",
        "of its pictures to real ones, by mean and spread of their features; lower is closer, and only figures of as "
        "many pictures in the same feature space compare",
        in_space=True,
        of_inception="FID",
    ),
    "copied": Figure("left as it was", "share of the photo that the result merely copies: 0 % where all is new", "%"),
    "frechet_infinity": Figure(
        "Fréchet distance, extrapolated",
        "to sets without end, by a line through figures of subsets: freed of what small sets add to it, but less sure",
        in_space=True,
    ),
    "precision": Figure("precision", "share of its pictures that lie where real ones do; 1 is best", in_space=True),
    "recall": Figure("recall", "share of the real pictures that lie where its own do; 1 is best", in_space=True),
    "density": Figure(
        "density", "how thickly real pictures lie around its own; about 1 where they can't be told apart", in_space=True
    ),
    "coverage": Figure("coverage", "share of the real pictures with one of its own nearby; 1 is best", in_space=True),
    "inception_score": Figure(
        "Inception Score",
        "how sure a classifier is of each picture, and of how many kinds all are; higher is better",
        in_space=True,
    ),
    "colour_shift": Figure(
        "colour shift", "of all its colours to those of real pictures, in CIE Lab: 0 is none, 2.3 is just seen"
    ),
    "colour_spread": Figure("colour spread", "how far the spread of its colours is off, in CIE Lab; 0 is not at all"),
    "sharpness": Figure("sharpness", "against real pictures: 1 is as sharp, less is blurred, more is noisy"),
    "modes": Figure("modes reached", "share of the mixture's modes that at least one sample lies in", "%"),
    "good": Figure("samples in a mode", "share of the samples within three deviations of a mode", "%"),
    "misplaced": Figure(
        "misplaced", "share of the samples that would have to move to be spread over all modes alike", "%"
    ),
    "in_class": Figure("of its class", "share of the samples in the mode of the class that was asked for", "%"),
    "cycle": Figure("lost there and back", "mean absolute difference of a photo and its way there and back"),
}
"""By the name that metrics, evaluations and configs give a figure; the most telling come first."""

_ORDER = tuple(FIGURES)


def figure(name: str) -> Figure:
    """The figure called `name`; an unknown one goes by its own name."""
    return FIGURES.get(name) or Figure(name.replace("_", " ").replace("/", " "))


def ranked(names: list[str]) -> list[str]:
    """Names with the most telling figure first, unknown ones last and as they came."""
    return sorted(names, key=lambda name: _ORDER.index(name) if name in FIGURES else len(_ORDER))
