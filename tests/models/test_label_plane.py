import pytest
import torch

from pokegan import PokeGANError
from pokegan.models.label_plane import LabelPlane


@pytest.mark.parametrize("embedding_dim", [1, 4, 16, 64, 256])
@pytest.mark.parametrize("size", [16, 48, 64])
def test_every_window_of_the_square_holds_the_whole_embedding(embedding_dim, size):
    plane = LabelPlane(13, embedding_dim, size)
    labels = torch.tensor([3, 12])
    planes = plane(labels)
    assert planes.shape == (2, 1, size, size)
    side = round(embedding_dim**0.5)
    for top, left in ((0, 0), (size - side, 0), (min(3, size - side), size - side)):
        window = planes[:, 0, top : top + side, left : left + side].flatten(1)
        torch.testing.assert_close(
            window.sort(dim=1).values, plane.embedding(labels).sort(dim=1).values
        )


def test_a_plane_starts_fainter_than_images():
    planes = LabelPlane(13, 256, 64)(torch.arange(13))
    assert planes.std().item() == pytest.approx(0.25, rel=0.1)


def test_a_plane_teaches_the_embedding_of_its_label_alone():
    plane = LabelPlane(13, 16, 32)
    plane(torch.tensor([4, 4, 7])).sum().backward()
    touched = plane.embedding.weight.grad
    assert (touched[4] == 2 * 64).all()  # twice in the batch, 32 * 32 / 16 times a plane
    assert (touched[7] == 64).all()
    assert touched.count_nonzero() == 32


@pytest.mark.parametrize("embedding_dim", [0, 8, 1024, 16.5, True])
def test_an_embedding_that_does_not_fill_the_image_is_refused(embedding_dim):
    with pytest.raises(PokeGANError, match="embedding_dim must be one of 1, 4, 16, 64, 256"):
        LabelPlane(13, embedding_dim, 64)
