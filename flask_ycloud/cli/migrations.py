"""The doctor's check of migrations: whether they would drop the inbox's tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..runtime import Runtime
from .finding import Finding, Subject, error, ok, warning

_DROPS = re.compile(r"drop_(table|index)\(.{0,80}\bycloud_", re.S)


def migrations(subject: Subject) -> Iterator[Finding]:
    """What Alembic would do to the inbox, if both are in one database.

    :raises InboxUnavailable: if the inbox cannot be read.
    """
    runtime = subject.runtime
    migrate = runtime.app.extensions.get("migrate")
    if not _shares_database(runtime):
        return
    folders = [Path(migrate.directory)] if migrate else _folders_of_alembic()
    uncovered = [each for each in folders if not _is_covered(each, migrate)]
    dropping = [path for each in folders for path in _dropping(each)]
    if uncovered:
        yield error(
            "migrations",
            f"{uncovered[0] / 'env.py'} does not leave the inbox's tables out. The next"
            " migration would drop them.",
            "Add in its context.configure(…): include_name=include_name,"
            " from flask_ycloud.alembic.",
        )
    for each in dropping:
        text = f"{each} drops tables of the inbox when it is applied."
        remedy = "Remove these lines from its upgrade() before the next upgrade."
        yield error("migrations", text, remedy)
    if not folders:
        text = "Alembic has migrated the inbox's database; no env.py is in this folder."
        remedy = "Check that it passes include_name of flask_ycloud.alembic."
        yield warning("migrations", text, remedy)
    elif not uncovered and not dropping:
        yield ok("migrations", "They leave the inbox's tables out.")


def _shares_database(runtime: Runtime) -> bool:
    import sqlalchemy as sa  # here: no other command needs it

    database = runtime.inbox.database
    models: Any = runtime.app.extensions.get("sqlalchemy")
    engines = getattr(models, "engines", None) or {}
    return any(map(database.is_in, engines.values())) or database.read(
        lambda tx: sa.inspect(tx).has_table("alembic_version")
    )


def _folders_of_alembic() -> list[Path]:
    """The folders of Alembic without Flask-Migrate, by its usual layout."""
    found = sorted(Path().glob("*/env.py"))
    return [each.parent for each in found if "alembic" in each.read_text(errors="replace")]


def _is_covered(folder: Path, migrate: Any) -> bool:
    """Whether its ``env.py`` passes ``include_name``, as far as its text shows."""
    env = folder / "env.py"
    text = env.read_text(errors="replace") if env.exists() else "configure_args"
    if "flask_ycloud" in text:
        return True
    filters = migrate.configure_args.get("include_name") if migrate else None
    if filters is None or "configure_args" not in text:
        return False
    parents = {"schema_name": None, "schema_qualified_table_name": "ycloud_events"}
    return not filters("ycloud_events", "table", parents)


def _dropping(folder: Path) -> list[Path]:
    """The migrations that drop our tables when they are applied."""
    return [
        each
        for each in sorted(folder.glob("versions/*.py"))
        if _DROPS.search(each.read_text(errors="replace").partition("def downgrade")[0])
    ]
