import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import interpolate
from torch.utils.data import Dataset
from torch_fidelity import calculate_metrics

from pokegan import PokeGANError
from pokegan.data.quality_features import efficientnet_lite0
from pokegan.metrics import features as features_module
from pokegan.metrics.features import (
    DEFAULT_NETWORKS,
    FeatureNetwork,
    cached_features,
    content_hash,
    feature_network,
)
from pokegan.metrics.fidelity import frechet_distance, kernel_distance


def noise(n: int, size: int = 64, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, 3, size, size), generator=generator, dtype=torch.uint8)


@pytest.mark.parametrize(
    ("name", "dimensions"), [("efficientnet-lite0", 1280), ("sprite-net", 192)]
)
def test_features_do_not_depend_on_the_batch(name, dimensions):
    network, images = feature_network(name), noise(34)
    together = network(images)
    assert together.shape == (34, dimensions)
    assert together.dtype == torch.float32
    assert torch.equal(together[[0, 33]], torch.cat([network(images[:1]), network(images[33:])]))


@pytest.mark.parametrize("name", DEFAULT_NETWORKS)
def test_images_of_any_size_are_taken(name):
    def blue(size: int, level: int = 200) -> Tensor:
        image = torch.zeros(1, 3, size, size, dtype=torch.uint8)
        image[:, 2] = level
        return feature_network(name)(image)

    assert torch.allclose(blue(16), blue(64), atol=1e-3)
    assert (blue(16, 100) - blue(64)).norm() > 0.1


def test_folding_the_norms_changes_nothing_but_the_last_digits():
    extractor = features_module.NETWORKS["efficientnet-lite0"]()
    pixels = (noise(2, features_module.LITE0_SIDE).float() - 127) / 128
    with torch.no_grad():
        plain = efficientnet_lite0().extract_features(pixels)
        folded = extractor.model.extract_features(pixels)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in extractor.modules())
    assert (folded - plain).abs().max() < 1e-3 * plain.abs().max()


def test_the_fast_way_moves_no_metric_by_half_a_percent():
    a, b = noise(24, seed=1), noise(24, seed=2) // 2
    network, plain = feature_network("efficientnet-lite0"), efficientnet_lite0()

    def slowly(images: Tensor) -> Tensor:
        side = features_module.LITE0_SIDE
        pixels = interpolate(images.float(), (side, side), mode="bilinear", antialias=True)
        with torch.no_grad():
            return plain.extract_features((pixels - 127) / 128).mean((2, 3))

    fast, slow = [network(a), network(b)], [slowly(a), slowly(b)]
    assert frechet_distance(*fast) == pytest.approx(frechet_distance(*slow), rel=0.005)
    assert kernel_distance(*fast).mean == pytest.approx(kernel_distance(*slow).mean, rel=0.005)


class Images(Dataset):
    def __init__(self, images: Tensor):
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        return self.images[index]


def test_torch_fidelity_knows_the_networks_and_agrees():
    a, b = noise(40, seed=1), noise(40, seed=2) // 2
    values = calculate_metrics(
        input1=Images(b),
        input2=Images(a),
        fid=True,
        kid=True,
        kid_subset_size=40,
        kid_subsets=1,
        feature_extractor="sprite-net",
        cuda=False,
        cache=False,
        save_cpu_ram=True,
        verbose=False,
    )
    network = feature_network("sprite-net")
    fd = frechet_distance(network(a), network(b))
    assert values["frechet_inception_distance"] == pytest.approx(fd, rel=1e-3)
    kid = kernel_distance(network(a), network(b)).mean
    assert values["kernel_inception_distance_mean"] == pytest.approx(kid, rel=1e-3)


@pytest.mark.parametrize("name", DEFAULT_NETWORKS)
def test_channels_last_moves_no_metric_by_half_a_percent(name):
    network = feature_network(name)
    plain = FeatureNetwork(name, features_module.NETWORKS[name]())
    plain._extractor.to(memory_format=torch.contiguous_format)
    a, b = noise(12, seed=1), noise(12, seed=2) // 2
    there, here = (frechet_distance(n(a), n(b)) for n in (plain, network))
    assert here == pytest.approx(there, rel=0.005)


def test_features_are_kept_by_the_content_of_the_images(tmp_path, monkeypatch):
    network, images = feature_network("sprite-net"), noise(3)
    made = cached_features(network, images, tmp_path)
    looks = []
    monkeypatch.setattr(
        network, "_extractor", lambda chunk: looks.append(1) or (torch.zeros(32, 192),)
    )
    assert torch.equal(cached_features(network, images.clone(), tmp_path), made)
    assert looks == []
    cached_features(network, noise(3, seed=1), tmp_path)
    assert looks == [1]


def test_a_damaged_cache_is_made_anew(tmp_path):
    network, images = feature_network("sprite-net"), noise(3)
    made = cached_features(network, images, tmp_path)
    (path,) = (tmp_path / "features").iterdir()
    for damage in (b"", path.read_bytes()[:-10]):
        path.write_bytes(damage)
        assert torch.equal(cached_features(network, images, tmp_path), made)
    save_file({"features": made[:1]}, path)
    assert torch.equal(cached_features(network, images, tmp_path), made)


def test_a_cache_that_cannot_be_written_costs_no_result(tmp_path):
    (tmp_path / "features").write_text("a file where a folder should be")
    network = feature_network("sprite-net")
    assert cached_features(network, noise(3), tmp_path).shape == (3, 192)


def test_the_key_follows_the_weights():
    network = feature_network("sprite-net")
    extractor = features_module.NETWORKS["sprite-net"]()
    assert FeatureNetwork("sprite-net", extractor).key == network.key
    extractor.model.stem.bias += 1
    assert FeatureNetwork("sprite-net", extractor).key != network.key


def test_the_hash_tells_shapes_apart():
    images = torch.zeros(2, 3, 4, 4, dtype=torch.uint8)
    assert content_hash(images) == content_hash(images.clone())
    assert content_hash(images) != content_hash(images.view(2, 3, 2, 8))


def test_an_unknown_network_is_one_line():
    with pytest.raises(PokeGANError, match="unknown feature network 'incepton'; did you mean"):
        feature_network("incepton")


def test_without_internet_inception_is_one_clear_line(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    nowhere = "http://127.0.0.1:9/weights-inception-2015-12-05-6726825d.pth"
    monkeypatch.setattr(features_module, "URL_INCEPTION_V3", nowhere)
    with pytest.raises(PokeGANError, match="inception: its weights cannot be fetched") as error:
        feature_network("inception")
    assert "\n" not in str(error.value)
    assert "--features efficientnet-lite0,sprite-net" in str(error.value)


def test_inception_weights_that_are_more_than_tensors_are_never_loaded(tmp_path, monkeypatch):
    class Anything:
        def __reduce__(self):
            return print, ("code of the file was run",)

    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.save(Anything(), folder / "weights-inception-2015-12-05-6726825d.pth")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(PokeGANError, match="holds more than tensors, so it is not loaded") as error:
        feature_network("inception")
    assert "\n" not in str(error.value)


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match=r"expected \(n, 3, S, S\), got \(2, 4, 8, 8\)"):
        feature_network("sprite-net")(torch.zeros(2, 4, 8, 8, dtype=torch.uint8))
