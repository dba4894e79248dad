"""Loading models and datasets from a Hub that fails in every way: one clear line, or the whole."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from hub_repos import File
from hub_server import NO_ANSWER, Response, cut, damaged, shortened
from model_folder import write_model_folder

import pokegan
from pokegan.data.build import build_dataset
from pokegan.data.resolve import open_sprites


@dataclass(frozen=True)
class Kind:
    """What is stored under ``ada/thing``, and how it is loaded: ``digest`` tells copies apart."""

    name: str
    large: str
    small: str

    def load(self, source="ada/thing", revision=None):
        if self.name == "models":
            return pokegan.load(source, revision=revision)
        return open_sprites(f"{source}@{revision}" if revision else str(source), "all")

    def digest(self, *source, **options):
        loaded = self.load(*source, **options)
        if self.name == "models":
            return loaded.sample(1, output="tensor").numpy().tobytes()
        return loaded.fingerprint()

    def put(self, hub, folder, owner="ada", private=False):
        """Commit the files of a folder to ``ada/thing``; returns the commit."""
        from hub_repos import Repo

        repo = hub.repos.setdefault(
            (self.name, "ada/thing"), Repo(self.name, "ada/thing", owner, private)
        )
        files = {
            path.relative_to(folder).as_posix(): File(path.read_bytes(), path.suffix in LARGE)
            for path in Path(folder).rglob("*")
            if path.is_file()
        }
        hub.lfs |= {file.sha256: file.data for file in files.values() if file.lfs}
        return repo.add_commit("main", files, "put", "", owner).sha


LARGE = (".safetensors", ".parquet")
KINDS = {
    "models": Kind("models", "model.safetensors", "config.json"),
    "datasets": Kind("datasets", "data/train-00000-of-00001.parquet", "README.md"),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Two versions of a model and of a dataset."""
    base = tmp_path_factory.mktemp("things")
    for version in (1, 2):
        write_model_folder(base / f"models {version}")
        build_dataset(
            f"synthetic:{10 + 10 * version}", base / f"datasets {version}", progress=False
        )
    return base


@pytest.fixture(params=KINDS)
def thing(request, the_hub, folders):
    """A kind of repository of which the first version is on the Hub."""
    kind = KINDS[request.param]
    kind.put(the_hub, folders / f"{kind.name} 1")
    return kind


PLACES = {
    "the listing": ("GET", "/api/.*/revision/|/api/[^/]+/[^/]+/[^/]+$"),
    "HEAD of the small file": ("HEAD", r"/resolve/.*(config\.json|README\.md)$"),
    "GET of the small file": ("GET", r"/resolve/.*(config\.json|README\.md)$"),
    "HEAD of the large file": ("HEAD", r"/resolve/.*\.(safetensors|parquet)$"),
    "GET of the large file": ("GET", "/lfs/"),
}
BROKEN = "the connection to the Hub failed"
FAILURES = {
    "401": (lambda right: Response(401), "the Hub does not accept the token"),
    "403": (lambda right: Response(403), "the token may not read there"),
    "404": (lambda right: Response(404), "the Hub has no such repository or file"),
    "429": (lambda right: Response(429), "too many requests to the Hub; try again later"),
    "500": (lambda right: Response(500), "the Hub failed with status 500; try again later"),
    "503": (lambda right: Response(503), "the Hub failed with status 503; try again later"),
    "no answer": (lambda right: NO_ANSWER, BROKEN),
    "cut": (cut, BROKEN),
    "shortened": (shortened, "Consistency check failed"),
    "damaged": (damaged, "arrived damaged twice"),
    "a proxy's page": (lambda right: Response(200, b"<html>log in</html>"), BROKEN),
}
PASSING = [failure for failure in FAILURES if failure not in ("401", "403", "404")]
BODIES = ("cut", "shortened", "damaged")
CASES = [
    (place, failure)
    for place in PLACES
    for failure in FAILURES
    if failure not in (*BODIES, "a proxy's page") or (failure in BODIES and "GET" in place)
] + [("the listing", "cut"), ("the listing", "a proxy's page")]


def fail(hub, place, spoil, times=10**9):
    """Spoil the first answers of a place; returns the spoilt requests."""
    method, pattern = PLACES[place]
    spoilt = []

    def fault(request):
        if request.method == method and re.search(pattern, request.path) and len(spoilt) < times:
            spoilt.append(request)
            return spoil(hub.handle(request))
        return None

    hub.fault = fault
    return spoilt


@pytest.mark.parametrize(("place", "failure"), CASES)
def test_a_failure_that_stays_is_one_line_and_leaves_nothing_half(
    the_hub, thing, folders, place, failure
):
    spoil, message = FAILURES[failure]
    spoilt = fail(the_hub, place, spoil)
    with pytest.raises(pokegan.PokeGANError) as caught:
        thing.digest()
    assert spoilt
    line = str(caught.value)
    assert line.startswith("ada/thing: ")
    assert message in line
    assert "\n" not in line
    if failure not in PASSING:
        assert the_hub.pauses == []
    # Nothing half is taken for the whole when the Hub is away ...
    the_hub.fault = lambda request: Response(503)
    with pytest.raises(pokegan.PokeGANError, match="status 503"):
        thing.load()
    # ... nor stands in the way of the whole when it is back.
    the_hub.fault = None
    assert thing.digest() == thing.digest(folders / f"{thing.name} 1")


@pytest.mark.parametrize(("place", "failure"), [case for case in CASES if case[1] in PASSING])
def test_a_failure_that_passes_is_outlasted(the_hub, thing, folders, place, failure):
    spoilt = fail(the_hub, place, FAILURES[failure][0], times=1)
    assert thing.digest() == thing.digest(folders / f"{thing.name} 1")
    assert len(spoilt) == 1
    assert sum(the_hub.pauses) <= 2
