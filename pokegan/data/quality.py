"""Tell recognisable sprites from ruined ones: an XGBoost classifier and its cross-validation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from pokegan.data.augment import six_fold
from pokegan.data.quality_features import efficientnet_lite0, image_statistics, network_features
from pokegan.errors import PokeGANError
from pokegan.seeding import derive_seed

OVER_STRONG = 4.0
"""Strength of the augmentations that stand for ruined sprites; 1 stands for recognisable ones."""

RUINING = ("shear", "rotate", "crop")
"""Augmentations that ruin a sprite when they are too strong; flips and recolouring never do."""

FOLDS = 5
HAND_WEIGHT = 10.0
"""How many automatic labels a label given by hand is worth in training."""

_PARAMETERS = {
    "objective": "binary:logistic",
    "max_depth": 4,
    "eta": 0.1,
    "subsample": 0.8,
    "colsample_bytree": 0.2,
    "nthread": 1,  # several threads may add up in another order
}
_ROUNDS = 200


@dataclass(frozen=True)
class Samples:
    """Labelled sprites.

    Attributes:
        features: float32 (n, features).
        keep: bool (n,), recognisable rather than ruined.
        species: int (n,), National Dex number.
        augmentation: str (n,).
        by_hand: bool (n,), labelled by hand rather than automatically.
    """

    features: np.ndarray
    keep: np.ndarray
    species: np.ndarray
    augmentation: np.ndarray
    by_hand: np.ndarray

    def __getitem__(self, rows: np.ndarray) -> "Samples":
        return Samples(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    @classmethod
    def joined(cls, parts: Sequence["Samples"]) -> "Samples":
        """All samples of at least one part."""
        names = cls.__dataclass_fields__
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


@dataclass(frozen=True)
class Validation:
    """What cross-validation found; every sprite was judged by a classifier that had learnt from
    other species only.

    Attributes:
        accuracy: share of automatic labels that were found, at a threshold of 1/2.
        balanced_accuracy: mean of that share of the mild ones and that of the too strong ones.
        samples, species, folds: how many sprites with automatic labels (two mildly augmented for
            one too strongly), of how many species, in how many parts.
        mild_kept, strong_dropped: by augmentation, share of the mildly augmented ones that
            ``--keep-above`` would keep, and of those augmented too strongly that it would drop.
        by_hand: labels given by hand.
        by_hand_found: share of them that were found, at a threshold of 1/2; None without any.
    """

    accuracy: float
    balanced_accuracy: float
    samples: int
    species: int
    folds: int
    mild_kept: dict[str, float]
    strong_dropped: dict[str, float]
    by_hand: int
    by_hand_found: float | None


def make_measure() -> Callable[[Sequence[Image.Image]], np.ndarray]:
    """A function from RGBA images of one size to features, float32 (n, 218).

    Raises:
        PokeGANError: the network's packages are not installed.
    """
    network = efficientnet_lite0()

    def measure(images: Sequence[Image.Image]) -> np.ndarray:
        with torch.inference_mode():
            seen = network_features(network, images)
        return np.concatenate([image_statistics(images), seen], 1)

    return measure


def variants(image: Image.Image, seed: int) -> list[tuple[str, bool, Image.Image]]:
    """Six mild augmentations of a sprite and three too strong ones.

    Each of ``RUINING`` is there once mildly and once too strongly, so that a classifier which
    cannot tell these two apart gives both 1/2.

    Returns:
        (name of the augmentation, whether it is mild, RGBA image) of each.
    """
    mild = six_fold(image, derive_seed("mild", seed))
    strong = six_fold(image, derive_seed("strong", seed), OVER_STRONG)
    return [
        *((name, True, changed) for name, changed in mild.items()),
        *((name, False, strong[name]) for name in RUINING),
    ]


def train(samples: Samples, seed: int):
    """Fit an `xgboost.Booster`; the same samples and seed give the same one.

    Raises:
        PokeGANError: XGBoost is not installed.
    """
    xgboost = import_xgboost()
    data = xgboost.DMatrix(
        samples.features,
        samples.keep,
        weight=np.where(samples.by_hand, HAND_WEIGHT, 1),
        nthread=1,
    )
    settings = _PARAMETERS | {"seed": derive_seed("xgboost", seed) % 2**31}
    return xgboost.train(settings, data, _ROUNDS)


def scores(classifier, features: np.ndarray) -> np.ndarray:
    """Probability of being recognisable, float32 (n,), of features (n, 218)."""
    return classifier.predict(import_xgboost().DMatrix(features, nthread=1))


def import_xgboost():
    """The module.

    Raises:
        PokeGANError: it is not installed.
    """
    try:
        import xgboost
    except ImportError as error:
        raise PokeGANError(
            "xgboost is not installed; run: pip install 'pokegan[filter]'"
        ) from error
    return xgboost


def cross_validate(samples: Samples, keep_above: float, seed: int) -> Validation:
    """Judge every sprite by a classifier that was trained on other species; there must be two.

    Raises:
        PokeGANError: XGBoost is not installed.
    """
    fold = _folds(samples.species, seed)
    found = np.empty(len(fold), np.float32)
    for number in np.unique(fold):
        held_out = fold == number
        found[held_out] = scores(train(samples[~held_out], seed), samples.features[held_out])
    correct = (found >= 0.5) == samples.keep
    automatic, kept = ~samples.by_hand, found >= keep_above
    mild, strong = automatic & samples.keep, automatic & ~samples.keep
    by_hand = int(samples.by_hand.sum())
    return Validation(
        accuracy=float(correct[automatic].mean()),
        balanced_accuracy=float((correct[mild].mean() + correct[strong].mean()) / 2),
        samples=int(automatic.sum()),
        species=len(np.unique(samples.species[automatic])),
        folds=int(fold.max()) + 1,
        mild_kept=_shares(kept[mild], samples.augmentation[mild]),
        strong_dropped=_shares(~kept[strong], samples.augmentation[strong]),
        by_hand=by_hand,
        by_hand_found=float(correct[samples.by_hand].mean()) if by_hand else None,
    )


def _folds(species: np.ndarray, seed: int) -> np.ndarray:
    """The fold, int (n,), of each sprite: all of a species in one, the species shared out."""
    numbers, rows = np.unique(species, return_inverse=True)
    order = np.random.default_rng(derive_seed("folds", seed)).permutation(len(numbers))
    return (order % FOLDS)[rows]


def _shares(flags: np.ndarray, names: np.ndarray) -> dict[str, float]:
    return {name: float(flags[names == name].mean()) for name in dict.fromkeys(names.tolist())}
