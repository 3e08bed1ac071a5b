"""Medical volumes, written by the packages that read them; where a package is missing, its test is skipped."""

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


def test_where_up_and_left_are_in_a_slice(tmp_path):
    """The voxel furthest right, front and up, in files whose axes run up, right and to the front."""
    nibabel = pytest.importorskip("nibabel")
    ids = np.zeros((6, 4, 5), np.uint8)  # up, right, front
    ids[5, 3, 4] = 1
    affine = [[0, 1, 0, 0], [0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1]]
    nibabel.save(nibabel.Nifti1Image(ids, np.array(affine, float)), tmp_path / "ids.nii")
    for options, index, shape, column in (
        ({"axis": 0}, 3, (6, 5), 4),
        ({"axis": 1}, 4, (6, 4), 3),
        ({}, 5, (5, 4), 3),
    ):
        mask = NiftiSlices(tmp_path / "ids.nii", tmp_path / "ids.nii", CLASSES, **options).read(index)[1]
        assert mask.shape == shape and np.argwhere(mask).tolist() == [[0, column]]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("values", "window", "grey"),
    [
        ([0, 0.05, 0.1], (0, 0.1), [0, 128, 255]),  # a map of shares, not one of a single value
        ([7, 7, 7], (7, 8), [0, 0, 0]),
        ([np.nan, -20, 20], (-20, 20), [0, 0, 255]),
    ],
)
def test_the_range_of_the_values_is_the_window(values, window, grey, tmp_path):
    nibabel = pytest.importorskip("nibabel")
    for name, array in (("ct", np.float32(values)), ("ids", np.zeros(3, np.uint8))):
        nibabel.save(nibabel.Nifti1Image(array.reshape(3, 1, 1), np.eye(4)), tmp_path / f"{name}.nii")
    data = NiftiSlices(tmp_path / "ct.nii", tmp_path / "ids.nii", CLASSES)
    assert np.allclose(data.window, window)
    assert data.read(0)[0].tolist() == [[[value] * 3 for value in grey]]


def test_nifti_errors(tmp_path):
    nibabel = pytest.importorskip("nibabel")
    for name, array, affine in (
        ("ct", np.zeros((4, 5, 6), np.float32), np.eye(4)),
        ("moved", labels_of((4, 5, 6)), np.eye(4) + np.eye(4, k=3) * 0.5),
        ("other", labels_of((4, 5, 7)), np.eye(4)),
        ("time", labels_of((4, 5, 6, 2)), np.eye(4)),
        ("many", np.full((4, 5, 6), 7, np.uint8), np.eye(4)),
        ("inf", np.full((4, 5, 6), np.inf, np.float32), np.eye(4)),
    ):
        nibabel.save(nibabel.Nifti1Image(array, affine), tmp_path / f"{name}.nii")
    (tmp_path / "text.nii").write_text("no volume")
    elsewhere = r"has \(4, 5, 6\) voxels and .*, or they lie elsewhere in space; resample the labels"
    for name, message in (
        ("moved", elsewhere),
        ("other", elsewhere),
        ("time", r"their shapes are \(4, 5, 6\) and \(4, 5, 6, 2\); both must have 3 axes"),
        ("many", r"many.nii holds 7, but the classes are 0..2"),
        ("text", "cannot be read as NIfTI"),
    ):
        with pytest.raises(ValueError, match=message):
            NiftiSlices(tmp_path / "ct.nii", tmp_path / f"{name}.nii", CLASSES)
    with pytest.raises(ValueError, match=r"inf.nii holds inf, or no number at all; pass window="):
        NiftiSlices(tmp_path / "inf.nii", tmp_path / "ct.nii", CLASSES)
    with pytest.raises(ValueError, match="axis is 3; it must be 0"):
        NiftiSlices(tmp_path / "ct.nii", tmp_path / "ct.nii", CLASSES, axis=3)
    for window in ((3, 1), (3, 3), (3, np.inf)):
        with pytest.raises(ValueError, match=r"window is \(3, .*\); it must be \(low, high\)"):
            NiftiSlices(tmp_path / "ct.nii", tmp_path / "ct.nii", CLASSES, window=window)


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
        image.Modality, image.InstanceNumber, image.SeriesNumber = "CT", number + 9, 1
        image.PatientID = image.PatientName = image.StudyID = image.AccessionNumber = "1"
        image.PatientBirthDate = ""
        image.PatientSex = ""
        image.StudyDate = "20200101"
        image.StudyTime = "000000"
        image.ReferringPhysicianName, image.Manufacturer = "", "none"
        image.PositionReferenceIndicator, image.ImageType = "", ["ORIGINAL", "PRIMARY", "AXIAL"]
        image.Rows, image.Columns = size
        image.PixelSpacing, image.SliceThickness = [1.0, 1.0], 1.0
        image.ImageOrientationPatient, image.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [0, 0, float(number)]
        image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
        image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 16, 15, 1
        image.RescaleSlope, image.RescaleIntercept = 2, -1000
        pixels = np.random.default_rng(number).integers(0, 2000, size).astype(np.int16)
        image.PixelData = pixels.tobytes()
        image.save_as(folder / f"{count - number}.dcm", enforce_file_format=True)  # names against the order
        images.append(image)
    return images


