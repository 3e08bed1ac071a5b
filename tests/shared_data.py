"""Where tests find the real data, and why they are skipped where it is not."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


def shared_data(name: str) -> Path:
    """The data folder that holds `name`: $NBHELPERS_DATA, or ../shared/data beside the repository."""
    named = os.environ.get("NBHELPERS_DATA")
    folders = ([Path(named)] if named else []) + [REPOSITORY.parent / "shared" / "data"]
    for folder in folders:
        if (folder / name).exists():
            return folder.resolve()
    pytest.skip(f"no real data: {name} is not in $NBHELPERS_DATA, nor in ../shared/data")


def linked_camvid(folder: Path) -> Path:
    """CamVid in `folder`, a link for each file, so that a test may exchange some; returns where the files lie."""
    root = shared_data("camvid") / "camvid"
    for part in root.iterdir():
        (folder / part.name).mkdir()
        for path in part.iterdir():
            (folder / part.name / path.name).symlink_to(path)
    return root
