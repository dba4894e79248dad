"""The mapping network: from a code and a label to the numbers that style an image."""

import torch
from torch import Tensor, nn

from pokegan.models.initialisation import LEAKY_SLOPE, init_kaiming, init_linear


class MappingNetwork(nn.Module):
    """A code joined with a learned embedding of the label, through an MLP with LeakyReLU.

    The idea is StyleGAN's (Karras et al. 2019, arXiv 1812.04948, section 2). Unlike there, the code
    is not divided by its length: latents and embeddings are drawn N(0, 1), so both come at one
    scale already, and an encoder can find the latent again in the image.

    Weights are initialised so that the output starts with a mean square near 1.

    Args:
        code_dim: length of the code.
        num_classes: labels.
        style_dim: length of the output.
        hidden_dim: width of the layers between.
        layers: dense layers, at least 2; the last is linear.
        embedding_dim: numbers learned for each label.
    """

    def __init__(
        self,
        code_dim: int,
        num_classes: int,
        style_dim: int,
        hidden_dim: int,
        layers: int,
        embedding_dim: int,
    ):
        super().__init__()
        self.embedding = nn.Embedding(num_classes, embedding_dim)
        widths = [code_dim + embedding_dim, *[hidden_dim] * (layers - 1)]
        dense = []
        for width in widths[:-1]:
            dense += [nn.Linear(width, hidden_dim), nn.LeakyReLU(LEAKY_SLOPE)]
        last = nn.Linear(widths[-1], style_dim)
        self.layers = nn.Sequential(*dense, last)
        self.apply(init_kaiming)
        init_linear(last)

    def forward(self, codes: Tensor, labels: Tensor) -> Tensor:
        """Map codes (n, code_dim) and labels, int64 (n,), to styles (n, style_dim)."""
        return self.layers(torch.cat([codes, self.embedding(labels)], dim=1))
