"""Medical volumes and maps: NIfTI, DICOM-SEG and GeoTIFF, over packages that are installed only where they are needed.

Their pixels have no fixed range, so `window` = (low, high) says which values become 0 and 255; None takes the lowest
and the highest value of the whole image, so that all slices or tiles of one image are equally bright. nan becomes 0.
"""

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np

from nbhelpers.datasets.dataset import IGNORE, SegmentationDataset, checked_classes
from nbhelpers.datasets.palette import categorical

Window = tuple[float, float] | None


def need(package: str, what: str) -> ModuleType:
    """Import a package that only some readers need. Raises ImportError with the command that installs it."""
    try:
        return import_module(package)
    except ImportError as error:
        name = package.split(".")[0]
        raise ImportError(f"{what} are read by {name}, which is not installed: pip install {name}") from error


class _Grey(SegmentationDataset):
    """What the three share: classes, and values to grey levels."""

    def __init__(self, classes: Sequence[str], window: Window, transform: Callable | None) -> None:
        super().__init__(transform)
        self.classes = checked_classes(classes)
        self.palette = categorical(len(self.classes))
        if window is not None and not -np.inf < window[0] < window[1] < np.inf:
            raise ValueError(f"window is {window}; it must be (low, high), such as (-160, 240)")
        self.window = window

    def to_uint8(self, values: np.ndarray) -> np.ndarray:
        """(H, W) or (H, W, bands) -> uint8 (H, W, 3); one band becomes three equal ones, more than three are cut."""
        low, high = self.window
        grey = (np.atleast_3d(values).astype(np.float32) - low) * (255 / (high - low))
        grey = np.nan_to_num(grey.round().clip(0, 255), copy=False).astype(np.uint8)
        return np.ascontiguousarray(
            grey[..., :3] if grey.shape[2] >= 3 else np.repeat(grey[..., :1], 3, axis=2)
        )

    def to_ids(self, labels: np.ndarray, where: str | Path) -> np.ndarray:
        """Whole numbers 0..num_classes - 1 and 255 -> uint8. Raises ValueError for all others."""
        found = np.unique(labels)
        good = np.isin(found, [*range(len(self.classes)), IGNORE])
        if not good.all():
            raise ValueError(
                f"{where} holds {', '.join(f'{value:g}' for value in found[~good][:5])}, but the classes are "
                f"0..{len(self.classes) - 1} and 255 = ignore; name all classes"
            )
        return labels.astype(np.uint8)


