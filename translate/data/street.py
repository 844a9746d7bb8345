"""A drawn street as a car's camera sees it, and its label map in CamVid's classes: for example pictures.

Road, pavements and house fronts are planes, met by a ray through every pixel; what stands on them is drawn back to
front. Metres: x to the right of the road's middle, y up, z ahead.
"""

import math
from dataclasses import dataclass, field
from typing import Protocol

import cv2
import numpy as np
from numpy.random import Generator, default_rng

from translate.config import ClassSpec

SKY, BUILDING, POLE, ROAD, PAVEMENT, TREE, SIGN, FENCE, CAR, PERSON, CYCLIST = range(11)
CLASSES = tuple(
    ClassSpec(name=name, color=color)
    for name, color in (
        ("sky", (128, 128, 128)),
        ("building", (128, 0, 0)),
        ("pole", (192, 192, 128)),
        ("road", (128, 64, 128)),
        ("pavement", (60, 40, 222)),
        ("tree", (128, 128, 0)),
        ("sign_symbol", (192, 128, 128)),
        ("fence", (64, 64, 128)),
        ("car", (64, 0, 128)),
        ("pedestrian", (64, 64, 0)),
        ("bicyclist", (0, 128, 192)),
    )
)
"""In the order of their indices."""

OVERSAMPLING = 2
EYE = 1.45
"""Height of the camera in metres."""
KERB, FAR = 3.9, 95.0
WALLS = np.array([(146, 98, 76), (168, 142, 112), (126, 88, 72), (186, 174, 152), (150, 120, 96), (132, 128, 122)])
PAINTS = np.array([(172, 172, 176), (44, 46, 52), (112, 26, 28), (36, 52, 92), (202, 202, 200), (84, 92, 96)])
CLOTHES = np.array([(52, 58, 84), (112, 40, 44), (60, 60, 62), (150, 140, 120), (58, 82, 66)])
GLASS = np.array((52, 60, 68))
LEAVES = np.array([(62, 84, 40), (74, 92, 46), (52, 74, 40), (84, 96, 52)])

Array = np.ndarray
Point = tuple[float, float]


@dataclass
class View:
    """The picture in the making, at drawing resolution."""

    height: int
    width: int
    rng: Generator
    """What the street is like; knows nothing of pixels."""
    grit: Generator
    """What is too fine to be the same at every resolution."""
    photo: Array = field(init=False)
    label: Array = field(init=False)

    def __post_init__(self) -> None:
        self.focal = 0.82 * max(self.width, 1.2 * self.height)
        self.centre = 0.5 * self.width, 0.46 * self.height
        self.eye = -1.7  # on the left, as in Cambridge
        self.photo = np.zeros((self.height, self.width, 3), np.float32)
        self.label = np.full((self.height, self.width), SKY, np.uint8)
        self.right = (np.arange(self.width, dtype=np.float32)[None] + 0.5 - self.centre[0]) / self.focal
        self.down = (np.arange(self.height, dtype=np.float32)[:, None] + 0.5 - self.centre[1]) / self.focal
        self.tile = cv2.GaussianBlur(self.rng.standard_normal((256, 256)), (0, 0), 1.2, borderType=cv2.BORDER_REFLECT)
        self.tile = (self.tile / self.tile.std()).astype(np.float32)

    def texture(self, a: Array, b: Array, size: float) -> Array:
        """Noise of deviation 1 fixed to a surface, `size` metres from bump to bump."""
        a, b = np.broadcast_arrays(a / np.float32(size) * 3, b / np.float32(size) * 3)
        return cv2.remap(self.tile, a % 256, b % 256, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)

    def project(self, points: Array) -> Array:
        """Metres (K, 3) to pixels (K, 2)."""
        z = np.maximum(points[:, 2], 0.4)
        return np.stack([points[:, 0] - self.eye, EYE - points[:, 1]], axis=1) / z[:, None] * self.focal + self.centre

    def polygon(self, points: Array, colour: Array, label: int | None) -> None:
        """Fill an outline (K, 3) in metres; without a label it only darkens what is there, as a shadow does."""
        pixels = np.clip(self.project(points) * 16, -1e6, 1e6).astype(np.int32)
        mask = np.zeros(self.label.shape, np.uint8)
        cv2.fillPoly(mask, [pixels], 1, cv2.LINE_8, 4)
        hit = mask > 0
        if label is None:
            self.photo[hit] *= colour.astype(np.float32)
        else:
            self.photo[hit] = colour
            self.label[hit] = label

    def face(self, z: float, outline: list[Point], colour: Array, label: int) -> None:
        """A flat outline of (x, y) that faces the camera."""
        self.polygon(np.array([(x, y, z) for x, y in outline]), colour, label)

    def flank(self, x: float, outline: list[Point], colour: Array, label: int) -> None:
        """A flat outline of (z, y) along the street."""
        self.polygon(np.array([(x, y, z) for z, y in outline]), colour, label)


