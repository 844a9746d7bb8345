"""The published models by name: none is forgotten, and a name leads to one file."""

import pytest

from translate.errors import CheckpointError
from translate.interop import published

CYCLEGAN = {
    "apple2orange", "orange2apple", "summer2winter_yosemite", "winter2summer_yosemite", "horse2zebra", "zebra2horse",
    "monet2photo", "style_monet", "style_cezanne", "style_ukiyoe", "style_vangogh", "sat2map", "map2sat",
    "cityscapes_photo2label", "cityscapes_label2photo", "facades_photo2label", "facades_label2photo",
    "iphone2dslr_flower",
}  # fmt: skip
PIX2PIX = {"edges2shoes", "sat2map", "map2sat", "facades_label2photo", "day2night"}


def test_every_name_of_the_project_s_download_scripts_is_known():
    named = {(model.project, model.name) for model in published.MODELS}
    assert named == {("cyclegan", name) for name in CYCLEGAN} | {("pix2pix", name) for name in PIX2PIX}
    assert len(published.MODELS) == 23


def test_the_addresses_are_the_project_s_own_by_https():
    base = "https://efrosgans.eecs.berkeley.edu"
    assert published.find("horse2zebra").url == f"{base}/cyclegan/pretrained_models/horse2zebra.pth"
    assert published.find("edges2shoes").url == f"{base}/pix2pix/models-pytorch/edges2shoes.pth"
    assert published.find("pix2pix-sat2map").url == f"{base}/pix2pix/models-pytorch/sat2map.pth"
    assert published.find("cyclegan-sat2map").url == f"{base}/cyclegan/pretrained_models/sat2map.pth"


def test_every_model_says_what_it_learnt_from_and_on_what_terms():
    assert all(model.title and "(" in model.data and model.data in model.licence for model in published.MODELS)


@pytest.mark.parametrize("name", ["sat2map", "map2sat", "facades_label2photo"])
def test_a_name_that_two_models_have_is_asked_back(name: str):
    with pytest.raises(CheckpointError, match=f"pix2pix-{name} and cyclegan-{name}; name one"):
        published.find(name)


def test_a_wrong_name_is_answered_with_the_nearest():
    with pytest.raises(CheckpointError, match=r"'horse2zebras'; did you mean horse2zebra"):
        published.find("horse2zebras")
    with pytest.raises(CheckpointError, match=r"'qqqq'; `translate models pull` lists them"):
        published.find("qqqq")
