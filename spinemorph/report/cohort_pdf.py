"""cohort.pdf: one page on all films of a batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from spinemorph.reference import reference_range
from spinemorph.report.catalogue import Words, load_words
from spinemorph.report.cohort import FACTS, Cohort, column
from spinemorph.report.cohort_plots import MOST_DOTS, panel, strip
from spinemorph.report.tables import KEY
from spinemorph.report.typeset import MARGIN, PAGES, typeset
from spinemorph.report.values import HIGH, LOW
from spinemorph.types import FloatArray

#: Measures that are shown by motion segment, with decimals of their scale; the first of a tuple
#: that was measured stands for it.
BY_SEGMENT: Final = (
    (("segmental_lordosis", "disc_angle"), 0),
    (("disc_height_middle", "disc_height_index"), None),
    (("slip_percent",), 0),
)
SEGMENTS: Final = (("L1", "L2"), ("L2", "L3"), ("L3", "L4"), ("L4", "L5"), ("L5", "S1"))
STRIP: Final = (150.0, 27.0)
PANEL_WIDTH: Final = 170.0
#: As many flags and failures are offered to the page, which shows what fits.
MOST_ROWS: Final = 12


def write_cohort_pdf(cohort: Cohort, path: Path, language: str = "en", page: str = "a4") -> None:
    """Writes the summary of a batch: always one page; the same films give the same bytes."""
    content = cohort_content(cohort, load_words(language), page)
    path.write_bytes(typeset("cohort.typ", content))


def cohort_content(cohort: Cohort, words: Words, page: str) -> dict[str, Any]:
    """Everything that the summary shows, as plain values."""
    width, height = PAGES[page]
    count = sum(row.status != "skipped" for row in cohort.rows)
    facts, none = cohort.manifest, words("report.none")
    title = words("cohort.title", count=count)
    failures = [row for row in cohort.rows if row.status == "failed"]
    flags = cohort.flag_counts()
    values = [row for name, levels in KEY if (row := _value_row(cohort, name, levels, words))]
    most = max((row["count"] for row in values), default=0)
    note = "plot_note" if most <= MOST_DOTS else "plot_note_many"
    return {
        "language": words.language,
        "title": title,
        "title_of_file": title,
        "notice": words("report.notice"),
        "page": {"width": width, "height": height, "margin": MARGIN},
        "page_of": words("report.page"),
        "running": "",
        "footer": words(
            "cohort.footer",
            spinemorph=facts.get("spinemorph") or none,
            segmenter=facts.get("segmenter") or none,
            weights=str(facts.get("weights_sha256") or "")[:12] or none,
        ),
        "counts": _counts(cohort, count, words),
        "values": {
            "title": words("cohort.values"),
            "nothing": words("cohort.nothing"),
            "head": [
                words(f"cohort.column_{name}")
                for name in (
                    "value",
                    "films",
                    "median",
                    "quartiles",
                    "extremes",
                    "outside",
                    "plot",
                )
            ],
            "rows": values,
            "plot_width": STRIP[0],
            "note": words(f"cohort.{note}", **({"shown": MOST_DOTS} if most > MOST_DOTS else {})),
        },
        "levels": {"title": words("cohort.levels"), "panels": _panels(cohort, words)},
        "flags": {
            "title": words("cohort.flags"),
            "none": words("cohort.flags_none"),
            "head": [words("cohort.column_films"), words("cohort.column_flag")],
            "rows": [[str(n), words.flag(code)] for code, n in flags[:MOST_ROWS]],
            "more": [words("cohort.flags_more", count=n) for n in range(len(flags) + 1)],
            "count": len(flags),
        },
        "failures": {
            "title": words("cohort.failures"),
            "none": words("cohort.failures_none"),
            "head": [words("cohort.column_film"), words("cohort.column_reason")],
            "rows": [_failure(row.facts) for row in failures[:MOST_ROWS]],
            "more": [
                words("cohort.failures_more", count=len(failures) - n)
                for n in range(min(len(failures), MOST_ROWS) + 1)
            ],
            "count": len(failures),
        },
        "note": words("cohort.note"),
    }


def _counts(cohort: Cohort, count: int, words: Words) -> list[list[str]]:
    done = [row for row in cohort.rows if row.status == "done"]
    numbers = {
        "films": count,
        "done": len(done),
        "failed": cohort.count("failed"),
        "skipped": cohort.count("skipped"),
        "unnumbered": sum(not row.levels for row in done),
    }
    return [[str(number), words(f"cohort.{name}")] for name, number in numbers.items()]


def _value_row(
    cohort: Cohort, name: str, levels: tuple[str, ...], words: Words
) -> dict[str, Any] | None:
    key = column(name, levels)
    values = cohort.values(key)
    if not len(values):
        return None
    unit = words.unit(cohort.units[key])
    known = reference_range(name, levels)
    outside = ""
    if known is not None:
        above, below = int((values > known.high).sum()), int((values < known.low).sum())
        outside = "  ".join(f"{sign} {n}" for sign, n in ((HIGH, above), (LOW, below)) if n) or "0"
    low, first, median, third, high = (
        words.number(float(x), 1) for x in np.percentile(values, (0, 25, 50, 75, 100))
    )
    title = words.of("key", name, words.measure(name))
    return {
        "name": title,
        "levels": "–".join(levels) if len(levels) == 2 else "",
        "count": len(values),
        "median": median + unit,
        "quartiles": f"{first} – {third}",
        "extremes": f"{low} – {high}",
        "outside": outside,
        "plot": strip(values, known, *STRIP, words),
        "alt": words(
            "cohort.plot_alt", name=title, count=len(values), median=median, low=low, high=high
        ),
    }


def _panels(cohort: Cohort, words: Words) -> list[dict[str, str]]:
    panels = []
    for names, places in BY_SEGMENT:
        for name in names:
            rows = _rows_by_segment(cohort, name)
            if rows:
                break
        else:
            continue
        unit = words.unit(cohort.units[column(name, rows[0][2])]).strip()
        title = words.measure(name) + (f" ({unit})" if unit else "")
        shown = [(level, values) for level, values, _ in rows]
        decimals = places if places is not None else (0 if unit == "mm" else 1)
        medians = ", ".join(
            f"{level} {words.number(float(np.median(values)), 1)}" for level, values in shown
        )
        panels.append(
            {
                "svg": panel(shown, title, PANEL_WIDTH, words, decimals),
                "alt": words("cohort.level_alt", name=title, parts=medians),
            }
        )
    return panels


def _rows_by_segment(cohort: Cohort, name: str) -> list[tuple[str, FloatArray, tuple[str, ...]]]:
    rows: list[tuple[str, FloatArray, tuple[str, ...]]] = []
    for levels in SEGMENTS:
        values = cohort.values(column(name, levels))
        if len(values):
            rows.append(("/".join(levels), values, levels))
    return rows


def _failure(facts: tuple[str, ...]) -> list[str]:
    return [facts[FACTS.index("file")], facts[FACTS.index("reason")]]
