"""Draw a synthetic creature: cells of the right half, and its two palettes.

Shapes are filled by exact arithmetic on quarter cells, random numbers come from
``random.Random(str)``: the same on every platform and version.
"""

import colorsys
import random
from typing import NamedTuple

import numpy as np

from pokegan.data.creature_looks import (
    ACCENT,
    BASE,
    BELLY,
    BLUSH,
    EYES,
    IRIS,
    LINE,
    LOOKS,
    MOUTHS,
    SECOND,
    SHADOW,
    WHITE,
)
from pokegan.data.types import NO_TYPE, TYPES

GRID = 32  # cells a side; the drawing itself keeps one cell free for the outline


def types_of(number: int) -> tuple[int, int]:
    """Class labels (type1, type2) of species ``number``; about half have a second type."""
    first = (number - 1) % len(TYPES)
    rng = random.Random(f"pokegan-synthetic-types-{number}")
    if rng.random() < 0.5:
        return first, NO_TYPE
    return first, (first + 1 + int(rng.random() * (len(TYPES) - 1))) % len(TYPES)


# Cell centres of the right half: column 0 touches the mirror axis.
_Y, _X = (a + 0.5 for a in np.mgrid[0:GRID, 0 : GRID // 2])
_ROOM = (_Y > 1) & (_Y < GRID - 1) & (_X < GRID // 2 - 1)


def _quarter(value: float) -> float:
    return round(value * 4) / 4


def _ellipse(cx: float, cy: float, rx: float, ry: float, power: int = 2) -> np.ndarray:
    """(32, 16) bool mask; power 2 is an ellipse, 4 a rounded box."""
    cx, cy, rx, ry = (_quarter(v) for v in (cx, cy, rx, ry))
    rx, ry = max(rx, 0.75), max(ry, 0.75)
    terms = np.square((_X - cx) * ry), np.square((_Y - cy) * rx), np.square(rx * ry)
    across, along, limit = terms if power == 2 else map(np.square, terms)  # all of them exact
    return across + along <= limit


def _polygon(*points: tuple[float, float]) -> np.ndarray:
    """(32, 16) bool mask of the cells whose centre is inside (even-odd rule)."""
    mask = np.zeros_like(_ROOM)
    points = [(_quarter(x), _quarter(y)) for x, y in points]
    for (x0, y0), (x1, y1) in zip(points, points[1:] + points[:1], strict=True):
        if y0 != y1:
            (x0, y0), (x1, y1) = sorted(((x0, y0), (x1, y1)), key=lambda p: p[1])
            rows = np.logical_and(y0 < _Y, y1 >= _Y)
            mask ^= rows & ((_X - x0) * (y1 - y0) < (_Y - y0) * (x1 - x0))
    return mask


def _move(mask: np.ndarray, right: int, down: int) -> np.ndarray:
    """The mask moved by cells, mirrored at the axis, empty beyond the other edges."""
    both = np.pad(np.concatenate([mask[:, ::-1], mask], 1), 3)
    half = GRID // 2 + 3
    return both[3 - down : 3 - down + GRID, half - right : half - right + GRID // 2]


def _around(mask: np.ndarray) -> np.ndarray:
    """The mask grown by one cell up, down, left and right."""
    return mask | _move(mask, 0, 1) | _move(mask, 0, -1) | _move(mask, 1, 0) | _move(mask, -1, 0)


class _Frame(NamedTuple):
    """Where a head or body sits on the axis: its middle row, half width and half height."""

    y: float
    w: float
    h: float
    mask: np.ndarray


class _Sketch:
    """The right half of a creature: palette indices, painted from back to front."""

    def __init__(self) -> None:
        self.cells = np.zeros(_ROOM.shape, np.uint8)

    def paint(self, mask: np.ndarray, ramp: tuple[int, int, int], hard: bool = False) -> None:
        """Fill the mask, lit from above; its rim on what it covers is a shadow, or a line.

        The line is for other colours and, when ``hard``, for the same ones too.
        """
        mask = mask & _ROOM
        line = _around(mask) & ~mask
        shadow = SHADOW[self.cells[line]]
        same = ((shadow == ramp[0]) | (ramp is BELLY)) & (not hard)
        self.cells[line] = np.where(same, shadow, np.minimum(shadow, LINE))
        self.cells[mask] = ramp[1]
        inner = mask & _move(mask, -1, -1) & _move(mask, 0, -2)
        self.cells[mask & ~inner] = ramp[0]
        top = inner & ~(_move(mask, 0, 3) & _move(mask, 1, 2)) & _move(mask, 0, 1)
        self.cells[top & _move(mask, -2, 0)] = ramp[2]

    def mark(self, mask: np.ndarray, ramp: tuple[int, int, int], on: np.ndarray) -> None:
        """Recolour the part of the mask that lies on ``on``, dark where the skin is dark."""
        mask = mask & on & np.isin(self.cells, (*BASE, *BELLY))
        dark = np.isin(self.cells, (BASE[0], BELLY[0]))
        self.cells[mask] = np.where(dark, ramp[0], ramp[1])[mask]

    def parts(self, text: str, place: str, frame: _Frame, second: bool, size: float) -> None:
        """Draw the parts of a ``Look`` that have this place (see there)."""
        for part in filter(None, text.split(";")):
            head, *numbers = part.split()
            if head[1] != place:
                continue
            ramp = BELLY if head[0] == "l" else ACCENT if head[0] == "a" else BASE
            if second:
                ramp = BELLY if head[0] == "l" else SECOND
            n = [int(v) / 100 for v in numbers]
            # Parts grow from the frame's rim, marks with the frame.
            grow = 1.0 if place == "=" else size
            if head[2] == "E":
                mask = _ellipse(
                    n[0] * frame.w, frame.y + n[1] * frame.h, n[2] * frame.w * grow,
                    n[3] * frame.h * grow,
                )  # fmt: skip
            else:
                xs = [min(x, 0.8) + max(x - 0.8, 0) * grow for x in n[::2]]
                ys = [max(y, -0.8) + min(y + 0.8, 0) * grow for y in n[1::2]]
                mask = _polygon(
                    *((x * frame.w, frame.y + y * frame.h) for x, y in zip(xs, ys, strict=True))
                )
            if place == "=":
                self.mark(mask, ramp, frame.mask)
            else:
                self.paint(mask, ramp)

    def stamp(self, rows: str, x: int, y: int) -> None:
        """Put an eye or a mouth of the tables above with its inner top cell at (x, y)."""
        colour = {"o": LINE, "w": WHITE, "i": IRIS, "r": BLUSH}
        for dy, row in enumerate(rows.split("/")):
            for dx, letter in enumerate(row):
                if letter != ".":
                    self.cells[y + dy, x + dx] = colour[letter]


class _Body(NamedTuple):
    """The body plan of a species. ``head is body`` for plans that have one shape for both."""

    plan: str
    head: _Frame
    body: _Frame
    wide: float  # cells added to widths, -1.5 to 1.5
    legs: float  # length or height of limbs, 0 to 1
    power: int  # see _ellipse
    tips: tuple[int, int, int]  # ramp of paws, hands and feet


def _head_and_body(plan: str, wide: float, tall: float, power: int) -> tuple[_Frame, _Frame]:
    def frame(y, w, h, power=power):
        return _Frame(y, w, h, _ellipse(0, y, w, h, power))

    if plan in ("blob", "fish"):
        return (frame(18.5 - tall, 8.5 + wide * 1.5, 7.5 + tall),) * 2
    if plan == "ghost":
        return (frame(14.5 - tall, 7.5 + wide, 6.5 + tall),) * 2
    if plan == "bird":
        return (frame(17 - tall / 2, 7.5 + wide * 0.7, 8 + tall),) * 2
    if plan == "serpent":
        return frame(12 - tall, 6.5 + wide, 5.5, 2), frame(20, 6 + wide, 4.5, 2)
    if plan == "insect":
        return frame(13 - tall, 6 + wide, 5, 2), frame(22, 5.5 + wide, 6 + tall, 2)
    if plan == "quad":
        return frame(14 - tall, 7.5 + wide, 6), frame(22, 6.5 + wide, 5, 2)
    if plan == "golem":
        return frame(13 - tall, 6 + wide / 2, 5), frame(20.5, 8 + wide, 6)
    return frame(13 - tall, 7 + wide, 6), frame(22.5, 4.5 + wide, 5, 2)  # biped


def _skirt(frame: _Frame, legs: float, hem: float) -> _Frame:
    """A ghost's body: the head with a ragged cloth down to row ``hem``."""
    w = frame.w
    cloth = _polygon(
        (0, frame.y), (w, frame.y), (w * (0.7 + 0.6 * legs), hem), (w * 0.62, hem - 2.5),
        (w * 0.42, hem + 1), (w * 0.2, hem - 2), (0, hem + 1),
    )  # fmt: skip
    return frame._replace(mask=frame.mask | cloth)


_FOOT = 28.5  # the middle row of a foot


def _limbs_behind(sketch: _Sketch, creature: _Body) -> None:
    """Legs, tails and hands that the body covers."""
    plan, _, body, wide, legs, _, tips = creature
    paint = sketch.paint
    if plan == "serpent":
        paint(_polygon((8, 28), (13, 24 - 2 * legs), (14.5, 17), (14, 27), (10, 30)), tips)
        paint(_ellipse(0, 26.5, 10 + wide, 3.5), BASE)
        sketch.mark(_ellipse(0, 27, 5, 4), BELLY, _ROOM)
    elif plan == "insect":
        knee, toe = 9 + wide, 12 + wide
        for y in (19, 23.5, 28):
            paint(_polygon((3, y), (knee, y - 3), (toe, y + 1.5), (knee, y - 1), (3, y + 1)), tips)
    elif plan == "quad":
        paint(_ellipse(body.w * 0.95, 26, 2.2, 3.5), BASE)
        paint(_ellipse(body.w, _FOOT, 2.5, 1.5), tips)
    elif plan == "fish":
        paint(_polygon((0, 24), (4, 26), (8 + 2 * legs, 29.5), (3, 29), (0, 27.5)), ACCENT)
    elif plan == "bird":
        paint(_polygon((2.2, 24), (3.8, 24), (3.8, 29), (2.2, 29)), ACCENT)
        paint(_ellipse(3.5, _FOOT, 2.5, 1), ACCENT)
    elif plan in ("biped", "golem"):
        thick = 2.4 if plan == "golem" else 1.8
        paint(_ellipse(body.w * 0.55, 27, thick, 3), BASE)
        paint(_ellipse(body.w * 0.55 + 0.8, _FOOT, thick + 0.9, 1.5), tips)
    elif plan == "blob":
        paint(_ellipse(body.w * 0.5, body.y + body.h + 0.5, 2.6, 1.8), tips)
    elif plan == "ghost":
        paint(_ellipse(body.w + 1, 19, 2.2, 1.8), tips)


def _limbs_before(sketch: _Sketch, creature: _Body) -> None:
    """Arms, wings, fins and front legs, painted over the body."""
    plan, _, body, _, legs, power, tips = creature
    paint = sketch.paint
    if plan == "quad":
        paint(_ellipse(body.w * 0.42, 26, 2, 3.5), BASE)
        paint(_ellipse(body.w * 0.42, _FOOT, 2.3, 1.5), tips)
    elif plan == "biped":
        paint(_ellipse(body.w + 0.6, 20.5 + legs * 2, 1.8, 2.6), BASE)
        paint(_ellipse(body.w + 1.2, 22 + legs * 2, 1.5, 1.5), tips)
    elif plan == "golem":
        paint(_ellipse(body.w + 1.2, 20 + legs, 2.6, 4.5, power), BASE)
        paint(_ellipse(body.w + 1.6, 24 + legs, 2.8, 2.4, power), tips)
    elif plan == "bird":
        paint(_ellipse(body.w + 0.5, body.y + 1 + legs, 1.8, 4), tips)
    elif plan == "blob" and legs > 0.4:
        paint(_ellipse(body.w * 0.98, body.y + 2, 2, 1.6), BASE)
    elif plan == "fish":
        paint(_polygon((7, 20), (13, 17 + 2 * legs), (14.5, 23), (10, 25)), ACCENT)


def draw(number: int) -> np.ndarray:
    """(32, 16) palette indices of the right half of species ``number``, by column from the axis."""
    type1, type2 = types_of(number)
    look = LOOKS[TYPES[type1]]
    dual = type2 != NO_TYPE
    extra = LOOKS[TYPES[type2]] if dual else look
    rng = random.Random(f"pokegan-synthetic-shape-{number}")

    def pick(options):
        return options[int(rng.random() * len(options))]

    def span(low, high):
        return low + rng.random() * (high - low)

    plan = pick(look.plans.split())
    crown, back, mark = (pick(t.split("|")) for t in (look.crown, extra.back, extra.mark))
    size = span(0.85, 1.15)
    power = 4 if TYPES[type1] in ("rock", "steel") or rng.random() < 0.15 else 2
    tips = SECOND if dual else pick((BASE, BASE, ACCENT))
    wide, tall, legs = span(-1.5, 1.5), span(-2.0, 1.0), span(0.0, 1.0)
    with_back, with_mark, with_belly = (rng.random() < p for p in (0.75, 0.6, 0.5))
    head, body = _head_and_body(plan, wide, tall, power)
    if plan == "ghost":
        head = body = _skirt(body, legs, span(24, 29))
    creature = _Body(plan, head, body, wide, legs, power, tips)

    sketch = _Sketch()
    if dual or with_back:
        sketch.parts(back, "<", body, dual, size)
    _limbs_behind(sketch, creature)
    if head is body:
        sketch.parts(crown, "<", head, False, size)
    sketch.paint(body.mask, BASE, hard=head is body)
    if with_belly or plan in ("bird", "serpent"):
        middle = body.y + body.h * (0.75 if head is body else 0.45)
        sketch.mark(_ellipse(0, middle, body.w * 0.62, body.h * 0.62), BELLY, body.mask)
    if dual or with_mark:
        off_face = (abs(_Y - body.y) > 0.35 * body.h) | (head is not body)
        sketch.parts(mark, "=", body._replace(mask=body.mask & off_face), dual, size)
    sketch.parts(back, ">", body, dual, size)
    _limbs_before(sketch, creature)
    if head is not body:
        sketch.parts(crown, "<", head, False, size)
        sketch.paint(head.mask, BASE, hard=True)
    sketch.parts(crown, "=", head, False, size)
    sketch.parts(crown, ">", head, False, size)

    # The face: eyes at a distance of the species' own, a beak or a mouth, perhaps cheeks.
    eyes = pick(EYES[pick(look.eyes.split())])
    rows, columns = eyes.count("/") + 1, len(eyes.split("/")[0])
    beak = plan == "bird"
    eye_x = max(1 + 2 * beak, min(round(head.w * span(0.28, 0.5)), int(head.w) - columns - 1))
    eye_y = round(head.y + (span(-0.1, 0.2) - 0.3 * beak) * head.h - rows / 2)
    below = eye_y + rows
    sketch.stamp(eyes, eye_x, eye_y)
    if beak:
        bill = _polygon((0, below), (2.6, below), (2.6, below + 1.2), (0, below + 3.2))
        sketch.paint(bill, ACCENT)
    else:
        sketch.stamp(pick(MOUTHS), 0, min(below, int(head.y + head.h) - 2))
    if rng.random() < 0.4:
        sketch.mark(_ellipse(eye_x + columns, below + 0.5, 1.2, 1), (BLUSH,) * 3, head.mask)

    cells = sketch.cells
    cells[_around(cells > 0) & (cells == 0)] = LINE
    return cells


def _rgb(hue: float, saturation: float, value: float) -> tuple[int, int, int]:
    clip = (min(max(saturation, 0.0), 1.0), min(max(value, 0.0), 1.0))
    return tuple(int(c * 255 + 0.5) for c in colorsys.hsv_to_rgb(hue % 360 / 360, *clip))


def _ramp(hue: float, saturation: float, value: float) -> list[tuple[int, int, int]]:
    """Dark, middle and light: shadows turn towards blue and lights towards yellow."""
    cool = 12 if 60 <= hue % 360 < 240 else -12
    return [
        _rgb(hue + cool, saturation * 1.1 + 0.06, value * 0.74),
        _rgb(hue, saturation, value),
        _rgb(hue - cool / 2, saturation * 0.62, value * 1.06 + 0.05),
    ]


def palette(number: int, shiny: bool) -> np.ndarray:
    """(16, 3) uint8 colours; entry 0 is the transparent one."""
    type1, type2 = types_of(number)
    rng = random.Random(f"pokegan-synthetic-colour-{number}")
    look = LOOKS[TYPES[type1]]
    second = LOOKS[TYPES[type2]].base if type2 != NO_TYPE else look.accent
    drift = [(rng.random() - 0.5) for _ in range(6)]
    turn, lift = (90 + 180 * rng.random(), 0.3) if shiny else (0.0, 0.0)

    def tint(colour, a, b):
        hue, saturation, value = colour
        return hue + 14 * a + turn, max(saturation * (1 + 0.2 * b), lift), value * (1 + 0.1 * a)

    base = tint(look.base, drift[0], drift[1])
    belly = (base[0] + 20, base[1] * 0.28, 0.97 - 0.15 * (base[2] < 0.6))
    iris = _rgb(360 * rng.random() + turn, 0.75, 0.8)
    colours = [
        (0, 0, 0), _rgb(base[0], 0.45, 0.17), *_ramp(*base), *_ramp(*belly)[:2],
        *_ramp(*tint(look.accent, drift[2], drift[3])), *_ramp(*tint(second, drift[4], drift[5])),
        (255, 255, 255), iris, _rgb(352 + turn / 8, 0.55, 0.93),
    ]  # fmt: skip
    return np.array(colours, np.uint8)