def scene(seed: int, height: int = 360, width: int = 480) -> tuple[Array, Array]:
    """A street photo and its label map; the same seed is the same street at any size.

    Shape: (height, width, 3) uint8 RGB and (height, width) uint8 indices of CLASSES.
    """
    rng, grit = (default_rng([seed, stream]) for stream in (0, 1))
    view = View(height * OVERSAMPLING, width * OVERSAMPLING, rng, grit)
    sunny = rng.choice([-1, 1])
    _sky(view)
    fronts = {side: _terrace(rng, KERB + rng.uniform(2.2, 3.6)) for side in (-1, 1)}
    _ground(view, fronts[-sunny], -sunny)
    for side in (-1, 1):
        _houses(view, fronts[side], side, 1.0 if side == sunny else 0.62)
    _haze(view)
    for z, thing in sorted(_things(rng), key=lambda placed: -placed[0]):
        thing.draw(view, z)
    photo = cv2.resize(view.photo, (width, height), interpolation=cv2.INTER_AREA)
    photo = cv2.GaussianBlur(photo, (3, 3), 0.5) * np.float32(1.06) + 2.5 * grit.standard_normal(photo.shape)
    return np.clip(photo, 0, 255).astype(np.uint8), np.ascontiguousarray(view.label[::OVERSAMPLING, ::OVERSAMPLING])


@dataclass
class Terrace:
    """House fronts along one side: where each starts, how high it is, how it looks."""

    x: float
    starts: Array
    heights: Array
    colours: Array
    bays: Array


def _terrace(rng: Generator, x: float) -> Terrace:
    starts = np.concatenate([[-20], np.cumsum(rng.uniform(6, 15, 30)) - 12])
    heights = rng.choice([5.8, 6.4, 8.7, 9.4, 11.6], len(starts)) + rng.uniform(-0.3, 0.3, len(starts))
    heights[rng.random(len(starts)) < 0.14] = 1.3  # a garden behind a fence
    colours = WALLS[rng.integers(0, len(WALLS), len(starts))] * rng.uniform(0.85, 1.1, (len(starts), 1))
    return Terrace(x, starts, heights, colours, rng.uniform(1.9, 3.0, len(starts)))


def _sky(view: View) -> None:
    top = np.array((128, 160, 206)) + view.rng.random() * np.array((62, 44, 18))  # from clear to pale
    low = np.array((226, 230, 236))
    rise = np.clip(-view.down / 0.5, 0, 1)[..., None]
    clouds = view.texture(view.right / (0.15 - np.minimum(view.down, 0)), 1 / (0.15 - np.minimum(view.down, 0)), 9.0)
    view.photo[:] = low + rise * (top - low) + 7 * np.clip(clouds, -1, 2)[..., None] * rise


def _ground(view: View, shading: Terrace, side: int) -> None:
    """Asphalt, markings, kerbs and paving slabs, with the shadow of the houses on one side."""
    z = EYE / np.maximum(view.down, 1e-3)
    x = view.eye + view.right * z
    ahead = np.broadcast_to(view.down > 0, x.shape) & (z < FAR)
    z = np.broadcast_to(z, x.shape)
    near = 1 / (1 + (z / 25) ** 2)
    road = np.abs(x) < KERB
    grit = view.grit.standard_normal(x.shape) + view.texture(x, z, 0.04)
    tone = 98 + 3.5 * grit * near + 4 * view.texture(x, z, 3.5) - 5 * np.cos(x * 3.3)
    slabs = 152 + 5 * view.texture(x, z, 0.4) * near - 26 * near * ((z % 0.9 < 0.03) | (np.abs(x) % 0.6 < 0.02))
    tone = np.where(road, tone, slabs)
    tone[(np.abs(np.abs(x) - KERB) < 0.09)] = 178
    white = (np.abs(x) < 0.06) & (z % 6 < 3.4)
    yellow = np.abs(np.abs(x) - (KERB - 0.3)) < 0.05
    colour = tone[..., None] * np.array((1, 0.985, 0.965))
    colour[white], colour[yellow] = (214, 214, 210), (196, 168, 84)
    height = shading.heights[np.searchsorted(shading.starts, z) - 1]
    colour *= np.where(x * side > shading.x - 0.75 * height, 0.58, 1.0)[..., None]
    view.photo[ahead] = colour[ahead]
    view.label[ahead] = np.where(road, ROAD, PAVEMENT)[ahead]


