"""Pieces of HTML: what a model is, what a picture holds, how a run went. Every word of a config is escaped."""

import math
from collections.abc import Mapping, Sequence
from html import escape

from translate.config import ClassSpec, ModelConfig
from translate.metrics.figures import figure, ranked

_PER_CLASS = "iou "
_HEADLINES = 4
_MEASURED = "Measured on held-out pictures (the checkpoint was chosen on them)."
_SEEN = 0.0005  # a smaller share would be shown as 0.0 %

WELCOME = """<div class="tr-welcome">
<svg viewBox="0 0 120 72" aria-hidden="true"><defs><clipPath id="tr-l"><path d="M8 6h52v60H8z"/></clipPath>
<clipPath id="tr-r"><path d="M60 6h52v60H60z"/></clipPath></defs>
<g clip-path="url(#tr-l)"><rect x="8" y="6" width="104" height="60" rx="8" class="tr-sky"/>
<path d="M8 50l26-22 18 16 16-12 44 34H8z" class="tr-hill"/><circle cx="92" cy="22" r="7" class="tr-sun"/></g>
<g clip-path="url(#tr-r)"><rect x="8" y="6" width="104" height="60" rx="8" fill="#5b8def"/>
<path d="M8 50l26-22 18 16 16-12 44 34H8z" fill="#2aa876"/><path d="M60 66l14-14h12l26 14z" fill="#8a5cd1"/>
<circle cx="92" cy="22" r="7" fill="#f2b134"/></g>
<path d="M60 2v68" class="tr-line"/><circle cx="60" cy="36" r="6" class="tr-knob"/>
<path d="M57.6 33.8L55.4 36l2.2 2.2M62.4 33.8l2.2 2.2-2.2 2.2" class="tr-arrows"/></svg>
<h2>Your translation appears here</h2>
<ol><li>Choose a model: each is made for one kind of photo.</li>
<li>Drop, paste or snap a photo, or take one of the examples.</li>
<li>Drag the handle to compare before and after, then download the result.</li></ol>
<p>Photos stay on the computer that runs this page, and are deleted after an hour.</p></div>"""

NO_MODELS = """<div class="tr-welcome"><h2>No model here yet</h2>
<p>Train one on a folder of your own, then reload this page:</p>
<p><code>translate train segmentation --data PAIRS --out runs/mine</code></p>
<p><code>translate train cyclegan-fast --a HORSES --b ZEBRAS --out runs/mine</code></p></div>"""


def model_card(config: ModelConfig) -> str:
    """What a model does, in its own words, and how well, by its own measurements."""
    known = {name: value for name, value in config.metrics.items() if math.isfinite(value)}
    headlines = ranked([name for name in known if not name.startswith(_PER_CLASS)])
    figures = "".join(_figure(name, known[name]) for name in headlines[:_HEADLINES])
    parts = [
        f"<p>{escape(config.description)}</p>" if config.description else "",
        f'<div class="tr-figures">{figures}</div><p class="tr-note">{_MEASURED}{_how(config)}</p>' if figures else "",
        _more(config, known),
    ]
    return f'<div class="tr-model">{"".join(parts)}</div>'


def _how(config: ModelConfig) -> str:
    return f" {escape(config.measured[0].upper())}{escape(config.measured[1:])}." if config.measured else ""


def legend(classes: Sequence[ClassSpec], shares: Mapping[str, float]) -> str:
    """The classes of a label map in their colours, the largest share of the picture first."""
    ranked = sorted(classes, key=lambda spec: -shares.get(spec.name, 0.0))
    seen = [spec for spec in ranked if shares.get(spec.name, 0.0) >= _SEEN]
    absent = [_words(spec.name) for spec in ranked if spec not in seen]
    rows = "".join(_row(spec, shares[spec.name]) for spec in seen)
    rest = f'<p class="tr-absent">Not in this picture: {", ".join(absent)}</p>' if absent else ""
    return f'<div class="tr-legend"><h3>What is in the picture</h3><ul>{rows}</ul>{rest}</div>'


def run_facts(facts: Sequence[tuple[str, str]]) -> str:
    """How one run went, as a line of name and value."""
    return '<dl class="tr-facts">' + "".join(f"<div><dt>{a}</dt><dd>{escape(b)}</dd></div>" for a, b in facts) + "</dl>"


def _more(config: ModelConfig, known: Mapping[str, float]) -> str:
    """Classes with the figure of each, how the model was made, and the licence, folded away where there are many."""
    rows = ""
    for spec in config.classes:
        value = known.get(f"{_PER_CLASS}{spec.name}")
        figure = "" if value is None else f"<b>{value:.2f}</b>"
        rows += f"<li>{_swatch(spec.color)}<span>{_words(spec.name)}</span>{figure}</li>"
    rated = any(name.startswith(_PER_CLASS) for name in known)
    titles = [f"{len(config.classes)} classes{', IoU of each' if rated else ''}"] if rows else []
    titles += ["how it was made", *(["terms of use"] if config.licence else [])]
    summary = " · ".join(titles)
    body = (f"<ul>{rows}</ul>" if rows else "") + run_facts(_making(config))
    body += f"<p>{escape(config.licence)}</p>" if config.licence else ""
    is_open = " open" if 0 < len(config.classes) <= 3 else ""
    return f"<details{is_open}><summary>{summary[0].upper()}{summary[1:]}</summary>{body}</details>"


def _making(config: ModelConfig) -> list[tuple[str, str]]:
    facts = [("Method", config.kind), ("Sees", f"the area of {config.data.size} × {config.data.size}")]
    if config.input_classes:
        facts.insert(0, ("Takes", f"a label map of {len(config.input_classes)} classes, drawn in the tab Paint"))
    return facts + ([("Trained", f"{config.step:,} steps")] if config.step else [])


def _row(spec: ClassSpec, share: float) -> str:
    return (
        f'<li>{_swatch(spec.color)}<span class="tr-name">{_words(spec.name)}</span>'
        f'<span class="tr-bar" aria-hidden="true">'
        f'<i style="width:{share:.1%};background:{_css(spec.color)}"></i></span>'
        f'<span class="tr-share">{share * 100:.1f} %</span></li>'
    )


def _figure(name: str, value: float) -> str:
    shown = figure(name)
    text = f"<b>{shown.text(value)}</b><span>{escape(shown.title)}</span>"
    return f'<div class="tr-figure" title="{escape(shown.about)}">{text}</div>'


def _words(name: str) -> str:
    return escape(name.replace("_", " "))


def _swatch(color: tuple[int, int, int]) -> str:
    return f'<i class="tr-swatch" style="background:{_css(color)}" aria-hidden="true"></i>'


def _css(color: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)
