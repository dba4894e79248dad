"""A dataset on the Hub is as good as one on the disk: ``--data user/name[@revision]``."""

import json

from hub_server import ROOT, run_python
from huggingface_hub import HfApi
from tiny import TINY

from pokegan.data.build import build_dataset


def publish(hub, folder, repo_id, **options):
    api = HfApi(endpoint=hub.url, token=hub.token("ada"))
    api.create_repo(repo_id, repo_type="dataset", exist_ok=True)
    return api.upload_folder(
        repo_id=repo_id, repo_type="dataset", folder_path=folder, **options
    ).oid


def train(hub, tmp_path, data, name):
    options = [*TINY[1:], "--kimg=0.02", f"--data={data}", f"--out={tmp_path / name}"]
    return run_python(
        [str(ROOT / "train.py"), *options], hub=hub, home=tmp_path / f"home of {name}"
    )


def test_training_from_the_hub_and_from_the_folder_is_the_same(hub, tmp_path):
    build_dataset("synthetic:20", tmp_path / "data", progress=False)
    first = publish(hub, tmp_path / "data", "ada/sprites")
    for data, name in ((tmp_path / "data", "disk"), ("ada/sprites", "hub")):
        done = train(hub, tmp_path, data, name)
        assert done.returncode == 0, done.stderr
    facts = {
        name: json.loads((tmp_path / name / "model/data.json").read_text())
        for name in ("disk", "hub")
    }
    assert facts["hub"]["hub"] == "ada/sprites"
    assert facts["hub"]["fingerprint"] == facts["disk"]["fingerprint"]
    weights = [(tmp_path / name / "model/model.safetensors").read_bytes() for name in facts]
    assert weights[0] == weights[1]
    assert "ada/sprites" in (tmp_path / "hub/model/README.md").read_text()

    build_dataset("synthetic:30", tmp_path / "more", progress=False)
    publish(hub, tmp_path / "more", "ada/sprites")
    for data, name in (("ada/sprites", "newest"), (f"ada/sprites@{first}", "pinned")):
        done = train(hub, tmp_path, data, name)
        assert done.returncode == 0, done.stderr
        facts[name] = json.loads((tmp_path / name / "model/data.json").read_text())
    assert facts["pinned"]["fingerprint"] == facts["disk"]["fingerprint"]
    assert facts["newest"]["sprites"] > facts["pinned"]["sprites"]


def test_what_the_hub_does_not_have_is_one_line(hub, tmp_path):
    done = train(hub, tmp_path, "ada/absent", "run")
    assert done.returncode == 2
    assert done.stderr.startswith("train.py: error: ada/absent: ")
    assert len(done.stderr.splitlines()) == 1
