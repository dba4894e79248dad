"""README's two commands, and the page that they open."""

import re
from pathlib import Path

import pytest
from commands.declared import assert_installed, covers, executes
from gradio_client import Client
from tiny import ROOT

from pokegan.hub.publish import publish_model

RELEASED = sum(folder.is_dir() for folder in (ROOT / "space/models").iterdir())


@executes(
    "python3 -m venv .venv && .venv/bin/pip install -q -e '.[space]' && "
    ".venv/bin/python space/app.py"
)
def test_the_page_opens(shell, command):
    """The environment is the one that the tests run in, which has more."""
    make, install, start = command.split(" && ")
    shell(make, instead={".venv": "--help"})
    assert_installed(install)
    with shell.serving(start, "PokeGAN is running on ") as (line, _):
        assert f"with {RELEASED} model(s)" in line


@executes(
    "python3 -m venv .venv && .venv/bin/pip install -q -e '.[space,dev]' && "
    ".venv/bin/python -m pytest"
)
def test_the_tests_run(shell, command):
    """As a whole, .ci/run executes the line: it reads it from README, and makes an environment."""
    (reads,) = re.findall(r"^command=.*$", (ROOT / ".ci/run").read_text(), re.MULTILINE)
    assert shell(f'{reads}\necho "$command"').stdout == f"{command}\n"
    assert re.search(r'^eval "\$command"$', (ROOT / ".ci/run").read_text(), re.MULTILINE)
    make, install, test = command.split(" && ")
    shell(make, instead={".venv": "--help"})
    assert_installed(install)
    assert " passed" in shell(test, "tests/test_registry.py").stdout


@executes(".venv/bin/python -m pytest -m slow")
@covers("-n 0")
def test_the_slow_tests_are_found(shell, command):
    """They take many minutes."""
    found = shell(command, "-n 0 --collect-only -q tests/faults/test_kill.py").stdout
    assert "test_kill.py::test_two_hundred_kills_lose_nothing" in found
    assert "test_ten_kills_lose_nothing" not in found


@executes("source .venv/bin/activate")
def test_the_environment_can_be_activated(shell, command):
    if not (shell.folder / ".venv/bin/activate").is_file():
        pytest.skip("these tests do not run in a virtual environment")
    done = shell(command, "&& python -c 'import pokegan, sys; print(sys.prefix)'")
    assert Path(done.stdout.strip()).samefile(shell.folder / ".venv")


@executes("python space/app.py")
def test_the_page_opens_in_an_active_environment(shell, command):
    with shell.serving(command, "PokeGAN is running on ") as (line, _):
        assert f"with {RELEASED} model(s)" in line


@executes("POKEGAN_MODELS=runs/dcgan,user/their-model python space/app.py")
def test_the_page_opens_with_models_of_the_disk_and_of_the_hub(shell, command, runs, their_hub):
    publish_model(
        runs / "aegan", "user/their-model", endpoint=their_hub.url, token=their_hub.token("user")
    )
    with shell.serving(command, "PokeGAN is running on ") as (line, url):
        assert f"with {RELEASED + 2} model(s)" in line
        ask = {"models": ["user/their-model"], "count": 2, "api_name": "/compare"}
        (row,) = Client(url, verbose=False).predict(**ask)
        assert len(row["sprites"]) == 2
