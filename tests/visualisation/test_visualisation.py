"""Pictures show what they claim, carry alt text made from their data, and leave the reader's session as it was."""

import io
from types import SimpleNamespace

import matplotlib
import numpy as np
import PIL.Image
import pytest
import torch
from IPython.core.formatters import DisplayFormatter
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from torch import nn

from nbhelpers.datasets.dataset import SegmentationDataset
from nbhelpers.datasets.palette import CAMVID, CAMVID_CLASSES, VOID, categorical
from nbhelpers.metrics import ConfusionMatrix
from nbhelpers.models.unet import DoubleConv, UNet, Up
from nbhelpers.visualisation import (
    colour_mask,
    effective_receptive_field,
    show_batch,
    show_confusion,
    show_curves,
    show_feature_maps,
    show_iou,
    show_overlay,
    show_predictions,
    show_receptive_field,
    show_source,
    show_staircase,
    trace_shapes,
)
from nbhelpers.visualisation.charts import RIGHT, WRONG
from nbhelpers.visualisation.labels import as_ids, as_rgb, class_patches, describe_ids
from nbhelpers.visualisation.probe import feature_maps, field_sides
from nbhelpers.visualisation.tracing import trace_modules

SKY, BUILDING, ROAD, CAR = 0, 1, 3, 8


class Scenes(SegmentationDataset):
    """Sky over road, a building and void at the left: 48 x 64, so that panels are enlarged by a whole number."""

    classes, palette = CAMVID_CLASSES, CAMVID

    def __len__(self):
        return 6

    def read(self, index):
        mask = np.full((48, 64), SKY, dtype=np.uint8)
        mask[24:] = ROAD
        mask[10:24, 40:60] = BUILDING
        mask[:, :4] = 255
        image = np.random.default_rng(index).integers(60, 200, (48, 64, 3), dtype=np.uint8)
        return image, mask


@pytest.fixture(scope="module")
def scenes():
    return Scenes()


@pytest.fixture
def model():
    return make_model()


@pytest.fixture(scope="module")
def confusion():
    matrix = ConfusionMatrix(11)  # sky 90 % right, road 80 %, building never found, all others absent
    matrix.counts[SKY, SKY], matrix.counts[SKY, ROAD] = 900, 100
    matrix.counts[ROAD, ROAD], matrix.counts[ROAD, SKY] = 1600, 400
    matrix.counts[BUILDING, ROAD] = 50
    return matrix


def make_model():
    torch.manual_seed(0)
    return UNet(num_classes=11, widths=(4, 8, 16))


def pixels(picture):
    return np.asarray(PIL.Image.open(io.BytesIO(picture.data)).convert("RGB"))


def count(picture, colour):
    return int((pixels(picture) == np.asarray(colour)).all(axis=-1).sum())


def history(*scores):
    rows = [
        {"epoch": epoch, "train_loss": 2 / epoch, "valid_loss": 2.2 / epoch, "mean_iou": score}
        for epoch, score in enumerate(scores, start=1)
    ]
    return SimpleNamespace(rows=rows)


PICTURES = {
    "batch": lambda scenes, model, confusion: show_batch(scenes, n=5),
    "overlay": lambda scenes, model, confusion: show_overlay(*scenes[0], scenes),
    "predictions": lambda scenes, model, confusion: show_predictions(model, scenes),
    "iou": lambda scenes, model, confusion: show_iou(confusion, scenes),
    "confusion": lambda scenes, model, confusion: show_confusion(confusion, scenes),
    "curves": lambda scenes, model, confusion: show_curves({"a": history(0.2, 0.5), "b": history(0.1)}),
    "staircase": lambda scenes, model, confusion: show_staircase(model, torch.rand(1, 3, 48, 64)),
    "features": lambda scenes, model, confusion: show_feature_maps(model, scenes[0][0], ["stem", "downs.1"]),
    "field": lambda scenes, model, confusion: show_receptive_field(
        {"U-Net": effective_receptive_field(model, (32, 48), samples=2)}
    ),
}


def session():
    return dict(matplotlib.rcParams), matplotlib.get_backend(), plt.get_fignums()


@pytest.fixture(scope="module", params=PICTURES)
def made(request, scenes, confusion):
    """A picture, and the state of matplotlib before and after it was made."""
    before = session()
    picture = PICTURES[request.param](scenes, make_model(), confusion)
    return picture, before, session()


# The output


