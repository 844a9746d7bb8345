"""What stands on the land of a procedural aerial photo: houses with their gardens along the roads, cars, trees."""

import math

import numpy as np

from translate.data.terrain import FIELD, GROUND, HOUSE, ROAD, SIDE, TREE, WATER, Array, Road, Scene

ROOFS = np.array(
    [(164, 86, 62), (146, 72, 54), (176, 106, 80), (98, 94, 96), (118, 88, 70), (78, 80, 86), (142, 136, 130)],
    np.float32,
)
CROWNS = np.array([(62, 86, 42), (74, 96, 48), (52, 78, 42), (88, 102, 52), (46, 68, 48), (100, 100, 54)], np.float32)
CARS = np.array(
    [(232, 232, 230), (30, 30, 34), (150, 152, 156), (150, 34, 30), (44, 64, 112), (96, 98, 100)], np.float32
)
HEDGE = np.array((56, 80, 42), np.float32)
PLOT = 19.0
"""Metres of road a house has for itself."""
EAVES = 3.2
"""Height of a house's walls in metres."""


def houses(scene: Scene, roads: list[Road]) -> None:
    """Rows of houses on both sides of every road, wherever nothing is in the way."""
    rng = scene.layout
    density = rng.choice([0.25, 0.6, 0.85], p=[0.25, 0.35, 0.4])
    local = ROOFS[rng.integers(0, len(ROOFS), 3)]  # a village has its own few roofs
    for line, half in roads:
        along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
        for start in np.arange(6, along[-1], PLOT):
            for side in (-1, 1):
                draw = rng.random(16).tolist()
                if draw[4] > density:
                    continue
                at = start + 5 * (draw[0] - 0.5)
                here, ahead = (np.array([np.interp(at + d, along, line[:, k]) for k in (0, 1)]) for d in (0, 1))
                heading = math.atan2(*(ahead - here)[::-1]) + (math.pi if side < 0 else 0)
                out = np.array((-math.sin(heading), math.cos(heading)))  # from the road to the house
                depth = 3.7 + 1.6 * draw[2]
                centre = here + out * (half + 5 + depth + 5 * draw[3])
                colour = local[int(draw[5] * 3)] * np.float32(0.9 + 0.2 * draw[6])
                turn = heading + (math.pi / 2 if draw[7] < 0.25 else 0) + 0.08 * (draw[8] - 0.5)
                if _house(scene, centre, turn, (4.7 + 3 * draw[1] ** 2, depth), colour, draw[9:12]):
                    _garden(scene, centre, heading, float((centre - here) @ out) - half, draw[12:])


def _house(
    scene: Scene, centre: Array, turn: float, size: tuple[float, float], colour: Array, draw: list[float]
) -> bool:
    """One house with a gabled, hipped or flat roof, perhaps a wing; False where something is in the way."""
    (a, b), pitch = size, 0.5 + 0.35 * draw[1]
    flat, hipped, winged = draw[0] < 0.12, draw[0] > 0.62, draw[2] > 0.55 and 0.12 < draw[0] < 0.62
    window, u, v = scene.around(centre, turn, 1.5 * a + 2)  # along and across the ridge
    beside = scene.label[window] != GROUND
    if beside.size == 0 or (beside & (np.abs(u) < a + 1.2) & (np.abs(v) < b + 1.2)).any():
        return False
    inside = (np.abs(u) < a) & (np.abs(v) < b)
    to_end = a - np.abs(u) if hipped else np.full_like(u, 99)
    on_end = to_end < b - np.abs(v)
    height = EAVES + pitch * np.minimum(b - np.abs(v), to_end)
    down_u, down_v = np.where(on_end, -np.sign(u), 0) * pitch, np.where(on_end, 0, -np.sign(v)) * pitch
    if winged:  # a wing across, with its own ridge
        s, reach = u - 1.8 * (draw[2] - 0.775) * a, 0.6 * b
        wing = (np.abs(s) < reach) & (v > -b) & (v < 1.9 * b) & (~beside | inside)
        ridge = np.where(wing, EAVES + pitch * (reach - np.abs(s)), 0)
        higher = wing & (ridge > np.where(inside, height, 0))
        down_u, down_v = np.where(higher, -np.sign(s) * pitch, down_u), np.where(higher, 0, down_v)
        height, inside = np.where(higher, ridge, height), inside | wing
    if flat:
        height, down_u, down_v = EAVES + 1 + 0.5 * ((np.abs(u) > a - 0.5) | (np.abs(v) > b - 0.5)), 0 * u, 0 * u
        colour = np.array((148, 146, 142), np.float32) * np.float32(0.8 + 0.3 * draw[1])
    courses = np.sin((u if flat else height) * np.float32(2 * math.pi / 0.45))  # of tiles
    tone = 1 + 0.04 * courses + 0.05 * scene.grain[window]
    scene.put(window, inside, colour[:, None] * tone[inside], HOUSE)
    scene.relief[window][inside], scene.bumps[window][inside] = height[inside], 0
    cos, sin = math.cos(turn), math.sin(turn)
    scene.slope[0][window][inside] = (down_u * cos - down_v * sin)[inside]
    scene.slope[1][window][inside] = (down_u * sin + down_v * cos)[inside]
    if not flat:
        chimney = (np.abs(u - 0.45 * a) < 0.5) & (np.abs(v - 0.18 * b) < 0.5)
        scene.put(window, chimney, np.array((108, 84, 74)), HOUSE)
        scene.relief[window][chimney] += 1.2
        panels = (np.abs(u + 0.25 * a) < 0.4 * a) & (np.abs(v - 0.5 * b) < 0.26 * b) & (0.25 < draw[0] < 0.4)
        scene.put(window, panels, np.array((38, 44, 64)), HOUSE)
    return True


