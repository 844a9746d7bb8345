"""The land of a procedural aerial photo: a scene in metres, with meadows, woods, fields, water and roads."""

import math
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.random import Generator

GROUND, ROAD, HOUSE, WATER, TREE, FIELD = range(6)
SIDE = 150.0
"""Metres across the longer side of a picture."""
PARCELS = 9

GRASS = np.array([(104, 122, 62), (132, 136, 82), (90, 110, 60), (118, 126, 72)], np.float32)
CROPS = np.array([(190, 168, 112), (140, 110, 82), (112, 132, 66), (164, 154, 96), (122, 98, 76)], np.float32)
DEEP = np.array([(44, 66, 72), (42, 60, 72), (58, 74, 68)], np.float32)

Array = np.ndarray
Window = tuple[slice, slice]
Road = tuple[Array, float]


@dataclass
class Scene:
    """A landscape in the making, at drawing resolution."""

    height: int
    width: int
    layout: Generator
    """Where things are and what they're like."""
    texture: Generator
    """What is too fine to be the same at every resolution."""
    scale: float = field(init=False)
    """Pixels per metre."""

    def __post_init__(self) -> None:
        shape = self.height, self.width
        self.scale = max(shape) / SIDE
        self.left, self.top = (0.5 * (SIDE - n / self.scale) for n in (self.width, self.height))
        self.x = ((np.arange(self.width, dtype=np.float32) + 0.5) / self.scale + self.left)[None]  # (1, W)
        self.y = ((np.arange(self.height, dtype=np.float32) + 0.5) / self.scale + self.top)[:, None]  # (H, 1)
        self.albedo = np.zeros((3, *shape), np.float32)  # RGB under plain light, 0..255
        self.label = np.full(shape, GROUND, np.uint8)
        self.relief = np.zeros(shape, np.float32)  # metres
        self.bumps = np.zeros(shape, np.float32)  # metres, too flat to throw a shadow
        self.slope = np.zeros((2, *shape), np.float32)  # of roofs: known exactly, where a difference would blur it
        self.grain = self.texture.standard_normal(shape, np.float32)

    def around(self, centre: Array, turn: float, reach: float) -> tuple[Window, Array, Array]:
        """The pixels within `reach` metres of a point, and their metres along and across a direction."""
        column, row = ((centre - (self.left, self.top)) * self.scale).tolist()
        span = reach * self.scale
        rows = slice(max(int(row - span), 0), max(int(row + span) + 2, 0))
        columns = slice(max(int(column - span), 0), max(int(column + span) + 2, 0))
        dx, dy = self.x[:, columns] - np.float32(centre[0]), self.y[rows] - np.float32(centre[1])
        if turn == 0:
            return (rows, columns), dx, dy
        cos, sin = math.cos(turn), math.sin(turn)
        return (rows, columns), dx * cos + dy * sin, dy * cos - dx * sin

    def noise(self, metres: float) -> Array:
        """Smooth noise, mostly within +- 0.5, with bumps `metres` wide. Shape: (H, W)."""
        cells = math.ceil(SIDE / metres) + 3
        grid = (self.layout.random((cells, cells), np.float32) - 0.5) * 2
        down, across = _spline(self.y[:, 0] / metres, cells), _spline(self.x[0] / metres, cells)
        return down @ grid @ across.T

    def distance(self, *lines: Array) -> Array:
        """Metres to the nearest of some lines, each (K, 2) points. Shape: (H, W)."""
        canvas = np.full((self.height, self.width), 255, np.uint8)
        for line in lines:
            cv2.polylines(canvas, [self.pixels(line)], False, 0, 1, cv2.LINE_8, 4)
        return cv2.distanceTransform(canvas, cv2.DIST_L2, 5) * np.float32(1 / self.scale)

    def pixels(self, points: Array) -> Array:
        """Points in metres as OpenCV draws them with shift 4: in sixteenths of a pixel."""
        return np.clip((points - (self.left, self.top)) * self.scale * 16, -1e6, 1e6).astype(np.int32)

    def blend(self, mask: Array, colour: Array, shade: Array | float = 1.0) -> None:
        """Paint a colour by a mask in 0..1, lighter or darker by `shade`."""
        for plane, value in zip(self.albedo, colour.tolist(), strict=True):
            plane += mask * (shade * np.float32(value) - plane)

    def put(self, window: Window, mask: Array, colour: Array, label: int) -> None:
        """Paint the pixels of a mask in one colour, or in (3, K) colours, and label them."""
        self.albedo[:, *window][:, mask] = colour.reshape(3, -1)
        self.label[window][mask] = label


