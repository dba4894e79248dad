"""Codes that gradient descent brings nearer to their images."""

import pytest
import torch

from pokegan.data.transforms import on_white_with_alpha
from pokegan.models.inversion import refine


def plain(code):
    """An image of one colour, (1, d, 5, 5)."""
    return code[:, :, None, None].expand(-1, -1, 5, 5)


def error(draw, code, image):
    return (on_white_with_alpha(draw(code)) - on_white_with_alpha(image)).abs().mean()


def test_the_nearest_plain_colour_is_the_median():
    """The mean, which an encoder would give, is the nearest by squares."""
    image = torch.rand(1, 3, 5, 5) ** 3
    start = image.mean((2, 3))
    found = refine(plain, start, image, 200)
    median = image.flatten(2).median(2).values
    torch.testing.assert_close(found, median, atol=2e-3, rtol=0)
    assert not torch.allclose(start, median, atol=2e-3)


def test_hidden_colours_do_not_count():
    """RGBA: what lies under full transparency pulls at nothing but alpha."""
    image = torch.full((1, 4, 5, 5), -1.0)
    found = refine(plain, torch.zeros(1, 4), image, 200)
    assert found[0, 3] < -0.95
    other = image.clone()
    other[:, :3] = 0.7
    assert torch.equal(refine(plain, torch.zeros(1, 4), other, 200), found)


@pytest.mark.parametrize("steps", [0, 1, 3, 40])
def test_no_code_is_farther_than_the_first(steps):
    """Even where a step leads away: here, any step leaves the narrow valley of the start."""
    image = torch.zeros(1, 3, 5, 5)

    def narrow(code):
        return plain((code * 50).sin())

    for start in (torch.zeros(1, 3), torch.tensor([[0.3, -0.2, 0.5]])):
        assert error(narrow, refine(narrow, start, image, steps), image) <= error(
            narrow, start, image
        )
    assert torch.equal(refine(narrow, torch.zeros(1, 3), image, steps), torch.zeros(1, 3))


def test_what_cannot_be_drawn_leaves_the_code():
    start = torch.tensor([[0.5, 0.5, 0.5]])
    assert torch.equal(refine(lambda code: plain(code / 0), start, plain(start), 5), start)


def test_it_works_where_gradients_are_off():
    image = torch.rand(1, 3, 5, 5)
    for mode in (torch.no_grad(), torch.inference_mode()):
        with mode:
            start = torch.zeros(1, 3) + 0
            found = refine(plain, start, image + 0, 30)
        assert error(plain, found, image) < error(plain, torch.zeros(1, 3), image)
        assert not found.requires_grad