def segmentation(path, images, pixels, kind="BINARY", **options):
    hd = pytest.importorskip("highdicom")
    from pydicom.sr.codedict import codes
    from pydicom.uid import generate_uid

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
    names = (generate_uid(), 2, generate_uid(), 1, "none", "none", "1", "1")
    hd.seg.Segmentation(images, pixels, kind, descriptions, *names, **options).save_as(path)
    return path


def test_dicom_segments(tmp_path):
    pytest.importorskip("highdicom")
    images = series(tmp_path / "series")
    (tmp_path / "series" / "notes.txt").write_text("no image")
    ids = labels_of((3, 6, 8))
    ids[1] = 0  # a slice without a segment, which the file leaves out
    path = segmentation(tmp_path / "seg.dcm", images, ids)
    data = DicomSegments(tmp_path / "series", path, window=(-1000, 3000))
    assert data.classes == CLASSES and len(data) == 3
    for number in range(3):
        image, mask = data.read(number)
        assert np.array_equal(mask, ids[number])
        assert np.abs(image[..., 0] - images[number].pixel_array / 2000 * 255).max() <= 0.51
    pixels = np.stack([image.pixel_array for image in images])
    named = DicomSegments(tmp_path / "series", path, ("a", "b", "c"))
    assert named.classes == ("a", "b", "c") and named.window == (
        2 * pixels.min() - 1000,
        2 * pixels.max() - 1000,
    )
    series(tmp_path / "others")
    with pytest.raises(ValueError, match="others holds none of the images that .*seg.dcm was drawn on"):
        DicomSegments(tmp_path / "others", path)
    with pytest.raises(ValueError, match="cannot be read as a DICOM segmentation"):
        DicomSegments(tmp_path / "series", tmp_path / "series" / "3.dcm")


def test_dicom_images_without_a_number_are_in_the_order_of_their_names(tmp_path):
    pydicom = pytest.importorskip("pydicom")
    path = segmentation(tmp_path / "seg.dcm", series(tmp_path / "series"), labels_of((3, 6, 8)))
    for file in (tmp_path / "series").iterdir():
        image = pydicom.dcmread(file)
        image.InstanceNumber = None
        image.save_as(file)
    data = DicomSegments(tmp_path / "series", path)
    assert all(np.array_equal(data.read(place)[1], labels_of((3, 6, 8))[2 - place]) for place in range(3))


def test_low_numbers_are_bright_where_the_file_says_so(tmp_path):
    """X-rays are often stored as MONOCHROME1, whose lowest number is white."""
    pydicom = pytest.importorskip("pydicom")
    path = segmentation(tmp_path / "seg.dcm", series(tmp_path / "series"), labels_of((3, 6, 8)))
    before = DicomSegments(tmp_path / "series", path).read(0)
    for file in (tmp_path / "series").iterdir():
        image = pydicom.dcmread(file)
        image.PhotometricInterpretation = "MONOCHROME1"
        image.save_as(file)
    after = DicomSegments(tmp_path / "series", path).read(0)
    assert np.array_equal(after[0], 255 - before[0]) and np.array_equal(after[1], before[1])


@pytest.mark.parametrize(
    ("kind", "share", "options"),
    [("BINARY", 1, {}), ("FRACTIONAL", 0.5, {"fractional_type": "PROBABILITY"})],
)
def test_segments_that_are_no_ids_are_an_error(kind, share, options, tmp_path):
    """Two that overlap, and one of probabilities."""
    images = series(tmp_path / "series")
    pixels = np.full((3, 6, 8, 2), share, np.float32 if share < 1 else np.uint8)
    data = DicomSegments(
        tmp_path / "series", segmentation(tmp_path / "seg.dcm", images, pixels, kind, **options)
    )
    with pytest.raises(ValueError, match=r"seg.dcm does not give each pixel one segment \(.*; write it anew"):
        data.read(0)