def test_jupyter_gets_one_small_image_with_alt_text(made):
    picture, _, _ = made
    data, metadata = DisplayFormatter().format(picture)
    assert data.keys() == {picture.mimetype, "text/plain"} and picture.mimetype in ("image/png", "image/jpeg")
    assert metadata[picture.mimetype]["alt"] == data["text/plain"] == picture.alt
    assert len(picture.alt) > 40 and "nan" not in picture.alt and picture.alt.endswith(".")
    height, width, _ = pixels(picture).shape
    assert len(picture.data) < 80_000
    assert 200 < width <= 1080 and 100 < height < 1300


def test_the_session_is_left_as_it_was(made):
    _, before, after = made
    assert after == before


def test_the_readers_style_does_not_change_the_picture(scenes, model, confusion):
    plain = show_iou(confusion, scenes).data
    with plt.style.context("dark_background"):
        assert show_iou(confusion, scenes).data == plain


def test_save_writes_the_format_that_the_name_tells(tmp_path, scenes):
    picture = show_overlay(*scenes[0], scenes)
    assert picture.mimetype == "image/png"
    picture.save(tmp_path / "overlay.png")
    assert (tmp_path / "overlay.png").read_bytes() == picture.data
    with pytest.raises(ValueError, match=r"overlay\.jpg must end in \.png: this picture is image/png"):
        picture.save(tmp_path / "overlay.jpg")


