"""Training on pictures whose objects are numbered."""

import copy
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from nbhelpers.models.maskformer import MaskFormer
from nbhelpers.models.maskformer_loss import PAPER, Weights, segments_of, set_loss
from nbhelpers.training import instances
from nbhelpers.training.instances import fit_instances


class Squares:
    """A bright square on the left and one on the right, at other heights in each picture."""

    def __init__(self, length=4, side=32):
        self.ids = np.zeros((length, side, side), np.int32)
        for number, ids in enumerate(self.ids):
            ids[2 * number : 2 * number + 12, 2:14], ids[8 : 8 + 2 * number + 4, 18:30] = 3, 1
        self.images = np.repeat((self.ids[..., None] > 0) * np.uint8(200), 3, axis=3)

    def __len__(self):
        return len(self.ids)

    def read(self, index):
        return self.images[index], (self.ids[index] > 0).astype(np.uint8)

    def instances(self, index):
        return self.ids[index]


def small(queries=4, seed=0, layers=1):
    torch.manual_seed(seed)
    return MaskFormer(
        num_classes=2, encoder="resnet18", levels=("c1", "c2", "c3"), num_queries=queries,
        channels=32, layers=layers, heads=2, hidden_channels=32, dropout=0.0,
    )  # fmt: skip


def train(model, data=None, valid=None, **options):
    return fit_instances(
        model,
        Squares() if data is None else data,
        Squares(2) if valid is None else valid,
        **{"epochs": 2, "batch_size": 4, "precision": "fp32", "quiet": True} | options,
    )


def test_two_squares_are_learnt_as_two_objects():
    model, data = small(), Squares()
    history = train(model, data, epochs=150, lr=3e-3, weights=Weights(dice=5.0, no_object=1.0))
    assert [row["epoch"] for row in history.rows] == list(range(1, 151))
    assert history.rows[-1]["train_loss"] < 0.4 * history.rows[0]["train_loss"]
    last = history.rows[-1]
    assert last["mean_iou"] > 0.9 and not model.training
    assert last["valid_loss"] < 0.4 * history.rows[0]["valid_loss"]
    images = torch.from_numpy(data.images).permute(0, 3, 1, 2) / 255
    assert ((model(images).argmax(1) == 1) == torch.from_numpy(data.ids > 0)).float().mean() > 0.98
    counts = [int(each.max()) for each in model.instances(images)]
    assert counts == [2] * 4


def tensors(data):
    images, ids = torch.from_numpy(data.images), torch.from_numpy(data.ids)
    return images.permute(0, 3, 1, 2) / 255, [segments_of(each) for each in ids]


@pytest.mark.parametrize("options", [{}, {"weights": Weights(dice=5.0), "clip_norm": None, "lr": 1e-2}])
def test_two_steps_by_hand(options, monkeypatch):
    """AdamW on one cycle, of the losses of all layers; what the history tells is of the last, and of `valid`."""
    monkeypatch.setattr(instances, "_turned", lambda *both: both)
    model, data, valid = small(queries=3, layers=2), Squares(2), Squares(3)  # two squares and the background
    data.images[1], data.ids[1] = data.images[0], data.ids[0]  # so that their order does not matter
    ours = copy.deepcopy(model).train()
    rows = train(model, data, valid, batch_size=2, **options).rows

    lr, clip_norm, weights = ({"lr": 1e-3, "clip_norm": 1.0, "weights": PAPER} | options).values()
    optimizer = torch.optim.AdamW(ours.parameters(), lr=lr, weight_decay=0.01, fused=True)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=3)
    images, truths = tensors(data)
    for row in rows:
        assert row["lr"] == pytest.approx(scheduler.get_last_lr()[0])
        losses = [set_loss(layer, truths, weights) for layer in ours.propose_by_layer(images)]
        assert len(losses) == 2 and row["train_loss"] == pytest.approx(losses[-1].item(), rel=1e-4)
        optimizer.zero_grad()
        sum(losses).backward()
        if clip_norm:
            torch.nn.utils.clip_grad_norm_(ours.parameters(), clip_norm)
        optimizer.step()
        scheduler.step()
    for name, value in ours.state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], value, atol=1e-5, rtol=1e-4)

    images, truths = tensors(valid)
    with torch.no_grad():
        two, one = (
            set_loss(model.propose(images[part]), truths[part], weights) for part in (slice(2), slice(2, 3))
        )
        found = (model(images).argmax(1) > 0).numpy()
    assert rows[-1]["valid_loss"] == pytest.approx((2 * two + one).item() / 3, rel=1e-4)
    true = valid.ids > 0
    ious = [(found & true).sum() / (found | true).sum(), (~found & ~true).sum() / (~found | ~true).sum()]
    assert rows[-1]["mean_iou"] == pytest.approx(np.mean(ious))


