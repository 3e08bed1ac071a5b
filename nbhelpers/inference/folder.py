"""A folder of images to a folder of masks: `python -m nbhelpers.inference MODEL IMAGES OUT`.

Bad files are passed over and listed at the end, what is finished is not done again, and several processes, started
by torchrun or accelerate launch, share the images.
"""

import json
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.PngImagePlugin
import torch
from accelerate import PartialState
from accelerate.utils import gather_object
from tqdm import tqdm

from nbhelpers.datasets.files import bits_of, checked_range
from nbhelpers.datasets.pairs import left_alone
from nbhelpers.datasets.palette import categorical
from nbhelpers.inference.export import OnnxModel
from nbhelpers.inference.predict import PLAIN
from nbhelpers.inference.sources import READABLE, open_image
from nbhelpers.inference.tiled import Sliceable, check_grid, predict_tiled
from nbhelpers.inference.tta import TTA
from nbhelpers.inference.writing import written_whole

OVERLAY_SIDE = 2000  # pixels; of a larger image every second, third, ... pixel is shown
SETTINGS = "settings.json"
SOURCE = "source sha256"  # of a mask's image, a text in the PNG


@dataclass
class Report:
    """What became of the images: paths that were done now, that were done before, and what was wrong with others.

    left: the names of what else lies in the folder, which by its ending is no image that can be read.
    """

    done: list[str] = field(default_factory=list)
    before: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)


def predict_folder(
    model: str | Path,
    images: str | Path,
    out: str | Path,
    *,
    tile: int = 512,
    overlap: int = 128,
    tta: TTA = PLAIN,
    value_range: tuple[float, float] | None = None,
    progress: bool = True,
) -> Report:
    """Write `masks/<name>.png` and `overlays/<name>.jpg` to `out` for every image of the folder `images`.

    model: a file that `export` wrote. Only such a file is taken, because loading it runs no code.
    The images have as many bands as the model takes (3: RGB, or grey three times).
    value_range: (black, white) of images of more than 8 bits, as in training: what `Folder` was given, or printed.
        Such an image fails without it; `.npy` arrays are then taken by the range of their type, as in `predict`.
    A mask is a PNG of class ids with the colours of `nbhelpers.datasets.palette.categorical`; an overlay is the
    image under these colours. Each file is written whole or not at all. The report is of all processes together.
    What is finished is not done again; a mask keeps the SHA-256 of its image's file, so that another image of the same
    name is.
    Raises FileNotFoundError for missing paths, ValueError for images of one name, for a tile that does not fit, and
    where `out` holds the masks of another model or other settings; OSError where nothing can be written.
    """
    # 0.1 s, for who predicts folders alone; a file at a time, and never whole in memory
    from pooch import file_hash

    model, images, out = Path(model), Path(images), Path(out)
    files = find_images(images)
    state = PartialState(cpu=not torch.cuda.is_available())  # of torchrun's processes; one alone otherwise
    network = OnnxModel(model, device=state.local_process_index)
    check_grid(tile, overlap, network.stride)
    settings = {"model": file_hash(model), "tile": tile, "overlap": overlap}
    if (value_range := checked_range(value_range)) is not None:
        settings["value_range"] = list(value_range)
    with state.main_process_first():  # it writes, the others compare
        _check_settings(out, settings | {"tta": asdict(tta)})
    report = Report()
    mine = files[state.process_index :: state.num_processes]
    for path in tqdm(
        mine, disable=not (progress and state.is_main_process), file=sys.stdout, ncols=80, unit="image"
    ):
        mask, overlay = out / "masks" / f"{path.stem}.png", out / "overlays" / f"{path.stem}.jpg"
        try:
            source = file_hash(path)
            if overlay.exists() and source == _source_of(mask):
                report.before.append(str(path))
                continue
            image = _opened(path, network.in_channels, value_range)
            ids = predict_tiled(
                network, image, tile, overlap, ids=True, tta=tta, stride=network.stride, progress=False
            ).numpy()
        except (ValueError, OSError, FloatingPointError, RuntimeError, MemoryError) as error:
            report.failed[str(path)] = " ".join(str(error).split()) or type(error).__name__
            continue
        # of another image of this name: who stops between the two would leave it
        overlay.unlink(missing_ok=True)
        write_mask(mask, ids, source)
        write_overlay(overlay, image, ids)
        report.done.append(str(path))
    reports = gather_object([report])
    return Report(
        sum((one.done for one in reports), []),
        sum((one.before for one in reports), []),
        {path: fault for one in reports for path, fault in one.failed.items()},
        [name for name in left_alone(images, READABLE) if (images / name).resolve() != out.resolve()],
    )