@pytest.mark.parametrize("shape", [(1, 40), (40, 1), (1, 1), (2, 2)])
def test_an_overlay_of_one_row_or_column(scenes, shape):
    mask = torch.zeros(shape, dtype=torch.long)
    mask.view(-1)[: mask.numel() // 2] = CAR
    assert show_overlay(torch.rand(3, *shape), mask, scenes).data


# Colours and legends


@pytest.mark.parametrize("n", [4, 6])
def test_masks_keep_the_exact_colours_of_the_palette(scenes, n):
    picture = show_batch(scenes, n=n)  # panels of 256 pixels: each pixel of the mask becomes 4 x 4
    mask = scenes[0][1].numpy()
    for index in (SKY, BUILDING, ROAD):
        expected = n * 16 * int((mask == index).sum())
        assert 0.95 * expected <= count(picture, CAMVID[index]) <= expected + 1000  # frames; the legend
    assert count(picture, CAMVID[CAR]) == 0  # neither in a mask nor in the legend


def test_an_overlay_tints_and_outlines_classes_and_leaves_void(scenes, monkeypatch):
    drawn, outlined = [], []
    monkeypatch.setattr(
        "nbhelpers.visualisation.pictures.draw_image", lambda axes, image: drawn.append(image)
    )
    monkeypatch.setattr(
        Axes, "contour", lambda self, region, *, colors, **_: outlined.append((region, colors))
    )
    image, mask = scenes[0]
    show_overlay(image, mask, scenes)
    (plain, tinted), mask = drawn, mask.numpy()
    half = (plain + CAMVID[np.where(mask == 255, 0, mask)].astype(int)) // 2
    np.testing.assert_array_equal(tinted, np.where((mask == 255)[..., None], plain, half))
    for (region, (colour,)), index in zip(outlined, (SKY, BUILDING, ROAD), strict=True):
        assert np.array_equal(region, mask == index) and np.array_equal(colour, CAMVID[index] / 255)


def test_legend_holds_the_classes_that_occur_and_void():
    ids = [np.array([[0, 3]]), np.array([[3, 255]])]
    patches = class_patches(ids, CAMVID_CLASSES, CAMVID)
    assert list(patches) == ["Sky", "Road", "void, not scored"]
    np.testing.assert_array_equal(list(patches.values()), [CAMVID[0], CAMVID[3], VOID])


def test_colour_mask_is_exact():
    mask = torch.tensor([[0, 10], [255, 3]])
    expected = [[CAMVID[0], CAMVID[10]], [VOID, CAMVID[3]]]
    np.testing.assert_array_equal(colour_mask(mask, CAMVID), expected)
    assert colour_mask(mask, CAMVID).dtype == np.uint8
    many = np.array([[254, 255]])
    np.testing.assert_array_equal(colour_mask(many, categorical(255)), [[categorical(255)[254], VOID]])
    for count in (256, 300):
        with pytest.raises(
            ValueError, match=f"the palette has {count} colours, but a mask tells at most 255 classes"
        ):
            colour_mask(many, categorical(count))


def test_alt_text_tells_the_shares_of_the_classes(scenes):
    alt = show_batch(scenes, n=1).alt
    assert alt == "Images above their masks. Image 0: Road 47 %, Sky 38 %, Building 9 %, void 6 %."
    ids = np.repeat(range(6), (6, 5, 2, 3, 4, 980))
    words = describe_ids(ids[None], CAMVID_CLASSES)
    assert words == "Tree 98 %, Sky 1 %, Building under 1 %, Pavement under 1 %, 2 smaller classes"


def test_batch_shows_pairs_and_collated_batches(scenes):
    images = torch.stack([scenes[index][0] for index in range(3)]).float() / 255
    masks = torch.stack([scenes[index][1] for index in range(3)])
    pairs = [scenes[index] for index in range(3)]
    assert show_batch(scenes, (images, masks)).data == show_batch(scenes, pairs).data
    assert show_batch(scenes, pairs).data == show_batch(scenes, n=3).data


# Predictions


def test_wrong_pixels_are_black_and_void_is_not_scored(scenes):
    truth = scenes[0][1].clone()
    right = truth.masked_fill(truth == 255, CAR)  # predicting a class in void is no error
    wrong = right.clone()
    wrong[40:, 4:] = SKY  # 8 x 60 of the 48 x 60 scored pixels
    perfect, flawed = show_predictions([right], scenes, [0]), show_predictions([wrong], scenes, [0])
    assert count(perfect, (0, 0, 0)) < 1000  # the legend; void would be 16 * 4 * 48 pixels
    added = count(flawed, (0, 0, 0)) - count(perfect, (0, 0, 0))
    assert added == pytest.approx(16 * 8 * 60, rel=0.05)
    assert "mean IoU 1.00, 100 % of the scored pixels right." in perfect.alt
    assert (
        "83 % of the scored pixels right; the most frequent error is Road taken for Sky, 17 %" in flawed.alt
    )


def test_model_and_its_masks_give_the_same_picture_and_modes_are_restored(scenes, model):
    model.train()
    model.stem.eval()  # as for a frozen encoder
    modes = [module.training for module in model.modules()]
    picture = show_predictions(model, scenes, (1, 4))
    assert [module.training for module in model.modules()] == modes
    assert all(parameter.grad is None for parameter in model.parameters())
    model.eval()
    images = torch.stack([scenes[index][0] for index in (1, 4)]) / 255
    assert show_predictions(list(model(images).argmax(1)), scenes, (1, 4)).data == picture.data


def test_one_logit_means_background_and_foreground():
    class Cells(Scenes):
        classes, palette = ("background", "cell"), CAMVID[:2]

        def read(self, index):
            image, _ = super().read(index)
            return image, (image[..., 0] > 130).astype(np.uint8)

    class Threshold(nn.Module):
        def forward(self, images):
            return images[:, :1] - 130.5 / 255

    assert "mean IoU 1.00" in show_predictions(Threshold(), Cells(), [0]).alt


def test_nothing_but_void_has_no_score(scenes):
    class Void(Scenes):
        def read(self, index):
            return super().read(index)[0], np.full((48, 64), 255, dtype=np.uint8)

    assert "nothing is scored" in show_predictions([torch.zeros(48, 64).long()], Void(), [0]).alt


@pytest.mark.parametrize(
    ("predictions", "message"),
    [
        ([], "0 predictions for 1 indices"),
        ([torch.zeros(24, 32).long()], r"the prediction for sample 0 is \(24, 32\), but its mask \(48, 64\)"),
        ([torch.zeros(48, 64)], "mask is float32, but must hold integer class ids"),
    ],
)
def test_predictions_that_do_not_fit_are_refused(scenes, predictions, message):
    with pytest.raises(ValueError, match=message):
        show_predictions(predictions, scenes, [0])


# Images and masks


def test_images_of_every_allowed_kind_are_the_same():
    grey = np.arange(0, 240, 10, dtype=np.uint8).reshape(4, 6)
    expected = np.repeat(grey[..., None], 3, axis=2)
    tensor = torch.from_numpy(expected.copy()).permute(2, 0, 1)
    kinds = [grey, expected, expected / 255, tensor, tensor[:1], tensor / 255, (tensor / 255).double()]
    for image in kinds:
        np.testing.assert_array_equal(as_rgb(image), expected)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (torch.zeros(2, 3, 8, 8), r"shape \(2, 3, 8, 8\).*pass one image of the batch, images\[0\]"),
        (torch.zeros(8, 8, 3), "put the channels first"),
        (np.zeros((3, 8, 8), np.uint8), r"array of shape \(3, 8, 8\), but must be \(H, W, 3\)"),
        (torch.full((3, 8, 8), 200.0), "floats from 200 to 200.*divide 0..255 by 255"),
        (torch.full((3, 8, 8), float("nan")), "floats from nan to nan"),
        (torch.zeros(3, 8, 8, dtype=torch.int64), "image is int64, but must be uint8"),
    ],
)
def test_other_images_are_refused(image, message):
    with pytest.raises(ValueError, match=message):
        as_rgb(image)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (torch.full((4, 4), 11), "mask holds 11, but ids must be 0..10, or 255 = void"),
        (torch.full((4, 4), -1), "mask holds -1"),
        (torch.zeros(1, 4, 4).long(), r"mask has shape \(1, 4, 4\), but must be \(H, W\)"),
        (np.zeros((4, 4)), "mask is float64"),
    ],
)
def test_other_masks_are_refused(mask, message):
    with pytest.raises(ValueError, match=message):
        as_ids(mask, 11)


