import pytest
import torch

from pokegan import PokeGANError
from pokegan.models.interpolation import slerp


def close(a, b):
    torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def angles(latents):
    return torch.nn.functional.cosine_similarity(latents[:-1], latents[1:]).clamp(-1, 1).acos()


@pytest.mark.parametrize("steps", [2, 3, 8])
def test_the_ends_are_exact(steps):
    a, b = torch.randn(16), torch.randn(16)
    latents = slerp(a, b, steps)
    assert latents.shape == (steps, 16)
    assert latents.dtype == torch.float32
    assert torch.equal(latents[0], a)
    assert torch.equal(latents[-1], b)


def test_a_quarter_circle():
    latents = slerp(torch.tensor([2.0, 0.0]), torch.tensor([0.0, 2.0]), 3)
    close(latents[1], torch.tensor([2.0, 2.0]) / 2**0.5)


def test_equal_norms_are_kept_and_the_angle_grows_evenly():
    a, b = torch.randn(2, 64).mul(5).renorm(2, 0, 7.0)
    latents = slerp(a, b, 9)
    close(latents.norm(dim=1), torch.full((9,), 7.0))
    close(angles(latents), angles(torch.stack([a, b])).expand(8) / 8)


def test_unequal_norms_change_linearly():
    a, b = torch.randn(5), torch.randn(5) * 3
    close(slerp(a, b, 5).norm(dim=1), torch.lerp(a.norm(), b.norm(), torch.linspace(0, 1, 5)))


def test_the_way_back_is_the_same_way():
    a, b = torch.randn(2, 6)
    close(slerp(a, b, 7), slerp(b, a, 7).flip(0))


@pytest.mark.parametrize("factor", [1.0, 3.0, 0.0])
def test_parallel_and_zero_ends_give_the_straight_line(factor):
    a = torch.randn(6)
    line = torch.lerp(a, a * factor, torch.linspace(0, 1, 5)[:, None])
    close(slerp(a, a * factor, 5), line)
    close(slerp(a * factor, a, 5), line.flip(0))


def test_two_zeros_stay_zero():
    assert torch.equal(slerp(torch.zeros(3), torch.zeros(3), 4), torch.zeros(4, 3))


@pytest.mark.parametrize("dimensions", [2, 3, 40])
def test_opposite_ends_turn_by_half_a_circle(dimensions):
    a = torch.randn(dimensions)
    latents = slerp(a, -a, 5)
    close(latents.norm(dim=1), a.norm().expand(5))
    close(angles(latents), torch.full((4,), torch.pi / 4))


def test_in_one_dimension_opposite_ends_meet_in_zero():
    close(slerp(torch.tensor([1.0]), torch.tensor([-1.0]), 3), torch.tensor([[1.0], [0.0], [-1.0]]))


@pytest.mark.parametrize("steps", [1, 0, -3, 2.5, True])
def test_too_few_steps_are_refused(steps):
    with pytest.raises(PokeGANError, match="steps must be an integer of at least 2"):
        slerp(torch.zeros(3), torch.zeros(3), steps)


@pytest.mark.parametrize("shapes", [((3,), (4,)), ((1, 3), (1, 3)), ((), ())])
def test_unfit_shapes_are_refused(shapes):
    with pytest.raises(PokeGANError, match="must be of one shape"):
        slerp(*(torch.zeros(shape) for shape in shapes), 3)