def test_every_epoch_has_all_pictures_in_an_order_and_with_draws_of_its_own(monkeypatch):
    seen, draws = [], []

    def noted(images, ids):
        seen.append(ids[0, :, 5].argmax().item())  # the highest row of the left square: 0, 2, 4, 6
        draws.append(torch.rand(()).item())
        return images, ids

    monkeypatch.setattr(instances, "_turned", noted)
    train(small(), epochs=3, batch_size=1)
    epochs = [seen[first : first + 4] for first in (0, 4, 8)]
    assert all(sorted(epoch) == [0, 2, 4, 6] for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 1 and len(set(draws)) == 12


def test_a_seed_decides_everything():
    first, again, other = small(), small(), small()
    for model, seed in ((first, 0), (again, 0), (other, 1)):
        train(model, seed=seed)
    for name, value in first.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])
    assert not torch.equal(first.queries, other.queries)


def test_gradients_may_go_unclipped():
    clipped, free = small(), small()
    for model, clip_norm in ((clipped, 1e-3), (free, None)):
        assert len(train(model, clip_norm=clip_norm).rows) == 2
    assert not torch.equal(clipped.queries, free.queries)


def test_images_and_ids_are_turned_together():
    ids = torch.arange(2 * 6 * 6).reshape(2, 6, 6)
    found = set()
    for seed in range(40):
        torch.manual_seed(seed)
        images, turned = instances._turned(ids[:, None].repeat(1, 3, 1, 1), ids)
        assert all(torch.equal(images[:, channel], turned) for channel in range(3))
        found.add(tuple(turned.flatten().tolist()))
    assert len(found) == 8  # the symmetries of a square
    oblong = torch.zeros(1, 4, 6)
    assert all(instances._turned(oblong[:, None], oblong)[1].shape == oblong.shape for _ in range(9))


def test_an_interrupt_keeps_the_history(monkeypatch):
    model, seeded = small(), instances.seed_network

    def interrupted(seed, epoch):
        if epoch == 1:
            raise KeyboardInterrupt
        seeded(seed, epoch)

    monkeypatch.setattr(instances, "seed_network", interrupted)
    history = train(model, epochs=3)
    assert len(history.rows) == 1 and not model.training


def changed(**parts):
    data = Squares()
    for name, value in parts.items():
        setattr(data, name, value)
    return data


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (SimpleNamespace(read=None), "train is SimpleNamespace, which does not number its objects; give it read"),
        (changed(ids=Squares().ids.astype(np.float32)), r"the ids of train\[0\] are float32 from 0.0; they must be whole"),
        (changed(ids=Squares().ids > 0), r"the ids of train\[0\] are bool"),
        (changed(ids=Squares().ids - 1), r"the ids of train\[0\] are int32 from -1"),
        (changed(images=Squares().images / 255), r"train\[0\] is float64 \(32, 32, 3\) and its ids are \(32, 32\)"),
        (changed(ids=Squares().ids[:, :30]), r"train\[0\] is uint8 \(32, 32, 3\) and its ids are \(30, 32\)"),
        (changed(ids=np.arange(4 * 32 * 32, dtype=np.int32).reshape(4, 32, 32)), r"train\[0\] has 1024 segments, .* 4 queries"),
        (Squares(length=0), "0 images in train"),
    ],
)  # fmt: skip
def test_pictures_that_do_not_fit(data, message):
    model = small()
    before = model.queries.clone()
    with pytest.raises(ValueError, match=message):
        train(model, data)
    assert torch.equal(model.queries, before)
    with pytest.raises(ValueError, match=message.replace("train", "valid")):
        train(model, valid=data)


def test_pictures_of_two_sizes():
    data = Squares()
    data.images = [*data.images[:3], np.zeros((40, 40, 3), np.uint8)]
    data.ids = [*data.ids[:3], np.zeros((40, 40), np.int32)]
    with pytest.raises(ValueError, match=r"train\[3\] is .* and train\[0\] .* must have one size"):
        train(small(), data)


def test_a_loss_that_is_not_finite():
    model = small()
    with torch.no_grad():
        model.class_head.bias.fill_(torch.nan)
    with pytest.raises(FloatingPointError, match="not finite"):
        train(model)
