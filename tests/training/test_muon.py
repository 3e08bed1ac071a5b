"""nbhelpers.training.muon, against torch's and timm's Muon, torch's AdamW and the singular value decomposition."""

import copy
from functools import partial

import pytest
import timm.optim.muon
import torch
import torch.nn.functional as F
from torch import nn

from nbhelpers.training.muon import COEFFICIENTS, Muon, is_matrix, orthogonal
from tests.training.test_training import Discs, assert_same_weights, quick, small_unet, weights_of

OPTIONS = {"lr": 0.02, "weight_decay": 0.1}
BFLOAT16 = 0.03  # how far torch's, which computes in it, may lie from ours


class Mixed(nn.Sequential):
    """Kernels, a transposed and a depthwise one, batch norm and biases."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, 8, 3, padding=1),
            nn.BatchNorm2d(8),
            nn.ConvTranspose2d(8, 6, 2, stride=2),
            nn.ReLU(),
            nn.Conv2d(6, 6, 3, padding=1, groups=6),
            nn.Conv2d(6, 5, 1),
        )


def pull(model: nn.Module, seed: int) -> None:
    """Gradients of some loss."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(2, 3, 8, 8, generator=generator)
    masks = torch.randint(0, 5, (2, 16, 16), generator=generator)
    F.cross_entropy(model(images), masks).backward()


def steps(model: nn.Module, optimizer: torch.optim.Optimizer, count: int = 3) -> dict[str, torch.Tensor]:
    """What each parameter becomes when `count` gradients of the starting point are followed, on a schedule."""
    still = copy.deepcopy(model)
    for seed in range(count):
        for group in optimizer.param_groups:
            momentum = 0.9 - 0.05 * seed
            group |= {"momentum": momentum, "betas": (momentum, 0.999)}
            group["lr"], group["weight_decay"] = group["lr"] * 1.5, group["weight_decay"] / 2
        still.zero_grad()
        pull(still, seed)
        for parameter, other in zip(model.parameters(), still.parameters(), strict=True):
            parameter.grad = other.grad.clone()
        optimizer.step()
    return weights_of(model)


def mixed() -> Mixed:
    torch.manual_seed(0)
    return Mixed()