class NiftiSlices(_Grey):
    """The slices of a volume and of its labels, two NIfTI files (.nii, .nii.gz) on one grid.

    axis: across which the slices lie, in anatomical order: 0 sagittal, 1 coronal, 2 axial; up in a slice is up or
        front in the body. classes: names of the ids 0, 1, ... in the labels.
    Raises ImportError without nibabel, and ValueError for files on different grids or of other ids.
    """

    def __init__(
        self,
        image: str | Path,
        labels: str | Path,
        classes: Sequence[str],
        *,
        axis: int = 2,
        window: Window = None,
        transform: Callable | None = None,
    ) -> None:
        super().__init__(classes, window, transform)
        nibabel = need("nibabel", "NIfTI files")
        if axis not in (0, 1, 2):
            raise ValueError(f"axis is {axis!r}; it must be 0 (sagittal), 1 (coronal) or 2 (axial)")
        try:
            volumes = [nibabel.as_closest_canonical(nibabel.load(path)) for path in (image, labels)]
            if volumes[0].ndim != 3 or volumes[1].ndim != 3:
                raise ValueError(
                    f"their shapes are {volumes[0].shape} and {volumes[1].shape}; both must have 3 axes"
                )
            self.values, ids = np.asarray(volumes[0].dataobj), np.asarray(volumes[1].dataobj)
        except (nibabel.filebasedimages.ImageFileError, OSError, EOFError) as error:
            raise ValueError(f"{image} or {labels} cannot be read as NIfTI ({error})") from error
        if self.values.shape != ids.shape or not np.allclose(volumes[0].affine, volumes[1].affine, atol=1e-3):
            raise ValueError(
                f"{image} has {self.values.shape} voxels and {labels} {ids.shape}, or they lie elsewhere in space; "
                "resample the labels to the image's grid, by nearest neighbour"
            )
        self.ids, self.axis = self.to_ids(ids, labels), axis
        self.window = self.window or _range(self.values, image)

    def __len__(self) -> int:
        return self.values.shape[self.axis]

    def read(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        image, mask = (np.rot90(np.take(volume, index, self.axis)) for volume in (self.values, self.ids))
        return self.to_uint8(image), np.ascontiguousarray(mask)


class DicomSegments(_Grey):
    """The images of a DICOM series and the segments that a DICOM-SEG file draws on them, in the order of the series.

    series: the folder of the images. segmentation: the SEG file. classes: background, then the segments in the order
        of their numbers; default: the segments' own labels.
    Raises ImportError without highdicom, and ValueError for a segmentation of another series; on reading, for segments
    that overlap or are fractions.
    """

    def __init__(
        self,
        series: str | Path,
        segmentation: str | Path,
        classes: Sequence[str] | None = None,
        *,
        window: Window = None,
        transform: Callable | None = None,
    ) -> None:
        segments = need("highdicom.seg", "DICOM segmentations")
        pydicom = need("pydicom", "DICOM images")
        try:
            self.segments = segments.segread(segmentation)
        except (pydicom.errors.InvalidDicomError, AttributeError, ValueError, OSError) as error:
            raise ValueError(f"{segmentation} cannot be read as a DICOM segmentation ({error})") from error
        numbers = list(self.segments.segment_numbers)
        if classes is None:
            classes = (
                "background",
                *(str(self.segments.get_segment_description(n).segment_label) for n in numbers),
            )
        super().__init__(classes, window, transform)
        self.path = Path(segmentation)
        wanted = {uid for _, _, uid in self.segments.get_source_image_uids()}
        images = []
        for path in sorted(Path(series).rglob("*")):
            if path.is_file():
                try:
                    image = pydicom.dcmread(path, stop_before_pixels=True)
                except pydicom.errors.InvalidDicomError:
                    continue
                if image.get("SOPInstanceUID") in wanted:
                    images.append((float(image.get("InstanceNumber") or 0), path))  # a number may be blank
        if not images:
            raise ValueError(
                f"{series} holds none of the images that {segmentation} was drawn on; give their folder"
            )
        self.images = [pydicom.dcmread(path) for _, path in sorted(images)]
        self.values = [self._values(image) for image in self.images]
        self.window = self.window or _range(np.stack(self.values), series)

    def __len__(self) -> int:
        return len(self.images)

    def read(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        uid = self.images[index].SOPInstanceUID
        try:
            labels = self.segments.get_pixels_by_source_instance(
                [uid], combine_segments=True, relabel=True, assert_missing_frames_are_empty=True
            )[0]
        except (RuntimeError, ValueError) as error:
            raise ValueError(
                f"{self.path} does not give each pixel one segment ({error}); write it anew, as a BINARY segmentation "
                "whose segments do not overlap"
            ) from error
        image = self.to_uint8(self.values[index])
        # whose lowest numbers are white
        if self.images[index].get("PhotometricInterpretation") == "MONOCHROME1":
            image = 255 - image
        return image, self.to_ids(labels, self.path)

    @staticmethod
    def _values(image) -> np.ndarray:
        """The stored numbers in the units of the modality, such as Hounsfield's."""
        return image.pixel_array * float(image.get("RescaleSlope", 1)) + float(
            image.get("RescaleIntercept", 0)
        )


class GeoTiles(_Grey):
    """The tiles of a GeoTIFF and of its labels, a GeoTIFF of ids on the same grid, whose no-data is void.

    tile: the side of a tile in pixels; tiles at the right and lower edge reach beyond it, where the mask is void.
    Raises ImportError without rasterio, and ValueError for labels on another grid.
    """

    def __init__(
        self,
        image: str | Path,
        labels: str | Path,
        classes: Sequence[str],
        *,
        tile: int = 512,
        window: Window = None,
        transform: Callable | None = None,
    ) -> None:
        super().__init__(classes, window, transform)
        _rasterio()  # or who lacks it would be told of the files first
        if tile < 32:
            raise ValueError(f"tile is {tile}; it must be at least 32 pixels")
        self.tile = tile
        self.image, self.labels = Path(image), Path(labels)
        with self._open(self.image) as source:
            self.size, self.grid, self.crs = source.shape, source.transform, source.crs
            if self.window is None:
                blocks = (source.read(window=block, masked=True) for _, block in source.block_windows(1))
                values = (block.compressed() for block in blocks)
                known = (some[some == some] for some in values)  # no-data may be nan, or nan may be beside it
                ends = [(some.min(), some.max()) for some in known if some.size]
                self.window = _range(np.array(ends or [(np.nan, np.nan)]), image)
        with self._open(self.labels) as source:
            if source.shape != self.size or source.crs != self.crs or not self._on_grid(source.transform):
                raise ValueError(
                    f"{self.labels} and {self.image} lie on different grids; warp the labels to the image's grid, "
                    "by nearest neighbour (gdalwarp -r near)"
                )

    def __len__(self) -> int:
        rows, columns = self._tiles()
        return rows * columns

    def read(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        row, column = divmod(index, self._tiles()[1])
        top, left = row * self.tile, column * self.tile
        height, width = min(self.tile, self.size[0] - top), min(self.tile, self.size[1] - left)
        window = _rasterio().windows.Window(left, top, width, height)
        with self._open(self.image) as source:
            bands = source.read(window=window)
        with self._open(self.labels) as source:
            labels = source.read(1, window=window, masked=True)
        void = np.ma.getmaskarray(labels)
        ids = self.to_ids(np.where(void, 0, labels.data), self.labels)
        ids[void] = IGNORE
        # what lies beyond is added here: rasterio's boundless=True moves the pixels of a turned grid
        beyond = (0, self.tile - height), (0, self.tile - width)
        image = np.pad(self.to_uint8(np.moveaxis(bands, 0, 2)), (*beyond, (0, 0)))
        return image, np.pad(ids, beyond, constant_values=IGNORE)

    def _open(self, path: Path):
        rasterio = _rasterio()
        try:
            return rasterio.open(path)
        except rasterio.errors.RasterioIOError as error:
            raise ValueError(f"{path} cannot be read as a GeoTIFF ({error})") from error

    def _on_grid(self, grid) -> bool:
        """Whether the labels' corners lie within a hundredth of a pixel of the image's; units may be degrees."""
        image, labels = (np.reshape(one, (3, 3)) for one in (self.grid, grid))
        corners = np.array([(0, 0, 1), (self.size[1], 0, 1), (0, self.size[0], 1)]).T
        apart = np.linalg.solve(image[:2, :2], ((labels - image) @ corners)[:2])  # in the image's pixels
        return np.abs(apart).max() < 0.01

    def _tiles(self) -> tuple[int, int]:
        return -(-self.size[0] // self.tile), -(-self.size[1] // self.tile)


def _rasterio() -> ModuleType:
    """Asked for anew each time: a data set that held the module could not be sent to a worker."""
    return need("rasterio", "GeoTIFF files")


def _range(values: np.ndarray, where: str | Path) -> tuple[float, float]:
    low, high = float(np.fmin.reduce(values, axis=None)), float(np.fmax.reduce(values, axis=None))
    if not np.isfinite([low, high]).all():
        raise ValueError(f"{where} holds inf, or no number at all; pass window=(low, high)")
    return low, high if high > low else low + 1
