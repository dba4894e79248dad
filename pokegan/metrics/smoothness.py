"""How evenly a generator's sprites change on the way from one latent to another."""

import torch
from torch import Tensor
from torch.nn.functional import normalize
from torch_fidelity import register_sample_similarity
from torch_fidelity.generative_model_base import GenerativeModelBase
from torch_fidelity.metric_ppl import KEY_METRIC_PPL_RAW, calculate_ppl
from torch_fidelity.sample_similarity_base import SampleSimilarityBase

from pokegan.metrics.features import feature_network
from pokegan.metrics.image_set import on_white_page
from pokegan.models.base import CHUNK, SpriteModel
from pokegan.models.conditioning import CLASSES, labels_of_classes

EPSILON = 1e-2
"""Share of the way between two latents that is one step."""

SIMILARITY = "sprite-feature-distance"


def perceptual_path_length(model: SpriteModel, network: str, pairs: int, seed: int = 0) -> float:
    """Perceptual path length (Karras et al. 2019, arXiv 1812.04948, section 4.1), in latent space.

    The squared distance between the sprites of a latent and of one ``EPSILON`` of the way to
    another (on a great circle), divided by ``EPSILON²``, as a median over pairs: a mean would
    follow a few jumps. The distance is that of a network's features, scaled to length 1. A path
    that jumps from one sprite to another is long; so is that of a model with more variety, so read
    it beside diversity.

    Args:
        model: the generator; labels of a type-conditional one are chosen evenly.
        network: the name of a feature network.
        pairs: of latents.
        seed: of latents and labels.
    """
    classes = len(CLASSES.get(model.conditioning, ()))
    values = calculate_ppl(
        1,
        input1=_Generator(model),
        input1_model_num_samples=pairs,
        input1_model_z_size=model.latent_dim,
        input1_model_num_classes=classes,
        ppl_epsilon=EPSILON,
        ppl_reduction="none",
        ppl_sample_similarity=SIMILARITY,
        ppl_z_interp_mode="slerp_any",
        ppl_discard_percentile_lower=None,
        ppl_discard_percentile_higher=None,
        feature_extractor=network,
        rng_seed=seed,
        batch_size=CHUNK,  # so that what comes before and after fills one chunk of the network
        cuda=False,
        verbose=False,
    )
    return torch.from_numpy(values[KEY_METRIC_PPL_RAW]).median().item()


class _Generator(GenerativeModelBase):
    def __init__(self, model: SpriteModel):
        super().__init__()
        self._model = model

    @property
    def z_size(self) -> int:
        return self._model.latent_dim

    @property
    def z_type(self) -> str:
        return "normal"

    @property
    def num_classes(self) -> int:
        return len(CLASSES.get(self._model.conditioning, ()))

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """float (n, channels, S, S) in [-1, 1]: small steps must not be rounded away."""
        if labels is not None:
            labels = labels_of_classes(labels, self._model.conditioning)
        return self._model.draw(latents.float(), labels)


class _FeatureDistance(SampleSimilarityBase):
    def __init__(self, name: str, feature_extractor: str, **kwargs):
        super().__init__(name)
        self._network = feature_network(feature_extractor)

    def forward(self, before: Tensor, after: Tensor) -> Tensor:
        """Squared distances (n,) of sprites (n, channels, S, S) in [-1, 1]."""
        images = on_white_page(torch.cat([before, after]))
        a, b = normalize(self._network(images).double()).chunk(2)
        return (a - b).square().sum(1)


register_sample_similarity(SIMILARITY, _FeatureDistance)
