"""Public data sets that can be pulled by name: where they are, their size, their terms; each arrives whole or not.

The archives are those of the pix2pix and CycleGAN project. It publishes no SHA-256; those here were published by the
TensorFlow Datasets project for the same files.
"""

import datetime
import difflib
import json
import os
import shutil
from pathlib import Path
from typing import Literal, NamedTuple

from translate.download import fetch
from translate.download.archives import Extracted, Limits, extract
from translate.download.fetch import Fetched, Progress, Remote
from translate.download.ledger import Ledger
from translate.errors import DatasetError

HOST = "https://efrosgans.eecs.berkeley.edu"
SOURCE_FILE = "source.json"
MIB = 1024**2

_FACADES = "research (CMP Facades, Tyleček & Šára 2013)"
_MAPS = "pictures of Google Maps, Google's terms; research"
_IMAGENET = "non-commercial research (ImageNet)"
_FLICKR = "photos from Flickr, their authors' rights; research"
_ART = "paintings from WikiArt, photos from Flickr, their authors' rights; research"
_CITYSCAPES = "register at https://www.cityscapes-dataset.com, where it is given for non-commercial use"


class PublicSet(NamedTuple):
    """A data set as the project publishes it."""

    name: str
    kind: Literal["pairs", "domains"]
    about: str
    mib: int
    """About this many MiB are fetched; twice that is the most that may come."""
    terms: str
    sha256: str | None = None
    withheld: str = ""
    """Where else to get it, when the project doesn't give it away."""

    @property
    def url(self) -> str:
        if self.kind == "pairs":
            return f"{HOST}/pix2pix/datasets/{self.name}.tar.gz"
        return f"{HOST}/cyclegan/datasets/{self.name.removesuffix('-unpaired')}.zip"

    @property
    def remote(self) -> Remote:
        """What is fetched."""
        return Remote(self.url, 2 * self.mib * MIB, self.sha256)

    @property
    def limits(self) -> Limits:
        """Pictures hardly shrink in an archive, so what comes out is not much more."""
        return Limits(3 * self.mib * MIB)


SETS = (
    PublicSet("facades", "pairs", "facade photos | labels, 400 to train on", 29, _FACADES),
    PublicSet("maps", "pairs", "aerial photos | street maps, 1,096 to train on", 239, _MAPS),
    PublicSet("edges2shoes", "pairs", "edges | shoe photos, 50,000", 2100, "non-commercial research (UT Zappos50K)"),
    PublicSet("edges2handbags", "pairs", "edges | handbag photos, 137,000", 8300, "research (iGAN project)"),
    PublicSet("night2day", "pairs", "the same places by night | by day", 2000, "research (Transient Attributes)"),
    PublicSet("cityscapes", "pairs", "street photos | labels", 99, "non-commercial", None, _CITYSCAPES),
    PublicSet("horse2zebra", "domains", "horses, zebras", 112, _IMAGENET,
              "a74d9d392eecca9966b51287a76ca126af473d9de4f3e8fc0e9cda08fa1730a1"),
    PublicSet("apple2orange", "domains", "apples, oranges", 75, _IMAGENET,
              "845a191e9af8926408ea597001cd03a452e3300a1f44a79fe329b3d59f6e3eb8"),
    PublicSet("summer2winter_yosemite", "domains", "Yosemite in summer, in winter", 127, _FLICKR,
              "167fe1726807a9d22bd106b4a6c0bd7953b688af924ac1bf967439c4961e49f9"),
    PublicSet("monet2photo", "domains", "paintings by Monet, landscape photos", 292, _ART,
              "88f91b00fc228f97c9411fbf1880ec1d119c98f1722e4cfcfaa2fb35fac05b04"),
    PublicSet("cezanne2photo", "domains", "paintings by Cezanne, landscape photos", 267, _ART,
              "3a6c10ca21f9485862f1cbd707744b9dc258954a04631271d23a3605eeb63cff"),
    PublicSet("ukiyoe2photo", "domains", "ukiyo-e prints, landscape photos", 280, _ART,
              "02a2a2fb5ecf425ca1bf86aca7304377da64a2a1d3b86df54eb65e4068bf3b08"),
    PublicSet("vangogh2photo", "domains", "paintings by Van Gogh, landscape photos", 293, _ART,
              "362c3473e70be0944bda08d49d660eafdc2854df55d697835b8186d1d79caaff"),
    PublicSet("iphone2dslr_flower", "domains", "flowers by phone, by camera", 325, _FLICKR,
              "8fcb5e374d631b107e1d961b8c4cd0a186aa2a4ff3e279923f4c426128de7113"),
    PublicSet("maps-unpaired", "domains", "aerial photos, street maps", 1409, _MAPS,
              "639534f69dbf9f36bef8d6292a7698006361221f83f0285d7c9ca78afe6e8a9e"),
    PublicSet("facades-unpaired", "domains", "facade photos, labels", 34, _FACADES,
              "9a31ebf3a31b9b5cd195dd5bf62e9308e00cb94604d1019e3889ac84248695c0"),
)  # fmt: skip


class Pulled(NamedTuple):
    """A set that arrived."""

    folder: Path
    fetched: Fetched
    extracted: Extracted


def find(name: str) -> PublicSet:
    """The set called `name`.

    Raises: DatasetError with the nearest names, or with where to get a set that the project does not give away.
    """
    known = {one.name: one for one in SETS}
    if name not in known:
        near = difflib.get_close_matches(name[:100], known, n=3, cutoff=0.5)
        meant = f"; did you mean {' or '.join(near)}?" if near else ";"
        raise DatasetError(f"no public set {name[:100]!r}{meant} `translate data list` shows all")
    if known[name].withheld:
        raise DatasetError(f"{name}: the project may not give it away; {known[name].withheld}")
    return known[name]


def pull(
    chosen: PublicSet,
    out: Path,
    ledger: Ledger,
    *,
    fetching: Progress | None = None,
    extracting: Progress | None = None,
) -> Pulled:
    """Fetch and extract a set into OUT/NAME, which appears when it is whole.

    Raises: DatasetError when it is there already; TranslateError for whatever goes wrong with network, disk or archive.
    """
    folder = out / chosen.name
    if os.path.lexists(folder):
        raise DatasetError(f"{folder}: is there already; remove it to pull it anew, or choose another --out")
    archive = out / f".{chosen.name}-{chosen.url.rpartition('/')[2]}"
    fresh = out / f".{chosen.name}-extracted"
    fetched = fetch.fetch(chosen.remote, archive, ledger=ledger, progress=fetching)
    try:
        shutil.rmtree(fresh, ignore_errors=True)  # of a call that was killed here
        extracted = extract(archive, fresh, chosen.limits, extracting)
        record: dict[str, object] = {
            "source": chosen.url,
            "sha256": fetched.sha256,
            "trust": fetched.trust,
            "terms": chosen.terms,
        }
        record |= {"files": extracted.files, "bytes": extracted.size}
        record["date"] = datetime.datetime.now(datetime.UTC).date().isoformat()
        (fresh / SOURCE_FILE).write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        fresh.rename(folder)
    except OSError as error:
        raise DatasetError(f"{error.filename or folder}: {error.strerror or error}; nothing was left there") from None
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        archive.unlink(missing_ok=True)
    fetch.remember(fetched, ledger)
    return Pulled(folder, fetched, extracted)