def test_datasets_and_sizes_that_do_not_match_are_refused(scenes):
    image, mask = scenes[0]
    with pytest.raises(ValueError, match=r"palette has shape \(11, 3\), but must be \(2, 3\)"):
        show_overlay(image, mask, SimpleNamespace(classes=("a", "b"), palette=CAMVID))
    with pytest.raises(ValueError, match=r"image is \(48, 32\) and mask \(48, 64\)"):
        show_overlay(image[:, :, :32], mask, scenes)
    with pytest.raises(ValueError, match="no sample to show"):
        show_batch(scenes, n=0)


# Charts


def test_iou_bars_are_as_long_as_the_scores(scenes, confusion):
    picture = show_iou(confusion, scenes)
    assert "Sky 0.64, Building 0.00, Pole absent, Road 0.74" in picture.alt
    assert "Mean 0.46; always Road: mean 0.22." in picture.alt  # 2000 of 3050 pixels, over three classes
    assert count(picture, CAMVID[SKY]) / count(picture, CAMVID[ROAD]) == pytest.approx(
        0.643 / 0.744, rel=0.08
    )
    assert count(picture, CAMVID[CAR]) == 0


def test_iou_takes_named_baselines(scenes, confusion):
    assert "without skips: mean 0.46" in show_iou(confusion, scenes, {"without skips": confusion}).alt


@pytest.fixture
def figures(monkeypatch):
    """The figures of charts, in the order they are made."""
    made = []
    monkeypatch.setattr(
        "nbhelpers.visualisation.charts.Picture", lambda figure, alt: made.append(figure) or figure
    )
    return made


def texts(labels):
    return [label.get_text() for label in labels]


def test_each_row_of_iou_has_its_class_bar_score_and_baseline(scenes, confusion, figures):
    baseline = ConfusionMatrix(11)  # as the mean of what is drawn, not the confusion's own
    baseline.counts[SKY, SKY] = baseline.counts[SKY, ROAD] = 100
    show_iou(confusion, scenes, {"other": baseline})
    (axes,) = figures[0].axes
    assert texts(axes.get_yticklabels()) == list(CAMVID_CLASSES) and axes.yaxis_inverted()
    assert axes.get_xlabel() == "IoU" and axes.get_xlim() == (0, 1)
    iou = {SKY: 900 / 1400, BUILDING: 0.0, ROAD: 1600 / 2150}
    for row, (bar, score) in enumerate(zip(axes.patches, axes.texts, strict=True)):
        assert bar.get_width() == pytest.approx(iou.get(row, 0)) and bar.get_y() < row < bar.get_y() + 0.8
        assert bar.get_facecolor()[:3] == pytest.approx(CAMVID[row] / 255)
        assert score.get_position()[1] == row
        assert score.get_text() == (f"{iou[row]:.2f}" if row in iou else "absent")
    mean, marks = axes.lines
    assert mean.get_xdata() == pytest.approx([sum(iou.values()) / 3] * 2) and mean.get_label() == "mean 0.46"
    assert marks.get_xdata() == pytest.approx([0.5] + 2 * [np.nan] + [0] + 7 * [np.nan], nan_ok=True)
    assert list(marks.get_ydata()) == list(range(11)) and marks.get_label() == "other: mean 0.25"


