"""Verdicts from made-up rows: sentences whose numbers are worked out by hand, and what the correction counts."""

import pytest
from scipy.stats import t

from studies import Claim, Protocol, Study, Way
from tests.flat import Flat

# of two such ways the difference of the means has a standard error of 0.01
STEP = [0.00, 0.01, 0.02, 0.03, 0.04]


def study_of(scores: dict[str, dict[str, list[float]]], *claims: Claim) -> Study:
    """The study with such rows: {way: {measure: a number for each seed}}."""
    study = Study(
        lesson="tiny",
        question="Is one rate better?",
        protocol=Protocol(),
        ways=dict.fromkeys(scores, Way(build=Flat)),
        claims=claims,
    )
    vars(study)["rows"] = [
        {"way": way, "seed": seed, "measures": {name: values[seed] for name, values in measures.items()}}
        for way, measures in scores.items()
        for seed in range(len(next(iter(measures.values()))))
    ]
    return study


def of(mean: float, seeds: list[float] = STEP) -> dict[str, list[float]]:
    return {"mean IoU": [mean + each for each in seeds]}


THREE = {"slow": of(0.4), "fast": of(0.5), "as fast": of(0.5, STEP[::-1]), "new": of(0.9, [0.0])}


def test_a_difference_beyond_the_noise_is_said_with_its_side():
    """Of 252 ways to deal ten scores out, 2 lie as far apart; one of two verdicts, so that p counts twice."""
    study = study_of(THREE, Claim("fast", "slow"), Claim("slow", "fast"))
    higher, lower = study.verdicts
    assert str(higher) == (
        "**fast** scores **0.100 higher** than **slow** by mean IoU (0.520 against 0.420; 95 % interval +0.077 to +0.123, "
        "5 seeds each): beyond the noise, corrected p = 0.016."
    )
    assert "**slow** scores **0.100 lower** than **fast** by mean IoU (0.420 against 0.520;" in str(lower)
    assert higher.better == lower.better == "fast"
    assert study.says == f"- {higher}\n- {lower}" and higher._repr_markdown_() == str(higher)


def test_no_difference_is_said_with_what_could_have_been_seen():
    """A claim on a way of one seed is not judged, and not counted."""
    claims = Claim("fast", "new"), Claim("as fast", "fast"), Claim("fast", "slow")
    none, beyond = study_of(THREE, *claims).verdicts
    seen = 0.01 * (t.ppf(1 - 0.05 / 2 / 2, 8) + t.ppf(0.8, 8))  # by a test at the level that Holm asks for
    assert str(none) == (
        "Between **as fast** and **fast** no difference by mean IoU is beyond the noise (0.520 against 0.520, a difference of "
        f"+0.000; 95 % interval -0.023 to +0.023, 5 seeds each; corrected p = 1.000). A true difference of {seen:.3f} would "
        "probably have been seen."
    )
    assert not none.beyond and beyond.beyond and beyond.level == 0.025
    assert beyond.p == pytest.approx(2 * 2 / 252)


def test_what_the_correction_takes_away_is_not_beyond_the_noise():
    """3 seeds against 4: 1 way of 35 to deal them out, which is below 0.05 alone, and not where two are judged."""
    scores = {"slow": of(0.4, STEP[:3]), "fast": of(0.5, STEP[:4])}
    assert study_of(scores, Claim("fast", "slow")).verdicts[0].p == pytest.approx(1 / 35)
    (twice, _) = study_of(scores, Claim("fast", "slow"), Claim("slow", "fast")).verdicts
    assert twice.p == pytest.approx(2 / 35) and "3 and 4 seeds" in str(twice)
    assert str(twice).startswith("Between **fast** and **slow** no difference")


def test_two_measures_of_one_way_are_pairs():
    """Gains of 0.01 in each of six trainings that lie far apart: 2 signs of 64."""
    depths = {"mean IoU": [0.0] * 6, "depth 1": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]}
    depths["depth 2"] = [
        each + gain for each, gain in zip(depths["depth 1"], [0.01, 0.02, 0.01, 0.02, 0.01, 0.02])
    ]
    study = study_of({"fast": depths}, Claim("fast", "fast", "depth 2", "depth 1"))
    (verdict,) = study.verdicts
    assert verdict.p == pytest.approx(2 / 64) and study.verdict("depth 2", "depth 1") is verdict
    said = "**depth 2** scores **0.015 higher** than **depth 1** by mean IoU (0.365 against 0.350;"
    assert str(verdict).startswith(said)


def test_another_measure_is_named_and_a_tiny_p_is_not_zero():
    far = {
        way: {"mean IoU": [0.5] * 8, "recall": [at + 0.01 * seed for seed in range(8)]}
        for way, at in (("slow", 0), ("fast", 0.5))
    }
    study = study_of(far, Claim("fast", "slow", "recall"))
    said = str(study.verdict("fast", "slow", "recall"))  # 2 of 12,870
    assert "higher** than **slow** by recall" in said and said.endswith("corrected p < 0.001.")


@pytest.mark.filterwarnings("ignore:Precision loss")
def test_seeds_that_do_not_scatter_have_no_interval():
    study = study_of({"slow": of(0.0, [0.0] * 3), "fast": of(0.0, [0.0] * 3)}, Claim("fast", "slow"))
    assert str(study.verdicts[0]) == (
        "Between **fast** and **slow** no difference by mean IoU is beyond the noise (0.000 against 0.000, a difference of "
        "+0.000; no interval, as no seed differs from another, 3 seeds each; corrected p = 1.000)."
    )


def test_without_two_seeds_nothing_is_said():
    study = study_of(THREE, Claim("new", "fast"))
    assert (
        study.verdicts == []
        and study.says == "*The study has no two seeds of any way yet, so it says nothing.*"
    )
