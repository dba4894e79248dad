"""What every test gets."""

import pytest
import torch


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    """Tests neither read nor fill the user's caches of data."""
    monkeypatch.setenv("POKEGAN_CACHE", str(tmp_path_factory.getbasetemp() / "pokegan-cache"))


@pytest.fixture(autouse=True)
def _same_random_state():
    """A test that forgets to seed is at least repeatable."""
    torch.manual_seed(0)
