"""The staircase draws what a network does: every map, how each takes in the others, and nothing through a block."""

from functools import cache, partial
from itertools import combinations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from nbhelpers.models.deeplabv3_plus import DeepLabV3Plus
from nbhelpers.models.encoder_unet import EncoderUNet, Pix2PixUNet
from nbhelpers.models.fc_densenet import FCDenseNet
from nbhelpers.models.fc_hardnet import FCHarDNet
from nbhelpers.models.fcn8 import FCN8
from nbhelpers.models.fpn import FPN
from nbhelpers.models.gcn import GCN
from nbhelpers.models.pspnet import PSPNet
from nbhelpers.models.segnet import SegNet
from nbhelpers.models.unet import UNet
from nbhelpers.models.unet_plus_plus import UNetPlusPlus
from nbhelpers.visualisation import show_staircase
from nbhelpers.visualisation.blocks import blocks_of
from nbhelpers.visualisation.layout import LETTER, LINE, Layout
from nbhelpers.visualisation.tracing import trace

small = {"num_classes": 3, "encoder": "squeezenet"}
NETWORKS = {
    "unet": partial(UNet, num_classes=3, widths=(4, 8, 16)),
    "unet_plus_plus": partial(UNetPlusPlus, num_classes=3, widths=(2, 3, 4, 5), num_upsampling=3),
    "fcn8": partial(FCN8, num_classes=3, widths=(2, 3, 4, 5, 6), fc_channels=8),
    "segnet": partial(SegNet, num_classes=3, widths=(2, 3, 4), convolutions=(1, 1, 1), num_upsampling=3),
    "fpn": partial(FPN, **small, pyramid_channels=32, head_channels=32),
    "pspnet": partial(PSPNet, **small, output_stride=4),
    "gcn": partial(GCN, **small, kernel_size=3),
    "deeplabv3_plus": partial(DeepLabV3Plus, **small, hidden_channels=8, atrous_rates=(1, 2, 3)),
    "fc_densenet": partial(FCDenseNet, num_classes=3, layers=(1,) * 6, growth_rate=2, stem_channels=4),
    "fc_hardnet": partial(
        FCHarDNet, num_classes=3, stem_widths=(2,) * 4, widths=(4,) * 5, growth_rates=(2,) * 5
    ),
    "encoder_unet": partial(EncoderUNet, **small, widths=(8, 6, 4, 4)),
    "pix2pix": partial(Pix2PixUNet, num_classes=2, widths=(8, 6, 4, 4)),
}
DEPTHS = {"segnet": 2}


def draw(name, names=None):
    images = torch.rand(1, 3, 64, 96)
    return show_staircase(NETWORKS[name](), images, depth=DEPTHS.get(name, 1), names=names)


@cache
def drawn(name):
    return draw(name)


@pytest.mark.parametrize(
    ("name", "ways"),
    [
        ("unet", "Concatenated: down 1 to up 1, stem to up 2."),
        (
            "fcn8",
            "Lateral: pool 2 to score pool4, pool 1 to score pool3. "
            "Added: score pool4 to sum 1, score pool3 to sum 2.",
        ),
        ("segnet", "Pooling indices: backbone 3 to stage 1, backbone 2 to stage 2, backbone 1 to head."),
        (
            "fpn",
            "Lateral: c3 to lateral 2, c2 to lateral 3. "
            "Added: lateral 2 to sum 1, lateral 3 to sum 2, branch 1 to sum 3, branch 2 to sum 3.",
        ),
        ("pspnet", "No skips."),
        (
            "gcn",
            "Lateral: c3 to scorer 2, c2 to scorer 3. Added: scorer 2 to sum 1, scorer 3 to sum 2.",
        ),
        ("deeplabv3_plus", "Lateral: c2 to reduce. Concatenated: reduce to concat."),
        (
            "fc_densenet",
            "Concatenated: down 5 to up 1, down 4 to up 2, down 3 to up 3, down 2 to up 4, down 1 to up 5.",
        ),
        (
            "fc_hardnet",
            "Concatenated: down 4 to join 1, down 3 to join 2, down 2 to join 3, down 1 to join 4.",
        ),
        ("encoder_unet", "Concatenated: c3 to join 1, c2 to join 2, c1 to join 3."),
        ("pix2pix", "Concatenated: c4 to concat 1, c3 to concat 2, c2 to concat 3, c1 to concat 4."),
    ],
)
def test_how_each_network_joins_its_maps(name, ways):
    assert drawn(name).alt.endswith(f"). {ways}")


