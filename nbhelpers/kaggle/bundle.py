"""What lies under Kaggle's input folder: our bundle, made by `make kaggle`, and its manifest."""

import hashlib
import json
import os
from pathlib import Path

from nbhelpers.inference.writing import written_whole

MANIFEST = "nbhelpers-manifest.json"
# Below the input folder: <name> in old sessions, in new ones competitions/<name> and datasets/<owner>/<name>
PLACES = ("*", "competitions/*", "datasets/*/*")


def input_folder() -> Path:
    """Where Kaggle mounts data, read-only: /kaggle/input, or the folder that $KAGGLE_INPUT names."""
    return Path(os.environ.get("KAGGLE_INPUT", "/kaggle/input"))


def find_input(*names: str) -> Path | None:
    """The input folder, or one where Kaggle mounts data in it, that has a file or folder of these names; None if none has.

    What lies deeper is never listed: a competition may have a million files.
    """
    root = input_folder()
    for folder in (root, *(path for place in PLACES for path in sorted(root.glob(place)))):
        if any((folder / name).exists() for name in names):
            return folder
    return None


def find_bundle() -> Path | None:
    """The folder of the bundle, every file of which was compared with the manifest; None if there is no bundle.

    Raises ValueError that names the files that are missing or differ.
    """
    folder = find_input(MANIFEST)
    if folder is not None:
        check_manifest(folder)
    return folder


def write_manifest(folder: Path) -> None:
    """List every file in `folder` with its size and SHA-256."""
    files = {
        path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "sha256": _checksum(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }
    with written_whole(folder / MANIFEST) as temporary:
        temporary.write_text(json.dumps({"files": files}, indent=1) + "\n", "utf-8")


def check_manifest(folder: str | Path) -> None:
    """Raise ValueError unless every file of the manifest is in `folder`, unchanged. Other files are no matter."""
    folder = Path(folder)
    try:
        files = json.loads((folder / MANIFEST).read_text("utf-8"))["files"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{folder / MANIFEST} is no manifest ({error!r}); upload the bundle again"
        ) from error
    missing = [name for name in files if not (folder / name).is_file()]
    changed = [
        name for name in files if name not in missing and _checksum(folder / name) != files[name]["sha256"]
    ]
    if missing or changed:
        raise ValueError(
            f"the bundle in {folder} is not whole: missing {missing or 'nothing'}, changed {changed or 'nothing'}; "
            "run make kaggle and upload it again"
        )


def _checksum(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()
