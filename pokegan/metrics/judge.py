"""One judge for all models: the real sprites, what networks see in them, and every measure."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from pokegan.data.augment import Augmentation
from pokegan.data.resolve import Sprites, open_sprites
from pokegan.data.transforms import flip_left_right
from pokegan.errors import PokeGANError
from pokegan.metrics.craft import craft
from pokegan.metrics.diversity import (
    collapse_ratio,
    duplicate_threshold,
    mean_distance_within,
    mean_pairwise_distance,
)
from pokegan.metrics.features import (
    FeatureNetwork,
    cached_features,
    content_hash,
    feature_network,
)
from pokegan.metrics.fidelity import (
    density_coverage,
    frechet_distance,
    kernel_distance,
    precision_recall,
)
from pokegan.metrics.image_set import ImageSet, RealSet, real_set
from pokegan.metrics.novelty import Nearest, NoveltyIndex, moved_pixels, pixel_values
from pokegan.metrics.types import TypeClassifier, TypeScores
from pokegan.seeding import derive_seed

BLUR = 4
"""The floor "blurred": real sprites made so many times smaller and enlarged again."""


@dataclass(frozen=True)
class Seen:
    """Sprites and what every network sees in them.

    Attributes:
        sprites: n of them.
        features: by name of network, float32 (n, d).
    """

    sprites: ImageSet
    features: Mapping[str, Tensor]


class Judge:
    """The real sprites that models are compared with, at the size of the models' sprites.

    Everything is on white, as on a page. Models are judged against one split; novelty always
    against what they may have been trained on, the training split, with the validation species as
    the measure, and types by a classifier that learned from the training split.

    Args:
        data: as ``--data`` takes it.
        split: "train", "validation" or "all": what fidelity and diversity are measured against.
        size: of the sprites in pixels.
        networks: names of feature networks; the first also judges types and near-duplicates.
        cache: the folder for what can be kept.

    Attributes:
        sprites, training_sprites, held_out_sprites: the datasets of the split, of training and of
            validation.
        real, training, held_out: the same, seen.

    Raises:
        PokeGANError: the data lacks a split or cannot be read; an unknown network, or one whose
            weights cannot be had.
    """

    def __init__(self, data: str, split: str, size: int, networks: Sequence[str], cache: Path):
        self.networks: list[FeatureNetwork] = [feature_network(name) for name in networks]
        self._cache = cache
        self.sprites: Sprites = open_sprites(data, split)
        self.training_sprites = open_sprites(data, "train")
        self.held_out_sprites = open_sprites(data, "validation")
        self.training = self._known(real_set(self.training_sprites, size))
        self.held_out = self._known(real_set(self.held_out_sprites, size))
        whole = {"train": self.training, "validation": self.held_out}
        self.real = whole.get(split) or self._known(real_set(self.sprites, size))

    @property
    def key(self) -> str:
        """Hash of the split's sprites at this size and of the networks."""
        names = [f"{network.name} {network.key}" for network in self.networks]
        parts = [content_hash(self.real.sprites.images), *names]
        return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:16]

    @property
    def first(self) -> FeatureNetwork:
        """The network that judges types and near-duplicates."""
        return self.networks[0]

    # ---- looking ------------------------------------------------------------------------------

    def look(self, sprites: ImageSet) -> Seen:
        """Run every network over some sprites, once for all measures.

        Raises:
            ValueError: sprites of another size than the judge's.
        """
        if sprites.size != self.real.sprites.size:
            raise ValueError(f"sprites of {sprites.size} px, judge of {self.real.sprites.size} px")
        return Seen(sprites, {n.name: n(sprites.images) for n in self.networks})

    def _known(self, sprites: RealSet) -> Seen:
        """The same for real sprites, from the cache where they were seen before."""
        return Seen(sprites, self._cached(sprites.images))

    def _cached(self, images: Tensor) -> dict[str, Tensor]:
        return {n.name: cached_features(n, images, self._cache) for n in self.networks}

    # ---- measuring ----------------------------------------------------------------------------

    def measure(self, seen: Seen, seed: int = 0) -> dict[str, float]:
        """Every measure of one set of sprites, by name.

        Names end in ``@N``, the number of sprites, where the value depends on it.

        Args:
            seen: what :meth:`look` gave.
            seed: of KID's subsets.

        Returns:
            Fidelity, diversity, type accuracy (where the sprites have labels), novelty and craft.
        """
        values = self.fidelity(seen, self.real, seed) | self.diversity(seen)
        if seen.sprites.labels is not None:
            values |= self._types(seen)
        nearest, count = self.nearest(seen), len(seen.sprites)
        values[f"novelty@{count}"] = nearest.novel.double().mean().item()
        for space in nearest.distances:
            new = self.novelty.is_novel_in(space, nearest.distances[space])
            values[f"novelty_{_underscored(space)}@{count}"] = new.double().mean().item()
        return values | mean_craft(seen.sprites.images)

    def quick(self, seen: Seen) -> dict[str, float]:
        """The few measures that are worth their time during a training.

        FD and KID in every network, KID to the validation split as well, mean pairwise distance
        as a share of the real sprites' in the first, and novelty.
        """
        count, values = len(seen.sprites), {}
        for network in self.networks:
            own, real = (s.features[network.name] for s in (seen, self.real))
            held_out = self.held_out.features[network.name]
            suffix = f"{network.metric_name}@{count}"
            values[f"fd_{suffix}"] = frechet_distance(real, own)
            values[f"kid_{suffix}"] = kernel_distance(real, own).mean
            values[f"kid_validation_{suffix}"] = kernel_distance(held_out, own).mean
        first = self.first
        share = mean_pairwise_distance(seen.features[first.name]) / self._real_diversity
        values[f"diversity_share_{first.metric_name}"] = share
        values[f"novelty@{count}"] = self.nearest(seen).novel.double().mean().item()
        return values

    @cached_property
    def _real_diversity(self) -> float:
        return mean_pairwise_distance(self.real.features[self.first.name])

    def fidelity(self, seen: Seen, real: Seen, seed: int = 0) -> dict[str, float]:
        """FD, KID, precision, recall, density and coverage in every network.

        Args:
            seen: the sprites to judge.
            real: the sprites to judge them by.
            seed: of KID's subsets.
        """
        values = {}
        for network in self.networks:
            a, b = real.features[network.name], seen.features[network.name]
            kid = kernel_distance(a, b, seed)
            precision, recall = precision_recall(a, b)
            density, coverage = density_coverage(a, b)
            own = {
                "fd": frechet_distance(a, b),
                "kid": kid.mean,
                "kid_deviation": kid.deviation,
                "precision": precision,
                "recall": recall,
                "density": density,
                "coverage": coverage,
            }
            suffix = f"{network.metric_name}@{len(seen.sprites)}"
            values |= {f"{name}_{suffix}": value for name, value in own.items()}
        return values

    def diversity(self, seen: Seen) -> dict[str, float]:
        """Mean pairwise distances in every network, over all sprites and within labels, and the
        collapse ratio in the first. Of real sprites, labels are the type groups."""
        sprites, values = seen.sprites, {}
        labels = sprites.labels_for("group") if isinstance(sprites, RealSet) else sprites.labels
        for network in self.networks:
            own = seen.features[network.name]
            values[f"diversity_{network.metric_name}"] = mean_pairwise_distance(own)
            if labels is not None:
                within = mean_distance_within(own, labels)
                values[f"diversity_within_types_{network.metric_name}"] = within
        ratio = collapse_ratio(seen.features[self.first.name], self._duplicates)
        return values | {f"collapse_{self.first.metric_name}": ratio}

    @cached_property
    def _duplicates(self) -> float:
        return duplicate_threshold(
            self.training.features[self.first.name], self.training.sprites.species
        )

    # ---- types --------------------------------------------------------------------------------

    def classifier(self, conditioning: str) -> tuple[TypeClassifier, TypeScores]:
        """What tells types apart, and how well it does on held-out species."""
        if conditioning not in self._classifiers:
            labels = self.training.sprites.labels_for(conditioning)
            classifier = TypeClassifier(*self._told_by(self.training), labels, conditioning)
            scores = self._named(classifier, self.held_out, conditioning)
            self._classifiers[conditioning] = classifier, scores
        return self._classifiers[conditioning]

    @cached_property
    def _classifiers(self) -> dict[str, tuple[TypeClassifier, TypeScores]]:
        return {}

    def _told_by(self, seen: Seen) -> tuple[Tensor, Tensor]:
        return seen.features[self.first.name], seen.sprites.images

    def _named(self, classifier: TypeClassifier, real: Seen, conditioning: str) -> TypeScores:
        return classifier.score(*self._told_by(real), real.sprites.labels_for(conditioning))

    def type_scores(self, seen: Seen) -> TypeScores:
        """How often sprites are named what they were drawn for."""
        classifier, _ = self.classifier(seen.sprites.conditioning)
        return classifier.score(*self._told_by(seen), seen.sprites.labels)

    def _types(self, seen: Seen) -> dict[str, float]:
        conditioning, suffix = seen.sprites.conditioning, self.first.metric_name
        scores, count = self.type_scores(seen), len(seen.sprites)
        # Classification accuracy score (Ravuri and Vinyals 2019, arXiv 1905.10887): learn from
        # generated sprites, name real ones of held-out species.
        own = TypeClassifier(*self._told_by(seen), seen.sprites.labels, conditioning)
        return {
            f"type_accuracy_{suffix}@{count}": scores.top1,
            f"type_accuracy_top3_{suffix}@{count}": scores.top3,
            f"cas_{suffix}@{count}": self._named(own, self.held_out, conditioning).top1,
        }

    # ---- novelty ------------------------------------------------------------------------------

    @cached_property
    def novelty(self) -> NoveltyIndex:
        """The training sprites and their mirror images, with held-out ones as the measure."""
        images = self.training.sprites.images
        mirrored = flip_left_right(images)
        features = self._cached(mirrored)
        training = {
            name: torch.cat([own, features[name]]) for name, own in self.training.features.items()
        }
        training["pixels"] = torch.cat([pixel_values(images), pixel_values(mirrored)])
        return NoveltyIndex(training, _spaces(self.held_out))

    def nearest(self, seen: Seen) -> Nearest:
        """The training sprites nearest to some sprites."""
        return self.novelty.look_up(_spaces(seen))

    # ---- the measure of measures --------------------------------------------------------------

    def real_values(self, conditioning: str | None) -> dict[str, float]:
        """What real sprites themselves get where a measure is not a distance to them.

        Craft and diversity of the split; type accuracy of held-out species, by the same classifier
        that judges the models; all in the names that models' values have, less ``@N``.
        """
        values = self.diversity(self.real) | mean_craft(self.real.sprites.images)
        if conditioning is not None:
            _, scores = self.classifier(conditioning)
            suffix = self.first.metric_name
            values[f"type_accuracy_{suffix}"] = values[f"cas_{suffix}"] = scores.top1
            values[f"type_accuracy_top3_{suffix}"] = scores.top3
        held_out = self.nearest(self.held_out)
        return values | {"novelty": held_out.novel.double().mean().item()}

    def floors(self, samples: int, seed: int = 0) -> dict[str, dict[str, float]]:
        """Fidelity of what is known: what good and bad values look like.

        Args:
            samples: how many images of noise.
            seed: of all chance.

        Returns:
            By name: "halves", one half of the real species against the other; "augmented", each
            real sprite sheared, rotated, turned, cropped or recoloured, or left as it is;
            "blurred", real sprites made four times smaller and enlarged again; "noise", pixels of
            even chance.
        """
        generator = torch.Generator().manual_seed(derive_seed(seed, "floors"))
        real = self.real.sprites
        species = real.species.unique()
        if len(species) < 2:
            raise PokeGANError("the real sprites are of one species; there are no two halves")
        chosen = species[torch.randperm(len(species), generator=generator)[: len(species) // 2]]
        inside = torch.isin(real.species, chosen)
        one, other = (self._part(rows.nonzero()[:, 0]) for rows in (inside, ~inside))
        noise = torch.randint(
            0, 256, (samples, 3, real.size, real.size), generator=generator, dtype=torch.uint8
        )
        changed = {
            "augmented": _augmented(real.images, generator),
            "blurred": _blurred(real.images),
            "noise": noise,
        }
        return {"halves": self.fidelity(one, other, seed)} | {
            name: self.fidelity(self.look(ImageSet(images)), self.real, seed)
            for name, images in changed.items()
        }

    def _part(self, rows: Tensor) -> Seen:
        features = {name: own[rows] for name, own in self.real.features.items()}
        return Seen(self.real.sprites[rows], features)


def _spaces(seen: Seen) -> dict[str, Tensor]:
    """Float (n, k, d) by space, as :class:`NoveltyIndex` takes them."""
    spaces = {name: own[:, None] for name, own in seen.features.items()}
    return spaces | {"pixels": moved_pixels(seen.sprites.images)}


def _underscored(name: str) -> str:
    return name.replace("-", "_")


def mean_craft(images: Tensor) -> dict[str, float]:
    """Means of :class:`pokegan.metrics.craft.Craft` over images, uint8 (n, 3, S, S)."""
    measures = [asdict(craft(image.numpy())) for image in images.permute(0, 2, 3, 1)]
    return {name: sum(m[name] for m in measures) / len(measures) for name in measures[0]}


def _augmented(images: Tensor, generator: torch.Generator) -> Tensor:
    def uniform(stream: str, *shape: int) -> Tensor:
        return torch.rand(len(images), *shape, generator=generator)

    changed = Augmentation(six=True)(images.float() / 127.5 - 1, uniform)
    return ((changed + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def _blurred(images: Tensor) -> Tensor:
    small = interpolate(images.float(), scale_factor=1 / BLUR, mode="area")
    large = interpolate(small, images.shape[2:], mode="bilinear")
    return large.round().clamp(0, 255).to(torch.uint8)
