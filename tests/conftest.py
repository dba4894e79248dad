"""What every test gets."""

import os
import tempfile

import pytest
import torch

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


@pytest.fixture
def hub(monkeypatch):
    """An empty local Hub with the users ada and bob; uploads take the LFS way, not Xet."""
    from hub_server import HubServer
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    with HubServer() as server:
        yield server
