"""Agreement against published figures, statsmodels and hand calculations."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from spinemorph.errors import AnnotationError, UsageError
from spinemorph.evaluate.agreement import (
    Variances,
    agreement,
    bland_altman,
    icc_2_1,
    icc_3_1,
    standard_error,
)
from spinemorph.evaluate.readings import Quantity, read_readings, with_all_levels

#: Shrout and Fleiss 1979, table 2: six targets, four judges.
JUDGES = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float
)


def test_mean_squares_of_shrout_and_fleiss():
    ms = Variances.of(JUDGES)
    assert round(ms.targets, 2) == 11.24
    assert round(ms.readers, 2) == 32.49
    assert round(ms.residual, 2) == 1.02


def test_icc_of_shrout_and_fleiss():
    two, three = icc_2_1(JUDGES), icc_3_1(JUDGES)
    assert round(two.value, 2) == 0.29
    assert round(three.value, 2) == 0.71
    # Limits as they are widely reproduced for this table: .02 to .76 and .34 to .95.
    assert [round(limit, 2) for limit in two.ci95] == [0.02, 0.76]
    assert [round(limit, 2) for limit in three.ci95] == [0.34, 0.95]


def test_mean_squares_equal_statsmodels():
    import pandas as pd
    from statsmodels.formula.api import ols
    from statsmodels.stats.anova import anova_lm

    rng = np.random.default_rng(0)
    table = rng.normal(40, 10, (12, 1)) + rng.normal(0, 2, (12, 3)) + [0, 1, 3]
    frame = pd.DataFrame(
        [(i, j, table[i, j]) for i in range(12) for j in range(3)], columns=["t", "r", "y"]
    )
    ours = Variances.of(table)
    expected = anova_lm(ols("y ~ C(t) + C(r)", frame).fit())["mean_sq"]
    assert ours.targets == pytest.approx(expected["C(t)"])
    assert ours.readers == pytest.approx(expected["C(r)"])
    assert ours.residual == pytest.approx(expected["Residual"])


def test_consistency_forgives_a_constant_shift_and_agreement_does_not():
    rng = np.random.default_rng(1)
    first = rng.normal(50, 10, 40)
    table = np.column_stack([first, first + rng.normal(0, 1, 40) + 8])
    assert icc_3_1(table).value > 0.98
    assert icc_2_1(table).value < 0.8
    # SEM holds the shift: variance of the readers is 8 ** 2 / 2.
    assert standard_error(table) == pytest.approx(math.sqrt(32 + 0.5), rel=0.05)


def test_sem_mdc_and_mae():
    table = np.array([[10.0, 12], [20, 22], [30, 32]])
    result = agreement(("a", "b"), table)
    assert result.sem == pytest.approx(math.sqrt(2))
    assert result.mdc == pytest.approx(1.96 * 2)
    assert result.mae == 2
    assert result.pairs[0].bias == -2


def test_bland_altman_by_hand():
    pair = bland_altman("a", "b", np.array([1.0, 2, 3, 4]), np.array([0.0, 3, 3, 2]))
    sd = np.std([1, -1, 0, 2], ddof=1)
    assert pair.bias == 0.5
    assert pair.limits == pytest.approx((0.5 - 1.96 * sd, 0.5 + 1.96 * sd))
    assert pair.bias_ci95[1] - 0.5 == pytest.approx(3.182446 * sd / 2, rel=1e-6)
    assert pair.limits_ci95[0][1] - pair.limits[0] == pytest.approx(
        3.182446 * sd * math.sqrt(0.75), rel=1e-6
    )
    assert pair.mae == 1


def test_missing_values_are_left_out_and_counted():
    table = np.vstack([JUDGES, [[np.nan, 1, 2, 3], [4, np.nan, 5, 6]]])
    result = agreement(tuple("abcd"), table)
    assert (result.n, result.left_out) == (6, 2)
    assert result.icc_2_1 == icc_2_1(JUDGES)
    assert {(p.reader_1, p.reader_2): p.n for p in result.pairs}["c", "d"] == 8


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (np.full((5, 2), 3.0), "all values are equal"),
        (np.array([[1.0, np.nan], [np.nan, 2]]), "only 0 studies"),
        (np.array([[1.0, 2]]), "only 1 studies"),
    ],
)
def test_degenerate_tables_have_a_reason(table, words):
    result = agreement(("a", "b"), table)
    assert result.icc_2_1.value is None
    assert words in result.icc_2_1.reason
    assert result.icc_3_1.value is None


def test_perfect_agreement_has_no_interval():
    table = np.array([[1.0, 1], [2, 2], [3, 3]])
    result = agreement(("a", "b"), table)
    assert result.icc_2_1.value == result.icc_3_1.value == 1
    assert result.icc_2_1.ci95 is None
    assert result.sem == 0


def study(folder, film, values):
    measurements = [
        {
            "name": name,
            "levels": levels,
            "site": None,
            "instance": None,
            "value": value,
            "unit": "degree",
        }
        for name, levels, value in values
    ]
    document = {
        "schema": "spinemorph/study/1",
        "source": {"file": film},
        "image": {"rows": 10, "columns": 10},
        "measurements": measurements,
    }
    path = folder / film.split(".")[0] / "study.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(document))
    return path


def test_readers_as_folders_of_studies(tmp_path):
    for reader, shift in (("one", 0), ("two", 2)):
        for film in ("a.dcm", "b.dcm"):
            values = [("disc_angle", ["L4", "L5"], 8 + shift), ("disc_angle", ["L5", "S1"], None)]
            study(tmp_path / reader, film, [*values, ("slip", ["L4", "L5"], ord(film[0]) + shift)])
    (tmp_path / "one" / "other.json").write_text("{}")
    readings = read_readings([tmp_path / "one", tmp_path / "two"])
    assert readings.readers == ("one", "two")
    assert [quantity.title for quantity in readings.values] == ["disc_angle L4-L5", "slip L4-L5"]
    studies, table = readings.table(Quantity("slip", "L4-L5", "", "degree"))
    assert studies == ("a", "b")
    assert table.tolist() == [[97, 99], [98, 100]]
    assert "not a study" in str(readings.problems[0])


def test_long_csv_and_all_levels(tmp_path):
    path = tmp_path / "long.csv"
    lines = [
        f"f{film},disc_angle,{levels},{reader},{film + len(reader)}"
        for film in range(3)
        for levels in ("L4-L5", "L5-S1")
        for reader in ("ann", "model")
    ]
    path.write_text("study,measurement,levels,reader,value\n" + "\n".join(lines))
    readings = with_all_levels(read_readings([path]))
    assert [quantity.levels for quantity in readings.values] == ["L4-L5", "L5-S1", "all"]
    assert readings.table(list(readings.values)[2])[1].shape == (6, 2)


def test_a_model_beside_a_csv_of_readers(tmp_path):
    study(tmp_path / "net", "a.dcm", [("slip", ["L4", "L5"], 1.0)])
    path = tmp_path / "readers.csv"
    path.write_text("study,measurement,levels,reader,value,unit\na,slip,L4-L5,ann,2,degree\n")
    readings = read_readings([tmp_path / "net", path], ["compact"])
    assert readings.readers == ("compact", "ann")
    assert len(readings.values) == 1


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("study,value\na,1\n", AnnotationError, "no column measurement, reader"),
        ("study,measurement,reader,value\na,slip,x,1\n", UsageError, "two readers, found x"),
        (
            "study,measurement,reader,value\na,slip,x,1\na,slip,x,2\n",
            AnnotationError,
            "a second value",
        ),
        ("study,measurement,reader,value\na,slip,x,one\n", AnnotationError, "line 2: 'one'"),
        ("study,measurement,reader,value\na,slip,x,inf\n", AnnotationError, "not a finite"),
        ("study,measurement,reader,value\na,slip,,1\n", AnnotationError, "must not be empty"),
    ],
)
def test_refuses_broken_readings(tmp_path, text, error, words):
    path = tmp_path / "long.csv"
    path.write_text(text)
    with pytest.raises(error, match=words):
        read_readings([path])


def test_names_must_fit_the_readers(tmp_path):
    with pytest.raises(UsageError, match="1 names for 2 readers"):
        read_readings([tmp_path / "a", tmp_path / "b"], ["x"])