def _houses(view: View, row: Terrace, side: int, light: float) -> None:
    """Walls with windows, doors and roofs; low fences before gardens."""
    _gables(view, row, side, light)
    across = np.where(view.right * side > 1e-4, view.right, side * 1e-4)
    z = (side * row.x - view.eye) / across
    y, z = np.broadcast_arrays(EYE - view.down * z, z)
    at = np.clip(np.searchsorted(row.starts, z) - 1, 0, len(row.starts) - 1)
    height, bay = row.heights[at], row.bays[at]
    fence = height < 2
    roof = np.where(fence, 0, 1.9)
    shown = np.broadcast_to(view.right * side > 0, y.shape) & (z < FAR) & (y > 0) & (y < height + roof)
    u, v = ((z - row.starts[at]) / bay) % 1, (y / 2.9) % 1
    ground_floor = y < 2.9
    door = ground_floor & (((z - row.starts[at]) / bay).astype(int) % 3 == 1) & (np.abs(u - 0.5) < 0.2) & (v < 0.74)
    window = (np.abs(u - 0.5) < 0.24) & (np.abs(v - 0.56) < 0.24) & ~door
    glass = (np.abs(u - 0.5) < 0.2) & (np.abs(v - 0.56) < 0.21) & (np.abs(u - 0.5) > 0.015) & ~door
    grain = 1 + (0.05 * view.texture(z, y, 0.3) + 0.05 * view.texture(z, y, 4.0)) / (1 + z / 30)
    wall = row.colours[at] * grain[..., None]
    wall[v < 0.04] *= 0.86  # a course between the floors
    wall[window] = (206, 204, 198)
    wall[glass] = np.array((58, 66, 76)) + 26 * np.clip(view.texture(z + y, y, 1.5), -1, 2)[glass][:, None]
    wall[door] = row.colours[at][door][:, ::-1] * 0.5
    tiles = y > height
    wall[tiles] = np.array((92, 84, 82)) * (grain + 0.05 * np.sin(y * 20))[tiles][:, None]
    wall[(np.abs(y - height) < 0.12) & ~fence] *= 0.6
    planks = fence & ((z % 0.16 > 0.02) | (y > 1.1))
    wall[planks] = np.array((108, 86, 66)) * grain[planks][:, None]
    view.photo[shown] = (wall * light)[shown]
    view.label[shown] = np.where(fence, FENCE, BUILDING)[shown]


def _gables(view: View, row: Terrace, side: int, light: float) -> None:
    """The ends of houses that stand higher than the one before them."""
    for z, height, colour in reversed(list(zip(row.starts, row.heights, row.colours, strict=True))):
        if 1 < z < FAR and height > 2:
            near, deep = side * row.x, side * (row.x + 8)
            middle = (near + deep) / 2
            view.face(z, [(near, 0), (near, height), (deep, height), (deep, 0)], colour * light * 0.85, BUILDING)
            roof = [(near, height), (near, height + 1.2), (middle, height + 2.6), (deep, height)]
            view.face(z, roof, colour * light * 0.8, BUILDING)


def _haze(view: View) -> None:
    """Trees and roofs that close the street, and pale air before them."""
    y, x = EYE - view.down * FAR, view.eye + view.right * FAR
    line = 9 + 2.2 * view.texture(x, np.zeros_like(x), 14.0) + 0.8 * view.texture(x, np.ones_like(x), 3.0)
    end = (y < line) & (y > 0) & (view.label == SKY)
    leaves = 1 + 0.16 * view.texture(x, y, 1.6)
    view.photo[end] = (np.array((104, 114, 96)) * leaves[..., None])[end]
    view.label[end] = TREE
    depth = np.clip(1 - np.hypot(view.down, 0.4 * view.right) / 0.12, 0, 1)[..., None] * 0.4
    view.photo += np.where((view.label != SKY)[..., None], depth, 0) * (np.array((214, 218, 222)) - view.photo)


