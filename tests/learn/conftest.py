"""A small pool of simulated films, and a drawn data set."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")


@pytest.fixture(scope="session")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four films of the parametric anatomy, two of them operated."""
    from spinemorph.learn.pool import main

    folder = tmp_path_factory.mktemp("pool")
    settings = folder / "settings.json"
    settings.write_text('{"framing": {"rows": 512, "ap_view": 0.0}, "implants": {"operated": 0.6}}')
    assert main([str(folder), "--settings", str(settings), "--first", "10", "--films", "4"]) == 0
    return folder


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve drawn films as COCO."""
    from spinemorph.testing import write_dataset

    return write_dataset(tmp_path_factory.mktemp("films"))
