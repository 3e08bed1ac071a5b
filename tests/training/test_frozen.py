"""The linear head: kept features by hand, the solution against scikit-learn's, and refusals."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from nbhelpers.datasets import Street
from nbhelpers.models.blocks import Freezable
from nbhelpers.models.linear_head import LinearHead
from nbhelpers.models.vit import ViTEncoder
from nbhelpers.training import evaluate
from nbhelpers.training.frozen import KeptFeatures, keep_features, solve_head


class Colours(Freezable):
    """An encoder whose tokens are the mean colours of squares of 4 x 4, so that all can be computed by hand."""

    channels, strides = {"c4": 3}, {"c4": 4}

    def __init__(self):
        super().__init__()
        self.pool = nn.AvgPool2d(4)
        self.calls = 0

    def forward(self, images):
        self.calls += len(images)
        return {"c4": self.pool(images)}


class Halves:
    """Images red on the left and blue on the right; masks 1 and 2, a strip of void, and one patch of void alone."""

    num_classes = 3

    def __len__(self):
        return 3

    def __getitem__(self, index):
        image, mask = torch.zeros(3, 8, 12), torch.full((8, 12), 2)
        image[0, :, :6] = image[2, :, 6:] = 1
        mask[:, :6] = 1
        mask[:4, :4] = 255
        mask[4:6, :4] = 255
        return image, mask.long()


class LateFault(Halves):
    """Its last mask holds a class that there is not."""

    def __getitem__(self, index):
        image, mask = super().__getitem__(index)
        return image, mask + (index == 2) * (mask == 2)


def test_features_are_the_patches_that_have_labels():
    head = LinearHead(Colours(), num_classes=3)
    kept = keep_features(head, Halves(), batch_size=2)
    assert head.encoder.calls == 3
    assert kept.tokens.dtype == torch.float16
    # of 2 x 3 patches the first has no label; the third column's are blue, the second's half and half
    tokens = torch.tensor([[0.5, 0, 0.5], [0, 0, 1], [1, 0, 0], [0.5, 0, 0.5], [0, 0, 1]])
    shares = torch.tensor([[0, 0.5, 0.5], [0, 0, 1], [0, 0.5, 0], [0, 0.5, 0.5], [0, 0, 1]])
    torch.testing.assert_close(kept.tokens.float(), tokens.repeat(3, 1))
    torch.testing.assert_close(kept.shares, shares.repeat(3, 1))
    assert kept.megabytes == pytest.approx(15 * (3 * 2 + 3 * 4) / 1e6)


@pytest.mark.parametrize(
    ("options", "weight_decay", "near"), [({"weight_decay": 1e-2}, 1e-2, 1e-5), ({}, 1e-4, 1e-4)]
)
def test_the_head_is_the_one_that_scikit_learn_finds(options, weight_decay, near):
    """Of channels that are strong and faint, and patches of which a part is labelled."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 4, (600,), generator=generator)
    tokens = torch.randn(4, 5, generator=generator)[labels] + torch.randn(600, 5, generator=generator)
    tokens = tokens * torch.tensor([3, 3, 3, 0.3, 0.03]) + 1
    labelled = torch.rand(600, generator=generator) + 0.1
    head = LinearHead(Colours(), num_classes=4)
    head.mean, head.std, head.scores = torch.zeros(5), torch.ones(5), nn.Linear(5, 4)
    kept = KeptFeatures(tokens.half(), nn.functional.one_hot(labels, 4) * labelled[:, None])
    loss = solve_head(head, kept, **options)
    tokens = kept.tokens.double()  # or scikit-learn, too, would stop where float32 shows no step
    standard = ((tokens - tokens.mean(0)) / tokens.std(0, correction=0)).numpy()
    reference = LogisticRegression(C=1 / (float(labelled.sum()) * weight_decay), tol=1e-8, max_iter=1000)
    reference.fit(standard, labels, sample_weight=labelled)
    probabilities = head.score(kept.tokens.float()).softmax(dim=1).detach().numpy()
    np.testing.assert_allclose(probabilities, reference.predict_proba(standard), atol=near)
    own = -np.average(np.log(probabilities[np.arange(600), labels]), weights=labelled)
    own += weight_decay / 2 * (reference.coef_**2).sum()
    assert loss == pytest.approx(own, abs=1e-5)