class Thing(Protocol):
    """Something that stands in the street and can be drawn where it is."""

    def draw(self, view: View, z: float) -> None:
        """Draw it `z` metres ahead."""


def _things(rng: Generator) -> list[tuple[float, Thing]]:
    """What stands in the street, with how far away it is."""
    things: list[tuple[float, Thing]] = [(rng.uniform(14, 30), Car(1.7, PAINTS[rng.integers(len(PAINTS))], True))]
    for side in (-1, 1):
        z = rng.uniform(7, 12)
        while z < 70:
            kerb, luck = side * (KERB + rng.uniform(0.5, 1.4)), rng.random()
            colours, size = rng.integers(0, 1000, 2), rng.random()
            if luck < 0.34:
                things.append((z, Car(side * (KERB - 1.0), PAINTS[colours[0] % len(PAINTS)], side > 0)))
            elif luck < 0.56:
                things.append((z, Tree(kerb, 3.6 + 1.9 * size, 1.5 + 0.9 * size, LEAVES[colours[0] % len(LEAVES)])))
            elif luck < 0.68:
                things.append((z, Lamp(kerb, side)))
            elif luck < 0.74:
                things.append((z, RoadSign(kerb, 3 if size < 0.5 else 20)))
            elif luck < 0.88:
                things.append((z, Person(kerb, 1.6 + 0.25 * size, CLOTHES[colours % len(CLOTHES)])))
            z += rng.uniform(3, 7)
    return things


@dataclass(frozen=True)
class Car:
    """A parked or oncoming car: two faces of a box with a cabin, wheels, lights and a plate."""

    x: float
    paint: Array
    oncoming: bool

    def draw(self, view: View, z: float) -> None:
        """Draw the shadow, the flank the camera sees, and the end that is turned to it."""
        a, b = self.x - 0.86, self.x + 0.86
        shadow = [(a - 0.15, 0, z - 0.2), (b + 0.15, 0, z - 0.2), (b + 0.15, 0, z + 4.1), (a - 0.15, 0, z + 4.1)]
        view.polygon(np.array(shadow), np.array(0.42), None)
        if not a <= view.eye <= b:
            self._flank(view, a if view.eye < a else b, z)
        body = [(a, 0.28), (a, 0.86), (a + 0.08, 0.95), (b - 0.08, 0.95), (b, 0.86), (b, 0.28)]
        view.face(z, body, self.paint, CAR)
        cabin = [(a + 0.06, 0.93), (a + 0.2, 1.46), (b - 0.2, 1.46), (b - 0.06, 0.93)]
        view.face(z + 0.3, cabin, self.paint * 0.95, CAR)
        view.face(z + 0.3, [(a + 0.16, 0.97), (a + 0.28, 1.38), (b - 0.28, 1.38), (b - 0.16, 0.97)], GLASS, CAR)
        view.face(z, [(a, 0.26), (a, 0.42), (b, 0.42), (b, 0.26)], np.array((48, 48, 50)), CAR)
        lamp, plate = ((236, 236, 224), (228, 228, 222)) if self.oncoming else ((170, 28, 26), (214, 180, 60))
        for x in (a + 0.05, b - 0.35):
            view.face(z, _box(x, x + 0.3, 0.66, 0.84), np.array(lamp), CAR)
        view.face(z, _box(self.x - 0.26, self.x + 0.26, 0.46, 0.58), np.array(plate), CAR)

    def _flank(self, view: View, x: float, z: float) -> None:
        side = self.paint * 0.74
        view.flank(x, [(z, 0.3), (z, 0.92), (z + 4.1, 0.95), (z + 4.1, 0.3)], side, CAR)
        view.flank(x, [(z + 0.25, 0.9), (z + 0.8, 1.45), (z + 2.4, 1.45), (z + 3.2, 0.93)], side, CAR)
        view.flank(x, [(z + 0.6, 0.97), (z + 0.95, 1.36), (z + 2.3, 1.36), (z + 2.8, 0.97)], GLASS * 0.8, CAR)
        for wheel in (z + 0.75, z + 3.3):
            view.flank(x, _disc(wheel, 0.33, 0.33), np.array((26, 26, 28)), CAR)
            view.flank(x, _disc(wheel, 0.33, 0.19), np.array((120, 122, 126)), CAR)


