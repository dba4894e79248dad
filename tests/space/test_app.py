"""The Space over its API, from a real server, and the files that the Hub reads."""

import asyncio
import base64
import io
import json
import re
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import yaml
from gradio_client import Client
from gradio_client.exceptions import AppError
from hub_server import HubServer
from huggingface_hub import HfApi, constants
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from PIL import Image
from requirements import closure, package_requirements
from space.space_server import SPACE, copy_space, running_space, save_model, space_env

import pokegan


@pytest.fixture(scope="module")
def client(space):
    return Client(space.url, verbose=False)


def sprites(row):
    return np.stack(
        [
            np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))))
            for uri in row["sprites"]
        ]
    )


def test_compare_draws_what_the_model_draws(client, space):
    folder = space.log.parent / "space" / "models" / "alpha"
    (row,) = client.predict(models=["alpha"], count=5, seed=3, api_name="/compare")
    expected = pokegan.load(folder).sample(5, seed=3)
    np.testing.assert_array_equal(sprites(row), np.stack([np.asarray(i) for i in expected]))
    assert row["model"] == "alpha"
    assert row["description"] == "The first <model>"
    assert row["latent_dim"] == 8
    assert row["seconds"] > 0


def test_compare_has_defaults_and_reports_the_broken_model(client):
    rows = {row["model"]: row for row in client.predict(api_name="/compare")}
    assert sorted(rows) == ["alpha", "beta", "gamma", "torn"]
    assert sprites(rows["beta"]).shape == (16, 64, 64, 3)
    assert sprites(rows["gamma"]).shape == (16, 32, 32, 4)
    assert rows["torn"].keys() == {"model", "error"}
    assert rows["torn"]["error"].startswith("torn")


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"models": []}, r"Choose at least one model\."),
        ({"models": ["/etc/passwd"]}, r"models: choose among alpha, beta, gamma, torn"),
        ({"models": "alpha"}, r"Choose at least one model\."),
        ({"count": 0}, r"count must be a whole number from 1 to 64\."),
        ({"count": 10**9}, r"count must be a whole number from 1 to 64\."),
        ({"seed": "<b>"}, r"seed must be a whole number from 0 to 4294967295\."),
        ({"seed": 1.5}, r"seed must be a whole number from 0 to 4294967295\."),
    ],
)
def test_hostile_requests_get_one_clear_line(client, request_, message):
    with pytest.raises(AppError, match=rf"^{message}[^\n]*$"):
        client.predict(**request_, api_name="/compare")


def test_the_api_is_typed_and_described(client):
    endpoints = client.view_api(return_format="dict", print_info=False)
    assert endpoints["unnamed_endpoints"] == {}
    assert "/compare" in endpoints["named_endpoints"]
    for name, endpoint in endpoints["named_endpoints"].items():
        assert len(endpoint["description"]) > 60, name
        for parameter in endpoint["parameters"]:
            assert parameter["type"], (name, parameter)
            assert parameter["parameter_has_default"], (name, parameter)
    parameters = endpoints["named_endpoints"]["/compare"]["parameters"]
    assert [p["parameter_name"] for p in parameters] == [
        *("models", "count", "seed", "type", "second_type", "shiny", "truncation")
    ]


def test_mcp_clients_find_and_use_the_same(space):
    async def ask():
        async with (
            streamablehttp_client(f"{space.url}gradio_api/mcp/") as (reads, writes, _),
            ClientSession(reads, writes) as session,
        ):
            await session.initialize()
            tools = (await session.list_tools()).tools
            answer = await session.call_tool("compare", {"models": ["alpha"], "count": 1})
            return {tool.name: tool for tool in tools}, answer

    tools, answer = asyncio.run(ask())
    assert "Draw the sprites of one seed" in tools["compare"].description
    assert tools["compare"].inputSchema["properties"]["seed"]["type"] in ("integer", "number")
    assert not answer.isError
    assert "data:image/png;base64," in answer.content[0].text


def test_many_visitors_at_once_are_all_served(client):
    def draw(seed):
        return client.predict(models=["alpha"], count=2, seed=seed, api_name="/compare")

    with ThreadPoolExecutor(32) as pool:
        together = list(pool.map(draw, range(32)))
    for seed in (0, 7, 31):
        np.testing.assert_array_equal(sprites(together[seed][0]), sprites(draw(seed)[0]))


def test_the_log_names_the_incomplete_folder(space):
    assert any(line.startswith("warning: no-config: ") for line in space.log_lines())


