import csv
import io
import json
from dataclasses import replace

import jsonschema
import pytest

from spinemorph.compare import CompareOptions, compare_studies
from spinemorph.compare.documents import SCHEMA_FILE, changes_csv, comparison_json
from spinemorph.compare.report.words import comparison_words
from spinemorph.compare.summary import summary_of

SCHEMA = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def operated(measure, quads, raised, implant):
    cage = [implant("cage", "L4", "L5")]
    return compare_studies(
        [
            measure(),
            measure(raised(quads, "L4", 24.0), date="2024-03-01", implants=cage),
            measure(raised(quads, "L4", 8.0), date="2025-03-01", implants=cage, facing="left"),
        ]
    )


def test_the_schema_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_document_follows_the_published_schema(operated):
    document = json.loads(comparison_json(operated))
    jsonschema.validate(document, SCHEMA)
    assert document["films"][2]["date"] == "2025-03-01"
    assert document["options"]["alpha"] == 0.05
    assert {c["verdict"] for c in document["changes"]} == {
        "changed",
        "within_error",
        "not_comparable",
    }


def test_what_is_not_comparable_needs_a_reason_by_the_schema(operated):
    document = json.loads(comparison_json(operated))
    document["changes"][0].update(verdict="not_comparable", reasons=[])
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, SCHEMA)


def test_no_number_in_the_document_is_without_end(operated):
    assert "NaN" not in comparison_json(operated)
    assert "Infinity" not in comparison_json(operated)


def test_the_csv_has_a_row_for_every_change(operated):
    rows = list(csv.DictReader(io.StringIO(changes_csv(operated))))
    assert len(rows) == len(operated.changes)
    row = next(
        r
        for r in rows
        if (r["measure"], r["levels"], r["film"]) == ("disc_height_dabbs", "L4-L5", "1")
    )
    assert row["verdict"] == "changed"
    assert float(row["difference"]) == pytest.approx(6, abs=0.3)
    assert row["reference_date"] == "2024-01-10"
    assert row["reasons"] == ""


def test_a_cell_cannot_become_a_formula(operated):
    change = replace(operated.changes[0], site="=1+1")
    text = changes_csv(replace(operated, changes=(change,)))
    assert "'=1+1" in text


@pytest.mark.parametrize("language", ["en", "de"])
def test_the_summary_is_two_sentences_of_the_verdicts(operated, language):
    first, second = summary_of(operated, comparison_words(language))
    assert "Cage" in first or "cage" in first
    assert "L4/L5" in first
    changed = sum(c.verdict == "changed" for c in operated.of(2))
    assert str(len(operated.of(2))) in second
    assert f" {changed} " in second


def test_both_catalogues_have_the_same_keys():
    def keys(tree, before=""):
        return {
            key
            for name, value in tree.items()
            for key in (
                keys(value, f"{before}{name}.") if isinstance(value, dict) else [before + name]
            )
        }

    english, german = (comparison_words(code).entries["comparison"] for code in ("en", "de"))
    assert keys(english) == keys(german)


def test_alpha_must_be_a_probability():
    with pytest.raises(ValueError, match="alpha"):
        CompareOptions(alpha=1.5)