def _garden(scene: Scene, centre: Array, heading: float, setback: float, draw: list[float]) -> None:
    """A mown lawn, a drive to the road, perhaps hedges and a pool; `setback` is metres from house to road."""
    window, u, v = scene.around(centre, heading, 22)  # along the road, and away from it
    free = (scene.label[window] == GROUND) & (v > 2 - setback) & (v < 13)
    lawn = free & (np.abs(u) < PLOT / 2 - 1)
    for plane, gain in zip(scene.albedo, (0.86, 0.95, 0.86), strict=True):
        plane[window][lawn] *= np.float32(gain + 0.16 * draw[0])
    drive = (scene.label[window] == GROUND) & (np.abs(u - 3 * (draw[1] - 0.5)) < 1.4) & (v < 0) & (v > -setback)
    tone = 1 + 0.05 * scene.grain[window][drive]
    scene.put(window, drive, np.array((160, 154, 146))[:, None] * tone, ROAD)
    hedge = free & (np.abs(u - math.copysign(PLOT / 2 - 0.4, draw[2] - 0.5)) < 0.6) & (draw[2] > 0.25)
    hedge |= free & (np.abs(v - 12.2) < 0.7) & (np.abs(u) < PLOT / 2) & (draw[2] > 0.6)
    scene.put(window, hedge, HEDGE[:, None] * (1 + 0.12 * scene.grain[window][hedge]), TREE)
    scene.relief[window][hedge] = 1.7
    pool = free & (np.abs(u - 4) < 2.4) & (np.abs(v - 8.5) < 1.3) & (draw[3] < 0.09) & ~hedge
    scene.put(window, pool, np.array((84, 164, 178)), WATER)


def cars(scene: Scene, roads: list[Road]) -> None:
    """A few cars in their lanes."""
    rng = scene.layout
    for line, half in roads:
        for at in np.flatnonzero(rng.random(len(line) - 1) < 0.06):
            lane, colour = rng.choice([-1, 1]), CARS[rng.integers(0, len(CARS))]
            heading = math.atan2(*(line[at + 1] - line[at])[::-1])
            centre = line[at] + lane * 0.48 * half * np.array((-math.sin(heading), math.cos(heading)))
            window, u, v = scene.around(centre, heading, 3)
            body = (np.abs(u) < 2.1) & (np.abs(v) < 0.92) & (scene.label[window] == ROAD)
            glass = body & (np.abs(np.abs(u + 0.2) - 1.05) < 0.28) & (np.abs(v) < 0.75)
            scene.put(window, body, colour, ROAD)
            scene.put(window, glass, np.array((44, 50, 58)), ROAD)
            scene.relief[window][body] += 1.1 + 0.4 * (np.abs(u + 0.2) < 1.1)[body]


def trees(scene: Scene, wood: Array, shore: Array) -> None:
    """Trees by the chance of the place: close in woods, along banks, in groves and gardens."""
    rng, pitch = scene.layout, 4.6
    count = math.ceil(SIDE / pitch)
    spots = (np.stack(np.meshgrid(np.arange(count), np.arange(count)), axis=-1).reshape(-1, 2) + 0.5) * pitch
    spots = spots + rng.uniform(-0.45, 0.45, spots.shape) * pitch
    luck, sizes, kinds = rng.random(len(spots)), rng.random(len(spots)), rng.integers(0, len(CROWNS), len(spots))
    hues, lumps, clumps = rng.normal(0, 1, (len(spots), 3)), scene.noise(1.5), scene.noise(22)
    sparse = rng.uniform(0.03, 0.12)
    columns, rows = ((spots - (scene.left, scene.top)) * scene.scale).astype(int).T
    shown = (rows >= 0) & (rows < scene.height) & (columns >= 0) & (columns < scene.width)
    for k in np.flatnonzero(shown):
        at = rows[k], columns[k]
        if scene.label[at] == GROUND:
            chance = 0.96 if wood[at] else sparse + 0.35 * max(0, clumps[at]) + 0.35 * (shore[at] < 6)
        else:
            chance = 0.012 if scene.label[at] == FIELD else 0
        if luck[k] < chance:
            radius = 1.2 + 2.4 * sizes[k] + (0.7 if wood[at] else 0)
            colour = CROWNS[kinds[k]] * (1 + 0.08 * hues[k, 0]) + 3 * hues[k]
            _tree(scene, spots[k], radius, colour.astype(np.float32), lumps)


def _tree(scene: Scene, centre: Array, radius: float, colour: Array, lumps: Array) -> None:
    """One crown: a lumpy dome, higher than what it hangs over."""
    window, u, v = scene.around(centre, 0, 1.25 * radius)
    dome = 1 - (u * u + v * v) / np.float32(radius**2) + 0.6 * lumps[window]
    height = np.float32(1.8 * radius) * (0.5 + 0.5 * np.sqrt(np.maximum(dome, 0)))
    crown = (dome > 0) & (height > scene.relief[window]) & (scene.label[window] != WATER)
    scene.put(window, crown, colour, TREE)
    scene.relief[window][crown] = height[crown]