def test_models_come_from_the_hub_and_a_missing_one_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    folder = save_model(tmp_path / "tiny")
    (folder / "recipe.yaml").write_text("title: From far away\n")
    with HubServer() as hub:
        api = HfApi(endpoint=hub.url, token=hub.token("ada"))
        api.create_repo("ada/tiny")
        api.upload_folder(repo_id="ada/tiny", folder_path=folder)
        with running_space(
            copy_space(tmp_path / "space"),
            tmp_path / "log.txt",
            HF_ENDPOINT=hub.url,
            HF_HOME=str(tmp_path / "home"),
            HF_HUB_DISABLE_XET="1",
            POKEGAN_MODELS="ada/tiny,ada/missing",
        ) as server:
            client = Client(server.url, verbose=False)
            found, missing = client.predict(count=2, api_name="/compare")
    expected = pokegan.load(folder).sample(2, seed=0)
    np.testing.assert_array_equal(sprites(found), np.stack([np.asarray(i) for i in expected]))
    assert found["description"] == "From far away"
    assert missing["model"] == "ada/missing"
    assert missing["error"].startswith("ada/missing: ")


def test_a_taken_port_is_one_line(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        result = subprocess.run(
            [sys.executable, str(copy_space(tmp_path / "space") / "app.py"), "--port", port],
            env=space_env(),
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert result.returncode == 1
    assert re.fullmatch(rf"error: [^\n]*{port}[^\n]*\n", result.stderr)


@pytest.mark.parametrize("port", ["0", "70000", "http"])
def test_an_impossible_port_is_one_line(monkeypatch, capsys, port):
    import app

    with pytest.raises(SystemExit):
        app.main(["--port", port])
    assert f"a port is a number from 1 to 65535, not '{port}'" in capsys.readouterr().err
    monkeypatch.setenv("GRADIO_SERVER_PORT", port)
    with pytest.raises(SystemExit):
        app.main([])


# ---- the files that the Hub reads ---------------------------------------------------------------


def requirement_lines():
    lines = (SPACE / "requirements.txt").read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def test_requirements_are_those_of_the_package():
    package = package_requirements("dependencies")
    assert requirement_lines()
    for requirement in requirement_lines():
        assert requirement == package[canonicalize_name(requirement.name)]


def test_the_space_draws_with_its_requirements_alone(tmp_path):
    installed = closure([*(r.name for r in requirement_lines()), "gradio"])
    package = package_requirements("dependencies")
    absent = sorted(name.replace("-", "_") for name in package.keys() - installed)
    assert {"accelerate", "datasets"} <= set(absent)
    folder = copy_space(tmp_path / "space")
    save_model(folder / "models" / "tiny")
    script = f"""
import json, sys
for name in {absent}:
    sys.modules[name] = None  # importing it is an ImportError now
sys.path.insert(0, {str(folder)!r})
import app, compare, drawing, models_index, page
studio = drawing.Studio({{model.name: model for model in app.MODELS}}, models_index.ModelShelf(1))
row = studio.draw("tiny", drawing.Request(2, 0))
html = compare.rows_html([row], page.Page(studio, app.demo), row.request, ["tiny"])
print(json.dumps([row.error, len(row.images), len(html) > 1000]))
"""
    result = subprocess.run(
        [sys.executable, "-c", script], env=space_env(), capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == ["", 2, True]


def test_the_front_matter_is_what_the_hub_accepts():
    text = (SPACE / "README.md").read_text(encoding="utf-8")
    front = yaml.safe_load(re.match(r"---\n(.*?)\n---\n", text, re.DOTALL)[1])
    colours = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
    assert front["sdk"] == "gradio"
    assert (SPACE / front["app_file"]).is_file()
    assert isinstance(front["python_version"], str)
    assert front["license"] == "apache-2.0"
    assert {front["colorFrom"], front["colorTo"]} <= colours
    assert 0 < len(front["short_description"]) <= 60
    assert len(front["emoji"]) == 1
    assert front["sdk_version"] in package_requirements("space")["gradio"].specifier


def test_no_file_of_the_space_asks_another_server():
    hub = 'window.parent.postMessage({ queryString: query.slice(1) }, "https://huggingface.co");'
    for path in Path(SPACE).rglob("*.*"):
        if path.suffix in {".py", ".css", ".js"}:
            # Telling the Hub's page, which shows this one, is no request.
            text = path.read_text(encoding="utf-8").replace(hub, "")
            assert "://" not in text, path.name
