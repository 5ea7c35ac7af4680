from __future__ import annotations

import csv
from dataclasses import replace

from spinemorph.report.csv_writer import COLUMNS, CsvWriter


def written(study, film, path):
    CsvWriter().write(study, film, path)
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_one_row_a_measurement(phantom, tmp_path):
    study, film = phantom
    rows = written(study, film, tmp_path / "measurements.csv")
    assert len(rows) == len(study.measurements)
    assert tuple(rows[0]) == COLUMNS
    first = rows[0]
    assert (first["study"], first["name"], first["levels"]) == (
        "phantom",
        "lumbar_lordosis",
        "L1-S1",
    )
    assert abs(float(first["value"]) - 52) < 0.01
    assert float(first["low95"]) < float(first["value"]) < float(first["high95"])
    assert first["reason"] == ""


def test_missing_values_are_empty_and_have_a_reason(build, tmp_path):
    study, film = build(spacing=None)
    rows = written(study, film, tmp_path / "measurements.csv")
    lengths = [row for row in rows if row["unit"] == "mm"]
    assert lengths
    for row in lengths:
        assert (row["value"], row["low95"], row["high95"]) == ("", "", "")
        assert row["reason"] == "no_pixel_spacing"
    assert all(row["value"] for row in rows if row["name"] == "disc_height_index")


def test_a_file_s_name_is_no_formula_in_a_spreadsheet(phantom, tmp_path):
    study, film = phantom
    for name in ("=1+2.png", "@SUM(A1).dcm", "-x.png", "+4.tif"):
        trick = replace(study, source=replace(study.source, file=name))
        assert written(trick, film, tmp_path / "m.csv")[0]["study"].startswith("'")
    assert written(study, film, tmp_path / "m.csv")[0]["study"] == "phantom"