@pytest.mark.parametrize(
    ("name", "maps"),
    [
        ("segnet", "backbone 3 (4 × 16 × 24); pooled (4 × 8 × 12); stage 1 (3 × 16 × 24)"),
        (
            "fpn",
            "lateral 2 (32 × 8 × 12); sum 1 (32 × 8 × 12); lateral 3 (32 × 16 × 24); sum 2 (32 × 16 × 24); branch 1",
        ),
        ("fpn", "sum 3 (32 × 16 × 24); head (3 × 16 × 24); logits (3 × 64 × 96)."),
        ("fcn8", "pool 1 (4 × 8 × 12); stage 4 (5 × 8 × 12); pool 2 (5 × 4 × 6); stage 5"),
        (
            "deeplabv3_plus",
            "reduce (48 × 16 × 24); concat (56 × 16 × 24); head (3 × 16 × 24); logits (3 × 64 × 96).",
        ),
    ],
)
def test_maps_that_no_layer_with_weights_makes_are_drawn_where_nothing_else_shows_them(name, maps):
    assert maps in drawn(name).alt


@pytest.mark.parametrize("name", NETWORKS)
def test_nothing_runs_through_a_block_or_a_name(name):
    stages = trace(NETWORKS[name](), torch.rand(1, 3, 64, 96), DEPTHS.get(name, 1))
    blocks = blocks_of(stages, {})
    layout = Layout(blocks)
    boxes = [
        (p.x - p.width / 2, p.y - p.height / 2, p.x + p.width / 2, p.y + p.height / 2) for p in layout.places
    ]
    names = []
    for place in layout.places:
        lines = place.name.split("\n")
        half, top = layout.type_size * LETTER * max(map(len, lines)) / 2, place.y - place.height / 2 - 0.06
        names.append((place.x - half, top - layout.type_size * LINE * len(lines), place.x + half, top))
    for start, end, corners in layout.ways():
        assert corners[0][0] < corners[-1][0]
        for (x1, y1), (x2, y2) in zip(corners, corners[1:]):
            assert x1 <= x2 and (x1 == x2 or y1 == y2)  # along right angles, and never back
            for index, (left, low, right, high) in enumerate(boxes + names):
                if index not in (start, end):
                    crosses = (
                        min(x1, x2) < right
                        and left < max(x1, x2)
                        and min(y1, y2) < high
                        and low < max(y1, y2)
                    )
                    assert not crosses, (
                        blocks[start].label,
                        blocks[end].label,
                        blocks[index % len(blocks)].label,
                    )
    for (left, low, right, high), (other_left, other_low, other_right, other_high) in combinations(
        boxes + names, 2
    ):
        assert right <= other_left or other_right <= left or high <= other_low or other_high <= low
    assert len({(start, tuple(corners)) for start, _, corners in layout.ways()}) == len(layout.ways())


@pytest.mark.parametrize("name", NETWORKS)
def test_a_staircase_fits_a_page(name):
    picture = drawn(name)
    width = int.from_bytes(picture.data[16:20], "big")  # of a PNG
    assert picture.mimetype == "image/png" and width <= 1100


class Joined(nn.Module):
    """Two convolutions of one map, which `join` puts together, and a third."""

    def __init__(self, join):
        super().__init__()
        self.join = join
        self.left, self.right = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, 1)
        self.last = nn.Conv2d(4, 2, 1)

    def forward(self, images):
        return self.last(self.join(self.left(images), self.right(images))[:, :4])


class Inside(nn.Module):
    """The same join within a module."""

    def __init__(self, join):
        super().__init__()
        self.join, self.conv = join, nn.Conv2d(4, 4, 1)

    def forward(self, x, y):
        return self.conv(self.join(x, y)[:, :4])


def written(x, y):
    whole = x.new_empty(1, 8, *x.shape[2:])
    for place, part in zip(whole.split(4, dim=1), (x, y)):
        place.copy_(part)
    return whole


def assigned(x, y):
    whole = torch.zeros(1, 8, *x.shape[2:])
    whole[:, :4], whole[:, 4:] = x, y
    return whole


JOINS = {
    "plus": (lambda x, y: x + y, "Added", "sum"),
    "in place": (lambda x, y: x.add_(y), "Added", "sum"),
    "python's sum": (lambda x, y: sum([x, y]), "Added", "sum"),
    "minus": (lambda x, y: x - y, "Added", "sum"),
    "cat": (lambda x, y: torch.cat([x, y], dim=1), "Concatenated", "concat"),
    "into a buffer": (written, "Concatenated", "concat"),
    "by assignment": (assigned, "Concatenated", "concat"),
    "times": (lambda x, y: x * y.sigmoid(), "Multiplied", "product"),
    "matmul": (lambda x, y: x @ y.mT @ x, "Skip", ""),
}