def _opened(path: Path, in_channels: int, value_range: tuple[float, float] | None) -> Sliceable:
    if value_range is None and (bits := bits_of(path)) > 8:
        raise ValueError(
            f"{path.name} has {bits} bits; say which numbers are black and white for this model, as in its training: "
            "--range 0 65535 for the whole type, --range 0 4095 for 12 bits in 16"
        )
    return open_image(path, in_channels=in_channels, value_range=value_range)


def find_images(folder: Path) -> list[Path]:
    """The image files of a folder (not deeper), by name. Raises FileNotFoundError, and ValueError for equal stems."""
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder of images at {folder.resolve()}")
    files = [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in READABLE and not path.name.startswith(".") and not path.is_dir()
    ]
    if not files:
        raise FileNotFoundError(
            f"{folder.resolve()} holds no image; expected files that end in {', '.join(READABLE)}"
        )
    known: dict[str, Path] = {}
    for path in files:
        if path.stem in known:
            raise ValueError(
                f"{known[path.stem]} and {path} would have one mask, {path.stem}.png: rename or move one of them"
            )
        known[path.stem] = path
    return files


def _source_of(mask: Path) -> str | None:
    """The digest of the image file that a mask was made of; None where there is no such mask."""
    try:
        with PIL.PngImagePlugin.PngImageFile(mask) as picture:  # PIL.Image.open refuses 179 megapixels
            return picture.info.get(SOURCE)
    except (OSError, SyntaxError):  # missing, or no PNG
        return None


def write_mask(path: Path, ids: np.ndarray, source: str) -> None:
    """Class ids (H, W) as a PNG with a palette, and with the digest of the image file."""
    if ids.dtype != np.uint8:
        raise ValueError(f"ids are {ids.dtype}; a PNG with a palette holds at most 256 classes, uint8")
    picture = PIL.Image.fromarray(ids)
    picture.putpalette(categorical(256).tobytes())  # makes a grey picture one of palette numbers
    info = PIL.PngImagePlugin.PngInfo()
    info.add_text(SOURCE, source)
    with written_whole(path) as temporary:
        picture.save(temporary, "PNG", pnginfo=info)


def write_overlay(path: Path, image: object, ids: np.ndarray) -> None:
    """The image, half covered by its classes' colours; a large one thinned out to OVERLAY_SIDE."""
    step = -(-max(ids.shape) // OVERLAY_SIDE)
    shown = np.asarray(image[::step, ::step])
    if shown.dtype.kind == "u" and shown.dtype.itemsize == 2:  # in either order of bytes
        shown = shown / 65535
    if shown.dtype.kind == "f":
        shown = (shown * 255).round().astype(np.uint8)
    if shown.ndim == 2:
        shown = shown[..., None]
    shown = shown[..., :3] if shown.shape[2] > 2 else shown[..., :1]  # of many bands the first ones
    colours = categorical(256)[ids[::step, ::step]]
    blended = (shown.astype(np.uint16) + colours) // 2
    with written_whole(path) as temporary:
        PIL.Image.fromarray(blended.astype(np.uint8)).save(temporary, "JPEG", quality=85)


def _check_settings(out: Path, settings: dict) -> None:
    """Keep the settings beside the masks, so that going on never mixes the masks of two models."""
    path = out / SETTINGS
    if not path.exists():
        with written_whole(path) as temporary:
            temporary.write_text(json.dumps(settings, indent=1) + "\n", "utf-8")
    elif path.read_text("utf-8") != json.dumps(settings, indent=1) + "\n":
        raise ValueError(
            f"{out} holds masks of another model or of other settings ({path.name} differs): take an empty folder, "
            "or remove this one"
        )
