"""Volumes and maps, written by the packages that read them; where a package is missing, its test is skipped."""

import sys

import numpy as np
import pytest

from nbhelpers.datasets.annotations.volumes import DicomSegments, GeoTiles, NiftiSlices

CLASSES = ("background", "liver", "tumour")


def labels_of(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 3, shape).astype(np.uint8)


@pytest.mark.parametrize(
    ("package", "build"),
    [
        ("nibabel", lambda: NiftiSlices("a.nii", "b.nii", CLASSES)),
        ("highdicom", lambda: DicomSegments("a", "b.dcm", CLASSES)),
        ("rasterio", lambda: GeoTiles("a.tif", "b.tif", CLASSES)),
    ],
)
def test_a_missing_package_is_named(package, build, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        ImportError, match=f"are read by {package}, which is not installed: pip install {package}"
    ):
        build()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_nifti(tmp_path, axis):
    nibabel = pytest.importorskip("nibabel")
    ids, values = labels_of((4, 5, 6)), np.random.default_rng(1).normal(0, 500, (4, 5, 6)).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), tmp_path / "ct.nii.gz")
    nibabel.save(nibabel.Nifti1Image(ids, np.eye(4)), tmp_path / "labels.nii.gz")
    data = NiftiSlices(
        tmp_path / "ct.nii.gz", tmp_path / "labels.nii.gz", CLASSES, axis=axis, window=(-160, 240)
    )
    assert len(data) == ids.shape[axis]
    image, mask = data.read(2)
    assert np.array_equal(mask, np.rot90(np.take(ids, 2, axis)))
    grey = (np.rot90(np.take(values, 2, axis)) + 160) / 400 * 255
    assert np.abs(image[..., 0] - grey.clip(0, 255)).max() <= 0.51 and image.dtype == np.uint8
    turned = nibabel.Nifti1Image(ids[::-1], np.diag([-1.0, 1, 1, 1]) + np.eye(4, k=3) * [[3], [0], [0], [0]])
    nibabel.save(turned, tmp_path / "turned.nii")  # the same voxels in space, stored from right to left
    other = NiftiSlices(tmp_path / "ct.nii.gz", tmp_path / "turned.nii", CLASSES, axis=axis)
    assert np.array_equal(other.read(2)[1], mask)


def test_nifti_errors(tmp_path):
    nibabel = pytest.importorskip("nibabel")
    for name, array, affine in (
        ("ct", np.zeros((4, 5, 6), np.float32), np.eye(4)),
        ("moved", labels_of((4, 5, 6)), np.diag([2.0, 1, 1, 1])),
        ("many", np.full((4, 5, 6), 7, np.uint8), np.eye(4)),
    ):
        nibabel.save(nibabel.Nifti1Image(array, affine), tmp_path / f"{name}.nii")
    (tmp_path / "text.nii").write_text("no volume")
    for name, message in (
        ("moved", "or they lie elsewhere in space; resample the labels"),
        ("many", r"many.nii holds 7, but the classes are 0..2"),
        ("text", "cannot be read as NIfTI"),
    ):
        with pytest.raises(ValueError, match=message):
            NiftiSlices(tmp_path / "ct.nii", tmp_path / f"{name}.nii", CLASSES)
    with pytest.raises(ValueError, match="axis is 3; it must be 0"):
        NiftiSlices(tmp_path / "ct.nii", tmp_path / "ct.nii", CLASSES, axis=3)
    with pytest.raises(ValueError, match=r"window is \(3, 1\); it must be \(low, high\)"):
        NiftiSlices(tmp_path / "ct.nii", tmp_path / "ct.nii", CLASSES, window=(3, 1))


def series(folder, count=3, size=(6, 8)):
    """CT images as a scanner writes them, as far as a segmentation needs."""
    pydicom = pytest.importorskip("pydicom")
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

    folder.mkdir()
    study, serie, frame = generate_uid(), generate_uid(), generate_uid()
    images = []
    for number in range(count):
        image = pydicom.Dataset()
        image.file_meta = pydicom.dataset.FileMetaDataset()
        image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        image.SOPClassUID, image.SOPInstanceUID = CTImageStorage, generate_uid()
        image.StudyInstanceUID, image.SeriesInstanceUID, image.FrameOfReferenceUID = study, serie, frame
        image.Modality, image.InstanceNumber, image.SeriesNumber = "CT", number + 1, 1
        image.PatientID = image.PatientName = image.StudyID = image.AccessionNumber = "1"
        image.PatientBirthDate, image.PatientSex, image.StudyDate, image.StudyTime = (
            "",
            "",
            "20200101",
            "000000",
        )
        image.ReferringPhysicianName, image.Manufacturer = "", "none"
        image.PositionReferenceIndicator, image.ImageType = "", ["ORIGINAL", "PRIMARY", "AXIAL"]
        image.Rows, image.Columns = size
        image.PixelSpacing, image.SliceThickness = [1.0, 1.0], 1.0
        image.ImageOrientationPatient, image.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [0, 0, float(number)]
        image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
        image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 16, 15, 1
        image.RescaleSlope, image.RescaleIntercept = 1, -1000
        pixels = np.random.default_rng(number).integers(0, 2000, size).astype(np.int16)
        image.PixelData = pixels.tobytes()
        image.save_as(folder / f"{9 - number}.dcm", enforce_file_format=True)  # names against the order
        images.append(image)
    return images


