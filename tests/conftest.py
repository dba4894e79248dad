"""What every test gets."""

import os
import sys
import tempfile

import pytest
from workers import (  # noqa: F401 - hooks of pytest
    keep_to_one_core,
    pytest_cmdline_main,
    pytest_collection_modifyitems,
    pytest_configure_node,
    pytest_runtest_protocol,
    pytest_xdist_make_scheduler,
)

keep_to_one_core()

import torch  # noqa: E402 - it counts the cores

# Read when the Hub's client is imported: tests neither read nor fill the user's own cache.
_HOME = tempfile.TemporaryDirectory(prefix="pokegan-tests-")
os.environ["HF_HOME"] = _HOME.name


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    """Nor the user's cache of sprites."""
    monkeypatch.setenv("POKEGAN_CACHE", str(tmp_path_factory.getbasetemp() / "pokegan-cache"))


@pytest.fixture(autouse=True)
def _same_state_of_torch():
    """A test that forgets to seed is at least repeatable; the arithmetic is the usual one, though a
    training in this process may have let the processor flush tiny numbers to zero."""
    torch.manual_seed(0)
    torch.set_flush_denormal(False)


@pytest.fixture(scope="session")
def server():
    """Starts runs in milliseconds."""
    from processes import ForkServer

    if sys.platform != "linux":
        pytest.skip("runs are started and disturbed by means that Linux alone has")
    server = ForkServer()
    yield server
    server.close()


@pytest.fixture
def hub(monkeypatch):
    """An empty local Hub with the users ada and bob; uploads take the LFS way, not Xet."""
    from hub_server import HubServer
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    with HubServer() as server:
        yield server


@pytest.fixture(scope="module")
def chromium():
    """A browser; no longer than for one module, as playwright leaves its event loop running."""
    from playwright.sync_api import sync_playwright
    from space.browser import FLAGS, find_chromium

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(playwright), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium):
    """Open the page of a server (something with a ``url``) at a window size, light or dark;
    afterwards, nothing went wrong or left this machine."""
    troubles, contexts = [], []

    def open_at(server, width=1280, height=900, query="", scheme="light"):
        context = chromium.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            permissions=["clipboard-read", "clipboard-write"],
        )
        contexts.append(context)
        page = context.new_page()
        page.on(
            "console",
            lambda message: (
                troubles.append(message.text) if message.type in ("error", "warning") else None
            ),
        )
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith((server.url, "data:", "blob:"))
                else troubles.append(f"asked {request.url}")
            ),
        )
        page.on(
            "response",
            lambda response: (
                troubles.append(f"{response.status} {response.url}")
                if response.status >= 400
                else None
            ),
        )
        page.goto(server.url + query)
        return page

    yield open_at
    for context in contexts:
        context.close()
    assert troubles == []
