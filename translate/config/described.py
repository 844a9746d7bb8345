"""What a model is, in a few words each: what it makes, of what it is made, at which scale it works."""

from translate.config.models import ModelConfig
from translate.config.networks import GeneratorConfig


def output(config: ModelConfig) -> str:
    """For programs: labels, image, noise-to-image or noise-to-points."""
    if isinstance(config.generator, GeneratorConfig):
        return config.generator.head
    return "noise-to-points" if config.generator.kind == "mlp" else "noise-to-image"


def makes(config: ModelConfig) -> str:
    """The same for people."""
    if (kind := output(config)) == "labels":
        return f"{len(config.classes)} classes"
    return {"image": "pictures", "noise-to-image": "pictures from noise"}.get(kind, "points from noise")


def network(config: ModelConfig) -> tuple[str, str]:
    """What a model is made of, and the scale it works at."""
    made, data = config.generator, config.data
    about = f"{made.kind}, {made.filters} filters"
    if not isinstance(made, GeneratorConfig):
        scale = "" if made.kind == "mlp" else f"pictures of {made.size} x {made.size} pixels"
        return f"{about}, {made.latent} numbers of noise -> {made.out_channels}", scale
    where = " where it is left as it was" if data.keep_detail == "unchanged" else ""
    detail = f"; the photo's own detail is added to the result{where}" if data.keep_detail else ""
    what = "a label map" if config.input_classes else "a photo"
    scale = f"{what} is brought to the area of {data.size} x {data.size} pixels{detail}"
    return f"{about}, {made.in_channels} -> {made.out_channels}", scale


def drawn_in(config: ModelConfig) -> str:
    """The classes of a label map that is translated, each with its colour; empty where photos are."""
    classes = [f"{i} {spec.name} #{bytes(spec.color).hex()}" for i, spec in enumerate(config.input_classes)]
    return f"label map of {len(classes)} classes: {', '.join(classes)}" if classes else ""
