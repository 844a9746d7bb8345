"""The networks that figures are taken by, and that are fetched by name: where they are, and whose terms they bear."""

from dataclasses import dataclass

from translate.download.fetch import Remote
from translate.interop import inception, lpips

TORCHVISION = "https://download.pytorch.org/models"
GITHUB_FILES = ("release-assets.githubusercontent.com", "objects.githubusercontent.com")
"""Where GitHub sends those who ask for a release."""
MIB = 1024**2
ZOO = "https://media.githubusercontent.com/media/opencv/opencv_zoo/main/models"
"""Where GitHub keeps the large files of OpenCV's collection of networks."""
YUNET = "face_detection_yunet_2023mar.onnx"
YUNET_DIGEST = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"
SFACE = "face_recognition_sface_2021dec.onnx"
SFACE_DIGEST = "f6abbfff9575e3041db692c1e29d782e995191888477fd59ebc81202d99fc63b"


@dataclass(frozen=True, slots=True)
class Measure:
    """One file of weights, put beside the user's own feature spaces under its own name."""

    file: str
    remote: Remote
    title: str
    terms: str
    needs: str = "pip install 'translate-images[metrics]'"
    """What else has to be installed; empty: nothing."""


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
    "yunet": Measure(
        YUNET,
        Remote(f"{ZOO}/face_detection_yunet/{YUNET}", MIB, YUNET_DIGEST),
        "YuNet: finds faces and their five points in photos",
        "MIT",
        needs="",
    ),
    "sface": Measure(
        SFACE,
        Remote(f"{ZOO}/face_recognition_sface/{SFACE}", 30 * MIB, SFACE_DIGEST),
        "SFace: whether two pictures show the same person",
        "Apache-2.0",
        needs="",
    ),
}
"""By the name that `translate models pull` takes."""
