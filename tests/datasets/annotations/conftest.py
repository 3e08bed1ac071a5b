from pathlib import Path

import pytest

from tests.datasets.annotations.writers import save_image


@pytest.fixture
def images(tmp_path) -> Path:
    """The folder of the scene's image."""
    return save_image(tmp_path / "images").parent
