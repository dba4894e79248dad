"""``--streaming``: a dataset of many shards is trained on over HTTP, and never downloaded."""

import json
from pathlib import Path

import pytest
from hub_server import Response, run_python
from huggingface_hub import HfApi
from safetensors.torch import load_file
from sprite_shards import write_shards
from tiny import TINY

from pokegan.training.checkpoint import checkpoint_paths, load_newest_checkpoint
from pokegan.training.main import main

OPTIONS = [
    *TINY[1:],
    "--streaming",
    "--stream-buffer=64",
    "--kimg=0.24",
    "--checkpoint-kimg=0.08",
]
"""30 steps, more than two epochs; a checkpoint every 10."""

TRAIN = """
import os, signal, sys
from pokegan.data import shards
from pokegan.training import loop
from pokegan.training.main import main

shards.PAUSES = (0.0, 0.0)
kill_before, step = int(sys.argv[1]), loop._Run._step

def dying(run, done, batch):
    if done == kill_before:
        os.kill(os.getpid(), signal.SIGKILL)
    return step(run, done, batch)

loop._Run._step = dying
sys.exit(main(sys.argv[2:]))
"""


@pytest.fixture
def folder(tmp_path):
    return write_shards(tmp_path / "data", species=60, rows_per_shard=4, rows_per_group=3)


@pytest.fixture
def revision(hub, folder):
    """The commit that holds the data as ``ada/sprites``."""
    api = HfApi(endpoint=hub.url, token=hub.token("ada"))
    api.create_repo("ada/sprites", repo_type="dataset")
    return api.upload_folder(repo_id="ada/sprites", repo_type="dataset", folder_path=folder).oid


def train(hub, tmp_path, *options, data="ada/sprites", kill_before=-1):
    program = ["-c", TRAIN, str(kill_before), *OPTIONS, f"--data={data}", *options]
    return run_python(program, hub=hub, home=tmp_path / "home")


def test_a_killed_and_resumed_run_over_http_equals_one_of_the_folder(
    hub, tmp_path, folder, revision
):
    assert main([*OPTIONS, f"--data={folder}", f"--out={tmp_path / 'disk'}"]) == 0

    data, run = f"ada/sprites@{revision}", tmp_path / "hub"
    done = train(hub, tmp_path, f"--out={run}", data=data, kill_before=17)
    assert done.returncode == -9, done.stderr
    assert load_newest_checkpoint(run / "checkpoints").step == 10

    # Now and then the server is not up to it, or sends what is no part of the file.
    asked = []

    def falter(request):
        if request.path.startswith("/lfs/"):
            asked.append(request)
            if len(asked) == 110:
                return Response(503)
            if len(asked) in (120, 121):
                return Response(403)
        return None

    hub.fault = falter
    done = train(hub, tmp_path, f"--out={run}", "--resume=auto", data=data)
    assert done.returncode == 0, done.stderr
    assert f"resuming {run} at step 10" in done.stdout
    assert len(asked) > 121
    assert done.stderr.count("trying again in 0 s") == 2, done.stderr

    weights, expected = (
        load_newest_checkpoint(out / "checkpoints").tensors for out in (run, tmp_path / "disk")
    )
    assert weights.keys() == expected.keys()
    assert all(weights[name].equal(expected[name]) for name in expected)
    published = (load_file(out / "model/model.safetensors") for out in (run, tmp_path / "disk"))
    ours, theirs = published
    assert all(ours[name].equal(theirs[name]) for name in theirs)

    facts = json.loads((run / "model/data.json").read_text())
    assert facts["hub"] == data
    assert facts["synthetic"]
    assert (
        facts["fingerprint"]
        == json.loads((tmp_path / "disk/model/data.json").read_text())["fingerprint"]
    )
    # Nothing was downloaded but parts of files, and none of them is left.
    assert all("range" in request.headers for request in asked)
    assert not [path for path in Path(tmp_path / "home").rglob("*") if path.suffix == ".parquet"]
    assert not list(Path(tmp_path / "home").rglob("*.arrow"))


def test_a_shard_that_stays_unreadable_is_one_line_and_the_last_checkpoint_stands(
    hub, tmp_path, revision
):
    def fail(request):
        began = checkpoint_paths(tmp_path / "run/checkpoints")
        return Response(404) if began and request.path.startswith("/lfs/") else None

    hub.fault = fail
    done = train(hub, tmp_path, f"--out={tmp_path / 'run'}")
    assert done.returncode == 2, done.stderr
    lines = done.stderr.splitlines()
    assert len([line for line in lines if "trying again" not in line]) == 1, done.stderr
    assert ".parquet: cannot be read (" in lines[-1]
    assert "404" in lines[-1]
    assert lines[-1].endswith("--resume auto goes on from the last checkpoint")
    assert load_newest_checkpoint(tmp_path / "run/checkpoints").step >= 10
