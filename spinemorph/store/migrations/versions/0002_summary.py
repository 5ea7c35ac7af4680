"""What a list shows of a study, beside the document that it would have to unpack."""

from __future__ import annotations

import json
import zlib
from typing import Any

import sqlalchemy as sa
from alembic import op

from spinemorph.errors import StoreError

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_NEW = ("levels", "lordosis", "lordosis_low", "lordosis_high", "flags")
_BATCH = 200


def upgrade() -> None:
    """Add the columns and fill them from the documents, a batch at a time."""
    for name in _NEW:
        kind = sa.Float(53) if name.startswith("lordosis") else sa.Text()
        op.add_column("spinemorph_studies", sa.Column(name, kind))
    connection = op.get_bind()
    documents = sa.table("spinemorph_documents", sa.column("study"), sa.column("document"))
    studies = sa.table("spinemorph_studies", sa.column("number"), *map(sa.column, _NEW))
    last = -1
    while True:
        rows = connection.execute(
            sa.select(documents.c.study, documents.c.document)
            .where(documents.c.study > last)
            .order_by(documents.c.study)
            .limit(_BATCH)
        ).all()
        if not rows:
            return
        for number, packed in rows:
            try:
                values = _summary(json.loads(zlib.decompress(packed)))
            except (zlib.error, ValueError, KeyError, TypeError) as fault:
                raise StoreError(
                    f"study number {number} of the store is damaged: nothing was changed"
                ) from fault
            connection.execute(studies.update().where(studies.c.number == number).values(values))
        last = rows[-1][0]


def downgrade() -> None:
    """Take the columns away."""
    for name in reversed(_NEW):
        op.drop_column("spinemorph_studies", name)


def _summary(document: dict[str, Any]) -> dict[str, Any]:
    """As it was computed at this revision: a migration does not follow later code."""
    names = [body["level"] for body in document["vertebrae"] if body["level"]]
    found = next(
        (
            item
            for item in document["measurements"]
            if item["name"] == "lumbar_lordosis" and item["value"] is not None
        ),
        None,
    )
    low, high = (found and found["interval95"]) or (None, None)
    return {
        "levels": f"{names[0]}-{names[-1]}" if len(names) > 1 else "".join(names) or None,
        "lordosis": found and found["value"],
        "lordosis_low": low,
        "lordosis_high": high,
        "flags": " ".join(document["flags"]),
    }
