"""The test Hub, seen through the real client: what it answers is what the Hub would answer."""

import hashlib
import json
import re

import pytest
from hub_server import Response, run_python
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import (
    HfHubHTTPError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import get_session

BINARY = bytes(range(256)) * 40


@pytest.fixture
def ada(hub):
    return HfApi(endpoint=hub.url, token=hub.token("ada"))


@pytest.fixture
def bob(hub):
    return HfApi(endpoint=hub.url, token=hub.token("bob"))


@pytest.fixture
def nobody(hub):
    return HfApi(endpoint=hub.url, token=False)


def commit(api, repo_id, files, **kwargs):
    operations = [CommitOperationAdd(path, data) for path, data in files.items()]
    return api.create_commit(repo_id, operations, commit_message="add files", **kwargs)


def test_whoami_knows_its_users_and_refuses_other_tokens(hub, ada, bob):
    assert ada.whoami()["name"] == "ada"
    assert bob.whoami()["name"] == "bob"
    with pytest.raises(HfHubHTTPError, match="Invalid user token"):
        HfApi(endpoint=hub.url, token="hf_wrong").whoami()


@pytest.mark.parametrize("kind", ["model", "dataset", "space"])
def test_files_come_back_as_they_were_sent(ada, tmp_path, kind):
    sdk = {"space_sdk": "gradio"} if kind == "space" else {}
    url = ada.create_repo("ada/thing", repo_type=kind, **sdk)
    assert (url.repo_id, url.repo_type) == ("ada/thing", kind)
    files = {"small.txt": b"hello", "sub dir/ü#?.json": b"{}", "weights.safetensors": BINARY}
    done = commit(ada, "ada/thing", files, repo_type=kind)
    assert done.commit_url.endswith(f"/commit/{done.oid}")
    for path, data in files.items():
        local = ada.hf_hub_download("ada/thing", path, repo_type=kind, cache_dir=tmp_path)
        assert done.oid in local
        with open(local, "rb") as file:
            assert file.read() == data
    assert set(ada.list_repo_files("ada/thing", repo_type=kind)) == {".gitattributes", *files}
    assert ada.repo_info("ada/thing", repo_type=kind).sha == done.oid


def test_snapshot_download_takes_the_whole_commit(ada, tmp_path):
    ada.create_repo("ada/thing")
    commit(ada, "ada/thing", {"a.txt": b"a", "d/b.bin": BINARY})
    root = ada.snapshot_download(
        "ada/thing", cache_dir=tmp_path / "cache", local_dir=tmp_path / "x"
    )
    assert (tmp_path / "x/d/b.bin").read_bytes() == BINARY
    assert root == str(tmp_path / "x")


def test_large_files_go_through_lfs_and_only_once(hub, ada):
    ada.create_repo("ada/thing")
    commit(ada, "ada/thing", {"a.safetensors": BINARY, "note.txt": b"text"})
    commit(ada, "ada/thing", {"copy.safetensors": BINARY})
    oid = hashlib.sha256(BINARY).hexdigest()
    assert hub.lfs == {oid: BINARY}
    assert [request.path for request in hub.requests("PUT", "")] == [f"/lfs/{oid}"]
    assert "authorization" not in hub.requests("PUT", "")[0].headers
    info = ada.model_info("ada/thing", files_metadata=True)
    stored = {file.rfilename: file.lfs and file.lfs.sha256 for file in info.siblings}
    assert stored["a.safetensors"] == stored["copy.safetensors"] == oid
    assert stored["note.txt"] is None


def test_storage_refuses_damaged_or_unsigned_uploads(hub, ada):
    oid = hashlib.sha256(BINARY).hexdigest()
    unsigned = get_session().put(f"{hub.url}/lfs/{oid}", content=BINARY)
    assert unsigned.status_code == 403
    ada.create_repo("ada/thing")
    batch = get_session().post(
        f"{hub.url}/ada/thing.git/info/lfs/objects/batch",
        json={"objects": [{"oid": oid, "size": len(BINARY)}]},
        headers={"Authorization": f"Bearer {hub.token('ada')}"},
    )
    href = batch.json()["objects"][0]["actions"]["upload"]["href"]
    assert get_session().put(href, content=BINARY[:-1]).status_code == 400
    assert hub.lfs == {}


def test_commits_are_snapshots_that_never_change(ada, tmp_path):
    ada.create_repo("ada/thing")
    first = commit(ada, "ada/thing", {"a.txt": b"one", "old/b.txt": b"b", "old/c.txt": b"c"})
    ada.create_tag("ada/thing", tag="v1")
    delete = [CommitOperationDelete("old/", is_folder=True)]
    ada.create_commit("ada/thing", delete, commit_message="drop old")
    last = commit(ada, "ada/thing", {"a.txt": b"two"})
    read = {}
    for revision in (first.oid, "v1", last.oid, "main"):
        with open(
            ada.hf_hub_download("ada/thing", "a.txt", revision=revision, cache_dir=tmp_path)
        ) as f:
            read[revision] = f.read()
    assert read == {first.oid: "one", "v1": "one", last.oid: "two", "main": "two"}
    assert "old/b.txt" in ada.list_repo_files("ada/thing", revision="v1")
    assert "old/b.txt" not in ada.list_repo_files("ada/thing")
    titles = [entry.title for entry in ada.list_repo_commits("ada/thing")]
    assert titles == ["add files", "drop old", "add files", "initial commit"]


def test_branches_move_alone(ada):
    ada.create_repo("ada/thing")
    ada.create_branch("ada/thing", branch="wip/x")
    done = commit(ada, "ada/thing", {"a.txt": b"a"}, revision="wip/x")
    refs = ada.list_repo_refs("ada/thing")
    heads = {branch.name: branch.target_commit for branch in refs.branches}
    assert heads["wip/x"] == done.oid
    assert "a.txt" not in ada.list_repo_files("ada/thing")
    assert "a.txt" in ada.list_repo_files("ada/thing", revision="wip/x")
    with pytest.raises(HfHubHTTPError, match="409"):
        ada.create_branch("ada/thing", branch="wip/x")
    with pytest.raises(RevisionNotFoundError):
        commit(ada, "ada/thing", {"a.txt": b"a"}, revision="nowhere")


def test_unchanged_files_make_no_commit(hub, ada):
    ada.create_repo("ada/thing")
    files = {"a.txt": b"a", "w.safetensors": BINARY}
    first = commit(ada, "ada/thing", files)
    assert commit(ada, "ada/thing", files).oid == first.oid
    assert len(hub.requests("POST", "/commit/")) == 1


def test_a_commit_on_an_outdated_parent_is_refused(ada):
    ada.create_repo("ada/thing")
    old = ada.model_info("ada/thing").sha
    commit(ada, "ada/thing", {"a.txt": b"a"}, parent_commit=old)
    with pytest.raises(HfHubHTTPError, match="412"):
        commit(ada, "ada/thing", {"b.txt": b"b"}, parent_commit=old)
    assert "b.txt" not in ada.list_repo_files("ada/thing")


def test_missing_things_are_told_apart(ada, tmp_path):
    with pytest.raises(RepositoryNotFoundError):
        ada.hf_hub_download("ada/none", "a.txt", cache_dir=tmp_path)
    ada.create_repo("ada/thing")
    with pytest.raises(RemoteEntryNotFoundError):
        ada.hf_hub_download("ada/thing", "none.txt", cache_dir=tmp_path)
    with pytest.raises(RevisionNotFoundError):
        ada.hf_hub_download("ada/thing", "a.txt", revision="none", cache_dir=tmp_path)


def test_private_repositories_do_not_exist_for_others(ada, bob, nobody, tmp_path):
    ada.create_repo("ada/secret", private=True)
    commit(ada, "ada/secret", {"a.txt": b"a"})
    assert ada.model_info("ada/secret").private
    for other in (bob, nobody):
        with pytest.raises(RepositoryNotFoundError):
            other.model_info("ada/secret")
        with pytest.raises(RepositoryNotFoundError):
            other.hf_hub_download("ada/secret", "a.txt", cache_dir=tmp_path)


def test_public_repositories_are_read_by_all_and_written_by_their_owner(ada, bob, nobody):
    ada.create_repo("ada/open")
    for other, status in ((bob, "403"), (nobody, "401")):
        assert other.list_repo_files("ada/open") == [".gitattributes"]
        with pytest.raises(HfHubHTTPError, match=status):
            commit(other, "ada/open", {"a.txt": b"a"})
    with pytest.raises(HfHubHTTPError, match="403"):
        bob.create_repo("ada/other")


def test_create_repo_twice_needs_exist_ok(ada):
    ada.create_repo("thing")
    assert ada.create_repo("thing", exist_ok=True).repo_id == "ada/thing"
    with pytest.raises(HfHubHTTPError, match="409"):
        ada.create_repo("thing")
    ada.delete_repo("ada/thing")
    assert not ada.repo_exists("ada/thing")


@pytest.mark.parametrize(
    "front_matter",
    [
        "license: best-license",
        "tags: gan",
        "- a list",
        "license: other\nlicense_name: Mine!",
        "a: [",
    ],
)
def test_bad_front_matter_is_refused(hub, ada, front_matter):
    ada.create_repo("ada/thing")
    with pytest.raises(ValueError, match=r"README\.md"):
        commit(ada, "ada/thing", {"README.md": f"---\n{front_matter}\n---\n".encode()})
    assert not hub.requests("POST", "/commit/")


def test_ranges(hub, ada):
    ada.create_repo("ada/thing")
    commit(ada, "ada/thing", {"w.safetensors": BINARY, "a.txt": b"0123456789"})
    for path, data in (("w.safetensors", BINARY), ("a.txt", b"0123456789")):
        url = f"{hub.url}/ada/thing/resolve/main/{path}"
        get = get_session().get
        part = get(url, headers={"Range": "bytes=3-6"}, follow_redirects=True)
        assert (part.status_code, part.content) == (206, data[3:7])
        assert part.headers["Content-Range"] == f"bytes 3-6/{len(data)}"
        rest = get(url, headers={"Range": "bytes=4-"}, follow_redirects=True)
        assert rest.content == data[4:]
        beyond = get(url, headers={"Range": f"bytes={len(data)}-"}, follow_redirects=True)
        assert beyond.status_code == 416


def test_trees_come_in_pages_and_by_folder(hub, ada):
    hub.page_size = 3
    ada.create_repo("ada/thing")
    names = {f"d/{i}/x.txt": b"x" for i in range(5)}
    commit(ada, "ada/thing", names)
    assert set(ada.list_repo_files("ada/thing")) == {".gitattributes", *names}
    assert len(hub.requests("GET", "/tree/")) == 4  # 1 + 5 files and 6 folders
    top = {entry.path for entry in ada.list_repo_tree("ada/thing")}
    assert top == {".gitattributes", "d"}
    inside = {entry.path for entry in ada.list_repo_tree("ada/thing", "d")}
    assert inside == {f"d/{i}" for i in range(5)}
    found = ada.get_paths_info("ada/thing", ["d/2/x.txt", "none"])
    assert [entry.path for entry in found] == ["d/2/x.txt"]


def test_the_fault_hook_answers_first(hub, ada):
    hub.fault = lambda r: Response(500) if r.path.endswith("/create") else None
    with pytest.raises(HfHubHTTPError, match="500"):
        ada.create_repo("ada/thing")
    assert hub.repos == {}
    hub.fault = lambda r: hub.handle(r) and Response(500)
    with pytest.raises(HfHubHTTPError, match="500"):
        ada.create_repo("ada/thing")
    assert list(hub.repos) == [("models", "ada/thing")]


ROUND_TRIP = """
import sys
from datasets import Dataset, load_dataset
if sys.argv[1] == "push":
    Dataset.from_dict({"n": list(range(10))}).push_to_hub("ada/numbers", private=True)
else:
    print(load_dataset("ada/numbers", split="train")["n"][:])
"""


def test_a_dataset_goes_round_in_child_processes(hub, tmp_path):
    token = hub.token("ada")
    push = run_python(["-c", ROUND_TRIP, "push"], hub=hub, home=tmp_path / "a", token=token)
    assert push.returncode == 0, push.stderr
    files = hub.repos["datasets", "ada/numbers"].resolve("main").files
    assert any(path.endswith(".parquet") and file.lfs for path, file in files.items())
    pull = run_python(["-c", ROUND_TRIP, "pull"], hub=hub, home=tmp_path / "b", token=token)
    assert json.loads(pull.stdout) == list(range(10)), pull.stderr
    other = run_python(["-c", ROUND_TRIP, "pull"], hub=hub, home=tmp_path / "c")
    assert other.returncode != 0
    assert re.search("ada/numbers.* doesn't exist on the Hub", other.stderr)


def test_child_processes_see_no_setting_of_this_one(hub, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_of_the_developer")
    code = (
        "from huggingface_hub import constants as c, get_token;"
        "print(get_token(), c.ENDPOINT, c.HF_HOME, c.HF_HUB_DISABLE_XET)"
    )
    child = run_python(["-c", code], hub=hub, home=tmp_path)
    assert child.stdout.split() == ["None", hub.url, str(tmp_path), "True"]
