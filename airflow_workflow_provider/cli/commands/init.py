"""``init``: a first workflow to run and to change, with a database of its own."""

from __future__ import annotations

import json
import sqlite3
from argparse import Namespace
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from airflow_workflow_provider.cli.console import CommandError, Console
from airflow_workflow_provider.cli.database import metadata_session
from airflow_workflow_provider.cli.export_files import ExportedFile, write_files
from airflow_workflow_provider.cli.table import table_lines

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

NAME: Final = "first_workflow"
CONNECTION: Final = "first_workflow_db"
DATABASE: Final = "shop.db"
FILES: Final = {
    "first_workflow.workflow.yaml": "a workflow: three tasks, and one for when they fail",
    "place_order.package.yaml": "a package that it uses",
    "load_workflows.py": "makes DAGs of all workflows in this folder",
    DATABASE: f"a SQLite database, with the connection {CONNECTION}",
}
_TEMPLATES: Final = Path(__file__).parent.parent / NAME
_TABLES: Final = """
CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT NOT NULL, stock INTEGER NOT NULL, ordered_on TEXT);
CREATE TABLE problems (run_id TEXT NOT NULL, failed TEXT NOT NULL);
INSERT INTO items (name, stock) VALUES ('lamp', 7), ('chair', 31), ('table', 12);
"""


def run(arguments: Namespace, console: Console) -> int:
    """Make folder, database and connection; what is there already stays, or nothing is made."""
    from airflow.configuration import conf

    dags = Path(conf.get_mandatory_value("core", "dags_folder"))
    folder = Path(arguments.folder).absolute() if arguments.folder else dags / NAME
    files = [
        ExportedFile(folder / name, (_TEMPLATES / name).read_bytes()) for name in FILES if (_TEMPLATES / name).exists()
    ]
    with metadata_session() as session:
        _connect(session, folder / DATABASE)
        try:
            write_files(files, force=False)
        except CommandError as error:
            raise CommandError(str(error).partition("; add --force")[0] + "; choose another folder") from None
        _make_database(folder / DATABASE)
    command = f"airflow dags test {NAME}"
    if arguments.output == "json":
        made = {"folder": str(folder), "files": list(FILES), "connection": CONNECTION, "workflow": NAME}
        console.write(json.dumps(made, indent=2))
        return 0
    console.write(str(folder))
    for line in table_lines([(f"  {name}", what) for name, what in FILES.items()], console):
        console.write(line)
    console.write(f"run it: {command}")
    if not folder.resolve().is_relative_to(dags.resolve()):
        console.note(f"Airflow looks for DAGs in {dags}: move the folder there, or make [core] dags_folder lead to it")
    return 0


def _connect(session: Session, database: Path) -> None:
    """Add the connection; ``CommandError`` when there is another one of its name, or no hook for it."""
    from airflow.models import Connection
    from sqlalchemy import select

    if find_spec("airflow.providers.sqlite") is None:
        raise CommandError("SQLite needs its provider: pip install 'airflow-workflow-provider[sqlite]'")
    there = session.scalar(select(Connection).where(Connection.conn_id == CONNECTION))
    if there is None:
        session.add(Connection(conn_id=CONNECTION, conn_type="sqlite", host=str(database)))
    elif there.host != str(database):
        raise CommandError(
            f"the connection '{CONNECTION}' leads to '{there.host}' already; nothing was made: remove it with "
            f"airflow connections delete {CONNECTION}, or choose the folder of that database"
        )


def _make_database(path: Path) -> None:
    if path.exists():
        return
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(f"BEGIN;{_TABLES}COMMIT;")
