import pytest
import torch
from conditional import assert_every_weight_learns
from torch.nn import functional as F

from pokegan import PokeGANError
from pokegan.models.noise import share_of_batch
from pokegan.models.patchgan import (
    PatchGANClassifierDiscriminator,
    PatchGANDiscriminator,
    PatchGANProjectionDiscriminator,
)

ALL = [
    PatchGANDiscriminator,
    PatchGANProjectionDiscriminator,
    PatchGANClassifierDiscriminator,
]


def logits_of(network, images, labels):
    """All that a network says of each image, (n, k)."""
    if network.conditioning is None:
        source, classes = network(images)
        return torch.cat([source.flatten(1), classes], dim=1)
    return network(images, labels).reshape(len(images), -1)


@pytest.mark.parametrize("size", [16, 32, 64, 128])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_shapes(size, channels):
    conditioning, classes = ("type", 18) if channels == 4 else ("group", 13)
    shared = {"base_width": 8, "conditioning": conditioning, "channels": channels, "size": size}
    images, labels = torch.rand(2, channels, size, size) * 2 - 1, torch.tensor([0, classes - 1])
    patches = PatchGANDiscriminator(**shared)
    assert patches(images, labels).shape == (2, 8, 8)
    assert patches.conditioning == conditioning
    projection = PatchGANProjectionDiscriminator(**shared)
    assert projection(images, labels).shape == (2,)
    assert projection.conditioning == conditioning
    classifier = PatchGANClassifierDiscriminator(**shared)
    source, of_class = classifier(images)
    assert source.shape == (2, 8, 8)
    assert of_class.shape == (2, classes)
    assert classifier.conditioning is None
    assert classifier.classifies == conditioning


@pytest.mark.parametrize(("channels", "empty"), [(1, 1.0), (3, 1.0), (4, -1.0)])
def test_an_empty_image_leaves_every_feature_at_0(channels, empty):
    """White, or transparent: nothing that all images share outweighs what is drawn on them."""
    network = PatchGANClassifierDiscriminator(base_width=8, noise=0.0, channels=channels, size=32)
    nothing = torch.full((1, channels, 32, 32), empty)
    assert (network(nothing)[0] == 0).all()
    assert (network(-nothing)[0] != 0).any()


@pytest.mark.parametrize(("size", "patch"), [(16, 12), (32, 26), (64, 54), (128, 110)])
def test_a_patch_is_about_five_sixths_of_the_side(size, patch):
    trunk = PatchGANDiscriminator(base_width=8, noise=0.0, size=size)
    # Normalisation lets every pixel have a little influence; without it, the kernels remain.
    trunk.trunk.norms = torch.nn.ModuleList(torch.nn.Identity() for _ in trunk.trunk.norms)
    images = torch.randn(1, 3, size, size, requires_grad=True)
    trunk(images, torch.tensor([0]))[0, 3, 3].backward()
    rows = images.grad[0].abs().sum((0, 2)).nonzero().flatten()
    step = size // 8
    # Row 3 of the patches ends half a patch below its own centre; its top may be cut off.
    bottom = 3 * step + step // 2 + patch // 2
    assert rows.max() == min(bottom, size) - 1
    assert rows.min() == max(0, bottom - patch)


@pytest.mark.parametrize("network_class", ALL)
def test_noise_comes_in_training_only(network_class):
    images, labels = torch.rand(2, 3, 16, 16), torch.tensor([0, 1])
    network = network_class(base_width=8, noise=0.3, size=16)
    assert not torch.equal(*(logits_of(network, images, labels) for _ in range(2)))
    network.eval()
    assert torch.equal(*(logits_of(network, images, labels) for _ in range(2)))
    silent = network_class(base_width=8, noise=0.0, size=16)
    silent.load_state_dict(network.state_dict())
    assert torch.equal(logits_of(silent, images, labels), logits_of(network, images, labels))