def land(scene: Scene) -> Array:
    """Meadows, woods and ploughed fields in straight-edged parcels. Returns where woods grow, (H, W) bool."""
    rng = scene.layout
    sites = rng.random((PARCELS, 2)) * SIDE * 1.2 - 0.1 * SIDE
    kinds = rng.choice([GROUND, FIELD, TREE], PARCELS, p=[0.5, 0.32, 0.18])
    kinds[np.argmin(((sites - SIDE / 2) ** 2).sum(1))] = GROUND
    wide, middle, fine = scene.noise(38), scene.noise(9), scene.noise(2.5)
    first, other = GRASS[rng.permutation(len(GRASS))[:2]]
    mix = np.clip(0.5 + wide + 0.4 * middle, 0, 1)
    tone = 1 + 0.10 * fine + 0.06 * scene.grain
    for plane, low, high in zip(scene.albedo, first.tolist(), other.tolist(), strict=True):
        np.multiply(np.float32(low) + mix * np.float32(high - low), tone, out=plane)
    scene.blend(step(0.32, 0.6, middle + 0.5 * fine), np.array((146, 132, 100)))  # bare patches
    scene.bumps += 0.25 * middle + 0.1 * fine
    parcel, border = _parcels(scene, sites)
    _plough(scene, parcel, (kinds == FIELD)[parcel] & (border > 1.2 + fine), middle, fine)
    return (kinds == TREE)[parcel] & (border > 2 + 3 * middle)


def _parcels(scene: Scene, sites: Array) -> tuple[Array, Array]:
    """The nearest site of each pixel, and metres to the next parcel. Shape: (H, W) uint8, (H, W)."""
    across, down = scene.x[:, ::2], scene.y[::2]  # at half the resolution: borders are straight
    nearest = np.full((len(down), across.shape[1]), np.inf, np.float32)
    second, parcel = nearest.copy(), np.zeros(nearest.shape, np.uint8)
    for k, (x, y) in enumerate(sites.astype(np.float32)):
        squared = (across - x) ** 2 + (down - y) ** 2
        np.copyto(parcel, k, where=squared < nearest)
        np.minimum(second, np.maximum(squared, nearest), out=second)
        np.minimum(nearest, squared, out=nearest)
    border = (np.sqrt(second) - np.sqrt(nearest)) / 2
    size = scene.width, scene.height
    return cv2.resize(parcel, size, interpolation=cv2.INTER_NEAREST), cv2.resize(border, size)


def _plough(scene: Scene, parcel: Array, mask: Array, middle: Array, fine: Array) -> None:
    """Crops in rows, each parcel's in its own direction, with a tractor's tracks."""
    rng = scene.layout
    crops, angles = CROPS[rng.integers(0, len(CROPS), PARCELS)], rng.random(PARCELS) * math.pi
    periods, depths = rng.uniform(1.7, 3.2, PARCELS), rng.uniform(0.02, 0.075, PARCELS)
    if not mask.any():
        return
    cos, sin, rate, depth = (v.astype(np.float32) for v in (np.cos(angles), np.sin(angles), 6.2832 / periods, depths))
    along = cos[parcel] * scene.x + sin[parcel] * scene.y
    furrow = np.sin(along * rate[parcel] + 0.8 * middle) * depth[parcel]
    tracks = step(0.97, 0.995, np.sin(along * np.float32(2 * math.pi / 18)))
    tone = 1 + furrow + 0.2 * middle + 0.08 * fine - 0.12 * tracks + 0.035 * scene.grain
    for plane, colour in zip(scene.albedo, crops.T, strict=True):
        np.copyto(plane, colour[parcel] * tone, where=mask)
    scene.label[mask] = FIELD
    np.copyto(scene.bumps, 1.2 * furrow, where=mask)


def water(scene: Scene) -> Array:
    """A river, a pond, or none. Returns metres to the shore, negative in the water, (H, W)."""
    rng = scene.layout
    kind = rng.choice(["river", "pond", "none"], p=[0.36, 0.28, 0.36])
    line = path(rng, SIDE * rng.uniform(0.15, 0.85, 2), rng.random() * 2 * math.pi, 2.2 * SIDE, bend=0.5)
    centre, radius, width = SIDE * rng.uniform(0.1, 0.9, 2), rng.uniform(14, 34), rng.uniform(5, 12)
    deep = DEEP[rng.integers(0, len(DEEP))]
    if kind == "none":
        return np.full(scene.label.shape, 99, np.float32)
    wobble, ripple = scene.noise(16), scene.noise(2.2)
    if kind == "river":
        shore = scene.distance(line) - width + 5 * wobble + ripple
    else:
        shore = np.hypot(scene.x - np.float32(centre[0]), scene.y - np.float32(centre[1])) - radius + 16 * wobble
    inside = shore < 0
    scene.blend(step(3.2, 0.4, shore) * 0.75, np.array((158, 146, 116)))  # a sandy bank
    scene.blend(step(0.25, -0.25, shore), deep, 1 + 0.55 * step(-6, 0, shore))
    scene.label[inside] = WATER
    np.copyto(scene.bumps, 0.10 * ripple + 0.012 * scene.grain, where=inside)
    np.copyto(scene.relief, -0.6, where=inside)
    return shore


