"""Are a model's sprites of the type that they were drawn for?"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pokegan.errors import PokeGANError
from pokegan.metrics.craft import WHITE
from pokegan.models.conditioning import CLASSES

HUES, SATURATIONS, VALUES = 12, 3, 3
"""Bins of :func:`color_histogram`."""


@dataclass(frozen=True)
class TypeScores:
    """How often a classifier names the right label.

    Attributes:
        top1: share of sprites whose label it names first.
        top3: share of sprites whose label is among its first three.
        per_label: recall of each label that occurs, by name.
        confusion: by true label, how often each label was named first; rows and columns in the
            order of ``CLASSES[conditioning]``.
    """

    top1: float
    top3: float
    per_label: dict[str, float]
    confusion: list[list[int]]


class TypeClassifier:
    """Two multinomial logistic regressions, one on a network's features and one on colours.

    Their log-probabilities are averaged: colours tell types of sprites better than a network
    trained on photographs does, and both together better than either. Features are brought to mean
    0 and deviation 1; the L2 penalty's inverse strength C is one over their number, for there are
    far fewer sprites of a type than features.

    Args:
        features: float tensor (n, d).
        images: the same sprites, uint8 (n, 3, S, S), on white.
        labels: int64 tensor (n,).
        conditioning: what the labels are, "group" or "type".

    Raises:
        PokeGANError: fewer than two labels.
    """

    def __init__(self, features: Tensor, images: Tensor, labels: Tensor, conditioning: str):
        if len(labels.unique()) < 2:
            raise PokeGANError("types are told apart by sprites of at least two; there is one only")
        self.conditioning = conditioning
        self._experts = [_regression(seen, labels) for seen in (features, color_histogram(images))]

    def probabilities(self, features: Tensor, images: Tensor) -> Tensor:
        """float64 (n, labels): of every label that the conditioning knows; 0 for those that the
        classifier has never seen."""
        seen = (features, color_histogram(images))
        logs = [
            torch.from_numpy(expert.predict_proba(part.double().numpy())).clamp(min=1e-12).log()
            for expert, part in zip(self._experts, seen, strict=True)
        ]
        known = torch.from_numpy(self._experts[0].classes_)
        result = torch.zeros(len(features), len(CLASSES[self.conditioning]), dtype=torch.float64)
        return result.index_copy(1, known, torch.stack(logs).mean(0).softmax(1))

    def score(self, features: Tensor, images: Tensor, labels: Tensor) -> TypeScores:
        """Compare what it names with the labels (n,)."""
        names = CLASSES[self.conditioning]
        order = self.probabilities(features, images).argsort(dim=1, descending=True, stable=True)
        right = order == labels[:, None]
        confusion = torch.zeros(len(names), len(names), dtype=torch.int64)
        confusion.index_put_((labels, order[:, 0]), torch.ones_like(labels), accumulate=True)
        counts = confusion.sum(1)
        return TypeScores(
            top1=right[:, 0].double().mean().item(),
            top3=right[:, :3].any(1).double().mean().item(),
            per_label={
                name: (confusion[label, label] / counts[label]).item()
                for label, name in enumerate(names)
                if counts[label]
            },
            confusion=confusion.tolist(),
        )


def color_histogram(images: Tensor) -> Tensor:
    """Which colours a sprite has.

    Args:
        images: uint8 (n, 3, S, S), on white.

    Returns:
        float (n, 108): square roots of the shares of the sprite's pixels in each bin of hue,
        saturation and value (HSV); white ones count as background. An image that is all background
        has zeros.
    """
    color = images.flatten(2).float() / 255  # (n, 3, pixels)
    red, green, blue = color.unbind(1)
    value, least = color.amax(1), color.amin(1)
    chroma = (value - least).clamp(min=1e-6)
    hue = torch.where(
        value == red,
        ((green - blue) / chroma) % 6,
        torch.where(value == green, (blue - red) / chroma + 2, (red - green) / chroma + 4),
    )
    bins = [
        (hue / 6 * HUES).long() % HUES,
        ((value - least) / value.clamp(min=1e-6) * SATURATIONS).long().clamp(max=SATURATIONS - 1),
        (value * VALUES).long().clamp(max=VALUES - 1),
    ]
    index = (bins[0] * SATURATIONS + bins[1]) * VALUES + bins[2]  # (n, pixels)
    figure = (images.flatten(2).amin(1) < WHITE).float()
    counts = torch.zeros(len(images), HUES * SATURATIONS * VALUES).scatter_add(1, index, figure)
    return (counts / counts.sum(1, keepdim=True).clamp(min=1)).sqrt()


def _regression(features: Tensor, labels: Tensor) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    classifier = LogisticRegression(C=1 / features.shape[1], max_iter=1000)
    model = make_pipeline(StandardScaler(), classifier)
    return model.fit(features.double().numpy(), labels.numpy())
