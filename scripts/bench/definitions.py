"""The same 10-task definitions, written for each of the tools that are compared.

Every task is a `BashOperator` with a command and an `env`; this is what all four tools express in full:
description, schedule, start date, owner, tags, retries and their delay, 10 tasks, 13 "on success" edges.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TASK_MIX = (
    "10 `BashOperator` tasks (command, `env` with one `{{ ds }}` template), 13 edges on success, "
    "description, cron schedule, start date, owner, two tags, retries with a delay"
)

# One small warehouse load: three sources, checked and joined, then published. Task -> its sources.
EDGES: dict[str, tuple[str, ...]] = {
    "prepare": (),
    "extract_orders": ("prepare",),
    "extract_customers": ("prepare",),
    "extract_banners": ("prepare",),
    "check_orders": ("extract_orders",),
    "check_customers": ("extract_customers",),
    "join": ("check_orders", "check_customers", "extract_banners"),
    "aggregate": ("join",),
    "publish": ("aggregate", "join"),
    "report": ("publish", "aggregate"),
}
TASKS = len(EDGES)
BASH = "airflow.providers.standard.operators.bash.BashOperator"


@dataclass(frozen=True, slots=True)
class Definition:
    """One workflow of the series, before it is written in a tool's own form."""

    number: int
    dag_id: str

    @property
    def description(self) -> str:
        """A text that differs from workflow to workflow."""
        return f"Load and publish feed {self.number}"

    @property
    def schedule(self) -> str:
        """A daily cron time that differs from workflow to workflow."""
        return f"{self.number % 60} {self.number % 24} * * *"

    @property
    def owner(self) -> str:
        """One of a few teams."""
        return f"team_{self.number % 7}"

    def command(self, task: str) -> str:
        """The shell command of one of its tasks."""
        return f'warehouse {task.replace("_", " ")} --feed {self.number} --day "$DAY" --limit {self.number * 10}'


def series(count: int) -> list[Definition]:
    """The first `count` workflows; a longer series starts with the shorter one."""
    return [Definition(number, f"feed_{number:04d}") for number in range(count)]


def handwritten(definition: Definition) -> str:
    """The text of a plain Python DAG file, as an Airflow user would write it."""
    lines = [
        f'"""{definition.description}."""',
        "from datetime import datetime, timedelta, timezone",
        "",
        "from airflow.providers.standard.operators.bash import BashOperator",
        "from airflow.sdk import DAG",
        "",
        "with DAG(",
        f"    dag_id={definition.dag_id!r},",
        f"    description={definition.description!r},",
        f"    schedule={definition.schedule!r},",
        "    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),",
        "    catchup=False,",
        "    tags=['feeds', 'warehouse'],",
        "    default_args={",
        f"        'owner': {definition.owner!r}, 'retries': 2, 'retry_delay': timedelta(minutes=1),",
        "    },",
        "):",
    ]
    for task in EDGES:
        lines += [
            f"    {task} = BashOperator(",
            f"        task_id={task!r},",
            f"        bash_command={definition.command(task)!r},",
            "        env={'DAY': '{{ ds }}', 'STAGE': '" + task + "'},",
            "        append_env=True,",
            "    )",
        ]
    for task, sources in EDGES.items():
        if sources:
            lines.append(f"    [{', '.join(sources)}] >> {task}" if len(sources) > 1 else f"    {sources[0]} >> {task}")
    return "\n".join(lines) + "\n"


def workflow(definition: Definition) -> str:
    """The text of a `*.workflow.yaml`, with `operator:` tasks."""
    lines = [
        f"workflow: {definition.dag_id}",
        f"description: {definition.description}",
        f"owner: {definition.owner}",
        "tags: [feeds, warehouse]",
        f'schedule: "{definition.schedule}"',
        "start_date: 2026-01-01",
        "catchup: false",
        "defaults:",
        "  retries: 2",
        "  retry_delay: 1m",
        "tasks:",
    ]
    for task, sources in EDGES.items():
        lines += [
            f"  {task}:",
            f"    operator: {BASH}",
            "    arguments:",
            f"      bash_command: {_quoted(definition.command(task))}",
            "      env: {DAY: '{{ ds }}', STAGE: " + task + "}",
            "      append_env: true",
        ]
        if sources:
            lines.append(f"    depends_on: [{', '.join(sources)}]")
    return "\n".join(lines) + "\n"


def dag_factory(definition: Definition) -> str:
    """The text of a dag-factory YAML file."""
    lines = [
        f"{definition.dag_id}:",
        f"  description: {definition.description}",
        f'  schedule: "{definition.schedule}"',
        "  start_date: 2026-01-01",
        "  catchup: false",
        "  tags: [feeds, warehouse]",
        "  default_args:",
        f"    owner: {definition.owner}",
        "    retries: 2",
        "    retry_delay: {__type__: datetime.timedelta, seconds: 60}",
        "  tasks:",
    ]
    for task, sources in EDGES.items():
        lines += [
            f"    - task_id: {task}",
            f"      operator: {BASH}",
            f"      bash_command: {_quoted(definition.command(task))}",
            "      env: {DAY: '{{ ds }}', STAGE: " + task + "}",
            "      append_env: true",
        ]
        if sources:
            lines.append(f"      dependencies: [{', '.join(sources)}]")
    return "\n".join(lines) + "\n"


