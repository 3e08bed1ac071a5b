"""Which format is it? Looked for by what the files hold, not by their names alone."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType

from nbhelpers.datasets.annotations.conventions import Convention
from nbhelpers.datasets.annotations.export import Export
from nbhelpers.datasets.annotations.formats import (
    cityscapes,
    coco,
    cvat,
    geojson,
    kaggle,
    label_studio,
    labelme,
    png_masks,
    supervisely,
    yolo,
)
from nbhelpers.datasets.annotations.nodes import load_json

ONE_FILE: tuple[ModuleType, ...] = (coco, label_studio)  # a JSON file of all images
FILE_EACH: tuple[ModuleType, ...] = (labelme, cityscapes, supervisely, geojson)  # a JSON file an image
FORMATS = (
    "coco",
    "labelme",
    "cvat",
    "label-studio",
    "label-studio-png",
    "voc",
    "cityscapes",
    "supervisely",
    "yolo",
    "roboflow",
    "geojson",
    "kaggle",
)


def read_export(
    path: Path,
    format: str | None = None,
    classes: tuple[str, ...] | None = None,
    convention: str | Convention | None = None,
) -> Export:
    """Read the annotations at `path`, a file or a folder.

    path: YOLO's data.yaml stands for its folder. format: one of `FORMATS`; None finds it. convention: of the codes,
    for "kaggle" only. Raises FileNotFoundError where there is nothing, and ValueError for an unknown format and for all
    that is wrong in a file, naming file, object and key.
    """
    if format is not None and format not in FORMATS:
        raise ValueError(f"format is {format!r}; it must be one of {', '.join(FORMATS)}")
    if not path.exists():
        raise FileNotFoundError(f"there are no annotations at {path}")
    if path.is_file() and path.suffix in (".yaml", ".yml"):
        path = path.parent
    found = _of_file(path) if path.is_file() else _of_folder(path, classes)
    if found is None:
        raise ValueError(
            f"{path} holds annotations of no format known here; known are {', '.join(FORMATS)}: unpack a zip first, "
            "and give the file or the folder that the tool exported"
        )
    name, read = found
    if format not in (None, name):
        raise ValueError(f"{path} was to be read as {format}, but it is {name}")
    if name == kaggle.NAME:
        return read(convention)
    if convention is not None:
        raise ValueError(f"convention is {convention!r}, but {path} is {name}, which has one of its own")
    return read()


def _of_file(path: Path) -> tuple[str, Callable[..., Export]] | None:
    suffix = path.suffix.lower()
    if suffix == ".xml":
        return cvat.NAME, partial(cvat.read, path)
    if suffix == ".txt":
        return yolo.NAME, partial(yolo.read, [path], _names_beside(path.parent))
    if path.name == "_classes.csv":
        return "roboflow", partial(png_masks.read_roboflow, path)
    if suffix == ".csv":
        return kaggle.NAME, partial(kaggle.read, path)
    if suffix not in (".json", ".geojson"):
        return None
    content = load_json(path)
    for module in ONE_FILE:
        if module.fits(content):
            return module.NAME, partial(module.read, path)
    for module in FILE_EACH:
        if module.fits(content):
            return module.NAME, partial(module.read, [path])
    return None


def _of_folder(folder: Path, classes: tuple[str, ...] | None) -> tuple[str, Callable[..., Export]] | None:
    listed = sorted(folder.rglob("_classes.csv"))
    if len(listed) == 1:
        return "roboflow", partial(png_masks.read_roboflow, listed[0])
    if listed:
        raise ValueError(
            f"{folder} holds {len(listed)} parts of an export, {listed[0].parent} first; give one of them"
        )
    if xml := sorted(folder.rglob("*.xml")):
        return _of_file(_only(xml, folder))
    if jsons := _json_files(folder):
        return _of_json_folder(folder, jsons)
    if masks := _voc_folder(folder):
        return "voc", partial(png_masks.read_voc, masks, _labelmap_beside(masks), classes)
    if any(folder.glob("task-*-tag-*.png")):
        return "label-studio-png", partial(png_masks.read_brushes, folder)
    if tables := [path for path in sorted(folder.rglob("*.csv")) if path.is_file() and kaggle.fits(path)]:
        return _of_file(_only(tables, folder))
    if texts := [path for path in sorted(folder.rglob("*.txt")) if path.is_file() and yolo.fits(path)]:
        return yolo.NAME, partial(yolo.read, texts, _names_beside(folder), whole=True)
    return None


def _of_json_folder(folder: Path, paths: list[Path]) -> tuple[str, Callable[[], Export]] | None:
    """Many files of one format that has a file an image, or one file of all images."""
    kinds: dict[str, list[Path]] = {}
    for path in paths:
        found = _of_file(path)
        kinds.setdefault(found[0] if found else "", []).append(path)
    if not_known := kinds.pop("", []):
        if not kinds:
            return None
        raise ValueError(f"{not_known[0]} is no annotation of a known format, as the others in {folder} are")
    if len(kinds) > 1:
        named = ", ".join(f"{name} ({files[0].name})" for name, files in sorted(kinds.items()))
        raise ValueError(f"{folder} holds annotations of several formats, {named}; give one file or folder")
    ((name, files),) = kinds.items()
    module = next((module for module in FILE_EACH if name == module.NAME), None)
    return (name, partial(module.read, files)) if module else _of_file(_only(files, folder))


def _json_files(folder: Path) -> list[Path]:
    """All but what goes along with annotations: Supervisely's two lists, the notes beside Label Studio's YOLO."""
    extra = ("meta.json", "key_id_map.json", "notes.json")
    paths = sorted(path for suffix in ("json", "geojson") for path in folder.rglob(f"*.{suffix}"))
    return [path for path in paths if path.name not in extra and not path.name.startswith(".")]


def _only(paths: list[Path], folder: Path) -> Path:
    if len(paths) > 1:
        raise ValueError(
            f"{folder} holds {len(paths)} exports, {paths[0].name} and {paths[1].name} first; give one of them"
        )
    return paths[0]


def _voc_folder(folder: Path) -> Path | None:
    here = folder if folder.name == "SegmentationClass" else folder / "SegmentationClass"
    return here if here.is_dir() else None


def _labelmap_beside(masks: Path) -> Path | None:
    return next(
        (path for path in (masks / "labelmap.txt", masks.parent / "labelmap.txt") if path.is_file()), None
    )


def _names_beside(folder: Path) -> Path | None:
    """What names the classes, in the folder of the texts or in one of the two above it.

    data.yaml, another that has names, or Label Studio's classes.txt.
    """
    for one in (folder, *folder.resolve().parents[:2]):
        paths = [path for path in sorted(one.glob("*.y*ml")) if path.is_file()]
        paths.sort(key=lambda path: path.stem != "data")
        for path in paths:
            if path.stem == "data" or yolo.has_names(path):
                return path
        if (listed := one / yolo.LIST).is_file():
            return listed
    return None
