"""Models are published while their run trains; whatever the Hub does, the run is the same."""

import os
import signal
import tempfile
import threading
import time
from pathlib import Path

import pytest
import torch
from accelerate.state import AcceleratorState
from hub_server import NO_ANSWER, Response
from tiny import TINY

from pokegan.training import main, pushing
from pokegan.training.checkpoint import load_newest_checkpoint
from pokegan.training.stopping import Interrupted


@pytest.fixture
def pushes(the_hub, monkeypatch, tmp_path):
    """``the_hub``, also for uploads, which run in processes of their own, with ada's token."""
    monkeypatch.setenv("HF_ENDPOINT", the_hub.url)
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv("HF_TOKEN", the_hub.token("ada"))
    monkeypatch.setattr(pushing, "PAUSES", (0.0, 0.0))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    yield the_hub
    assert list((tmp_path / "temporary").iterdir()) == []  # copies do not stay


def commits(hub, repo_id="ada/run"):
    """What was published, oldest first: {path: file}."""
    if ("models", repo_id) not in hub.repos:
        return []
    return [commit.files for commit in hub.repos["models", repo_id].history("main")[-2::-1]]


OPTIONS = ("--checkpoint-kimg=0.04", "--log-every=5", "--threads=1")  # five steps
PUSH = ("--push-to=ada/run", "--push-every=0.03")