def blueprint(definition: Definition) -> str:
    """The text of a blueprint `*.dag.yaml`; its steps use the template of `BLUEPRINT_TEMPLATES`."""
    lines = [
        f"dag_id: {definition.dag_id}",
        f"description: {definition.description}",
        f'schedule: "{definition.schedule}"',
        'start_date: "2026-01-01"',
        f"owner: {definition.owner}",
        "tags: [feeds, warehouse]",
        "retries: 2",
        "retry_delay: 60",
        "steps:",
    ]
    for task, sources in EDGES.items():
        lines += [
            f"  {task}:",
            "    blueprint: shell",
            f"    bash_command: {_quoted(definition.command(task))}",
            "    env: {DAY: '{{ ds }}', STAGE: " + task + "}",
        ]
        if sources:
            lines.append(f"    depends_on: [{', '.join(sources)}]")
    return "\n".join(lines) + "\n"


BLUEPRINT_TEMPLATES = '''"""The one step template, and the DAG arguments, that the definitions use."""
from datetime import datetime, timedelta, timezone

from airflow.providers.standard.operators.bash import BashOperator
from blueprint import BaseModel, Blueprint, BlueprintDagArgs


class ShellConfig(BaseModel):
    bash_command: str
    env: dict[str, str]


class Shell(Blueprint[ShellConfig]):
    def render(self, config: ShellConfig) -> BashOperator:
        return BashOperator(
            task_id=self.step_id, bash_command=config.bash_command, env=config.env, append_env=True
        )


class FeedConfig(BaseModel):
    description: str
    schedule: str
    start_date: str
    owner: str
    tags: list[str]
    retries: int
    retry_delay: int


class FeedDagArgs(BlueprintDagArgs[FeedConfig]):
    def render(self, config: FeedConfig) -> dict:
        return {
            "description": config.description,
            "schedule": config.schedule,
            "start_date": datetime.fromisoformat(config.start_date).replace(tzinfo=timezone.utc),
            "tags": config.tags,
            "default_args": {
                "owner": config.owner,
                "retries": config.retries,
                "retry_delay": timedelta(seconds=config.retry_delay),
            },
        }
'''

OUR_LOADER = '''"""Every *.workflow.yaml beside this file becomes an Airflow DAG."""
from airflow_workflow_provider import load_workflow_dags

load_workflow_dags(__file__)
'''

DAG_FACTORY_LOADER = '''"""Every YAML file beside this one becomes an Airflow DAG."""
from pathlib import Path

from dagfactory import load_yaml_dags

FOLDER = str(Path(__file__).parent)
load_yaml_dags(globals_dict=globals(), dags_folder=FOLDER, defaults_config_path=FOLDER)
'''

# Without Jinja: the definitions hold `{{ ds }}` for the run, and rendering is only slower.
BLUEPRINT_LOADER = '''"""Every *.dag.yaml beside this file becomes an Airflow DAG."""
from blueprint import build_all_airflow_dags

build_all_airflow_dags(render_templates=False, discover_entry_points=False)
'''


def files_of(form: str, definitions: list[Definition], prefix: str) -> Iterator[tuple[str, str]]:
    """Name and text of every file of a DAG folder in a tool's form."""
    stems = [f"{prefix}_{one.number:04d}" for one in definitions]
    if form == "handwritten":
        yield from ((f"{stem}.py", handwritten(one)) for stem, one in zip(stems, definitions, strict=True))
    elif form == "ours":
        yield "loader.py", OUR_LOADER
        yield from ((f"{stem}.workflow.yaml", workflow(one)) for stem, one in zip(stems, definitions, strict=True))
    elif form == "dag_factory":
        yield "loader.py", DAG_FACTORY_LOADER
        yield from ((f"{stem}.yaml", dag_factory(one)) for stem, one in zip(stems, definitions, strict=True))
    elif form == "blueprint":
        yield "loader.py", BLUEPRINT_LOADER
        yield "templates.py", BLUEPRINT_TEMPLATES
        yield from ((f"{stem}.dag.yaml", blueprint(one)) for stem, one in zip(stems, definitions, strict=True))
    else:
        raise ValueError(f"no such form: {form}")


def write_folder(folder: Path, form: str, definitions: list[Definition], *, prefix: str = "feed") -> Path:
    """Write a DAG folder in a tool's form, with stems that start with `prefix`; returns the folder."""
    folder.mkdir(parents=True)
    # An hour old, as files that nobody is editing: a cache may distrust a file that was just written.
    then = time.time() - 3600
    for name, text in files_of(form, definitions, prefix):
        path = folder / name
        path.write_text(text, encoding="utf-8")
        os.utime(path, (then, then))
    return folder


def drop_caches(folder: Path) -> None:
    """Remove what earlier reads left beside the definitions: Python's byte code and the loader's cache."""
    for cache in list(folder.rglob("__pycache__")):
        shutil.rmtree(cache)


def _quoted(text: str) -> str:
    """The text as a single-quoted YAML scalar."""
    return "'" + text.replace("'", "''") + "'"
