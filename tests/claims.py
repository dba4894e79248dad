"""What the works claim, beside what our models say.

``python tests/claims.py`` prints README's table, from the ``metrics.json`` of the released models.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from pokegan.text import three_digits

MODELS = Path(__file__).parent.parent / "space/models"
FD, OTHER = "fd_efficientnet_lite0@1500", "fd_sprite_net@1500"
TYPED = "type_accuracy_efficientnet_lite0@1500"
LOWER = {FD, OTHER, "isolated"}
NAMES = {
    FD: "FD, EfficientNet-Lite0",
    OTHER: "FD, sprite-net",
    "sharpness": "sharpness",
    "isolated": "isolated pixels",
    "cleanliness": "clean background",
    TYPED: "type accuracy",
}
ALIKE = 0.1
"""Two values that differ by less than this share of the larger one count as alike."""


@dataclass(frozen=True)
class Claim:
    """A claim that models are better than others, or hardly better, by some measures.

    Attributes:
        text: the claim.
        source: the work.
        better: models that it says are better; of several, all must be.
        others: than which; all of them.
        metrics: by which to see.
        by_little: whether it says that they are alike.
    """

    text: str
    source: str
    better: tuple[str, ...]
    others: tuple[str, ...]
    metrics: tuple[str, ...]
    by_little: bool = False


CLAIMS = (
    Claim(
        "An AEGAN draws sharper sprites than a GAN",
        "Abdali & Vora 2023",
        ("aegan",),
        ("dcgan",),
        ("sharpness", FD, OTHER),
    ),
    Claim("Augmentation helps a WGAN", "Zsombor 2021", ("wgan-gp-aug",), ("wgan-gp",), (FD, OTHER)),
    Claim(
        "A loss for the class as well gives the lowest FID of conditional models",
        "Abdool 2022",
        ("cunet-multiclass",),
        ("cdcgan", "cstylegan", "cunet", "cunet-projection", "caegan"),
        (FD, OTHER),
    ),
    Claim(
        "Of conditional models, an AEGAN has the best look",
        "Abdool 2022",
        ("caegan",),
        ("cdcgan", "cstylegan", "cunet", "cunet-projection", "cunet-multiclass"),
        ("sharpness", "isolated", "cleanliness"),
    ),
    Claim(
        "Types must be told throughout the generator, not at its input alone",
        "Abdool 2022",
        ("cstylegan", "cunet"),
        ("cdcgan",),
        (TYPED, FD, OTHER),
    ),
    Claim(
        "A projection discriminator adds little",
        "Abdool 2022",
        ("cunet-projection",),
        ("cunet",),
        (FD, OTHER, TYPED),
        by_little=True,
    ),
)


def verdict(claim: Claim, metric: str, values: dict[str, float]) -> bool:
    """Whether a claim holds by one measure.

    Args:
        claim: the claim.
        metric: the measure.
        values: of the models, by name.
    """
    if claim.by_little:
        (one,), (other,) = claim.better, claim.others
        size = max(abs(values[one]), abs(values[other]))
        return abs(values[one] - values[other]) < ALIKE * size
    sign = -1 if metric in LOWER else 1
    worst = min(sign * values[name] for name in claim.better)
    return worst > max(sign * values[name] for name in claim.others)


def claims_table(models: Path = MODELS) -> str:
    """A Markdown table of the claims whose models are all there, a row for each measure."""
    lines = ["| claim | by | values | holds |", "| --- | --- | --- | --- |"]
    for claim in CLAIMS:
        names = (*claim.better, *claim.others)
        if not all((models / name / "metrics.json").is_file() for name in names):
            continue
        facts = {
            name: json.loads((models / name / "metrics.json").read_text())["metrics"]
            for name in names
        }
        told = f"{claim.text} ({claim.source})"
        for metric in claim.metrics:
            values = {name: facts[name][metric]["mean"] for name in names}
            shown = ", ".join(f"`{name}` {three_digits(value)}" for name, value in values.items())
            holds = "yes" if verdict(claim, metric, values) else "no"
            lines.append(f"| {told} | {NAMES[metric]} | {shown} | {holds} |")
            told = ""
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(claims_table(), end="")
