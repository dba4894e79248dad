import json
import shutil

import pytest
from hub_server import Response
from huggingface_hub import HfApi
from metric_facts import facts
from safetensors.torch import load_file, save_file

from pokegan.errors import PokeGANError
from pokegan.hub.publish import model_files, publish_model

NO_PAUSES = (0.0, 0.0, 0.0)
FILES = {
    "README.md",
    "config.json",
    "data.json",
    "model.safetensors",
    "recipe.yaml",
    "samples.png",
    "timeline/step-00000001.png",
    "training_log.jsonl",
}


@pytest.fixture
def publish(hub, folder):
    """``publish_model`` of the folder as ada, on the local Hub."""

    def call(source=folder, repo_id="ada/tiny", **options):
        options = {"token": hub.token("ada"), "endpoint": hub.url, "pauses": NO_PAUSES} | options
        return publish_model(source, repo_id, **options)

    return call


def stored(hub, revision="main", repo_id="ada/tiny"):
    """{path: bytes} on the Hub, without the file that the Hub itself adds."""
    files = hub.repos["models", repo_id].resolve(revision).files
    return {path: file.data for path, file in files.items() if path != ".gitattributes"}


def commits(hub, repo_id="ada/tiny"):
    """Commits of ours: all but the one that creates the repository."""
    return hub.repos["models", repo_id].history("main")[:-1]


def test_one_commit_holds_the_whole_folder(hub, folder, publish):
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    url = publish()
    (commit,) = commits(hub)
    assert url == f"{hub.url}/ada/tiny/commit/{commit.sha}"
    files = stored(hub)
    assert set(files) == FILES
    for name in FILES - {"README.md"}:
        assert files[name] == (folder / name).read_bytes()
    assert b'pokegan.load("ada/tiny")' in files["README.md"]
    assert hub.repos["models", "ada/tiny"].private is False
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_run_folder_stands_for_its_model(hub, folder, publish):
    (folder.parent / "checkpoints").mkdir()
    (folder.parent / "checkpoints" / "step-1.safetensors").write_bytes(b"x")
    publish(folder.parent)
    assert set(stored(hub)) == FILES


def test_only_files_of_a_model_folder_are_sent(hub, folder, publish, caplog):
    strangers = ["pytorch_model.bin", "w.pt", "w.pth", "w.ckpt", "w.pkl", ".env", "timeline/a.pkl"]
    for name in [*strangers, "timeline/deep/a.png"]:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"secret")
    (folder / "metrics.json").write_text("{}")
    publish()
    assert set(stored(hub)) == FILES | {"metrics.json"}
    assert not any(b"secret" in request.body for request in hub.log)
    for name in strangers:
        assert name in caplog.text


def test_publishing_again_replaces_what_changed(hub, folder, publish):
    (folder / "metrics.json").write_text(json.dumps(facts()))
    publish()
    first = commits(hub)[0]
    api = HfApi(endpoint=hub.url, token=hub.token("ada"))
    api.upload_file(path_or_fileobj=b"mine", path_in_repo="NOTES.md", repo_id="ada/tiny")
    # A new model: other weights, not evaluated, another picture on the timeline.
    weights = {name: tensor + 1 for name, tensor in load_file(folder / "model.safetensors").items()}
    save_file(weights, folder / "model.safetensors")
    (folder / "metrics.json").unlink()
    (folder / "timeline/step-00000001.png").rename(folder / "timeline/step-00000002.png")
    publish()
    files = stored(hub)
    new_name = {"timeline/step-00000002.png"}
    assert set(files) == (FILES - {"timeline/step-00000001.png"}) | new_name | {"NOTES.md"}
    assert files["model.safetensors"] == (folder / "model.safetensors").read_bytes()
    assert b"Not evaluated yet." in files["README.md"]
    assert len(commits(hub)) == 3
    assert b"kid_efficientnet_lite0@1500" in stored(hub, first.sha)["README.md"]