def test_the_baseline_is_the_most_frequent_class_of_truth(scenes):
    matrix = ConfusionMatrix(11)
    matrix.counts[SKY, ROAD], matrix.counts[SKY, SKY], matrix.counts[ROAD, ROAD] = 50, 10, 40
    assert "always Sky: mean 0.30." in show_iou(matrix, scenes).alt  # 60 of 100 pixels, of two classes


def test_each_cell_of_the_confusion_has_its_percent(scenes, figures):
    matrix = ConfusionMatrix(11)
    matrix.counts[SKY, [SKY, ROAD, BUILDING, CAR]] = torch.tensor([900, 66, 30, 4])
    matrix.counts[ROAD, ROAD], matrix.counts[ROAD, SKY] = 60, 40
    show_confusion(matrix, scenes)
    (axes,) = figures[0].axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "true")
    assert texts(axes.get_xticklabels()) == texts(axes.get_yticklabels()) == list(CAMVID_CLASSES)
    assert axes.yaxis_inverted()
    cells = {cell.get_position()[::-1]: cell for cell in axes.texts}
    written = {place: cell.get_text() for place, cell in cells.items()}
    expected = {
        (SKY, SKY): "90",
        (SKY, BUILDING): "3",
        (SKY, ROAD): "7",
        (ROAD, ROAD): "60",
        (ROAD, SKY): "40",
    }
    assert {place: text for place, text in written.items() if text.isdigit()} == expected
    assert written[SKY, CAR] == written[SKY, 2] == "·"  # 0.4 %, and none
    assert written[CAR, 5] == "absent" and written[CAR, CAR] == ""
    assert cells[SKY, SKY].get_weight() == "bold" and cells[SKY, ROAD].get_weight() == "normal"
    swatches = {(*line.get_xdata(), *line.get_ydata()): line.get_color() for line in axes.lines}
    for index, colour in enumerate(CAMVID / 255):
        assert swatches[index, -0.72] == pytest.approx(colour) == swatches[-0.72, index]


def test_without_confusion_there_is_no_largest_one(scenes):
    matrix = ConfusionMatrix(11)
    matrix.counts[SKY, SKY] = 1
    assert "largest confusion" not in show_confusion(matrix, scenes).alt


def test_confusion_is_in_shares_of_the_true_class(scenes, confusion):
    alt = show_confusion(confusion, scenes).alt
    assert "Sky 90 %, Building 0 %, Pole absent, Road 80 %" in alt
    assert alt.endswith("The largest confusion: 100 % of Building is taken for Road.")


def test_what_is_right_is_blue_and_what_is_wrong_orange(scenes, confusion, monkeypatch):
    drawn, real = [], Axes.imshow
    monkeypatch.setattr(
        Axes, "imshow", lambda self, shown, **options: drawn.append(shown) or real(self, shown, **options)
    )
    show_confusion(confusion, scenes)
    ((sky, *_),) = drawn
    right, wrong = (1 - (1 - np.array(colour)) * share for colour, share in ((RIGHT, 0.9), (WRONG, 0.1)))
    assert sky[SKY] == pytest.approx(right) and sky[ROAD] == pytest.approx(wrong)
    assert (sky[CAR] == 1).all()


@pytest.mark.parametrize("show", [show_iou, show_confusion])
def test_matrices_that_do_not_fit_are_refused(show, scenes):
    with pytest.raises(ValueError, match="counted no pixel"):
        show(ConfusionMatrix(11), scenes)
    matrix = ConfusionMatrix(2)
    matrix.counts[0, 0] = 1
    with pytest.raises(ValueError, match="has 2 classes, but the dataset 11"):
        show(matrix, scenes)


def test_curves_tell_the_best_epoch_and_bear_a_missing_score():
    picture = show_curves({"plain": history(0.2, 0.6, float("nan")), "one": history(0.3)})
    assert "plain, training loss 2.00 to 0.67" in picture.alt and "best 0.60 in epoch 2" in picture.alt
    assert "one, training loss 2.00 to 2.00" in picture.alt
    assert show_curves(history(0.2)).alt.startswith("Learning curves: training loss")