def train(out, *options):
    # Accelerate keeps the precision of the first run for the rest of the process.
    AcceleratorState._reset_state(reset_partial_state=True)
    return main.main([*TINY, f"--out={out}", *OPTIONS, *options])


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The weights of a run that pushes nothing."""
    out = tmp_path_factory.mktemp("alone") / "run"
    assert train(out, "--kimg=0.08") == 0
    return weights(out)


def weights(out):
    return load_newest_checkpoint(out / "checkpoints").tensors


def assert_equal(ours, theirs):
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


# -- in a training -------------------------------------------------------------------------------


def test_a_run_publishes_on_its_way_and_at_its_end_and_trains_the_same(
    pushes, alone, tmp_path, capsys
):
    out = tmp_path / "run"
    assert train(out, "--kimg=0.056", *PUSH, "--push-private") == 0
    files = commits(pushes)
    first, last = (files[index]["model.safetensors"].data for index in (0, -1))
    assert first != last == (out / "model/model.safetensors").read_bytes()
    assert b'"step": 5,' in files[0]["training_log.jsonl"].data.splitlines()[-1]
    assert pushes.repos["models", "ada/run"].private
    shown = capsys.readouterr()
    assert f"pushed: {pushes.url}/ada/run/commit/" in shown.out
    assert "warning" not in shown.err
    # Pushing is no part of a run's identity.
    assert train(out, "--kimg=0.08", "--resume=auto") == 0
    assert_equal(weights(out), alone)


def no_hub(hub):
    hub.fault = lambda request: NO_ANSWER


def dies_after_a_commit(hub):
    hub.fault = lambda request: NO_ANSWER if commits(hub) else None


def busy_for_a_while(hub):
    left = [Response(503)] * (1 + len(pushing.PAUSES))
    hub.fault = lambda request: left.pop() if "/commit/" in request.path and left else None


@pytest.mark.parametrize(
    ("failure", "published", "told"),
    [
        (
            no_hub,
            False,
            "warning: the model of 0.08 kimg was not pushed: ada/run: the Hub cannot be",
        ),
        (dies_after_a_commit, False, "this run pushed the one of 0.04 kimg; push by hand with:"),
        (busy_for_a_while, True, "(pushes that failed before: 1)"),
    ],
)
def test_whatever_the_hub_does_the_run_is_the_same(
    pushes, alone, tmp_path, capsys, failure, published, told
):
    failure(pushes)
    out = tmp_path / "run"
    assert train(out, "--kimg=0.08", *PUSH) == 0
    assert_equal(weights(out), alone)
    shown = capsys.readouterr()
    (line,) = [line for line in (shown.out + shown.err).splitlines() if told in line]
    assert line.startswith("pushed: " if published else "warning: ")
    assert (f"python push_to_hub.py model {out} ada/run" in line) == (not published)
    at_the_start = "warning: ada/run: the Hub cannot be asked yet"
    assert (at_the_start in shown.err) == (failure is no_hub)
    if published:
        last = commits(pushes)[-1]["model.safetensors"].data
        assert last == (out / "model/model.safetensors").read_bytes()


# -- one upload at a time --------------------------------------------------------------------------


@pytest.fixture
def run(folder):
    return folder.parent


def write(run, note):
    """Another version of the model."""
    (run / "model/recipe.yaml").write_text(f"name: {note}\n")


def push(run, private=False):
    return pushing.pushing(run, "ada/run", private, 1.0)


def wait_for(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_an_upload_is_a_copy_and_later_models_wait_for_it(pushes, run, capsys):
    arrived, go = threading.Event(), threading.Event()

    def hold(request):
        if request.method == "PUT":
            arrived.set()
            assert go.wait(60)

    pushes.fault = hold
    with push(run) as model_written:
        write(run, "too-early")
        model_written(0.5)
        write(run, "first")
        model_written(1.0)
        assert arrived.wait(60)
        for kimg in (2.0, 3.0):
            write(run, f"left-out-{kimg:g}")
            model_written(kimg)
        go.set()
        wait_for(lambda: len(commits(pushes)) == 1)
        write(run, "last")
        model_written(3.5)
    names = [files["recipe.yaml"].data.decode().split()[1] for files in commits(pushes)]
    assert names == ["first", "last"]
    assert "pushed: " in capsys.readouterr().out


@pytest.fixture
def hanging(pushes):
    """A Hub that lets an upload begin, and then says nothing more."""
    pushes.arrived, go = threading.Event(), threading.Event()

    def hang(request):
        if request.method == "PUT":
            pushes.arrived.set()
            go.wait(60)

    pushes.fault = hang
    yield pushes
    go.set()


def test_a_stopped_run_waits_no_longer_than_it_says(hanging, run, capsys, monkeypatch):
    monkeypatch.setattr(pushing, "STOP_SECONDS", 0.1)

    def train():
        with push(run, private=True) as model_written:
            model_written(1.0)
            assert hanging.arrived.wait(60)
            raise Interrupted("stopped", signal.SIGTERM)

    with pytest.raises(Interrupted):
        train()
    assert capsys.readouterr().err == (
        "warning: the model of 1 kimg was not pushed: an upload was still under way; this run"
        f" pushed nothing; push by hand with: python push_to_hub.py model {run} ada/run --private\n"
    )
    assert commits(hanging) == []


def test_an_upload_that_hangs_is_ended(hanging, run, capsys, monkeypatch):
    with push(run) as model_written:
        model_written(1.0)
        assert hanging.arrived.wait(60)
        monkeypatch.setattr(pushing, "UPLOAD_SECONDS", 0.1)
    assert "was not pushed: it did not end within 0.1 s; this" in capsys.readouterr().err


def test_a_signal_ends_the_wait_for_the_last_upload_and_nothing_else(hanging, run, capsys):
    def interrupt():
        hanging.arrived.wait(60)
        os.kill(os.getpid(), signal.SIGINT)

    with push(run) as model_written:
        model_written(0.5)
        threading.Thread(target=interrupt).start()
    assert "an upload was still under way" in capsys.readouterr().err


def test_a_model_that_cannot_be_read_is_a_failure_of_the_push_alone(pushes, run, capsys):
    (run / "model/config.json").write_text("{")
    with push(run) as model_written:
        model_written(1.0)
    told = capsys.readouterr().err
    assert "was not pushed: " in told
    assert "config.json: not valid JSON" in told


def test_every_checkpoint_is_pushed_where_pushes_are_as_frequent(monkeypatch):
    begun = []

    def begin(pusher):
        pusher.begun = pusher.written
        begun.append(pusher.written)

    monkeypatch.setattr(pushing._Pusher, "_begin", begin)
    pusher = pushing._Pusher(Path("run"), "ada/run", False, 20.0)
    # Steps of 64 images pass a multiple of 20 kimg at different distances.
    for kimg in (10.048, 20.032, 30.016, 40.0, 50.048, 60.032):
        pusher.model_written(kimg)
    assert begun == [20.032, 40.0, 60.032]


def test_a_full_disk_for_copies_is_a_failure_of_the_push_alone(
    pushes, run, capsys, monkeypatch, tmp_path
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "no such folder"))
    monkeypatch.chdir(run)
    with push(run) as model_written:
        model_written(1.0)
    assert "was not pushed: it cannot be begun (" in capsys.readouterr().err
    assert (run / "model/config.json").is_file()


def test_a_run_that_ends_before_it_has_a_model_says_why_and_no_more(pushes, tmp_path, capsys):
    (tmp_path / "run/checkpoints").mkdir(parents=True)
    (tmp_path / "run/checkpoints/step-00000001.safetensors").write_bytes(b"")
    assert train(tmp_path / "run", "--kimg=1", *PUSH) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "already holds a run" in line
    assert pushes.repos == {}


# -- before the training ---------------------------------------------------------------------------


def refuse_private(hub):
    from huggingface_hub import HfApi

    HfApi(endpoint=hub.url, token=hub.token("ada")).create_repo("ada/run")


def read_only(hub):
    user = {"name": "ada", "orgs": [], "auth": {"accessToken": {"role": "read"}}}
    hub.fault = lambda request: Response.json(user) if request.path == "/api/whoami-v2" else None


@pytest.mark.parametrize(
    ("options", "token", "prepare", "message"),
    [
        (["--push-to=run"], "ada", None, "'run' is no Hub id; write it as user/name"),
        (["--push-to=ada/run"], None, None, "ada/run: to push, the Hub wants a token"),
        (["--push-to=ada/run"], "hf_x", None, "ada/run: the Hub does not accept the token"),
        (["--push-to=ada/run"], "bob", None, "ada/run: the token of bob may not write there"),
        (["--push-to=ada/run"], "ada", read_only, "ada/run: the token of ada may not write there"),
        (["--push-to=ada/run", "--push-private"], "ada", refuse_private, "exists and is public"),
        (["--push-every=3"], "ada", None, "push_every and push_private need push_to"),
        (["--push-to=ada/run", "--push-every=0"], "ada", None, "push_every must be above 0"),
    ],
)
def test_what_can_never_be_pushed_is_one_line_before_anything_is_done(
    pushes, tmp_path, capsys, monkeypatch, options, token, prepare, message
):
    monkeypatch.delenv("HF_TOKEN")
    if token:
        known = token in pushes.tokens.values()
        monkeypatch.setenv("HF_TOKEN", pushes.token(token) if known else token)
    if prepare:
        prepare(pushes)
    assert train(tmp_path / "run", "--kimg=1", *options) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("train.py: error: ")
    assert message in line
    assert not (tmp_path / "run").exists()
