"""The whole way of a model: training's folder, push_to_hub.py, the Hub, a stranger's machine.

Every step runs in its own process with its own empty cache.
"""

import json
import shutil
from pathlib import Path

import pytest
from hub_server import ROOT, HubServer, run_python
from model_folder import write_model_folder
from safetensors.torch import load_file, save_file

LOAD = """
import hashlib, json, sys
import pokegan
from pokegan.models.dcgan import DCGANGenerator

def digest(model):
    return hashlib.sha256(model.sample(5, seed=7, output="tensor").numpy().tobytes()).hexdigest()

found = []
for argument in sys.argv[1:]:
    source, _, revision = argument.partition("@")
    for load in (pokegan.load, DCGANGenerator.from_pretrained):
        found.append(digest(load(source, revision=revision) if revision else load(source)))
print(json.dumps(found))
"""
REFUSED = """
import os, sys
import pokegan
for token in sys.argv[2:]:
    os.environ["HF_TOKEN"] = token
    try:
        pokegan.load(sys.argv[1])
    except pokegan.PokeGANError as error:
        print(error)
"""


@pytest.fixture(scope="module")
def hub():
    with HubServer() as server:
        yield server


@pytest.fixture
def run(tmp_path):
    write_model_folder(tmp_path / "run" / "model")
    return tmp_path / "run"


def push(hub, home, *arguments, user="ada"):
    script = str(ROOT / "push_to_hub.py")
    token = hub.token(user) if user else None
    return run_python([script, *map(str, arguments)], hub=hub, home=home, token=token)


def digests(hub, home, *sources, **env):
    """Digests of the same sprites, drawn by ``load`` and ``from_pretrained`` of each source."""
    child = run_python(["-c", LOAD, *map(str, sources)], hub=hub, home=home, **env)
    assert child.returncode == 0, child.stderr
    return json.loads(child.stdout)


def test_a_model_goes_round_and_draws_the_same_sprites(hub, run, tmp_path):
    first = push(hub, tmp_path / "cache-1", "model", run, "ada/round")
    assert first.returncode == 0, first.stderr
    repo = hub.repos["models", "ada/round"]
    sha = repo.resolve("main").sha
    assert first.stdout == f"{hub.url}/ada/round/commit/{sha}\n"
    local_old = shutil.copytree(run / "model", tmp_path / "old")

    weights = run / "model" / "model.safetensors"
    save_file({k: v * 1.5 for k, v in load_file(weights).items()}, weights)
    second = push(hub, tmp_path / "cache-1", "model", run, "ada/round")
    assert second.returncode == 0, second.stderr
    assert len(repo.history("main")) == 3

    # No token, an empty cache: what anybody gets.
    sources = (local_old, f"ada/round@{sha}", run / "model", "ada/round")
    drawn = digests(hub, tmp_path / "cache-2", *sources)
    assert len(set(drawn[:4])) == 1
    assert len(set(drawn[4:])) == 1
    assert drawn[0] != drawn[4]
    # From that cache the models load without asking the Hub.
    asked = len(hub.log)
    offline = digests(hub, tmp_path / "cache-2", *sources, HF_HUB_OFFLINE="1")
    assert offline == drawn
    assert len(hub.log) == asked


def test_the_mixins_own_push_is_loadable_too(hub, run, tmp_path):
    code = "import sys, pokegan; pokegan.load(sys.argv[1]).push_to_hub('ada/mixin')"
    arguments = ["-c", code, str(run)]
    done = run_python(arguments, hub=hub, home=tmp_path / "a", token=hub.token("ada"))
    assert done.returncode == 0, done.stderr
    assert len(set(digests(hub, tmp_path / "b", run / "model", "ada/mixin"))) == 1


def test_a_private_model_on_a_branch_is_the_owners_alone(hub, run, tmp_path):
    done = push(hub, tmp_path / "a", "model", run, "ada/own", "--private", "--revision", "early")
    assert done.returncode == 0, done.stderr
    repo = hub.repos["models", "ada/own"]
    assert repo.private
    assert "model.safetensors" in repo.resolve("early").files
    assert "model.safetensors" not in repo.resolve("main").files
    others = ["", hub.token("bob")]
    child = run_python(["-c", REFUSED, "ada/own", *others], hub=hub, home=tmp_path / "b")
    lines = child.stdout.splitlines()
    assert len(lines) == len(others), child.stderr
    for line in lines:
        assert line.startswith("ada/own: ")
        assert "private" in line
    assert not list((tmp_path / "b").rglob("*.safetensors"))


@pytest.mark.parametrize(
    ("user", "target", "expected"),
    [
        (None, "ada/new", "error: ada/new: the Hub wants a valid token with write access"),
        ("bob", "ada/new", "error: ada/new: the token may not write there"),
        ("ada", "new", "error: 'new' is no Hub id; write it as user/name"),
    ],
)
def test_refusals_are_one_line_and_status_2(hub, run, tmp_path, user, target, expected):
    child = push(hub, tmp_path / "cache", "model", run, target, user=user)
    assert child.returncode == 2
    assert child.stdout == ""
    (line,) = child.stderr.splitlines()
    assert line.startswith(expected)
    assert ("models", "ada/new") not in hub.repos


def test_a_wrong_folder_is_named(hub, tmp_path):
    child = push(hub, tmp_path / "cache", "model", tmp_path / "none", "ada/new")
    assert (child.returncode, child.stderr) == (2, f"error: {tmp_path / 'none'}: no such folder\n")


def test_wrong_commands_show_the_usage(hub, tmp_path):
    for arguments in ((), ("film", "x", "y"), ("model", "x")):
        child = push(hub, tmp_path / "cache", *arguments)
        assert child.returncode == 2
        assert "usage: push_to_hub.py" in child.stderr
    assert "model" in push(hub, tmp_path / "cache", "--help").stdout


def test_a_dry_run_lists_and_sends_nothing(hub, run, tmp_path):
    asked = len(hub.log)
    done = push(hub, tmp_path / "cache", "model", run, "ada/dry", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "model.safetensors" in done.stdout
    assert done.stdout.endswith("to the model ada/dry; nothing was sent\n")
    assert len(hub.log) == asked
    refused = push(hub, tmp_path / "cache", "model", run, "dry", "--dry-run")
    assert (refused.returncode, refused.stdout) == (2, "")


def test_another_hub_can_be_named(hub, run, tmp_path):
    """The option, not the environment, says where."""
    script = str(ROOT / "push_to_hub.py")
    done = run_python(
        [script, "model", str(run), "ada/elsewhere", "--endpoint", hub.url],
        hub=hub, home=tmp_path / "cache", token=hub.token("ada"),
        HF_ENDPOINT="http://127.0.0.1:9",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "model.safetensors" in hub.repos["models", "ada/elsewhere"].resolve("main").files


def test_the_token_is_never_shown(hub, run, tmp_path):
    done = push(hub, tmp_path / "cache", "model", run, "ada/quiet")
    token = hub.token("ada")
    assert token not in done.stdout + done.stderr
    pages = [path for path in Path(tmp_path / "cache").rglob("*") if path.is_file()]
    assert not [path for path in pages if token.encode() in path.read_bytes()]