def test_dicom_segments(tmp_path):
    hd = pytest.importorskip("highdicom")
    from pydicom.sr.codedict import codes
    from pydicom.uid import generate_uid

    images = series(tmp_path / "series")
    ids = labels_of((3, 6, 8))
    ids[1] = 0  # a slice without a segment, which the file leaves out
    descriptions = [
        hd.seg.SegmentDescription(
            segment_number=number,
            segment_label=label,
            segmented_property_category=codes.SCT.Organ,
            segmented_property_type=codes.SCT.Liver,
            algorithm_type="MANUAL",
        )
        for number, label in ((1, "liver"), (2, "tumour"))
    ]
    segmentation = hd.seg.Segmentation(
        images, ids, "BINARY", descriptions, generate_uid(), 2, generate_uid(), 1, "none", "none", "1", "1"
    )
    segmentation.save_as(tmp_path / "seg.dcm")
    data = DicomSegments(tmp_path / "series", tmp_path / "seg.dcm", window=(-1000, 1000))
    assert data.classes == CLASSES and len(data) == 3
    for number in range(3):
        image, mask = data.read(number)
        assert np.array_equal(mask, ids[number])
        assert np.abs(image[..., 0] - images[number].pixel_array / 2000 * 255).max() <= 0.51
    series(tmp_path / "others")
    with pytest.raises(ValueError, match="others holds none of the images that .*seg.dcm was drawn on"):
        DicomSegments(tmp_path / "others", tmp_path / "seg.dcm")
    with pytest.raises(ValueError, match="cannot be read as a DICOM segmentation"):
        DicomSegments(tmp_path / "series", tmp_path / "series" / "9.dcm")


def test_geotiff(tmp_path):
    rasterio = pytest.importorskip("rasterio")
    from rasterio.transform import from_origin

    bands = np.random.default_rng(0).integers(100, 900, (4, 50, 70)).astype(np.uint16)
    ids = labels_of((50, 70))
    ids[:5] = 9  # the no-data value

    def write(name, array, **options):
        profile = {"driver": "GTiff", "height": 50, "width": 70, "crs": "EPSG:32632", "count": len(array)}
        profile |= {"dtype": array.dtype, "transform": from_origin(500_000, 5_000_000, 10, 10)} | options
        with rasterio.open(tmp_path / name, "w", **profile) as file:
            file.write(array)
        return tmp_path / name

    image, labels = write("image.tif", bands), write("labels.tif", ids[None], nodata=9)
    data = GeoTiles(image, labels, CLASSES, tile=32, window=(100, 900))
    assert len(data) == 2 * 3
    picture, mask = data.read(4)  # the second row, the second column: 18 rows of it lie within
    assert np.array_equal(mask[:18], ids[32:, 32:64]) and (mask[18:] == 255).all()
    assert np.abs(picture[:18, :, 1] - (bands[1, 32:, 32:64] - 100) / 800 * 255).max() <= 0.51
    assert (data.read(0)[1][:5] == 255).all()
    assert GeoTiles(image, labels, CLASSES).window == (bands.min(), bands.max())
    moved = write("moved.tif", ids[None], transform=from_origin(500_000, 5_000_005, 10, 10))
    with pytest.raises(ValueError, match="lie on different grids; warp the labels"):
        GeoTiles(image, moved, CLASSES)
    (tmp_path / "text.tif").write_text("no map")
    with pytest.raises(ValueError, match="text.tif cannot be read as a GeoTIFF"):
        GeoTiles(image, tmp_path / "text.tif", CLASSES)
    with pytest.raises(ValueError, match="tile is 8; it must be at least 32 pixels"):
        GeoTiles(image, labels, CLASSES, tile=8)
