"""nbhelpers.training.randomness: seeds, epochs, samples and processes share no draws, and nobody else's are touched."""

import itertools
import random

import numpy as np
import pytest
import torch
from torch import nn

from nbhelpers.datasets import train_transform
from nbhelpers.datasets.gate import random_states_kept
from nbhelpers.training import evaluate
from nbhelpers.training.randomness import (
    NETWORK,
    Batches,
    SeededSamples,
    seed_network,
    seeded_loader,
    stream,
)
from tests.training.test_training import Discs, quick, small_unet, weights_of

SEEDS, EPOCHS, SAMPLES = 50, 20, 64


def batches_of(seed, epoch, length=SAMPLES, size=8, rank=0, processes=1):
    batches = Batches(length, size, seed, rank, processes)
    batches.epoch = epoch
    return list(batches)


def orders():
    """(seed, epoch) -> order of the data, as positions."""
    keys = list(itertools.product(range(SEEDS), range(EPOCHS)))
    return np.array([[index for batch in batches_of(*key) for index, _ in batch] for key in keys])


def network_draws(ranks=2):
    keys = list(itertools.product(range(SEEDS // 2), range(EPOCHS // 2), range(ranks)))
    rows = []
    with random_states_kept():
        for key in keys:
            seed_network(*key)
            rows.append(torch.rand(SAMPLES).numpy())
    return np.array(rows)


@pytest.mark.parametrize("drawn", [orders, network_draws])
def test_draws_correlate_as_independent_ones_do(drawn):
    rows = drawn().astype(np.float64)
    assert len(np.unique(rows, axis=0)) == len(rows)  # 64! orders: chance repeats none
    pairs = np.corrcoef(rows)[np.triu_indices(len(rows), k=1)]
    assert pairs.std() == pytest.approx((SAMPLES - 1) ** -0.5, rel=0.01)  # of independent draws
    assert abs(pairs.mean()) < 0.002
    assert np.abs(pairs).max() < 0.75  # 2 million independent pairs of 64 values stay below


@pytest.mark.parametrize("shift", [(0, 1), (1, 0), (1, -1)])  # the next epoch, the next seed, both
def test_neighbours_have_no_sample_in_the_same_place_beyond_chance(shift):
    table = orders().reshape(SEEDS, EPOCHS, SAMPLES)
    seeds, epochs = slice(0, SEEDS - 1), slice(1, EPOCHS - 1)
    moved = table[shift[0] : SEEDS - 1 + shift[0], 1 + shift[1] : EPOCHS - 1 + shift[1]]
    same = (table[seeds, epochs] == moved).sum(axis=-1)
    assert same.mean() == pytest.approx(1, abs=0.15)  # a permutation has one fixed point on average


def test_seeds_of_samples_are_never_shared():
    drawn = [
        seed for key in itertools.product(range(20), range(5)) for b in batches_of(*key) for _, seed in b
    ]
    assert len(set(drawn)) == len(drawn)
    assert len({seed % 2**32 for seed in drawn}) >= len(drawn) - 2  # torch's generator takes 32 bits
    assert len({seed >> 32 for seed in drawn}) >= len(drawn) - 2  # and numpy's the other ones


def test_numpys_seed_is_the_upper_half():
    with random_states_kept():
        seed_network(3, 1)
        number = int(stream(3, 1, NETWORK, 0).generate_state(1, np.uint64)[0])
        assert np.random.get_state()[1][0] == number >> 32


@pytest.mark.parametrize(("length", "size"), [(64, 8), (19, 8), (5, 8), (1, 4)])
@pytest.mark.parametrize("processes", [2, 4])
def test_processes_share_the_batches_out(length, size, processes):
    whole = batches_of(3, 1, length, size)
    shares = [batches_of(3, 1, length, size, rank, processes) for rank in range(processes)]
    assert {len(share) for share in shares} == {len(whole)}
    for batch, *pieces in zip(whole, *shares, strict=True):
        assert len({len(piece) for piece in pieces}) == 1
        assert set(itertools.chain(*pieces)) == set(batch)


def test_a_batch_that_is_not_full_is_left_out_unless_it_is_the_only_one():
    assert [len(batch) for batch in batches_of(0, 0, 19, 8)] == [8, 8]
    assert [len(batch) for batch in batches_of(0, 0, 5, 8)] == [5]
    assert [len(batch) for batch in batches_of(0, 0, 8, 8)] == [8]


class Drawn(torch.utils.data.Dataset):
    """Samples that are what random, numpy and torch draw, for each index."""

    num_classes = 2

    def __len__(self):
        return 12

    def __getitem__(self, index):
        values = [random.random(), np.random.rand(), torch.rand(()).item()]
        return torch.tensor(values).expand(3, 1, 3), torch.full((1, 3), index % 2)


def test_workers_and_processes_change_no_sample():
    def images(workers, rank=0, processes=1):
        with seeded_loader(Drawn(), Batches(12, 4, 5, rank, processes), workers) as loader:
            return torch.stack([images[:, 0, 0] for images, _ in loader])

    alone = images(workers=0)
    assert len(alone.flatten().unique()) == alone.numel()
    assert torch.equal(alone, images(workers=2))
    # 0, 1, 0, 1 of a batch
    shared = torch.stack([images(0, rank, 2) for rank in range(2)], dim=2).flatten(1, 2)
    assert torch.equal(alone, shared)


def states():
    return random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()


def test_reading_samples_leaves_the_random_states():
    before = states()
    SeededSamples(Drawn()).__getitems__([(0, 1), (1, 2)])
    assert states() == before


def test_evaluate_leaves_the_random_states():
    model = small_unet()
    before = states()
    evaluate(model, Discs(2), workers=1)
    assert states() == before


class Drawing(nn.Conv2d):
    """Notes what torch draws in each step, as dropout would."""

    def forward(self, images):
        if self.training:
            self.drawn.append(torch.rand(()).item())
        return super().forward(images)


def test_every_step_of_every_epoch_and_seed_draws_anew():
    drawn = []
    for seed in (0, 1):
        model = Drawing(3, 2, 1)
        model.drawn = []
        quick(model, Discs(8), Discs(2), epochs=3, seed=seed)
        drawn += model.drawn[2:]  # two are the rehearsal's
    assert len(drawn) == len(set(drawn)) == 2 * 3 * 2


def test_resuming_with_workers_equals_the_straight_run_with_and_without(tmp_path):
    def trained(**options):
        torch.manual_seed(0)
        model = nn.Sequential(small_unet(4), nn.Dropout(0.3), nn.Conv2d(4, 2, 1))
        rows = quick(model, Discs(8, transform=train_transform()), Discs(2), epochs=2, **options).rows
        return weights_of(model), [row["train_loss"] for row in rows]

    alone, straight = trained(), trained(workers=2)
    trained(workers=2, resume=tmp_path / "c.pt", stop_after=1)
    resumed = trained(workers=2, resume=tmp_path / "c.pt")
    for weights, losses in (straight, resumed):
        assert losses == alone[1]
        torch.testing.assert_close(weights, alone[0], rtol=0, atol=0)