def test_what_the_head_starts_from_does_not_matter():
    kept = keep_features(LinearHead(Colours(), num_classes=3), Halves())
    found = []
    for seed in range(2):
        torch.manual_seed(seed)
        head = LinearHead(Colours(), num_classes=3)
        solve_head(head, kept)
        found.append(head.scores.weight.detach().clone())
    assert torch.equal(*found)


def test_even_a_random_transformer_is_better_than_one_colour():
    torch.manual_seed(0)
    head, valid = LinearHead(ViTEncoder("test_vit"), num_classes=11), Street("val", size=(48, 64), length=12)
    before = {name: tensor.clone() for name, tensor in head.encoder.state_dict().items()}
    kept = keep_features(head, Street(size=(48, 64), length=40))
    solve_head(head, kept)
    assert evaluate(head, valid, precision="fp32").mean_iou > 0.1  # one class everywhere: at most 1 / 11
    assert all(torch.equal(before[name], tensor) for name, tensor in head.encoder.state_dict().items())
    assert [name for name, p in head.named_parameters() if p.requires_grad] == [
        "scores.weight",
        "scores.bias",
    ]
    assert head.train()(torch.rand(1, 3, 33, 47)).shape == (1, 11, 33, 47)


def test_one_patch_is_enough():
    head = LinearHead(Colours(), num_classes=2)
    assert solve_head(head, KeptFeatures(torch.ones(1, 3).half(), torch.tensor([[0.0, 1.0]]))) < 0.1
    assert head.score(torch.ones(1, 3)).argmax() == 1


def test_what_does_not_fit_is_refused():
    with pytest.raises(
        ValueError, match="dataset tells 3 classes, but the head has 2: build it with num_classes=3"
    ):
        keep_features(LinearHead(Colours(), num_classes=2), Halves())
    with pytest.raises(
        FloatingPointError, match="some kept features are not finite: beyond 65504, float16 overflows"
    ):
        kept = KeptFeatures(torch.full((4, 3), torch.inf).half(), torch.ones(4, 2))
        solve_head(LinearHead(Colours(), num_classes=2), kept)
    for features, message in (
        (KeptFeatures(torch.ones(0, 3), torch.ones(0, 2)), "no patch with a label was kept"),
        (KeptFeatures(torch.ones(4, 3), torch.zeros(4, 2)), "no patch with a label was kept"),
        (
            KeptFeatures(torch.ones(4, 5), torch.ones(4, 2)),
            "5 channels and 2 classes, but the head takes 3 and 2: pass",
        ),
        (
            KeptFeatures(torch.ones(4, 3), torch.ones(4, 1)),
            "3 channels and 1 classes, but the head takes 3 and 2: pass",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            solve_head(LinearHead(Colours(), num_classes=2), features)
    masks = Halves()
    masks.num_classes = 2
    with pytest.raises(ValueError, match=r"dataset\[0\]: "):
        keep_features(LinearHead(Colours(), num_classes=2), masks)
    with pytest.raises(ValueError, match=r"dataset\[2\]: masks hold 1, 3 and 255"):
        keep_features(LinearHead(Colours(), num_classes=3), LateFault())
    kept = KeptFeatures(torch.eye(4, 3).half(), torch.eye(4, 2))
    with pytest.raises(FloatingPointError, match="the loss is (-inf|nan); take a larger weight_decay"):
        solve_head(LinearHead(Colours(), num_classes=2), kept, weight_decay=-1e6)