def test_curves_have_the_titles_legends_and_epochs_of_their_runs(figures):
    """Also of a run that was resumed, whose rows begin later, and of losses below 0."""
    late = history(0.1, 0.7, 0.3)
    late.rows = [row | {"epoch": row["epoch"] + 10, "valid_loss": -1.0} for row in late.rows]
    show_curves({"first": history(0.2, 0.1), "late": late})
    loss, iou = figures[0].axes
    assert [axes.get_title(loc="left") for axes in (loss, iou)] == ["loss", "mean IoU on validation"]
    assert texts(figures[0].legends[0].get_texts()) == [
        "first: best 0.20 in epoch 1",
        "late: best 0.70 in epoch 12",
    ]
    assert [(line.get_label(), line.get_linestyle()) for line in loss.lines[-2:]] == [
        ("training", "--"),
        ("validation", "-"),
    ]
    assert [tuple(map(list, line.get_data())) for line in iou.lines] == [
        ([1, 2], [0.2, 0.1]),
        ([1], [0.2]),
        ([11, 12, 13], [0.1, 0.7, 0.3]),
        ([12], [0.7]),
    ]
    assert loss.get_xlim() == iou.get_xlim() == (0.5, 13.5) and iou.get_ylim() == (0, 1)
    assert loss.get_ylim()[0] < -1
    show_curves(history(0.2))
    assert figures[1].axes[0].get_ylim()[0] == 0


def test_alt_text_of_curves_tells_first_and_last():
    run = history(0.2, 0.6, 0.4)
    run.rows[1]["train_loss"] = 0.1
    assert show_curves(run).alt == (
        "Learning curves: training loss 2.00 to 0.67, validation loss 2.20 to 0.73, mean IoU 0.20 to 0.40, best 0.60 in "
        "epoch 2."
    )
    assert "best nan in epoch 1" in show_curves(history(float("nan"))).alt


def test_the_loss_of_training_is_dashed(monkeypatch):
    drawn, real = [], Axes.plot
    monkeypatch.setattr(
        Axes, "plot", lambda *values, **options: drawn.append((values, options)) or real(*values, **options)
    )
    show_curves(history(0.2, 0.5))
    (_, _, train), (_, _, valid), (_, _, score), (_, epoch, best) = (values for values, _ in drawn[:4])
    assert [list(each) for each in (train, valid, score)] == [[2, 1], [2.2, 1.1], [0.2, 0.5]]
    assert [options.get("linestyle", "-") for _, options in drawn[:3]] == ["--", "-", "-"]
    assert (epoch, best) == (2, 0.5)


@pytest.mark.parametrize("low", [0.1, 0.9])
def test_the_legend_of_the_losses_covers_no_curve(low, monkeypatch):
    legends, real = [], Axes.legend
    monkeypatch.setattr(
        Axes, "legend", lambda *arguments, **options: legends.append(real(*arguments, **options))
    )
    flat = history(0.2, 0.3)
    flat.rows = [row | {"train_loss": 1.0, "valid_loss": valid} for row, valid in zip(flat.rows, (1.0, low))]
    show_curves(flat)
    (legend,) = legends
    box, axes = legend.get_window_extent(), legend.axes
    curves = [line for line in axes.lines if len(line.get_xdata())]
    assert not any(
        line.get_path().intersects_bbox(box.transformed(axes.transData.inverted())) for line in curves
    )


@pytest.mark.parametrize("histories", [history(), {"run": history()}, {}])
def test_curves_of_no_epoch_are_refused(histories):
    with pytest.raises(ValueError, match="there is no epoch to show"):
        show_curves(histories)


# Architecture


def test_trace_shapes_of_a_unet(model):
    assert trace_shapes(model, torch.rand(2, 3, 48, 64)) == [
        ("images", (2, 3, 48, 64)),
        ("stem", (2, 4, 48, 64)),
        ("pool", (2, 4, 24, 32)),
        ("downs.0", (2, 8, 24, 32)),
        ("pool", (2, 8, 12, 16)),
        ("downs.1", (2, 16, 12, 16)),
        ("ups.0", (2, 8, 24, 32)),
        ("ups.1", (2, 4, 48, 64)),
        ("head", (2, 11, 48, 64)),
    ]
    deeper = [name for name, _ in trace_shapes(model, torch.rand(1, 3, 48, 64), depth=2)]
    assert deeper[1:4] == ["stem.0", "stem.1", "stem.2"] and "ups.0.up" in deeper
    assert not any(module._forward_hooks for module in model.modules())