def path(rng: Generator, middle: Array, heading: float, length: float, bend: float) -> Array:
    """A gently winding line whose 80th point is `middle`. Shape: (160, 2) metres."""
    steps = np.linspace(-length / 2, length / 2, 160)
    wave = bend * np.sin(2 * math.pi * steps / rng.uniform(90, 170) + rng.random() * 2 * math.pi)
    angle = heading + wave - wave[80]
    line = np.cumsum(np.stack([np.cos(angle), np.sin(angle)], axis=1) * (length / 159), axis=0)
    return line - line[80] + middle


def roads(scene: Scene, shore: Array) -> list[Road]:
    """A main road and its side roads, with pavements, ruts and bridges. Returns (line, half width) of each."""
    rng = scene.layout
    network = _network(scene)
    (main, half), lanes = network[0], [line for line, _ in network[1:]]
    to_main, patches = scene.distance(main), scene.noise(5)
    to_side = scene.distance(*lanes) - network[-1][1] if lanes else np.full_like(to_main, 99)
    edge = np.minimum(to_main - half, to_side)
    scene.blend(step(1.9, 1.6, edge), np.array((168, 163, 154)), 1 + 0.05 * scene.grain)  # pavement
    ruts = 0.06 * np.cos(to_main * np.float32(2 * math.pi / 1.9)) * (to_main < half)
    tone = np.float32(rng.uniform(88, 122)) * (1 + 0.10 * patches + 0.035 * scene.grain[::-1] + ruts)
    scene.blend(step(0.2, -0.2, edge), np.array((1, 0.985, 0.96)), tone)
    _markings(scene, main, half, to_main, to_side)
    paved = edge < 1.75
    scene.label[paved] = ROAD
    np.copyto(scene.bumps, 0, where=paved)
    np.copyto(scene.relief, 1.6 * step(12, 0, shore), where=paved)  # up to a bridge
    return network


def _network(scene: Scene) -> list[Road]:
    """A main road through the middle, and up to three roads that leave it sideways, all of one width."""
    rng = scene.layout
    main = path(
        rng, SIDE * rng.uniform(0.36, 0.64, 2), rng.random() * 2 * math.pi, 2.2 * SIDE, bend=rng.uniform(0.05, 0.4)
    )
    network, narrow = [(main, rng.uniform(3.2, 4.2))], rng.uniform(2.3, 2.8)
    inner = np.flatnonzero((np.abs(main - SIDE / 2) < 0.42 * SIDE).all(axis=1))
    for at, side in zip(
        np.linspace(0.12, 0.88, 3) + rng.uniform(-0.1, 0.1, 3), rng.permutation([1, -1, 1]), strict=True
    ):
        index = int(inner[int(at * (len(inner) - 1))])
        dx, dy = main[index + 1] - main[index]
        turn = math.atan2(dy, dx) + side * (math.pi / 2 + rng.uniform(-0.25, 0.25))
        lane = path(rng, main[index], turn, 3 * SIDE, bend=rng.uniform(0.05, 0.25))[80:]
        if rng.random() < 0.8:
            network.append((lane[: rng.choice([30, 44, 80])], narrow))
    return network


def _markings(scene: Scene, main: Array, half: float, to_main: Array, to_side: Array) -> None:
    """White edge lines, open at junctions, and a dashed line in the middle of the main road."""
    lines = step(0.30, 0.12, np.abs(to_main - np.float32(half - 0.5))) * ((to_side > 0.3) * np.float32(0.6))
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(main, axis=0), axis=1))])
    dashes = np.zeros(scene.label.shape, np.uint8)
    for start in np.arange(0, along[-1], 9.0):
        at = np.linspace(start, start + 3.5, 4)
        points = scene.pixels(np.stack([np.interp(at, along, main[:, k]) for k in (0, 1)], axis=1))
        cv2.polylines(dashes, [points], False, 190, max(1, round(0.22 * scene.scale)), cv2.LINE_AA, 4)
    scene.blend(np.maximum(lines, dashes * np.float32(1 / 255)), np.array((224, 224, 218)))


def step(low: float, high: float, value: Array) -> Array:
    """0 at `low` and before, 1 at `high` and beyond, straight in between; `low` may be the larger."""
    ramp = (value - np.float32(low)) * np.float32(1 / (high - low))
    return np.minimum(np.maximum(ramp, 0, out=ramp), 1, out=ramp)


def _spline(at: Array, cells: int) -> Array:
    """Weights of a uniform cubic B-spline at positions in cells. Shape: (K,) -> (K, cells)."""
    first = np.clip(at.astype(np.intp), 0, cells - 4)
    t = at - first
    weights = np.zeros((len(at), cells), np.float32)
    parts = ((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3)
    for k, part in enumerate(parts):
        weights[np.arange(len(at)), first + k] = part / 6
    return weights
