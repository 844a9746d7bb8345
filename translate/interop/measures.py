"""The networks that figures are taken by, and that are fetched by name: where they are, and whose terms they bear."""

from dataclasses import dataclass

from translate.download.fetch import Remote
from translate.interop import inception, lpips

TORCHVISION = "https://download.pytorch.org/models"
GITHUB_FILES = ("release-assets.githubusercontent.com", "objects.githubusercontent.com")
"""Where GitHub sends those who ask for a release."""
MIB = 1024**2


@dataclass(frozen=True, slots=True)
class Measure:
    """One file of weights, put beside the user's own feature spaces under its own name."""

    file: str
    remote: Remote
    title: str
    terms: str


MEASURES = {
    "inception": Measure(
        inception.FILE,
        Remote(inception.URL, 100 * MIB, inception.DIGEST, GITHUB_FILES),
        "InceptionV3 of 2015: FID, KID and Inception Score",
        "Apache-2.0; trained on ImageNet (non-commercial research)",
    ),
    **{
        f"lpips-{net}": Measure(
            trunk.file,
            Remote(f"{TORCHVISION}/{trunk.file}", limit * MIB, trunk.digest),
            f"LPIPS by {title}",
            "BSD-3-Clause; trained on ImageNet (non-commercial research)",
        )
        for (net, trunk), (title, limit) in zip(lpips.TRUNKS.items(), (("AlexNet", 240), ("VGG-16", 540)), strict=True)
    },
}
"""By the name that `translate models pull` takes."""
