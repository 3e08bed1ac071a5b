"""What the pages with networks need: the exported files, the scenes, and the pictures that stand in without JavaScript."""

import html
import json
import shutil
from pathlib import Path

import numpy as np
import PIL.Image

from nbhelpers import visualisation as vis
from nbhelpers.datasets import Eyes, Street, in_memory
from nbhelpers.inference import export
from nbhelpers.iris import load_segmenter
from tools.execution import ROOT
from tools.train_street import street_network

RUNTIME = ROOT / "docs" / "node_modules" / "onnxruntime-web" / "dist"
RUNTIME_FILES = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
LARGEST = 4_000_000  # bytes of a network
EYES, SCENES = (1, 3, 5, 8, 12, 17), range(24)  # of the test sets
SHOWN = {"iris": 5, "street": 4}  # where nothing runs


def eyes() -> Eyes:
    return Eyes("test", (240, 320))


def write_networks(stage: Path) -> dict[str, str]:
    """Fill stage/static/networks and stage/static/ort; returns what the pages say in place of @NAMES@.

    Raises FileNotFoundError without onnxruntime-web, and ValueError for a network above 4 MB.
    """
    if not all((RUNTIME / file).is_file() for file in RUNTIME_FILES):
        raise FileNotFoundError(
            f"onnxruntime-web is not in {RUNTIME.parent}: run npm ci in docs, or make site"
        )
    folder, runtime = stage / "static" / "networks", stage / "static" / "ort"
    folder.mkdir(parents=True)
    runtime.mkdir()
    for file in RUNTIME_FILES:
        shutil.copyfile(RUNTIME / file, runtime / file)
    told = {"RUNTIME_MB": f"{sum((runtime / file).stat().st_size for file in RUNTIME_FILES) / 1e6:.0f}"}
    for name, network, stride in (("iris", load_segmenter(), 1), ("street", street_network(), 8)):
        path = folder / f"{name}.onnx"
        export(network, path, stride=stride)
        if path.stat().st_size > LARGEST:
            raise ValueError(
                f"{path.name} has {path.stat().st_size} bytes; a page may load at most {LARGEST}"
            )
        told[f"{name.upper()}_MB"] = f"{path.stat().st_size / 1e6:.1f}"
    told |= _write_eyes(folder) | _write_scenes(folder)
    return told


def _write_eyes(folder: Path) -> dict[str, str]:
    data, network = eyes(), load_segmenter()
    for index in EYES:
        _save(data.read(index)[0], folder / f"eye-{index}.png")
    shown = SHOWN["iris"]
    picture = vis.show_predictions(network, in_memory(data, limit=shown + 1), [shown])
    options = "".join(f'<option value="eye-{index}.png">drawn eye {index}</option>' for index in EYES)
    return {"IRIS_PICTURE": _fallback(picture, folder / "iris-fallback"), "EYES": options}


def _write_scenes(folder: Path) -> dict[str, str]:
    data, network = Street("test"), street_network()
    scenes = []
    for index in SCENES:
        image, mask = data.read(index)
        _save(image, folder / f"scene-{index}.png")
        _save(mask, folder / f"scene-{index}-mask.png")
        scenes.append([f"scene-{index}.png", f"scene-{index}-mask.png"])
    told = {"classes": data.classes, "palette": data.palette.tolist(), "scenes": scenes}
    (folder / "street.json").write_text(json.dumps(told), "utf-8")
    shown = [SHOWN["street"]]
    picture = vis.show_predictions(network, in_memory(data, limit=shown[0] + 1), shown)
    classes = "".join(f'<option value="{id}">{name}</option>' for id, name in enumerate(data.classes))
    classes = classes.replace(">Car<", " selected>Car<")
    fallback = _fallback(picture, folder / "street-fallback")
    return {"STREET_PICTURE": fallback, "CLASSES": classes, "LAST_SCENE": str(len(scenes) - 1)}


def _fallback(picture: vis.Picture, path: Path) -> str:
    """Write the picture, and return the tag that shows it with its alt text."""
    path = path.with_suffix("." + picture.mimetype.removeprefix("image/"))
    path.write_bytes(picture.data)
    return f'<img src="../_static/networks/{path.name}" alt="{html.escape(picture.alt)}">'


def _save(pixels: np.ndarray, path: Path) -> None:
    PIL.Image.fromarray(pixels).save(path, optimize=True)
