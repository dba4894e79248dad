import pytest
from model_folder import write_model_folder


@pytest.fixture
def folder(tmp_path):
    return write_model_folder(tmp_path / "run" / "model")
