"""Charts as inline SVG: lines over the training, and bars side by side.

Text stands beside the SVG and not in it, so that it keeps its size where the page is narrow.
Colours are those of ``styles/charts.css``, which follow the light and the dark mode.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from history import Curve, told_number

HUGE_RATIO = 60
"""From such a ratio of a chart's values on, its scale is logarithmic."""

FEW_POINTS = 12
"""So few points are joined by one line, without a running mean."""

SIDE = 1000
"""Units of the SVG's width and height, which are stretched to the page's."""

TICKS = 5
MAX_LINES = 6


@dataclass(frozen=True)
class Scale:
    """From values to heights.

    Attributes:
        low, high: values at the bottom and at the top.
        log: whether it is logarithmic.
    """

    low: float
    high: float
    log: bool = False

    def place(self, values):
        """Shares of the way from ``low`` to ``high``; values beyond lie a little beyond."""
        if self.log:
            floor = self.low / 10
            shares = np.log(np.maximum(values, floor) / self.low) / math.log(self.high / self.low)
        else:
            shares = (np.asarray(values) - self.low) / (self.high - self.low)
        return np.clip(shares, -0.05, 1.05)

    def ticks(self) -> list[float]:
        """Round values on the scale, some five."""
        if not self.log:
            return linear_ticks(self.low, self.high)
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        every = max(1, (last - first) // TICKS)
        steps = (1, 2, 5) if last - first < 3 else (1,)
        values = [step * 10.0**power for power in range(first, last + 1, every) for step in steps]
        return [value for value in values if self.low <= value <= self.high]


def scale_of(curves: Sequence[Curve], bounds: tuple[float, float] | None = None) -> Scale:
    """A scale for some curves: a few peaks do not rule it.

    Args:
        curves: at least one.
        bounds: of values that have such by nature, as probabilities do.
    """
    if bounds is not None:
        return Scale(*bounds)
    values = np.concatenate([curve.values for curve in curves])
    smooth = np.concatenate([curve.smooth for curve in curves])
    low, high = np.percentile(values, [1, 99])
    low, high = float(min(low, smooth.min())), float(max(high, smooth.max()))
    if low > 0 and high / low > HUGE_RATIO:
        return Scale(low, high, log=True)
    room = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
    bottom = 0.0 if 0 <= low < 0.4 * high else low - room
    return Scale(bottom, high + room)


def linear_ticks(low: float, high: float) -> list[float]:
    """Round values from ``low`` to ``high``, some five."""
    rough = (high - low) / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(step for step in (1, 2, 5, 10) if step * power >= rough * 0.999) * power
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def line_chart(
    curves: Mapping[str, Curve],
    title: str,
    unit: str,
    kimg: float,
    at: float | None = None,
    bounds: tuple[float, float] | None = None,
) -> str:
    """Curves over the training, smooth lines over faint raw ones, with a mark that can be moved.

    Args:
        curves: by name, at least one; those after the sixth are left out.
        title: what they are.
        unit: what the values are in.
        kimg: the right end.
        at: where the mark stands; ``None`` for no mark.
        bounds: as for :func:`scale_of`.
    """
    curves = dict(list(curves.items())[:MAX_LINES])
    scale = scale_of(list(curves.values()), bounds)
    right = kimg if kimg > 0 else 1.0
    rows = [(f"{100 * (1 - float(scale.place(tick))):.1f}", tick) for tick in scale.ticks()]
    columns = [(f"{100 * tick / right:.1f}", tick) for tick in linear_ticks(0, right)]
    grid = "".join(f"M0 {float(top) * SIDE / 100:g}H{SIDE}" for top, _ in rows)
    lines = "".join(
        _line(curve, scale, right, number) for number, curve in enumerate(curves.values())
    )
    place = "" if at is None else f"{SIDE * at / right:.1f}"
    mark = f'<path class="pg-mark" data-mark="" d="M{place} 0V{SIDE}"/>' if place else ""
    legend = "".join(
        f'<li><svg class="pg-key" viewBox="0 0 24 8" aria-hidden="true">'
        f'<path class="pg-line pg-line-{number}" d="M0 4H24"/></svg>{escape(name)}</li>'
        for number, name in enumerate(curves)
    )
    told = escape(summary(curves))
    how = f"{unit}, logarithmic" if scale.log else unit
    y = "".join(f'<span style="top:{top}%">{told_number(tick)}</span>' for top, tick in rows)
    x = "".join(f'<span style="left:{left}%">{told_number(tick)}</span>' for left, tick in columns)
    return (
        f'<figure class="pg-chart"><figcaption><strong>{escape(title)}</strong>'
        f' <span class="pg-unit">{escape(how)}</span></figcaption><ul class="pg-legend">{legend}'
        f'</ul><div class="pg-plot"><div class="pg-y" aria-hidden="true">{y}</div>'
        f'<svg role="img" aria-label="{escape(title)} over {told_number(right)} kimg. {told}"'
        f' viewBox="0 0 {SIDE} {SIDE}" preserveAspectRatio="none" data-kimg="{right:g}">'
        f'<path class="pg-grid" d="{grid}"/>{lines}{mark}</svg>'
        f'<div class="pg-x" aria-hidden="true">{x}<b>kimg</b></div></div>'
        f'<p class="pg-note">{told}</p></figure>'
    )


def summary(curves: Mapping[str, Curve]) -> str:
    """What the curves show, in words."""
    told = []
    for name, curve in curves.items():
        smooth = curve.smooth
        ends, low, high = (smooth[0], smooth[-1]), smooth.min(), smooth.max()
        if low == high:
            told.append(f"{name}: {told_number(float(low))} throughout")
            continue
        parts = [f"{name}: from {told_number(float(ends[0]))} to {told_number(float(ends[1]))}"]
        # Lows and highs that are nearly those of the ends are no news.
        news = 0.05 * (high - low)
        parts += [f"at least {told_number(float(low))}"] if low < min(ends) - news else []
        parts += [f"at most {told_number(float(high))}"] if high > max(ends) + news else []
        told.append(", ".join(parts))
    return "; ".join(told) + "."


def _line(curve: Curve, scale: Scale, right: float, number: int) -> str:
    kind = f"pg-line pg-line-{number}"
    if len(curve.kimg) == 1:
        ends = np.array([0.0, 1.0]) * right
        return f'<path class="{kind}" d="{_path(ends, curve.values.repeat(2), scale, right)}"/>'
    raw = _path(curve.kimg, curve.values, scale, right)
    if len(curve.kimg) < FEW_POINTS:
        return f'<path class="{kind}" d="{raw}"/>'
    smooth = _path(curve.kimg, curve.smooth, scale, right)
    return f'<path class="{kind} pg-raw" d="{raw}"/><path class="{kind}" d="{smooth}"/>'


def _path(kimg: np.ndarray, values: np.ndarray, scale: Scale, right: float) -> str:
    xs = np.rint(SIDE * np.minimum(kimg / right, 1.0)).astype(int)
    ys = np.rint(SIDE * (1 - scale.place(values))).astype(int)
    return "M" + "L".join(f"{x} {y}" for x, y in zip(xs.tolist(), ys.tolist(), strict=True))


# ---- bars ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bar:
    """One model in a panel of bars.

    Attributes:
        name: of the model.
        value: length of the bar.
        text: the value as it is printed.
        best: whether no other is better.
        lines: places of the lines across its row, by their names in ``BAR_LINES``.
    """

    name: str
    value: float
    text: str
    best: bool
    lines: Mapping[str, float]


BAR_LINES = {"real": "real sprites", "halves": "real halves (floor)"}
"""The lines that bars are read beside, as a legend calls them."""

BEYOND = 1.6
"""A line further right than so many times the longest bar would squeeze the bars: it is told in
words instead."""


def bar_panel(title: str, about: str, bars: Sequence[Bar], number) -> str:
    """One metric: a bar for each model, and lines for what real sprites get.

    Args:
        title: of the metric.
        about: network and number, below the title.
        bars: the best first.
        number: prints a value.
    """
    longest = max(max(bar.value for bar in bars), 0.0)
    places = [line for bar in bars for line in bar.lines.values()]
    inside = [line for line in places if longest == 0 or line <= BEYOND * longest]
    low = min(0.0, *(bar.value for bar in bars), *inside)
    high = max(longest, *inside, 0.0) or 1.0
    told = []
    for name, text in BAR_LINES.items():
        values = [bar.lines[name] for bar in bars if name in bar.lines]
        own = list(dict.fromkeys(number(value) for value in sorted(values)))
        if own:
            key = '<svg class="pg-key" viewBox="0 0 24 8" aria-hidden="true"><path'
            key += f' class="pg-floor pg-floor-{name}" d="M0 4H24"/></svg>'
            far = ", further right" if min(values) > high else ""
            told.append(f"<li>{key}{escape(text)} {escape(' or '.join(own))}{far}</li>")
    rows = "".join(_bar(bar, low, high) for bar in bars)
    legend = f'<ul class="pg-legend">{"".join(told)}</ul>' if told else ""
    return (
        f'<figure class="pg-bars"><figcaption><strong>{escape(title)}</strong>'
        f' <span class="pg-unit">{escape(about)}</span></figcaption>'
        f'<div class="pg-bar-rows">{rows}</div>{legend}</figure>'
    )


def _bar(bar: Bar, low: float, high: float) -> str:
    zero, end = (SIDE * (value - low) / (high - low) for value in (0.0, bar.value))
    left, width = min(zero, end), abs(end - zero)
    places = {name: SIDE * (value - low) / (high - low) for name, value in bar.lines.items()}
    lines = "".join(
        f'<path class="pg-floor pg-floor-{name}" d="M{place:.1f} 0V20"/>'
        for name, place in places.items()
        if 0 <= place <= SIDE
    )
    kind = " pg-best" if bar.best else ""
    best = ' <small class="pg-best-mark">best</small>' if bar.best else ""
    return (
        f'<span class="pg-bar-name{kind}" title="{escape(bar.name)}">{escape(bar.name)}</span>'
        f'<svg viewBox="0 0 {SIDE} 20" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="pg-bar{kind}" x="{left:.1f}" y="3" width="{width:.1f}" height="14"/>'
        f'{lines}</svg><span class="pg-bar-text{kind}">{escape(bar.text)}{best}</span>'
    )
