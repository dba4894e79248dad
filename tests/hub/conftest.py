import pytest
from hub_server import HubServer
from huggingface_hub import constants
from model_folder import write_model_folder


@pytest.fixture
def hub(monkeypatch):
    """An empty local Hub with the users ada and bob; uploads take the LFS way, not Xet."""
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    with HubServer() as server:
        yield server


@pytest.fixture
def folder(tmp_path):
    return write_model_folder(tmp_path / "run" / "model")