def test_publishing_the_same_twice_is_one_commit(hub, publish):
    assert publish() == publish()
    assert len(commits(hub)) == 1


def test_a_branch_is_made_and_main_left_alone(hub, publish):
    publish(revision="early")
    assert set(stored(hub, "early")) == FILES
    assert stored(hub, "main") == {}
    publish(revision="early")
    publish()
    assert set(stored(hub, "main")) == FILES


def test_private_is_private(hub, publish):
    publish(private=True)
    assert hub.repos["models", "ada/tiny"].private
    publish()  # publishing again does not open it
    assert hub.repos["models", "ada/tiny"].private


def test_private_never_goes_to_a_public_repository(hub, publish):
    publish()
    with pytest.raises(PokeGANError, match="ada/tiny exists and is public"):
        publish(private=True)
    assert len(commits(hub)) == 1


@pytest.mark.parametrize("name", sorted(FILES - {"timeline/step-00000001.png"}))
def test_what_is_missing_is_named_before_anything_is_sent(hub, folder, publish, name):
    (folder / name).unlink()
    with pytest.raises(PokeGANError, match=f"no complete model folder: {name} missing"):
        publish()
    assert hub.log == []


def test_a_folder_of_something_else_is_refused(hub, tmp_path, publish):
    with pytest.raises(PokeGANError, match=r"nowhere: no such folder"):
        publish(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(PokeGANError, match=r"config\.json, model\.safetensors, .* missing"):
        publish(tmp_path / "empty")
    assert hub.log == []


def test_damaged_weights_are_not_published(hub, folder, publish):
    data = (folder / "model.safetensors").read_bytes()
    for broken in (data[:-1], data[:4], b"", b"\x80\x04K\x01."):
        (folder / "model.safetensors").write_bytes(broken)
        with pytest.raises(PokeGANError, match=r"model\.safetensors: not readable as safetensors"):
            publish()
    assert hub.log == []


def test_model_files_lists_what_would_be_sent(folder):
    assert set(model_files(folder)) == set(model_files(folder.parent)) == FILES
    assert all(path.is_file() for path in model_files(folder).values())


@pytest.mark.parametrize("repo_id", ["tiny", "a/b/c", "ada/ti ny", "ada/../x", "", "./tiny"])
def test_a_wrong_repo_id_is_named(hub, publish, repo_id):
    with pytest.raises(PokeGANError, match="is no Hub id; write it as user/name"):
        publish(repo_id=repo_id)
    assert hub.log == []


# -- refusals: one clear line, and no second try ------------------------------------------------


@pytest.mark.parametrize(
    ("user", "repo_id", "message"),
    [
        ("nobody", "ada/tiny", "ada/tiny: the Hub wants a valid token with write access"),
        ("stranger", "ada/tiny", "ada/tiny: the Hub wants a valid token with write access"),
        ("bob", "ada/tiny", "ada/tiny: the token may not write there"),
        ("bob", "ada/secret", "ada/secret: the token may not write there"),
    ],
)
def test_refusals(hub, publish, caplog, user, repo_id, message):
    publish()
    publish(repo_id="ada/secret", private=True)
    tokens = {"nobody": False, "stranger": "hf_x", "bob": hub.token("bob")}
    with pytest.raises(PokeGANError, match=message) as caught:
        publish(repo_id=repo_id, token=tokens[user])
    assert "\n" not in str(caught.value)
    assert "trying again" not in caplog.text
    assert not [token for token in (*hub.tokens, "hf_x") if token in str(caught.value)]
    assert len(commits(hub, repo_id)) == 1


def test_a_repository_that_vanishes(hub, publish):
    def vanish(request):
        if "/tree/" in request.path:
            hub.repos.clear()

    hub.fault = vanish
    with pytest.raises(PokeGANError, match="ada/tiny: no such repository"):
        publish()


def test_a_card_that_the_hub_refuses(hub, publish):
    def refuse(request):
        if request.path == "/api/validate-yaml":
            return Response.json({"errors": [{"message": "bad\nlicence"}], "warnings": []}, 400)

    hub.fault = refuse
    with pytest.raises(PokeGANError, match="bad licence"):
        publish()
    assert commits(hub) == []


# -- failures that may pass ----------------------------------------------------------------------


def fail(times, path, answer):
    """A fault hook that fails the first requests whose path holds ``path``."""
    seen = []

    def hook(request):
        if path in request.path and request.method != "GET":
            seen.append(request)
            if len(seen) <= times:
                return answer(request)
        return None

    hook.seen = seen
    return hook


UNAVAILABLE = Response(503, b"<html>busy</html>", {"Content-Type": "text/html"})


@pytest.mark.parametrize("path", ["/repos/create", "/branch/", "/validate-yaml", "/commit/"])
def test_hiccups_are_outlasted(hub, publish, path):
    hub.fault = fail(3, path, lambda request: UNAVAILABLE)
    publish(revision="main2")
    assert len(hub.fault.seen) >= 4
    assert set(stored(hub, "main2")) == FILES


@pytest.mark.parametrize("path", ["/repos/create", "/commit/"])
def test_a_lost_answer_does_not_do_the_work_twice(hub, publish, path):
    hub.fault = fail(1, path, lambda request: hub.handle(request) and UNAVAILABLE)
    url = publish()
    (commit,) = commits(hub)
    assert url.endswith(commit.sha)


def test_a_failure_that_stays_is_told_with_its_status(hub, publish, caplog):
    hub.fault = fail(99, "/commit/", lambda request: UNAVAILABLE)
    with pytest.raises(PokeGANError, match=r"^ada/tiny: the Hub failed with status 503") as caught:
        publish()
    assert len(hub.fault.seen) == 1 + len(NO_PAUSES)
    assert stored(hub) == {}
    assert "\n" not in str(caught.value)
    assert caplog.text.count("trying again") == len(NO_PAUSES)


def test_storage_that_fails_is_told_as_well(hub, publish, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # of the client's own tries
    hub.fault = lambda request: UNAVAILABLE if request.method == "PUT" else None
    with pytest.raises(PokeGANError, match=r"^ada/tiny: the Hub failed with status 503"):
        publish()
    assert stored(hub) == {}


def test_too_many_requests(hub, publish):
    hub.fault = fail(99, "/commit/", lambda request: Response(429))
    with pytest.raises(PokeGANError, match="too many requests to the Hub"):
        publish()
    assert len(hub.fault.seen) == 1 + len(NO_PAUSES)


def test_no_hub_at_all(publish, folder):
    with pytest.raises(PokeGANError, match="ada/tiny: the Hub cannot be reached") as caught:
        publish(endpoint="http://127.0.0.1:9")
    assert "\n" not in str(caught.value)


def test_pauses_grow_and_are_spent_in_order(hub, publish, monkeypatch):
    slept = []
    monkeypatch.setattr("pokegan.hub_errors.time.sleep", slept.append)
    hub.fault = fail(2, "/commit/", lambda request: UNAVAILABLE)
    publish(pauses=(1.0, 2.0, 4.0))
    assert slept == [1.0, 2.0]


def test_a_folder_that_goes_away_is_not_tried_again(hub, folder, publish, caplog):
    hub.fault = fail(1, "/repos/create", lambda request: shutil.rmtree(folder))
    with pytest.raises(PokeGANError, match=r"ada/tiny: .*config\.json"):
        publish()
    assert "trying again" not in caplog.text
    assert commits(hub) == []


def test_a_damaged_recipe_is_told_before_anything_is_sent(hub, folder, publish):
    (folder / "recipe.yaml").write_text("name: [")
    with pytest.raises(PokeGANError, match=r"recipe\.yaml: not valid YAML"):
        publish()
    assert hub.log == []


def test_published_config_is_the_local_one(hub, folder, publish):
    publish()
    config = json.loads(stored(hub)["config.json"])
    assert config == json.loads((folder / "config.json").read_text())
    assert config["architecture"] == "dcgan-generator"
