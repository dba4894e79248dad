import pytest
from model_folder import write_model_folder


@pytest.fixture
def folder(tmp_path):
    return write_model_folder(tmp_path / "run" / "model")


@pytest.fixture
def the_hub(hub, tmp_path, monkeypatch):
    """``hub``, for whatever asks no other one, with an empty cache."""
    from huggingface_hub import constants

    # Read by the client at each call; a setting of the environment only once, at the import.
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.removeprefix(constants.ENDPOINT)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + template)
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub cache"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    return hub
