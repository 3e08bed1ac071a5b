"""MaskFormer against transformers' own, its matching against all permutations, and its rules by hand."""

import json
from itertools import permutations

import pytest
import torch

from nbhelpers.models.maskformer import MaskFormer, Proposals, merge
from nbhelpers.models.maskformer_loss import Segments, costs, match, segments_of, set_loss
from tests.models.maskformer_referee import FILE, LEVELS, QUERIES, answers, ours, scene

STORED = json.loads(FILE.read_text("utf-8"))["answers"]
SURE = 9.0  # a logit of 0.9999


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def guesses(queries=5, segments=3, pictures=2, side=8):
    """Random proposals, and truths of so many segments."""
    proposals = Proposals(
        torch.randn(pictures, queries, 4), 3 * torch.randn(pictures, queries, side // 2, side // 2)
    )
    truths = [
        Segments(torch.randint(3, (segments,)), (torch.rand(segments, side, side) > 0.5).float())
        for _ in range(pictures)
    ]
    return proposals, truths


def says(*answers_, side=4):
    """Proposals (Q, classes + 1), (Q, side, side) of sure queries: (class, columns from, to)."""
    classes = torch.full((len(answers_), 3), -SURE)
    masks = torch.full((len(answers_), side, side), -SURE)
    for number, (kind, start, end) in enumerate(answers_):
        classes[number, kind] = SURE
        masks[number, :, start:end] = SURE
    return classes, masks


# Against transformers


@pytest.mark.parametrize("levels", LEVELS)
def test_logits_and_losses_are_those_that_transformers_gave(levels):
    model, (images, truths) = ours(LEVELS[levels]), scene()
    with torch.no_grad():
        layers = model.propose_by_layer(images)
        classes, masks = model.propose(images)
        losses = [set_loss(proposals, truths) for proposals in layers]
    assert torch.equal(masks, layers[-1].masks) and torch.equal(classes, layers[-1].classes)
    stored = STORED[levels]
    torch.testing.assert_close(classes, torch.tensor(stored["classes"]), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(masks[..., ::5, ::5], torch.tensor(stored["masks"]), atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(
        torch.stack(losses), torch.tensor(stored["loss_by_layer"]), atol=1e-4, rtol=1e-4
    )
    assert stored["loss"] == stored["loss_by_layer"][-1]


@pytest.mark.parametrize("levels", LEVELS)
def test_what_transformers_gave_is_what_it_gives(levels):
    pytest.importorskip("transformers")
    found = answers(ours(LEVELS[levels]))
    for name, value in STORED[levels].items():
        torch.testing.assert_close(torch.tensor(found[name]), torch.tensor(value), atol=1e-3, rtol=1e-4)


# Matching


@pytest.mark.parametrize(("queries", "segments"), [(5, 3), (4, 4), (6, 1), (3, 0)])
def test_no_other_matching_is_cheaper(queries, segments):
    proposals, truths = guesses(queries, segments)
    for number, (chosen, given) in enumerate(match(proposals, truths)):
        table = costs(Proposals(*(each[number] for each in proposals)), truths[number])
        assert given.tolist() in [list(order) for order in permutations(range(segments))]  # each once
        least = min(
            sum(float(table[query, segment]) for segment, query in enumerate(some))
            for some in permutations(range(queries), segments)
        )
        assert float(table[chosen, given].sum()) == pytest.approx(least, abs=1e-5)


def test_the_order_of_queries_and_segments_changes_nothing():
    proposals, truths = guesses()
    expected = set_loss(proposals, truths)
    turned = Proposals(*(each.flip(1) for each in proposals))
    torch.testing.assert_close(set_loss(turned, truths), expected)
    truths = [Segments(classes.flip(0), masks.flip(0)) for classes, masks in truths]
    torch.testing.assert_close(set_loss(proposals, truths), expected)


def test_a_perfect_answer_costs_next_to_nothing():
    truth = segments_of(torch.tensor([[0, 0, 7, 7, 4, 4, 4, 4]]).repeat(4, 1))
    classes, masks = says((2, 0, 0), (1, 1, 2), (0, 0, 1), (1, 2, 4))
    perfect = Proposals(classes[None], masks[None, :, ::2])  # at half the size of the truth
    sharp = Proposals(perfect.classes, 4 * perfect.masks)
    with_other_class = Proposals(perfect.classes[..., [1, 0, 2]], perfect.masks)
    assert match(perfect, [truth])[0][0].tolist() == [1, 2, 3]
    assert set_loss(sharp, [truth]) < 0.4 < set_loss(with_other_class, [truth])


def test_pictures_without_segments_teach_no_object():
    proposals, truths = guesses(segments=0)
    classes, masks = (each.requires_grad_() for each in proposals)
    set_loss(Proposals(classes, masks), truths).backward()
    assert classes.grad.any() and not masks.grad.any()


def test_segments_are_the_background_and_every_object():
    classes, masks = segments_of(torch.tensor([[0, 3], [9, 3]]))
    assert classes.tolist() == [0, 1, 1]
    assert masks.tolist() == [[[1, 0], [0, 0]], [[0, 1], [0, 1]], [[0, 0], [1, 0]]]
    assert segments_of(torch.ones(2, 2, dtype=torch.long)).classes.tolist() == [1]


def test_more_segments_than_queries():
    with pytest.raises(
        ValueError, match="picture 0 of the batch holds 3 segments, but the model has 2 queries"
    ):
        match(*guesses(queries=2, segments=3))


def test_proposals_that_are_not_finite():
    proposals, truths = guesses()
    proposals.masks[1, 0] = torch.nan
    with pytest.raises(FloatingPointError, match="the proposals for picture 1 of the batch are not finite"):
        match(proposals, truths)


# From proposals to pictures


@pytest.mark.parametrize(
    ("answers_", "row"),
    [
        ([(0, 2, 4), (1, 0, 2)], [1, 1, 0, 0]),
        ([(1, 0, 1), (0, 1, 3), (1, 3, 4)], [1, 0, 0, 2]),
        ([(2, 0, 4), (1, 3, 4)], [0, 0, 0, 1]),  # "no object" has no say; outside every mask there is none
        ([(2, 0, 4)], [0, 0, 0, 0]),
        ([(0, 0, 4), (1, 0, 2)], [0, 0, 0, 0]),  # equally sure of the same pixels: the first has them
        ([(1, 0, 3), (1, 0, 4)], [1, 1, 1, 0]),  # a quarter of its own mask is too little
    ],
)
def test_merging_by_hand(answers_, row):
    assert merge(*says(*answers_)).tolist() == [row] * 4


def test_instances_are_numbered_at_the_size_of_the_image():
    model = ours(LEVELS["fine"])
    objects = model.instances(torch.rand(2, 3, 33, 47))
    assert objects.shape == (2, 33, 47) and objects.dtype == torch.long
    for each in objects:
        assert each.unique().tolist() == list(range(int(each.max()) + 1)) or each.min() > 0


def test_logits_are_votes_of_the_queries():
    """Softmax of the logits is each class's share of the votes, sums over queries of class times mask probability."""
    model, (images, _) = ours(LEVELS["fine"]), scene()
    with torch.no_grad():
        classes, masks = model.propose(images)
        logits = model(images)[..., ::2, ::2]  # every second pixel of a doubled map: three quarters its own
    votes = torch.einsum("nqc,nqhw->nchw", classes.softmax(-1)[..., :-1], masks.sigmoid())
    same = logits.argmax(1) == votes.argmax(1)
    assert logits.shape == votes.shape and same.float().mean() > 0.85


def test_one_class_is_the_difference_of_two():
    torch.manual_seed(0)
    kind = {
        "encoder": "resnet18", "levels": ("c3", "c4"), "num_queries": 3,
        "channels": 32, "layers": 1, "heads": 2, "hidden_channels": 8,
    }  # fmt: skip
    two, one = MaskFormer(num_classes=2, **kind).eval(), MaskFormer(num_classes=1, **kind).eval()
    one.load_state_dict(two.state_dict())
    images = torch.rand(1, 3, 32, 48)
    with torch.no_grad():
        torch.testing.assert_close(one(images)[:, 0], two(images)[:, 1] - two(images)[:, 0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"levels": ("c4", "c3")}, "levels are c4, c3; they must be two or more features, finest first"),
        ({"levels": ("c5",)}, "levels are c5; they must be two or more"),
        ({"channels": 48}, "channels is 48; it must be a multiple of 32"),
        ({"channels": 32, "heads": 5}, "channels is 32; it must be a multiple of 32, and of the 5 heads"),
        ({"num_queries": 0}, "num_queries is 0; there must be at least 1"),
    ],
)
def test_what_cannot_be_built(options, message):
    with pytest.raises(ValueError, match=message):
        MaskFormer(num_classes=2, **{"encoder": "resnet18"} | options)


@pytest.mark.parametrize(("channels", "side"), [(32, 33), (64, 32)])
def test_the_least_images_of_the_docstring(channels, side):
    model = MaskFormer(
        num_classes=2, encoder="resnet18", channels=channels, layers=1, hidden_channels=8
    ).eval()
    images = torch.rand(2, 3, side, side)
    first, second = model.pixel_decoder.stem(model.encoder(images)["c5"])
    assert not torch.equal(first, second)
    assert model(images[:1]).shape == (1, 2, side, side)


def test_queries_of_the_referee_fit_the_scene():
    assert max(len(truth.classes) for truth in scene()[1]) <= QUERIES