def test_trace_follows_several_outputs_into_the_stage_that_takes_them():
    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Conv2d(3, 4, 3, stride=2, padding=1)
            self.second = nn.Conv2d(4, 8, 3, stride=2, padding=1)

        def forward(self, images):
            c1 = self.first(images)
            return {"c0": images, "c1": c1, "c2": self.second(c1)}

    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.mix = nn.Conv2d(12, 5, 1)

        def forward(self, *, features):
            c2 = nn.functional.interpolate(features["c2"], size=features["c1"].shape[-2:])
            return self.mix(torch.cat([features["c1"], c2], dim=1))

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder, self.decoder = Encoder(), Decoder()

        def forward(self, images):
            return self.decoder(features=self.encoder(images))

    stages = trace_modules(Net(), torch.rand(1, 3, 32, 48))
    assert [(stage.name, stage.shape[1:], stage.sources) for stage in stages] == [
        ("images", (3, 32, 48), ()),
        ("encoder.c1", (4, 16, 24), (0,)),
        ("encoder.c2", (8, 8, 12), (1,)),
        ("decoder", (5, 16, 24), (0, 1, 2)),
    ]


class Joined(nn.Module):
    """Two convolutions, of which the second reads a half-sized map; what `join` makes of them goes into the head."""

    def __init__(self, join):
        super().__init__()
        self.join = join
        self.fine, self.coarse = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.head, self.other = nn.Conv2d(4, 2, 1), nn.Conv2d(4, 2, 1)

    def forward(self, images):
        fine = self.fine(images)
        small = nn.functional.avg_pool2d(fine, 2)
        coarse = nn.functional.interpolate(self.coarse(small), size=fine.shape[-2:])
        return self.join(self, fine, coarse)


@pytest.mark.parametrize(
    ("join", "expected"),
    [
        (lambda net, fine, coarse: net.head(fine + coarse), [(0,), (1,), (1, 2)]),
        (lambda net, fine, coarse: net.head(torch.stack([fine, coarse]).mean(0)), [(0,), (1,), (1, 2)]),
        (lambda net, fine, coarse: net.head(fine.add_(coarse)), [(0,), (1,), (1, 2)]),
        (lambda net, fine, coarse: net.head(2 * fine.relu()[..., :-1]), [(0,), (1,), (1,)]),
        (lambda net, fine, coarse: net.head(fine + torch.zeros_like(coarse)), [(0,), (1,), (1,)]),
        (lambda net, fine, coarse: net.head(torch.rand(1, 4, 8, 8)), [(0,), (1,), (2,)]),
    ],
)
def test_trace_follows_operations_between_modules(join, expected):
    assert [stage.sources for stage in trace_modules(Joined(join), torch.rand(1, 3, 8, 8))[1:]] == expected


def test_feature_maps_are_those_before_the_next_layer_works_in_place():
    conv = nn.Conv2d(3, 4, 1)
    image = torch.rand(3, 5, 7)
    maps = feature_maps(nn.Sequential(conv, nn.ReLU(inplace=True)), image, ["0", "1"])
    expected = conv(image[None])[0].detach()
    torch.testing.assert_close(maps, {"0": expected, "1": expected.relu()})


def test_layers_with_equally_many_channels_show_the_same_ones(scenes):
    model = nn.Sequential(nn.Conv2d(3, 9, 3), nn.Conv2d(9, 9, 3), nn.Conv2d(9, 7, 3))
    first, second, third = (
        words.split("shown ")[1] for words in show_feature_maps(model, scenes[0][0], "012").alt.split("; ")
    )
    assert first == second and third != first and len(first.split(", ")) == 6


def test_the_maps_that_vary_most_are_shown_under_their_numbers(scenes, monkeypatch):
    drawn = []
    monkeypatch.setattr(Axes, "imshow", lambda self, shown, **options: drawn.append(shown))
    model, image = nn.Sequential(nn.Conv2d(3, 9, 3)), scenes[0][0]
    told = show_feature_maps(model, image, ["0"]).alt.removesuffix(".").split("shown ")[1]
    maps = feature_maps(model, image, ["0"])["0"]
    most = maps.std(dim=(1, 2)).argsort(descending=True)[:6].tolist()
    assert told == ", ".join(map(str, most))
    np.testing.assert_array_equal(drawn[1:], maps[most])


def test_feature_maps_of_unknown_or_flat_layers_are_refused(model, scenes):
    with pytest.raises(ValueError, match="no layer 'steam'; among its layers are stem"):
        show_feature_maps(model, scenes[0][0], ["steam"])
    flat = nn.Sequential(nn.Flatten())
    with pytest.raises(ValueError, match=r"layer '0' gave \(1, 75\), but must give"):
        feature_maps(flat, torch.rand(3, 5, 5), ["0"])


