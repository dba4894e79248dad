"""Loading models and datasets from a Hub that fails in every way: one clear line, or the whole."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from hub_repos import File, Repo
from hub_server import NO_ANSWER, Response, cut, damaged, shortened
from huggingface_hub import constants
from model_folder import write_model_folder

import pokegan
from pokegan.data.build import build_dataset
from pokegan.data.resolve import open_sprites
from pokegan.models.base import SpriteModel


@dataclass(frozen=True)
class Kind:
    """What is stored under ``ada/thing``, and how it is loaded: ``digest`` tells copies apart."""

    name: str
    large: str
    small: str

    def load(self, source="ada/thing", *, revision=None):
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


@cache
def digest_of(kind, folder):
    return kind.digest(folder)


@pytest.fixture
def pauses(monkeypatch):
    """The seconds that would have been waited, by us and by the client; waiting takes no time."""
    slept = []
    monkeypatch.setattr("time.sleep", slept.append)
    return slept


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
    the_hub, thing, folders, pauses, place, failure
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
        assert pauses == []
    # Nothing half is taken for the whole when the Hub is away ...
    the_hub.fault = lambda request: Response(503)
    with pytest.raises(pokegan.PokeGANError, match="status 503"):
        thing.load()
    # ... nor stands in the way of the whole when it is back.
    the_hub.fault = None
    assert thing.digest() == digest_of(thing, folders / f"{thing.name} 1")


@pytest.mark.parametrize(("place", "failure"), [case for case in CASES if case[1] in PASSING])
def test_a_failure_that_passes_is_outlasted(the_hub, thing, folders, pauses, place, failure):
    spoilt = fail(the_hub, place, FAILURES[failure][0], times=1)
    assert thing.digest() == digest_of(thing, folders / f"{thing.name} 1")
    assert len(spoilt) == 1
    assert sum(pauses) <= 2


# -- what the cache is good for -------------------------------------------------------------------


def test_an_older_copy_is_served_with_a_warning_or_not_at_all(
    the_hub, thing, folders, pauses, caplog
):
    first, second = (digest_of(thing, folders / f"{thing.name} {version}") for version in (1, 2))
    assert thing.digest() == first
    commit = the_hub.repos[thing.name, "ada/thing"].branches["main"]
    thing.put(the_hub, folders / f"{thing.name} 2")
    for answer in (NO_ANSWER, Response(503), Response(429)):
        the_hub.fault = lambda request, answer=answer: answer
        caplog.clear()
        assert thing.digest() == first
        (warning,) = caplog.messages
        assert warning.startswith("ada/thing: ")
        assert warning.endswith(f"using commit {commit} from the cache")
    assert pauses == []
    for status in (401, 403, 404):
        the_hub.fault = lambda request, status=status: Response(status)
        with pytest.raises(pokegan.PokeGANError, match=r"^ada/thing: "):
            thing.load()
    the_hub.fault = None
    caplog.clear()
    assert thing.digest() == second != first
    assert caplog.messages == []


def test_a_commit_in_the_cache_needs_no_hub(the_hub, thing, folders, caplog):
    commit = the_hub.repos[thing.name, "ada/thing"].branches["main"]
    thing.put(the_hub, folders / f"{thing.name} 2")
    first = digest_of(thing, folders / f"{thing.name} 1")
    assert thing.digest(revision=commit) == first != thing.digest()
    asked = len(the_hub.log)
    assert thing.digest(revision=commit) == first
    assert len(the_hub.log) == asked
    assert caplog.messages == []


def test_loading_again_asks_once_and_downloads_nothing(the_hub, thing):
    thing.load()
    asked = len(the_hub.log)
    thing.load()
    (request,) = the_hub.log[asked:]
    assert request.path == f"/api/{thing.name}/ada/thing"


def test_offline_means_the_cache_without_a_word(the_hub, thing, caplog, monkeypatch):
    whole = thing.digest()
    asked = len(the_hub.log)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert thing.digest() == whole
    monkeypatch.setattr(constants, "HF_HUB_CACHE", f"{constants.HF_HUB_CACHE} of another")
    with pytest.raises(pokegan.PokeGANError, match=r"^ada/thing: .* not asked in offline mode$"):
        thing.load()
    assert len(the_hub.log) == asked
    assert caplog.messages == []


def test_a_file_that_was_damaged_on_the_disk_is_fetched_anew(the_hub, thing, folders, caplog):
    whole = thing.digest()
    commit = the_hub.repos[thing.name, "ada/thing"].branches["main"]
    for name in (thing.small, thing.large):
        (path,) = Path(constants.HF_HUB_CACHE).glob(f"*/snapshots/{commit}/{name}")
        path.write_bytes(damaged(Response(200, path.read_bytes())).body)
        assert thing.digest(revision=commit) == whole
        assert "damaged; removed from the cache" in caplog.text
        caplog.clear()


# -- one commit, and nothing but what is asked for ------------------------------------------------


def test_what_is_pushed_meanwhile_does_not_mix_in(the_hub, thing, folders):
    def push_in_between(request):
        if request.path.startswith("/lfs/"):
            the_hub.fault = None
            thing.put(the_hub, folders / f"{thing.name} 2")

    the_hub.fault = push_in_between
    assert thing.digest() == digest_of(thing, folders / f"{thing.name} 1")
    assert thing.digest() == digest_of(thing, folders / f"{thing.name} 2")


def test_local_files_only_means_whole_files_only(the_hub, folders):
    KINDS["models"].put(the_hub, folders / "models 1")
    for spoil in (lambda path: path.unlink(), lambda path: path.write_bytes(b"{}")):
        pokegan.load("ada/thing")
        asked = len(the_hub.log)
        SpriteModel.from_pretrained("ada/thing", local_files_only=True)
        spoil(next(Path(constants.HF_HUB_CACHE).glob("*/snapshots/*/model.safetensors")))
        with pytest.raises(pokegan.PokeGANError, match=r"^ada/thing: .* not \(or not whole\) in"):
            SpriteModel.from_pretrained("ada/thing", local_files_only=True)
        assert len(the_hub.log) == asked


def test_a_missing_revision_or_file_is_named(the_hub, thing):
    with pytest.raises(pokegan.PokeGANError, match=r"^ada/thing: .* no revision 'v9'$"):
        thing.load(revision="v9")
    repo = the_hub.repos[thing.name, "ada/thing"]
    for name in (thing.small, thing.large):
        files = {path: file for path, file in repo.resolve("main").files.items() if path != name}
        repo.add_commit("main", files, "less", "", "ada")
    with pytest.raises(pokegan.PokeGANError, match=r"^ada/thing: the repository has no file "):
        thing.load()
    assert not list(Path(constants.HF_HUB_CACHE).glob("*--ada--thing"))


def test_a_pickle_is_not_even_asked_for(the_hub, folders, tmp_path):
    write_model_folder(tmp_path / "model")
    (tmp_path / "model/model.safetensors").rename(tmp_path / "model/pytorch_model.bin")
    KINDS["models"].put(the_hub, tmp_path / "model")
    with pytest.raises(pokegan.PokeGANError, match=r"no file model\.safetensors$"):
        pokegan.load("ada/thing")
    assert not the_hub.requests("GET", "/resolve/|/lfs/")


def test_a_private_repository_is_its_owners_also_when_it_is_cached(
    the_hub, thing, folders, monkeypatch
):
    the_hub.repos[thing.name, "ada/thing"].private = True
    others = {"nobody": "", "a stranger": "hf_of_nobody", "bob": the_hub.token("bob")}

    def refused(token):
        monkeypatch.setenv("HF_TOKEN", token)
        with pytest.raises(pokegan.PokeGANError) as caught:
            thing.load()
        assert str(caught.value).startswith("ada/thing: ")
        assert "token" in str(caught.value)
        assert not token or token not in str(caught.value)

    for token in others.values():
        refused(token)
    monkeypatch.setenv("HF_TOKEN", the_hub.token("ada"))
    assert thing.digest() == digest_of(thing, folders / f"{thing.name} 1")
    for token in others.values():
        refused(token)


def test_a_dataset_of_which_a_shard_is_missing_is_not_read(the_hub, folders, pauses, tmp_path):
    kind, out = KINDS["datasets"], tmp_path / "shards"
    sprites = open_sprites(str(folders / "datasets 2"))
    (out / "data").mkdir(parents=True)
    (out / "README.md").write_text("no facts about shards here")
    for shard in range(2):
        rows = sprites.dataset.shard(2, shard)
        rows.to_parquet(str(out / f"data/train-0000{shard}-of-00002.parquet"))
    commit = kind.put(the_hub, out)
    assert len(kind.load(revision=commit)) == len(sprites)
    (shard,) = Path(constants.HF_HUB_CACHE).glob("*/snapshots/*/data/train-00001-*")
    shard.unlink()
    the_hub.fault = lambda request: Response(503)
    with pytest.raises(pokegan.PokeGANError, match="status 503"):
        kind.load(revision=commit)
    the_hub.fault = None
    files = dict(the_hub.repos["datasets", "ada/thing"].resolve("main").files)
    del files["data/train-00001-of-00002.parquet"]
    the_hub.repos["datasets", "ada/thing"].add_commit("main", files, "less", "", "ada")
    with pytest.raises(pokegan.PokeGANError, match=r"no file data/train-00001-of-00002\.parquet$"):
        kind.load()
