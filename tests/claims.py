"""What the works claim, beside what our models say.

``python tests/claims.py`` prints README's table, and the sentence below it, from the
``metrics.json`` of the released models, and of those that were only measured.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pokegan.text import three_digits

ROOT = Path(__file__).parent.parent
PLACES = (ROOT / "space/models", ROOT / "pokegan/recipes/variants")
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
        ("dcgan", "dcgan-nyu"),  # the latter is the work's own
        ("sharpness", FD, OTHER),
    ),
    Claim(
        "Augmentation helps a convolutional WGAN",
        "Zsombor 2021",
        ("wgan-gp-aug",),
        ("wgan-gp",),
        (FD, OTHER),
    ),
    Claim(
        "Augmentation helps a dense WGAN",
        "Zsombor 2021",
        ("wgan-dense-aug",),
        ("wgan-dense",),
        (FD, OTHER),
    ),
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


@dataclass(frozen=True)
class Judged:
    """A claim, the values of its models by measure, and by which measures it holds."""

    claim: Claim
    values: dict[str, dict[str, float]]
    holds: dict[str, bool]


def judge_all(places: Sequence[Path] = PLACES) -> list[Judged]:
    """The claims whose models are all there.

    Args:
        places: folders of model folders.
    """
    judged = []
    for claim in CLAIMS:
        names = (*claim.better, *claim.others)
        found = [(n, place / n / "metrics.json") for n in names for place in places]
        files = {name: file for name, file in found if file.is_file()}
        if len(files) < len(names):
            continue
        facts = {name: json.loads(file.read_text())["metrics"] for name, file in files.items()}
        values = {
            metric: {name: fact[metric]["mean"] for name, fact in facts.items()}
            for metric in claim.metrics
        }
        holds = {metric: verdict(claim, metric, values[metric]) for metric in claim.metrics}
        judged.append(Judged(claim, values, holds))
    return judged


def claims_table(judged: list[Judged]) -> str:
    """A Markdown table, with a row for each measure."""
    lines = ["| claim | by | values | holds |", "| --- | --- | --- | --- |"]
    for one in judged:
        told = f"{one.claim.text} ({one.claim.source})"
        for metric, values in one.values.items():
            shown = ", ".join(f"`{name}` {three_digits(value)}" for name, value in values.items())
            holds = "yes" if one.holds[metric] else "no"
            lines.append(f"| {told} | {NAMES[metric]} | {shown} | {holds} |")
            told = ""
    return "\n".join(lines) + "\n"


def in_words(judged: list[Judged]) -> str:
    """Which claims hold by all of their measures, which by some, and which by none."""
    groups: dict[str, list[str]] = {"by every measure": [], "by some": [], "by none": []}
    for one in judged:
        yes = [NAMES[metric] for metric, holds in one.holds.items() if holds]
        if len(yes) == len(one.holds):
            groups["by every measure"].append(f"*{one.claim.text}*")
        elif yes:
            groups["by some"].append(f"*{one.claim.text}* ({'; '.join(yes)})")
        else:
            groups["by none"].append(f"*{one.claim.text}*")
    told = [f"{name}: {', '.join(texts)}" for name, texts in groups.items() if texts]
    return f"They hold {'; '.join(told)}.\n" if told else ""


if __name__ == "__main__":
    found = judge_all()
    print(claims_table(found), in_words(found), sep="\n", end="")