def test_the_noise_before_a_convolution_has_its_deviation():
    network = PatchGANDiscriminator(base_width=8, noise=0.3, size=64)
    inputs = []
    hook = network.trunk.convolutions[0].convolution.register_forward_pre_hook
    hook(lambda module, arguments: inputs.append(arguments[0]))
    images = torch.ones(8, 3, 64, 64)  # white: the convolution sees the noise alone
    network(images, torch.zeros(8, dtype=torch.int64))
    noise = inputs[0][:, :3]
    assert abs(noise.mean()) < 0.005
    assert abs(noise.std() - 0.3) < 0.005


def test_two_processes_add_the_noise_of_one():
    network = PatchGANDiscriminator(base_width=8, size=16)
    images, labels = torch.rand(4, 3, 16, 16), torch.arange(4)
    torch.manual_seed(5)
    whole = network(images, labels)
    halves = []
    for rows in (slice(0, 2), slice(2, 4)):
        torch.manual_seed(5)
        with share_of_batch(rows, 4):
            halves.append(network(images[rows], labels[rows]))
    torch.testing.assert_close(torch.cat(halves), whole)


@pytest.mark.parametrize("network_class", ALL)
def test_a_verdict_depends_on_its_own_image_alone(network_class):
    network = network_class(base_width=8, size=16).eval()
    images, labels = torch.rand(3, 3, 16, 16), torch.arange(3)
    torch.testing.assert_close(
        logits_of(network, images, labels)[:1], logits_of(network, images[:1], labels[:1])
    )


@pytest.mark.parametrize("network_class", ALL[:2])
def test_the_verdict_depends_on_the_label(network_class):
    network = network_class(base_width=8, size=16).eval()
    logits = logits_of(network, torch.rand(1, 3, 16, 16).expand(13, -1, -1, -1), torch.arange(13))
    assert len(logits[:, 0].unique()) == 13


def test_the_projection_is_that_of_the_paper():
    network = PatchGANProjectionDiscriminator(base_width=8, features=3, size=16).eval()
    images, labels = torch.rand(4, 3, 16, 16), torch.tensor([0, 5, 5, 12])
    phi = F.leaky_relu(network.to_features(network.trunk(images)), 0.2)
    assert phi.shape == (4, 3, 8, 8)
    phi = phi.flatten(1)
    expected = [
        phi[i] @ network.embedding.weight[label]
        + phi[i] @ network.linear.weight[0]
        + network.linear.bias[0]
        for i, label in enumerate(labels)
    ]
    torch.testing.assert_close(network(images, labels), torch.stack(expected))
    network.embedding.weight.data.zero_()  # then the label says nothing
    torch.testing.assert_close(network(images, labels), network(images, labels.flip(0)))


def test_the_classifier_reads_the_mean_of_the_patches():
    network = PatchGANClassifierDiscriminator(base_width=8, size=32).eval()
    images = torch.rand(2, 3, 32, 32)
    _, classes = network(images)
    mean = network.trunk(images).flatten(2).mean(2)
    torch.testing.assert_close(classes, network.to_classes(mean))


@pytest.mark.parametrize("network_class", ALL)
@pytest.mark.parametrize("size", [16, 64])
def test_every_weight_gets_a_gradient(network_class, size):
    network = network_class(base_width=8, size=size)
    logits = logits_of(network, torch.rand(13, 3, size, size), torch.arange(13))
    assert_every_weight_learns((logits * torch.randn_like(logits)).sum(), network)


@pytest.mark.parametrize("network_class", ALL)
@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"base_width": 0}, "base_width must be an integer from 8 to 256"),
        ({"base_width": 12}, "base_width must be a multiple of 8"),
        ({"noise": -0.1}, "noise must be a number from 0 to 1, not -0.1"),
        ({"noise": float("nan")}, "noise"),
        ({"noise": True}, "noise"),
        ({"conditioning": "colour"}, "conditioning"),
        ({"channels": 2}, "channels"),
        ({"size": 8}, "size"),
    ],
)
def test_unfit_arguments_are_named(network_class, arguments, named):
    with pytest.raises(PokeGANError, match=named):
        network_class(**arguments)


def test_unfit_arguments_of_one_are_named():
    with pytest.raises(PokeGANError, match="features"):
        PatchGANProjectionDiscriminator(features=0)
    with pytest.raises(PokeGANError, match="embedding_dim"):
        PatchGANDiscriminator(embedding_dim=10)
