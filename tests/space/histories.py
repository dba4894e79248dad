"""Model folders' logs, timelines and metrics, written by hand."""

import json

from metric_facts import facts
from PIL import Image

from pokegan.sheet import png_bytes, sprite_sheet

COLOURS = ["#b91c1c", "#15803d", "#1d4ed8", "#a16207"]


def write_log(folder, steps=40, batch=16, **values):
    """A log with a line every ten steps; ``values`` are functions of the step by name."""
    values = values or {"loss/generator": lambda step: 1 + 10 / step, "D(x)": lambda step: 0.5}
    lines = [
        {"step": step, "kimg": step * batch / 1000, "seconds": 6.0 * step}
        | {name: value(step) for name, value in values.items()}
        for step in range(10, steps + 1, 10)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "training_log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def sheet(colour, side=8):
    """A picture of a timeline whose sixteen sprites differ."""
    sprites = [Image.new("RGB", (side, side), colour) for _ in range(16)]
    for number, sprite in enumerate(sprites):
        sprite.putpixel((0, 0), (number, 0, 0))
    return sprite_sheet(sprites, 8, background=(255, 255, 255))


def write_timeline(folder, steps=(1, 10, 20, 40), colours=COLOURS):
    (folder / "timeline").mkdir(parents=True, exist_ok=True)
    for place, step in enumerate(steps):
        content = png_bytes(sheet(colours[place % len(colours)]))
        (folder / "timeline" / f"step-{step:08d}.png").write_bytes(content)


def write_metrics(folder, **changes):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metrics.json").write_text(json.dumps(facts(**changes)))
