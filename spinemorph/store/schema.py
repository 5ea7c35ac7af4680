"""The tables as the newest migration leaves them; a test compares the two."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

metadata = MetaData()
_NUMBER = BigInteger().with_variant(Integer, "sqlite")

#: Where alembic keeps the schema's revision; the prefix lets a database be shared.
VERSION_TABLE: Final = "spinemorph_schema"

#: One row, written with the first study. ``key_check`` is null where identifiers are clear.
kept = Table(
    "spinemorph_kept",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("key_check", Text),
)

#: Films stay where they are; ``uri`` is null where the place is not known or tells a name.
films = Table(
    "spinemorph_films",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("uri", Text),
)

#: One row a result: a film analysed in one way. Times are ISO 8601.
studies = Table(
    "spinemorph_studies",
    metadata,
    Column("number", _NUMBER, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("film", Text, ForeignKey(films.c.sha256), nullable=False, index=True),
    Column("patient", Text, index=True),
    Column("taken", Text),
    Column("file", Text, nullable=False),
    Column("spinemorph", Text),
    Column("segmenter", Text),
    Column("weights_sha256", Text),
    Column("added_at", Text, nullable=False),
    Column("levels", Text),
    Column("lordosis", Float(53)),
    Column("lordosis_low", Float(53)),
    Column("lordosis_high", Float(53)),
    Column("flags", Text),
)

#: ``document``: study.json without contours; ``contours``: those; see :mod:`.packing`.
documents = Table(
    "spinemorph_documents",
    metadata,
    Column(
        "study",
        _NUMBER,
        ForeignKey(studies.c.number, ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("document", LargeBinary, nullable=False),
    Column("contours", LargeBinary, nullable=False),
    Column("thumbnail", LargeBinary),
)