@dataclass(frozen=True)
class Tree:
    """A trunk and a crown of lit and shaded leaves with a ragged edge."""

    x: float
    height: float
    radius: float
    leaves: Array

    def draw(self, view: View, z: float) -> None:
        """Draw the trunk, then the crown before it."""
        view.face(z, _box(self.x - 0.12, self.x + 0.12, 0, self.height), np.array((74, 64, 54)), TREE)
        column, row = view.project(np.array([(self.x, self.height, z)]))[0]
        reach = 1.5 * self.radius * view.focal / z
        rows = slice(max(int(row - reach), 0), max(int(row + reach), 0))
        columns = slice(max(int(column - reach), 0), max(int(column + reach), 0))
        right = view.right[:, columns] * z + view.eye - self.x
        up = EYE - view.down[rows] * z - self.height
        if right.size == 0 or up.size == 0:
            return
        leafy = [view.texture(right + k, up + z, size) for k, size in ((z, 0.9), (0, 0.25), (3, 0.09))]
        rough = 0.13 * leafy[0] + 0.10 * leafy[1] + 0.06 * leafy[2]
        crown = (right / self.radius) ** 2 + (up / self.radius / 1.15) ** 2 + rough * 1.4 < 1
        light = 0.82 + 0.22 * up / self.radius - 0.12 * right / self.radius + 1.4 * rough
        view.photo[rows, columns][crown] = (self.leaves * np.clip(light, 0.35, 1.5)[..., None])[crown]
        view.label[rows, columns][crown] = TREE


@dataclass(frozen=True)
class Lamp:
    """A street lamp whose arm reaches over the road."""

    x: float
    side: int

    def draw(self, view: View, z: float) -> None:
        """Draw mast, arm and lantern."""
        grey, tip = np.array((96, 100, 100)), self.x - self.side * 1.5
        view.face(z, _box(self.x - 0.07, self.x + 0.07, 0, 6.6), grey, POLE)
        view.face(z, [(self.x, 6.52), (self.x, 6.65), (tip, 6.85), (tip, 6.72)], grey, POLE)
        view.face(z, _box(tip - 0.3, tip + 0.3, 6.68, 6.86), grey * 0.8, POLE)


@dataclass(frozen=True)
class RoadSign:
    """A round or triangular sign on a post."""

    x: float
    corners: int

    def draw(self, view: View, z: float) -> None:
        """Draw the post, then the sign."""
        view.face(z, _box(self.x - 0.05, self.x + 0.05, 0, 2.3), np.array((110, 112, 112)), POLE)
        for radius, colour in ((0.42, (186, 34, 36)), (0.3, (232, 232, 228))):
            view.face(z, _disc(self.x, 2.45, radius, self.corners), np.array(colour), SIGN)


@dataclass(frozen=True)
class Person:
    """Someone on the pavement."""

    x: float
    height: float
    clothes: Array

    def draw(self, view: View, z: float) -> None:
        """Draw legs, trunk, arms and head."""
        h, x = self.height, self.x
        for foot, hip in ((-0.17, -0.09), (0.15, 0.09)):
            leg = [(x + foot - 0.07, 0), (x + hip - 0.09, 0.5 * h), (x + hip + 0.09, 0.5 * h), (x + foot + 0.07, 0)]
            view.face(z, leg, self.clothes[0] * 0.8, PERSON)
        half = [(0.17, 0.47), (0.24, 0.8), (0.1, 0.86)]
        trunk = [(x - a, b * h) for a, b in half] + [(x + a, b * h) for a, b in half[::-1]]
        view.face(z, trunk, self.clothes[1], PERSON)
        for arm in (-0.26, 0.26):
            view.face(z, _box(x + arm - 0.055, x + arm + 0.055, 0.46 * h, 0.81 * h), self.clothes[1] * 0.85, PERSON)
        view.face(z, _disc(x, 0.93 * h, 0.115), np.array((168, 128, 106)), PERSON)


def _box(left: float, right: float, low: float, high: float) -> list[Point]:
    return [(left, low), (left, high), (right, high), (right, low)]


def _disc(x: float, y: float, radius: float, corners: int = 16) -> list[Point]:
    turns = [math.pi / 2 + 2 * math.pi * k / corners for k in range(corners)]
    return [(x + radius * math.cos(t), y + radius * math.sin(t)) for t in turns]
