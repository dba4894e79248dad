import pytest
import torch
from play import FixedNoise, batch_of, play
from torch import nn

from pokegan.objectives.diffusion import Diffusion, velocity_error


class Denoiser(nn.Module):
    conditioning = "group"
    timesteps = 10

    def __init__(self, answer):
        super().__init__()
        self.answer, self.seen = answer, []

    def add_noise(self, images, noise, times):
        return images + times[:, None] * noise

    def velocity(self, images, noise, times):
        return 2 * noise - images

    def predict_velocity(self, noisy, times, labels):
        self.seen.append((noisy, times, labels))
        return self.answer


def test_the_denoiser_is_asked_for_the_velocity():
    images, added = torch.ones(4, 2), torch.arange(8.0).view(4, 2)
    shares = torch.tensor([0.0, 0.09, 0.5, 0.999])
    denoiser = Denoiser(torch.zeros(4, 2))
    noise = FixedNoise(streams={"noise": added, "time": shares})
    (turn,) = play(Diffusion(), {"denoiser": denoiser}, batch_of(images, 5), noise)
    ((noisy, times, labels),) = denoiser.seen
    assert times.tolist() == [0, 0, 5, 9]
    assert torch.equal(noisy, images + times[:, None] * added)
    assert labels.tolist() == [5] * 4
    assert turn.loss.item() == pytest.approx((2 * added - images).square().mean().item())


def test_the_right_answer_costs_nothing():
    added = torch.randn(4, 2)
    noise = FixedNoise(streams={"noise": added})
    images = torch.ones(4, 2)
    networks = {"denoiser": Denoiser(2 * added - images)}
    noise.streams["time"] = torch.zeros(4)
    (turn,) = play(Diffusion(), networks, batch_of(images), noise)
    assert turn.loss.item() == 0
    assert velocity_error(added + 2, added).item() == pytest.approx(4)
