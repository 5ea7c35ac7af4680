"""Films, the results of analysing them, and their documents."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables of the first release."""
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "spinemorph_kept",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("key_check", sa.Text),
    )
    op.create_table(
        "spinemorph_films",
        sa.Column("sha256", sa.Text, primary_key=True),
        sa.Column("uri", sa.Text),
    )
    op.create_table(
        "spinemorph_studies",
        sa.Column("number", number, primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("film", sa.Text, sa.ForeignKey("spinemorph_films.sha256"), nullable=False),
        sa.Column("patient", sa.Text),
        sa.Column("taken", sa.Text),
        sa.Column("file", sa.Text, nullable=False),
        sa.Column("spinemorph", sa.Text),
        sa.Column("segmenter", sa.Text),
        sa.Column("weights_sha256", sa.Text),
        sa.Column("added_at", sa.Text, nullable=False),
    )
    for column in ("film", "patient"):
        op.create_index(f"ix_spinemorph_studies_{column}", "spinemorph_studies", [column])
    op.create_table(
        "spinemorph_documents",
        sa.Column(
            "study",
            number,
            sa.ForeignKey("spinemorph_studies.number", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.Column("contours", sa.LargeBinary, nullable=False),
        sa.Column("thumbnail", sa.LargeBinary),
    )


def downgrade() -> None:
    """Take the tables away."""
    for name in ("documents", "studies", "films", "kept"):
        op.drop_table(f"spinemorph_{name}")
