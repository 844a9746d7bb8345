"""Tiny files in the format of StyleGAN2-ADA's snapshots: persistent objects with embedded source, storages as bytes."""

import pickle
import sys
import types
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from torch import Tensor, nn

PERSISTENCE, EASY = "torch_utils.persistence", "dnnlib.util"
Attributes = Mapping[str, Mapping[str, Any]]
"""The plain attributes of a module, by its dotted name."""


class EasyDict(dict):  # type: ignore[type-arg]
    """The dict that NVIDIA's code keeps settings in."""


def _reconstruct_persistent_obj(meta: Any) -> Any:
    raise AssertionError("a reader called what a file names")


class Persistent:
    """An object that pickles as `persistence.persistent_class` makes it: a call that carries source and state."""

    def __init__(self, name: str, source: str, state: dict[str, Any]) -> None:
        self.name, self.source, self.state = name, source, state

    def __reduce__(self) -> tuple[Callable[[Any], Any], tuple[dict[str, Any]], None]:
        meta = {"type": "class", "version": 6, "module_src": self.source, "class_name": self.name, "state": self.state}
        return _reconstruct_persistent_obj, (meta,), None


def network(
    name: str, state: Mapping[str, Tensor], attributes: Attributes, source: str, prefix: str = ""
) -> Persistent:
    """A tree of modules that holds `state` by dotted names, as nn.Module keeps it."""
    own: dict[str, Any] = {"training": False, "_parameters": OrderedDict(), "_buffers": OrderedDict()}
    own |= {"_non_persistent_buffers_set": set(), "_forward_hooks": OrderedDict(), "_modules": OrderedDict()}
    own |= dict(attributes.get(prefix, {})) | {"_init_args": (), "_init_kwargs": EasyDict(w_dim=4)}
    own["weight_gain"] = 1 / np.sqrt(3)  # a numpy scalar, as NVIDIA's layers have
    for child in dict.fromkeys(key.split(".")[0] for key in state if "." in key):
        inner = {key[len(child) + 1 :]: value for key, value in state.items() if key.startswith(f"{child}.")}
        below = f"{prefix}.{child}".removeprefix(".")
        own["_modules"][child] = network("Layer", inner, attributes, source, below)
    for key, value in state.items():
        if "." not in key:
            buffer = key in ("resample_filter", "noise_const", "w_avg")
            own["_buffers" if buffer else "_parameters"][key] = value if buffer else nn.Parameter(value)
    return Persistent(name, source, own)


def snapshot(
    generator: Mapping[str, Tensor],
    discriminator: Mapping[str, Tensor] | None = None,
    *,
    settings: Attributes | None = None,
    critic_settings: Attributes | None = None,
    source: str = "raise SystemExit('embedded source was run')",
    protocol: int = 4,
) -> bytes:
    """What training_loop.py writes: the networks, an augmentation pipe, the settings of the training set."""
    content: dict[str, Any] = {"training_set_kwargs": EasyDict(path="faces.zip", use_labels=False, max_size=None)}
    content["G"] = content["G_ema"] = network("Generator", generator, settings or {}, source)
    content["D"] = network("Discriminator", discriminator or {}, critic_settings or {}, source)
    content["augment_pipe"] = network("AugmentPipe", {}, {}, source)
    with importable():
        return pickle.dumps(content, protocol=protocol)


@contextmanager
def importable() -> Iterator[None]:
    """NVIDIA's modules, for as long as it takes to write a file."""
    things = {PERSISTENCE: _reconstruct_persistent_obj, EASY: EasyDict}
    homes = {thing: thing.__module__ for thing in things.values()}
    with pytest.MonkeyPatch.context() as patch:
        for name, thing in things.items():
            module = types.ModuleType(name)
            setattr(module, thing.__name__, thing)
            thing.__module__ = name
            patch.setitem(sys.modules, name, module)
            patch.setitem(sys.modules, name.split(".")[0], types.ModuleType(name.split(".")[0]))
        yield
        for thing, home in homes.items():
            thing.__module__ = home
