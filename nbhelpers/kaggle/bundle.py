"""What lies under Kaggle's input folder: our bundle, made by `make kaggle`; and manifests, by which we know what is ours."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nbhelpers.inference.weights import read_notes
from nbhelpers.inference.writing import written_whole
from nbhelpers.kaggle.folds import FOLDS

MANIFEST = "nbhelpers-manifest.json"
# Kaggle's client reads these and sends the rest
NOT_UPLOADED = ("dataset-metadata.json", "kernel-metadata.json")
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


def find_weights(bundle: Path | None) -> Path | None:
    """The file of weights in the bundle that `fold_notes` are kept with, whatever its name; None if there is none.

    Prints which others lie there. Raises ValueError for two with such notes, and as `read_notes` for broken files.
    """
    if bundle is None:
        return None
    files = sorted(bundle.glob("*.safetensors"))
    found = [path for path in files if FOLDS in read_notes(path)]
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise ValueError(f"the bundle brings weights of several runs, {names}; pack those of one")
    if others := [path.name for path in files if path not in found]:
        print(f"find_weights: not {', '.join(others)}: no fold_notes tell what each model has learnt from")
    return found[0] if found else None


@contextmanager
def folder_written_whole(folder: str | Path, manifest: str = MANIFEST) -> Iterator[Path]:
    """A temporary folder beside `folder`; what the block writes to it, and a manifest of it, stand in `folder` afterwards.

    Of what `folder` held only our own goes: what the manifest of an earlier time lists. Raises ValueError that names
    the rest, if there is any, before the block begins; where the block ends in an error `folder` is as it was.
    """
    folder = Path(folder)
    _own_files(folder, manifest)
    folder.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".part", dir=folder.parent))
    try:
        yield building
        write_manifest(building, manifest)
        for path in _own_files(folder, manifest):
            path.unlink()
        for path in sorted(folder.rglob("*"), reverse=True):
            path.rmdir()
        folder.mkdir(exist_ok=True)
        # the manifest first: stopped in between, what is there is known to be ours
        for path in (building / manifest, *(path for path in building.iterdir() if path.name != manifest)):
            path.rename(folder / path.name)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _own_files(folder: Path, manifest: str) -> list[Path]:
    """The files in `folder`; ValueError unless its manifest lists them all."""
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is no folder; name another place")
    files = [path for path in sorted(folder.rglob("*")) if path.is_symlink() or not path.is_dir()]
    listed = {manifest, *_listed(folder, manifest)} if (folder / manifest).is_file() else set()
    others = [path for path in files if path.relative_to(folder).as_posix() not in listed]
    if others:
        raise ValueError(
            f"{folder} holds {others[0].relative_to(folder)}{f' and {len(others) - 1} more' if others[1:] else ''}, "
            "which we did not write: take an empty folder, or move it away"
        )
    return files


def write_manifest(folder: Path, manifest: str = MANIFEST) -> None:
    """List every file in `folder` with its size and SHA-256."""
    files = {
        path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "sha256": _checksum(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path != folder / manifest
    }
    with written_whole(folder / manifest) as temporary:
        temporary.write_text(json.dumps({"files": files}, indent=1) + "\n", "utf-8")


def check_manifest(folder: str | Path) -> None:
    """Raise ValueError unless every file of the manifest is in `folder`, unchanged.

    Other files are no matter, nor are those that Kaggle's client does not upload.
    """
    folder = Path(folder)
    files = {name: told for name, told in _listed(folder, MANIFEST).items() if name not in NOT_UPLOADED}
    missing = [name for name in files if not (folder / name).is_file()]
    changed = [
        name for name in files if name not in missing and _checksum(folder / name) != files[name]["sha256"]
    ]
    if missing or changed:
        raise ValueError(
            f"the bundle in {folder} is not whole: missing {missing or 'nothing'}, changed {changed or 'nothing'}; "
            "run make kaggle and upload it again"
        )


def _listed(folder: Path, manifest: str) -> dict[str, dict]:
    """What the manifest tells of each file: {path: {bytes, sha256}}."""
    try:
        return dict(json.loads((folder / manifest).read_text("utf-8"))["files"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{folder / manifest} is no manifest ({error!r}); upload the bundle again"
        ) from error


def _checksum(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()
