"""GeoTIFF maps, written and read by rasterio; without it the tests are skipped."""

import pickle

import numpy as np
import pytest

from nbhelpers.datasets.annotations.volumes import GeoTiles

rasterio = pytest.importorskip("rasterio")
CLASSES = ("background", "house", "road")
CORNER = rasterio.Affine.translation(500_000, 5_000_000)
GRID = CORNER * rasterio.Affine.scale(10, -10)
BANDS = np.random.default_rng(0).integers(100, 900, (4, 50, 70)).astype(np.uint16)
IDS = np.random.default_rng(1).integers(0, 3, (1, 50, 70)).astype(np.uint8)


def write(path, array, **options):
    profile = {"driver": "GTiff", "height": array.shape[1], "width": array.shape[2], "count": len(array)}
    profile |= {"crs": "EPSG:32632", "transform": GRID, "dtype": array.dtype} | options
    with rasterio.open(path, "w", **profile) as file:
        file.write(array)
    return path


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize(
    "grid",
    [
        {},
        {"crs": None, "transform": rasterio.Affine.identity()},
        {"transform": CORNER * rasterio.Affine.scale(10, 10)},
        {"transform": CORNER * rasterio.Affine.rotation(30) * rasterio.Affine.scale(10, -10)},
    ],
    ids=["north up", "none", "south up", "turned"],
)
def test_tiles_cover_the_map(grid, tmp_path):
    """Every pixel once, as it is stored, whichever way the map lies; void beyond its right and lower edge."""
    image, labels = write(tmp_path / "image.tif", BANDS, **grid), write(tmp_path / "ids.tif", IDS, **grid)
    data = GeoTiles(image, labels, CLASSES, tile=32, window=(100, 900))
    data = pickle.loads(pickle.dumps(data))  # as workers get it where they are spawned
    assert len(data) == 2 * 3
    tiles = [(image[..., 1], mask) for image, mask in map(data.read, range(6))]
    grey, mask = (np.block([[*parts[:3]], [*parts[3:]]]) for parts in zip(*tiles))
    assert np.array_equal(mask[:50, :70], IDS[0])
    assert (mask[50:] == 255).all() and (mask[:, 70:] == 255).all()
    assert np.abs(grey[:50, :70] - (BANDS[1] - 100) / 800 * 255).max() <= 0.51
    assert not grey[50:].any() and not grey[:, 70:].any()


@pytest.mark.parametrize(("count", "shown"), [(1, (0, 0, 0)), (2, (0, 0, 0)), (3, (0, 1, 2)), (4, (0, 1, 2))])
def test_the_first_three_bands_are_the_colours(count, shown, tmp_path):
    image, labels = write(tmp_path / "image.tif", BANDS[:count]), write(tmp_path / "ids.tif", IDS)
    picture = GeoTiles(image, labels, CLASSES, tile=32, window=(100, 900)).read(0)[0]
    expected = np.moveaxis(BANDS[list(shown), :32, :32], 0, 2)
    assert np.abs(picture - (expected - 100.0) / 800 * 255).max() <= 0.51


@pytest.mark.parametrize(
    ("kind", "nodata"), [(np.uint8, 9), (np.int8, -1), (np.float32, -9999), (np.float32, np.nan)]
)
def test_no_data_of_the_labels_is_void(kind, nodata, tmp_path):
    ids = IDS.astype(kind)
    ids[:, :5] = nodata
    image, labels = write(tmp_path / "image.tif", BANDS), write(tmp_path / "ids.tif", ids, nodata=nodata)
    mask = GeoTiles(image, labels, CLASSES, tile=64).read(0)[1]
    assert (mask[:5] == 255).all() and np.array_equal(mask[5:50], IDS[0, 5:, :64])
    assert mask.dtype == np.uint8 and (mask[50:] == 255).all()


@pytest.mark.parametrize("nodata", [0, np.nan, None])
def test_the_window_is_the_range_of_all_bands_without_no_data(nodata, tmp_path):
    bands = BANDS.astype(np.float32)
    bands[:, 20:30] = 0 if nodata == 0 else np.nan
    bands[1, 0, 0], bands[3, 49, 69] = 0.5, 900.5
    image = write(tmp_path / "image.tif", bands, nodata=nodata)
    assert GeoTiles(image, write(tmp_path / "ids.tif", IDS), CLASSES).window == (0.5, 900.5)


def test_a_map_of_one_value_or_of_none(tmp_path):
    labels, flat = write(tmp_path / "ids.tif", IDS), np.full((1, 50, 70), 7, np.uint8)
    assert GeoTiles(write(tmp_path / "flat.tif", flat), labels, CLASSES).window == (7, 8)
    with pytest.raises(ValueError, match="void.tif holds inf, or no number at all; pass window="):
        GeoTiles(write(tmp_path / "void.tif", flat, nodata=7), labels, CLASSES)


@pytest.mark.parametrize(
    ("ids", "grid"),
    [
        (IDS, {"transform": GRID * rasterio.Affine.translation(0.5, 0)}),
        (IDS, {"transform": GRID * rasterio.Affine.scale(1.001)}),
        (IDS, {"crs": "EPSG:32633"}),
        (IDS[:, :, 1:], {}),
    ],
    ids=["moved", "larger", "another zone", "narrower"],
)
@pytest.mark.parametrize("unit", [1, 1e-8], ids=["metres", "degrees"])
def test_labels_on_another_grid_are_an_error(ids, grid, unit, tmp_path):
    """Also where a pixel is 1e-7 of the unit, as in degrees."""
    small = rasterio.Affine.scale(unit)
    image = write(tmp_path / "image.tif", BANDS, transform=small * GRID)
    labels = write(tmp_path / "ids.tif", ids, **grid | {"transform": small * grid.get("transform", GRID)})
    with pytest.raises(ValueError, match="ids.tif and .*image.tif lie on different grids; warp the labels"):
        GeoTiles(image, labels, CLASSES)


def test_other_errors(tmp_path):
    image, labels = write(tmp_path / "image.tif", BANDS), write(tmp_path / "ids.tif", IDS)
    (tmp_path / "text.tif").write_text("no map")
    with pytest.raises(ValueError, match="text.tif cannot be read as a GeoTIFF"):
        GeoTiles(image, tmp_path / "text.tif", CLASSES)
    with pytest.raises(ValueError, match="tile is 8; it must be at least 32 pixels"):
        GeoTiles(image, labels, CLASSES, tile=8)
    with pytest.raises(ValueError, match="ids.tif holds 2, but the classes are 0..1 and 255 = ignore"):
        GeoTiles(image, labels, CLASSES[:2]).read(0)
