"""A label as one more image channel, for discriminators that convolve."""

from torch import Tensor, nn

from pokegan.models.checks import check_choice

DEVIATION = 0.25
"""Initial deviation of the numbers learned for a label: fainter than images, since the pattern is
the same on real and generated ones."""


class LabelPlane(nn.Module):
    """A learned embedding of each label, tiled over a plane of the image's size.

    The d numbers of the embedding form a square of √d x √d pixels that repeats over the plane, so
    a 4x4 kernel sees all 16 numbers of the default wherever it lies, and the plane has no more
    parameters for a larger image.

    Args:
        num_classes: labels.
        embedding_dim: numbers for each label: 1, 4, 16, 64 or 256, whose squares fill every image.
        size: height and width of the plane in pixels, a multiple of 16.

    Raises:
        PokeGANError: ``embedding_dim`` is none of these.
    """

    def __init__(self, num_classes: int, embedding_dim: int, size: int):
        check_embedding_dim(embedding_dim)
        super().__init__()
        self.side = {1: 1, 4: 2, 16: 4, 64: 8, 256: 16}[embedding_dim]
        self.size = size
        self.embedding = nn.Embedding(num_classes, embedding_dim)
        nn.init.normal_(self.embedding.weight, 0.0, DEVIATION)

    def forward(self, labels: Tensor) -> Tensor:
        """Map labels, int64 (n,), to planes (n, 1, size, size)."""
        square = self.embedding(labels).view(-1, 1, self.side, self.side)
        times = self.size // self.side
        return square.repeat(1, 1, times, times)


def check_embedding_dim(embedding_dim: int) -> None:
    """Refuse an embedding that does not fill an image with whole squares.

    Raises:
        PokeGANError: ``embedding_dim`` is none of 1, 4, 16, 64 and 256.
    """
    check_choice("embedding_dim", embedding_dim, (1, 4, 16, 64, 256))