@pytest.mark.parametrize("shape", [(8, 8), (8, 27), (64, 12), (2, 300), (1, 5)])
def test_orthogonal_keeps_the_singular_vectors_and_levels_the_values(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    inside = left.T @ orthogonal(matrix) @ right.T
    off_diagonal = inside - inside.diag().diag()
    assert off_diagonal.abs().max() < 1e-4
    expected = values / values.square().sum().sqrt()
    for _ in range(5):
        expected = sum(factor * expected ** (2 * power + 1) for power, factor in enumerate(COEFFICIENTS))
    torch.testing.assert_close(inside.diag(), expected, atol=1e-4, rtol=0)
    assert 0.6 < inside.diag().min() and inside.diag().max() < 1.25


def test_orthogonal_takes_any_scale_and_nothing_at_all():
    matrix = torch.randn(4, 9, generator=torch.Generator().manual_seed(2))
    for scale in (1e-30, 1e-8, 1e8, 1e30):
        torch.testing.assert_close(orthogonal(scale * matrix), orthogonal(matrix), atol=1e-4, rtol=0)
    assert orthogonal(torch.zeros(3, 5)).eq(0).all()
    assert orthogonal(matrix.bfloat16()).dtype == torch.bfloat16


def test_what_counts_as_a_matrix():
    found = {name for name, parameter in mixed().named_parameters() if is_matrix(parameter)}
    assert found == {"0.weight", "2.weight", "5.weight"}
    assert not is_matrix(torch.zeros(1, 50, 8))  # a position embedding


def test_a_matrix_steps_as_torchs_muon_has_it():
    torch.manual_seed(0)
    ours, theirs = nn.Linear(12, 7, bias=False), nn.Linear(12, 7, bias=False)
    theirs.load_state_dict(ours.state_dict())
    start = ours.weight.detach().clone()
    muon = torch.optim.Muon(theirs.parameters(), momentum=0.9, adjust_lr_fn="match_rms_adamw", **OPTIONS)
    optimizer = Muon(ours.parameters(), **OPTIONS)
    for seed in range(4):
        gradient = torch.randn(7, 12, generator=torch.Generator().manual_seed(seed))
        ours.weight.grad, theirs.weight.grad = gradient.clone(), gradient.clone()
        optimizer.step()
        muon.step()
    moved = (theirs.weight - start).norm()
    assert (ours.weight - theirs.weight).norm() < BFLOAT16 * moved


def test_kernels_step_as_timms_muon_has_it(monkeypatch):
    in_float32 = partial(timm.optim.muon.zeropower_via_newtonschulz, dtype=torch.float32)
    monkeypatch.setattr(timm.optim.muon, "zeropower_via_newtonschulz", in_float32)
    ours, theirs = mixed(), mixed()
    start = weights_of(ours)
    timms = timm.optim.muon.Muon(
        theirs.parameters(), momentum=0.9, nesterov=True, ns_coefficients=COEFFICIENTS, **OPTIONS
    )
    ours, theirs = steps(ours, Muon(ours.parameters(), **OPTIONS)), steps(theirs, timms)
    for name in ("0.weight", "2.weight", "5.weight"):
        assert (theirs[name] - start[name]).abs().max() > 1e-2
        torch.testing.assert_close(ours[name], theirs[name], atol=1e-5, rtol=0)


@pytest.mark.parametrize("options", [OPTIONS, OPTIONS | {"fused": True}, {"lr": 0.02}])
def test_the_others_step_as_adamw_has_it(options):
    ours, theirs = mixed(), mixed()
    adamw = torch.optim.AdamW(theirs.parameters(), **options)
    ours, theirs = steps(ours, Muon(ours.parameters(), **options)), steps(theirs, adamw)
    for name in ours:
        same = torch.equal(ours[name], theirs[name])
        assert same != (name in ("0.weight", "2.weight", "5.weight")), name


def test_groups_of_parameters_keep_their_options():
    together, apart = mixed(), mixed()
    first, *rest = apart.children()
    groups = [
        {"params": first.parameters(), "lr": 0.002},
        {"params": [parameter for child in rest for parameter in child.parameters()]},
    ]
    optimizer = Muon(groups, **OPTIONS)
    found = [(group["orthogonal"], group["lr"], len(group["params"])) for group in optimizer.param_groups]
    assert found == [(True, 0.002, 1), (False, 0.002, 1), (True, 0.02, 2), (False, 0.02, 6)]
    one, two = steps(together, Muon(together.parameters(), **OPTIONS), 1), steps(apart, optimizer, 1)
    for name in one:
        assert torch.equal(one[name], two[name]) != name.startswith("0."), name


def test_a_parameter_is_a_group_too_and_a_group_may_come_later():
    optimizer = Muon([{"params": nn.Parameter(torch.zeros(3, 4))}], **OPTIONS)
    optimizer.add_param_group({"params": [nn.Parameter(torch.zeros(4))], "weight_decay": 0.0})
    found = [(group["orthogonal"], group["weight_decay"]) for group in optimizer.param_groups]
    assert found == [(True, 0.1), (False, 0.0)]


@pytest.mark.parametrize("shape", [(5, 4, 3, 3), (40, 2, 3, 3)], ids=["wide", "tall"])
def test_the_layout_in_memory_changes_nothing(shape):
    gradient = torch.randn(shape, generator=torch.Generator().manual_seed(3))
    plain = torch.zeros(shape)
    last = torch.zeros(shape).to(memory_format=torch.channels_last)
    apart = torch.zeros(*shape, 2)[..., 0]  # every other number of some memory
    for weight in (plain, last, apart):
        weight.requires_grad_()
        weight.grad = gradient.clone()
        Muon([weight], **OPTIONS).step()
    assert plain.abs().max() > 1e-3
    for other in (last, apart):
        torch.testing.assert_close(plain, other, atol=1e-7, rtol=0)
    assert last.is_contiguous(memory_format=torch.channels_last)


def test_a_parameter_without_gradient_stays():
    model = mixed()
    before = weights_of(model)
    pull(model, 0)
    model[0].weight.grad = None
    Muon(model.parameters(), **OPTIONS).step()
    after = weights_of(model)
    assert torch.equal(after["0.weight"], before["0.weight"])
    assert not torch.equal(after["5.weight"], before["5.weight"])


def test_gradients_scaled_for_fp16_step_as_plain_ones_and_one_that_overflows_is_no_step():
    plain, scaled = mixed(), mixed()
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    for model, factor in ((plain, 1.0), (scaled, 8.0)):
        optimizer = Muon(model.parameters(), fused=True, **OPTIONS)
        pull(model, 0)
        for parameter in model.parameters():
            parameter.grad *= factor
        if model is plain:
            optimizer.step()
    scaler.scale(torch.ones(()))  # or it holds that nothing was scaled
    scaler.step(optimizer)
    scaler.update()
    torch.testing.assert_close(weights_of(scaled), weights_of(plain))
    optimizer.zero_grad()
    pull(scaled, 1)
    scaled[1].bias.grad.fill_(torch.inf)
    before = weights_of(scaled)
    scaler.step(optimizer)
    after = weights_of(scaled)
    assert all(torch.equal(before[name], after[name]) for name, _ in scaled.named_parameters())


def test_a_closure_is_called_once():
    model, calls = mixed(), []

    def closure():
        calls.append(1)
        pull(model, 0)
        return torch.tensor(1.5)

    assert Muon(model.parameters(), **OPTIONS).step(closure) == 1.5
    assert calls == [1]


def test_a_training_by_muon_resumes_bit_for_bit(tmp_path):
    options = {"optimizer": "muon", "epochs": 4, "lr": 1e-2}
    whole, parts = small_unet(), small_unet()
    quick(whole, **options)
    for _ in range(2):
        quick(parts, **options, resume=tmp_path / "c.pt", stop_after=2)
    quick(parts, **options, resume=tmp_path / "c.pt")
    assert_same_weights(weights_of(whole), weights_of(parts))


def test_the_optimizer_belongs_to_the_plan(tmp_path):
    quick(nn.Conv2d(3, 2, 1), Discs(4), Discs(2), resume=tmp_path / "c.pt", optimizer="muon", stop_after=1)
    with pytest.raises(ValueError, match="optimizer"):
        quick(nn.Conv2d(3, 2, 1), Discs(4), Discs(2), resume=tmp_path / "c.pt")


def test_another_optimizer_is_refused():
    with pytest.raises(ValueError, match="optimizer is 'sgd'; it must be 'adamw' or 'muon'"):
        quick(small_unet(), optimizer="sgd")
