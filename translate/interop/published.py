"""The models that the pix2pix and CycleGAN project publishes: name, address, what they do, whose data they learnt from.

The project gives its weights no terms of their own and publishes no SHA-256s.
"""

import difflib
from typing import Literal, NamedTuple

from translate.errors import CheckpointError

HOST = "https://efrosgans.eecs.berkeley.edu"
PATHS = {"pix2pix": "pix2pix/models-pytorch", "cyclegan": "cyclegan/pretrained_models"}
LIMITS = {"pix2pix": 300 * 1024**2, "cyclegan": 100 * 1024**2}
"""A U-Net-256 has 218 MB, a ResNet of nine blocks 46 MB."""

_FACADES = "CMP Facades (research)"
_MAPS = "pictures of Google Maps (Google's terms)"
_CITYSCAPES = "Cityscapes (non-commercial)"
_IMAGENET = "ImageNet (non-commercial research)"
_FLICKR = "photos from Flickr (their authors' rights)"
_ART = "paintings from WikiArt and photos from Flickr (their authors' rights)"


class Published(NamedTuple):
    """One published generator."""

    name: str
    """The project's own name of the file."""
    project: Literal["pix2pix", "cyclegan"]
    title: str
    data: str
    """What it was trained on, and the terms of that."""

    @property
    def full_name(self) -> str:
        """Unique: both halves of the project use some names."""
        return f"{self.project}-{self.name}"

    @property
    def url(self) -> str:
        return f"{HOST}/{PATHS[self.project]}/{self.name}.pth"

    @property
    def limit(self) -> int:
        """Most bytes the file may have."""
        return LIMITS[self.project]

    @property
    def licence(self) -> str:
        """The terms, as far as any are known."""
        return f"published for research without terms of its own; trained on {self.data}"


MODELS = (
    Published("edges2shoes", "pix2pix", "Edges to shoes", "UT Zappos50K (academic, non-commercial)"),
    Published("sat2map", "pix2pix", "Aerial photo to street map", _MAPS),
    Published("map2sat", "pix2pix", "Street map to aerial photo", _MAPS),
    Published("facades_label2photo", "pix2pix", "Facade labels to photo", _FACADES),
    Published("day2night", "pix2pix", "Day to night", "Transient Attributes (research)"),
    Published("apple2orange", "cyclegan", "Apples to oranges", _IMAGENET),
    Published("orange2apple", "cyclegan", "Oranges to apples", _IMAGENET),
    Published("summer2winter_yosemite", "cyclegan", "Yosemite in summer to winter", _FLICKR),
    Published("winter2summer_yosemite", "cyclegan", "Yosemite in winter to summer", _FLICKR),
    Published("horse2zebra", "cyclegan", "Horses to zebras", _IMAGENET),
    Published("zebra2horse", "cyclegan", "Zebras to horses", _IMAGENET),
    Published("monet2photo", "cyclegan", "Monet's paintings to photos", _ART),
    Published("style_monet", "cyclegan", "Photos in the style of Monet", _ART),
    Published("style_cezanne", "cyclegan", "Photos in the style of Cezanne", _ART),
    Published("style_ukiyoe", "cyclegan", "Photos in the style of ukiyo-e", _ART),
    Published("style_vangogh", "cyclegan", "Photos in the style of Van Gogh", _ART),
    Published("sat2map", "cyclegan", "Aerial photo to street map", _MAPS),
    Published("map2sat", "cyclegan", "Street map to aerial photo", _MAPS),
    Published("cityscapes_photo2label", "cyclegan", "Street photo to labels", _CITYSCAPES),
    Published("cityscapes_label2photo", "cyclegan", "Street labels to photo", _CITYSCAPES),
    Published("facades_photo2label", "cyclegan", "Facade photo to labels", _FACADES),
    Published("facades_label2photo", "cyclegan", "Facade labels to photo", _FACADES),
    Published("iphone2dslr_flower", "cyclegan", "Flowers by phone to camera", _FLICKR),
)


def find(name: str) -> Published:
    """The model called `name`, alone or with its project in front: "horse2zebra", "cyclegan-sat2map".

    Raises: CheckpointError with the nearest names, or with both where two projects use one.
    """
    found = [model for model in MODELS if name in (model.name, model.full_name)]
    if len(found) == 1:
        return found[0]
    if found:
        both = " and ".join(model.full_name for model in found)
        raise CheckpointError(f"{name}: two models are published under this name, {both}; name one")
    names = {model.name: None for model in MODELS} | {model.full_name: None for model in MODELS}
    near = difflib.get_close_matches(name[:100], names, n=3, cutoff=0.5)
    meant = f"; did you mean {' or '.join(near)}?" if near else ";"
    raise CheckpointError(f"no published model {name[:100]!r}{meant} `translate models pull` lists them")
