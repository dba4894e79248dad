"""Of repositories that may be anybody's, a bounded part is fetched, and nobody waits twice."""

from types import SimpleNamespace

import pytest

from pokegan import PokeGANError


@pytest.fixture
def hub_parts():
    import hub_parts

    return hub_parts


@pytest.fixture
def model():
    from models_index import ModelSource

    return ModelSource("ada/tiny", "ada/tiny")


@pytest.fixture
def repository(monkeypatch, hub_parts, tmp_path):
    """Files and sizes of a repository; returns what was fetched of it."""
    import huggingface_hub

    fetched = []

    def of(**sizes):
        files = [SimpleNamespace(rfilename=name, size=size) for name, size in sizes.items()]
        info = SimpleNamespace(siblings=files, sha="a" * 40)
        api = SimpleNamespace(repo_info=lambda *args, **options: info)
        monkeypatch.setattr(huggingface_hub, "HfApi", lambda **options: api)

        def fetch(repo_id, wanted, last, revision):
            fetched.append([*wanted(sizes), last])
            return tmp_path

        monkeypatch.setattr(hub_parts, "fetch_files", fetch)
        return fetched

    return of


def test_too_many_and_too_large_files_are_left_there(hub_parts, model, repository, monkeypatch):
    monkeypatch.setattr(hub_parts, "MAX_FILES", 3)
    monkeypatch.setattr(hub_parts, "MAX_FILE_BYTES", 10)
    monkeypatch.setattr(hub_parts, "MAX_BYTES", 30)
    fetched = repository(log=5, a=10, b=11, c=10, d=6, e=5, f=1)
    hub_parts.PartFetcher().folder(model, "log", lambda name: name != "f")
    assert fetched == [["a", "c", "e", "log"]]


def test_a_file_without_which_nothing_is_shown_must_be_there(hub_parts, model, repository):
    fetched = repository(a=1)
    with pytest.raises(PokeGANError, match="ada/tiny: the repository has no file log"):
        hub_parts.PartFetcher().folder(model, "log", lambda name: True)
    repository(log=hub_parts.MAX_BYTES + 1)
    with pytest.raises(PokeGANError, match="log is too large"):
        hub_parts.PartFetcher().folder(model, "log", lambda name: True)
    assert fetched == []


def test_an_answer_holds_for_a_while(hub_parts, model, repository, tmp_path):
    now = [0.0]
    fetcher = hub_parts.PartFetcher(clock=lambda: now[0])
    repository(a=1)
    for _ in range(2):
        with pytest.raises(PokeGANError):
            fetcher.folder(model, "log", lambda name: True)
        fetched = repository(log=1)  # from now on; the answer before holds
    now[0] = hub_parts.HUB_RETRY_SECONDS
    for _ in range(2):
        assert fetcher.folder(model, "log", lambda name: True) == tmp_path
    assert fetched == [["log"]]


def test_models_of_this_machine_are_not_asked_for(hub_parts, tmp_path):
    from models_index import ModelSource

    model = ModelSource("m", tmp_path)
    assert hub_parts.PartFetcher().folder(model, "log", lambda name: True) == tmp_path