@pytest.mark.parametrize("join", JOINS)
def test_every_way_of_joining_is_told_within_a_module_and_between_modules(join):
    function, way, circle = JOINS[join]
    alt = show_staircase(Joined(function), torch.rand(1, 3, 8, 8)).alt
    assert f"{way}: left to {circle or 'last'}." in alt
    assert f"{circle} (" in alt if circle else "join" not in alt
    alt = show_staircase(Joined(Inside(function)), torch.rand(1, 3, 8, 8)).alt
    assert f"{way}: left to join." in alt


class Unpooled(nn.Module):
    """One pooling and its reverse, as functions or as torch's modules."""

    def __init__(self, *, modules):
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 2, 3, padding=1)
        if modules:
            self.pool, self.unpool = nn.MaxPool2d(2, return_indices=True), nn.MaxUnpool2d(2)
        else:
            self.pool = partial(F.max_pool2d, kernel_size=2, return_indices=True)
            self.unpool = partial(F.max_unpool2d, kernel_size=2)

    def forward(self, images):
        x, places = self.pool(self.first(images))
        return self.last(self.unpool(x, places))


@pytest.mark.parametrize("modules", [True, False])
def test_pooling_indices_lead_from_the_map_that_was_pooled(modules):
    alt = show_staircase(Unpooled(modules=modules), torch.rand(1, 3, 8, 12)).alt
    assert alt.endswith(
        f"first (4 × 8 × 12); {'pool' if modules else 'pooled'} (4 × 4 × 6); last (2 × 8 × 12). Pooling indices: first to last."
    )


class ChannelsLast(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.mix, self.last = nn.Conv2d(3, 5, 2, stride=2), nn.Linear(5, 7), nn.Conv2d(7, 2, 1)

    def forward(self, images):
        x = self.mix(self.first(images).permute(0, 2, 3, 1))
        return self.last(x.movedim(-1, 1))


def test_a_map_with_its_channels_last_is_the_same_map():
    alt = show_staircase(ChannelsLast(), torch.rand(1, 3, 8, 12)).alt
    assert alt.endswith(
        "images (3 × 8 × 12); first (5 × 4 × 6); mix (7 × 4 × 6); last (2 × 4 × 6). No skips."
    )


def test_labels_are_words_and_numbers():
    chain = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Conv2d(8, 2, 1))
    alt = show_staircase(chain, torch.rand(1, 3, 10, 12)).alt
    assert alt.endswith("images (3 × 10 × 12); 0 (8 × 8 × 10); 3 (2 × 4 × 5). No skips.")
    model = nn.Module()
    model.encoder = nn.ModuleDict({"branches": nn.ModuleList(nn.Conv2d(3, 3, 1) for _ in range(2))})
    model.mixes_down = nn.ModuleList([nn.Conv2d(3, 3, 1)])
    model.decoder = nn.ModuleDict({"branches": nn.ModuleList([nn.Conv2d(3, 3, 1)])})
    model.segmentation_head = nn.Conv2d(3, 2, 1)

    def forward(x):
        for layer in (*model.encoder["branches"], *model.mixes_down, *model.decoder["branches"]):
            x = layer(x)
        return model.segmentation_head(x)

    model.forward = forward
    alt = show_staircase(model, torch.rand(1, 3, 4, 4)).alt
    labels = [words.split(" (")[0] for words in alt.split(": ")[1].split("; ")]
    assert labels == [
        "images",
        "encoder branch 1",
        "encoder branch 2",
        "mix down",
        "decoder branch",
        "segmentation head",
    ]


def test_names_of_the_readers():
    names = {"downs": "block", "ups.0": "first way up", "head": "scores"}
    alt = draw("unet", names).alt
    assert "; block 1 (8 × 32 × 48); block 2 (16 × 16 × 24); first way up (8 × 32 × 48); up 2 (" in alt
    assert "scores (3 × 64 × 96). Concatenated: block 1 to first way up, stem to up 2." in alt
    assert "; p3 (32 × 8 × 12); " in draw("fpn", {"sum 1": "p3"}).alt
    with pytest.raises(
        ValueError,
        match="names has 'dwons', but this UNet has no such module, and its blocks are images, stem",
    ):
        draw("unet", {"dwons": "block"})


def test_staircase_refuses_what_cannot_be_read():
    with pytest.raises(ValueError, match="30 stages give maps .* shows 1 to 23"):
        show_staircase(nn.Sequential(*[nn.Conv2d(3, 3, 1) for _ in range(30)]), torch.rand(1, 3, 4, 4))
    with pytest.raises(ValueError, match="0 stages give maps"):
        show_staircase(nn.Sequential(nn.Flatten(), nn.Linear(48, 2)), torch.rand(1, 3, 4, 4))