# Receptive field


def support(field):
    """The reached pixels as (row, column) steps from the centre."""
    return {
        (int(row) - field.shape[0] // 2, int(column) - field.shape[1] // 2)
        for row, column in np.argwhere(field)
    }


def square(*steps):
    return {(row, column) for row in steps for column in steps}


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ([nn.Conv2d(3, 2, 3, padding=1)], square(-1, 0, 1)),
        ([nn.Conv2d(3, 2, 3, padding=2, dilation=2)], square(-2, 0, 2)),
        ([nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 2, 3, padding=1)], square(-2, -1, 0, 1, 2)),
        (
            [nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 3, padding=2, dilation=2)],
            square(-3, -2, -1, 0, 1, 2, 3),
        ),
        ([nn.Conv2d(3, 2, 1)], square(0)),
        ([nn.AvgPool2d(2), nn.Upsample(scale_factor=2)], square(0, 1)),
    ],
    ids=["3x3", "dilated", "two 3x3", "3x3 then dilated, with batch norm", "1x1", "pooled"],
)
def test_receptive_field_of_known_layers_is_exact(layers, expected):
    field = effective_receptive_field(nn.Sequential(*layers), (16, 20), samples=2)
    assert field.shape == (16, 20) and field.sum() == pytest.approx(1)
    assert support(field) == expected


def test_receptive_field_is_the_gradient():
    # linear: |weight| summed over channels, mirrored nowhere
    conv = nn.Conv2d(3, 1, 3, padding=1, bias=False)
    field = effective_receptive_field(conv, (9, 9), samples=3)
    expected = conv.weight[0].detach().abs().sum(dim=0).double().numpy()
    np.testing.assert_allclose(field[3:6, 3:6], expected / expected.sum(), rtol=1e-5)


def test_receptive_field_depends_on_the_seed_alone_and_changes_nothing(model):
    model.train()
    model.stem.eval()
    modes = [module.training for module in model.modules()]
    state = {name: value.clone() for name, value in model.state_dict().items()}
    first = effective_receptive_field(model, (32, 32), samples=2, seed=1)
    torch.rand(7)
    np.testing.assert_array_equal(first, effective_receptive_field(model, (32, 32), samples=2, seed=1))
    assert not np.array_equal(first, effective_receptive_field(model, (32, 32), samples=2, seed=2))
    assert [module.training for module in model.modules()] == modes
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())
    torch.testing.assert_close(dict(model.state_dict()), state)


def test_receptive_field_of_a_cut_graph_is_refused():
    class Detached(nn.Module):
        def forward(self, images):
            return images.detach()

    class Constant(nn.Module):
        def __init__(self):
            super().__init__()
            self.logits = nn.Parameter(torch.ones(1, 2, 8, 8))

        def forward(self, images):
            return self.logits * 1

    for model in (Detached(), Constant()):
        with pytest.raises(ValueError, match="no input pixel moves the centre's logits"):
            effective_receptive_field(model, (8, 8))


def test_sides_of_a_receptive_field():
    field = np.zeros((11, 13))
    field[5, 6] = 0.9
    field[4, 6] = 0.06  # 0.96 within one pixel of the centre
    field[5, 9] = 0.04
    assert field_sides(field) == (7, 3)
    assert show_receptive_field(field).alt.endswith(": reaches 7 px, 95 % within 3 px.")
    field[0, 0] = 1e-9
    assert "reaches at least 13 px" in show_receptive_field(field).alt


# Source


def test_show_source_keeps_docstrings_and_colours():
    code = show_source(DoubleConv, Up)
    assert "class DoubleConv" in code.data and "class Up" in code.data and "Double the size" in code.data
    data, _ = DisplayFormatter().format(code)
    assert 'class="highlight"' in data["text/html"] and "class Up(nn.Module)" in data["text/plain"]


def test_show_source_of_what_has_none_is_refused():
    with pytest.raises(ValueError, match="has no Python source to show: pass its class, int"):
        show_source(3)
    with pytest.raises(ValueError, match="has no Python source to show"):
        show_source(len)


def test_titles_of_a_batch(scenes):
    picture = show_batch(scenes, n=2, titles=("first", "second"))
    assert "first: " in picture.alt and "second: " in picture.alt
    with pytest.raises(ValueError, match="1 titles for 2 samples; give one each, or none"):
        show_batch(scenes, n=2, titles=("first",))
