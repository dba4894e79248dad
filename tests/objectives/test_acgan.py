import pytest
import torch
from play import FixedNoise, batch_of, play
from torch import nn
from torch.nn import functional as F

from pokegan import PokeGANError
from pokegan.objectives.acgan import ACAEGAN, ACGAN

SOURCE = torch.tensor([0.5, -1.0, 2.0, 0.0])
CLASSES = torch.randn(4, 13, generator=torch.Generator().manual_seed(1))
LABELS = torch.tensor([3, 1, 4, 12])


class Classifier(nn.Module):
    """Says the same of every image."""

    classifies = "group"

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(1.0))

    def forward(self, images):
        return self.weight * SOURCE[: len(images)], self.weight * CLASSES[: len(images)]


class Generator(nn.Module):
    latent_dim = 2
    conditioning = "group"

    def forward(self, latents, labels):
        return latents


def errors(target):
    source = F.binary_cross_entropy_with_logits(SOURCE, torch.full((4,), target))
    return source.item(), F.cross_entropy(CLASSES, LABELS).item()


@pytest.mark.parametrize(
    ("kimg", "weight"), [(0.0, 0.2), (25.0, 0.3), (50.0, 0.4), (100.0, 0.6), (1e6, 0.6)]
)
@pytest.mark.parametrize("family", [ACGAN, ACAEGAN])
def test_the_schedules_end_points_and_middle(family, kimg, weight):
    schedule = family(class_weight_start=0.2, class_weight_end=0.6, class_weight_kimg=100.0)
    assert schedule.class_weight(kimg) == pytest.approx(weight)


@pytest.mark.parametrize(("kimg", "weight"), [(0.0, 0.25), (10.0, 0.75)])
def test_losses_in_closed_form(kimg, weight):
    """D: right source and right class, of real and generated images alike; G: to be taken for
    real and for its class."""
    objective = ACGAN(class_weight_start=0.25, class_weight_end=0.75, class_weight_kimg=10.0)
    networks = {"generator": Generator(), "discriminator": Classifier()}
    noise = FixedNoise(kimg=kimg)
    discriminator, generator = play(objective, networks, batch_of(torch.zeros(4, 2), LABELS), noise)
    real, classes = errors(1.0)
    fake, _ = errors(0.0)
    expected = (1 - weight) * (real + fake) + 2 * weight * classes
    assert discriminator.loss.item() == pytest.approx(expected)
    assert generator.loss.item() == pytest.approx((1 - weight) * real + weight * classes)


def test_with_weight_0_the_classes_do_not_matter():
    objective = ACGAN(class_weight_start=0.0, class_weight_end=0.0)
    networks = {"generator": Generator(), "discriminator": Classifier()}
    _, turn = play(objective, networks, batch_of(torch.zeros(4, 2), LABELS))
    assert turn.loss.item() == pytest.approx(errors(1.0)[0])


def test_both_together():
    """The autoencoding game with class errors in image space, and there only."""

    class Same(nn.Module):
        latent_dim = 2
        conditioning = "group"

        def __init__(self):
            super().__init__()
            self.encoder = lambda images, labels: images

        def forward(self, latents, labels):
            return latents

    class Half(nn.Module):
        def forward(self, latents):
            return torch.zeros(len(latents))

    networks = {
        "autoencoder": Same(),
        "image_discriminator": Classifier(),
        "latent_discriminator": Half(),
    }
    objective = ACAEGAN(1.0, 0.0, 0.0, 0.0, class_weight_start=0.25, class_weight_end=0.25)
    turns = play(objective, networks, batch_of(torch.zeros(4, 2), LABELS))
    (real, classes), (fake, _) = errors(1.0), errors(0.0)
    assert turns[0].loss.item() == pytest.approx(0.75 * (real + fake) / 2 + 0.25 * classes)
    assert turns[2].loss.item() == pytest.approx(0.75 * real + 0.25 * classes)


@pytest.mark.parametrize(
    "settings",
    [{"class_weight_start": 1.1}, {"class_weight_end": -0.1}, {"class_weight_kimg": 0.0}],
)
@pytest.mark.parametrize("family", [ACGAN, ACAEGAN])
def test_unfit_settings_are_refused(family, settings):
    with pytest.raises(PokeGANError, match=f"objective.{next(iter(settings))}"):
        family(**settings)


def test_the_familys_own_settings_are_checked_too():
    with pytest.raises(PokeGANError, match=r"objective\.real_label"):
        ACGAN(real_label=2.0)
    with pytest.raises(PokeGANError, match=r"objective\.image_adversarial"):
        ACAEGAN(image_adversarial=-1.0)
