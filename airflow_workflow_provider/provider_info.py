"""What Airflow reads about this package through its `apache_airflow_provider` entry point."""

from __future__ import annotations

from typing import Any

from airflow_workflow_provider import __version__
from airflow_workflow_provider.definitions.stored.trust import DEFAULT_OPERATORS, Limits

_PACKAGE = "airflow_workflow_provider"

# The form of a connection is drawn from these, without importing the hook.
_COMMON_FIELDS: dict[str, Any] = {
    "timeout": {
        "label": "Timeout (seconds)",
        "description": "For connecting and for each part of an answer; 30 if empty.",
        "schema": {"type": ["number", "null"]},
    },
    "retries": {
        "label": "Retries",
        "description": "How often a request that may be repeated is sent again; 4 if empty.",
        "schema": {"type": ["integer", "null"], "minimum": 0},
    },
    "retry_wait": {
        "label": "First pause (seconds)",
        "description": "Before the first retry; the pauses grow from there. 1 if empty.",
        "schema": {"type": ["number", "null"]},
    },
    "verify": {
        "label": "Check certificate",
        "description": "true, false, or the path of a file with certificate authorities.",
        "schema": {"type": ["string", "null"]},
    },
}

INTEGRATE_IO: dict[str, Any] = {
    "connection-type": "integrate_io",
    "hook-class-name": f"{_PACKAGE}.hooks.integrate_io.IntegrateIoHook",
    "hook-name": "Integrate.io",
    "ui-field-behaviour": {
        "hidden-fields": ["schema", "port", "extra"],
        "relabeling": {"login": "Account ID", "password": "API key", "host": "API address"},
        "placeholders": {"host": "https://api.xplenty.com"},
    },
    "conn-fields": _COMMON_FIELDS,
}

APERTURE: dict[str, Any] = {
    "connection-type": "aperture",
    "hook-class-name": f"{_PACKAGE}.hooks.aperture.ApertureHook",
    "hook-name": "Aperture Data Studio",
    "ui-field-behaviour": {
        "hidden-fields": ["extra"],
        "relabeling": {
            "login": "User name (v1)",
            "password": "Password (v1) or API key (v2)",
            "schema": "http or https",
        },
        "placeholders": {"port": "7701", "schema": "http"},
    },
    "conn-fields": {
        "dialect": {
            "label": "API version",
            "description": "v1 or v2; if empty, v1 with a user name and v2 without.",
            "schema": {"type": ["string", "null"], "enum": ["v1", "v2", None]},
        },
        "environment": {
            "label": "Environment (v2)",
            "description": "The environment's external label.",
            "schema": {"type": ["string", "null"]},
        },
        "space": {
            "label": "Space (v2)",
            "description": "External label of the Space of tasks that name none.",
            "schema": {"type": ["string", "null"]},
        },
        **_COMMON_FIELDS,
        "names": {
            "label": "Names in the API",
            "description": "JSON object that overrides assumed paths, fields and states.",
            "schema": {"type": ["string", "null"]},
        },
    },
}


_ADDED = "0.1.0"
_LIMITS = Limits()


def _option(description: str, default: str, example: str | None = None) -> dict[str, Any]:
    return {
        "description": description,
        "version_added": _ADDED,
        "type": "string",
        "example": example,
        "default": default,
    }


# What each means is in docs/trust.md. Patterns are as of Python's fnmatch, separated by commas.
CONFIG: dict[str, Any] = {
    "workflows": {
        "description": "The store of workflow definitions, and what definitions in it may do.",
        "options": {
            "store_conn_id": _option(
                "Airflow connection of the database that holds the definitions. Without such a connection it is "
                "a SQLite file, ``$AIRFLOW_HOME/workflows.db``.",
                "workflow_store",
            ),
            "allowed_operators": _option(
                "Dotted paths, or patterns of them, of the operators that definitions in the store may run. "
                "Packages may run any operator.",
                ", ".join(DEFAULT_OPERATORS),
                "airflow.providers.http.operators.http.HttpOperator",
            ),
            "allowed_connections": _option(
                "Ids, or patterns of them, of the connections that definitions in the store may use. The store's "
                "own connection and ``airflow_db`` are never among them.",
                "*",
                "marketing_*, warehouse",
            ),
            "allowed_notifiers": _option(
                "Dotted paths, or patterns of them, of the notifiers that definitions in the store may use.",
                "",
                "airflow.providers.smtp.notifications.smtp.SmtpNotifier",
            ),
            "allowed_secrets": _option(
                "Keys, or patterns of them, of the Airflow Variables that are secrets of definitions in the store.",
                "",
                "marketing_*",
            ),
            "most_active_runs": _option(
                "Runs at the same time (max_active_runs) that definitions in the store may ask for.",
                str(_LIMITS.active_runs),
            ),
            "most_retries": _option("Retries that tasks of definitions in the store may have.", str(_LIMITS.retries)),
            "shortest_interval": _option(
                "Seconds between two runs of a schedule, at least, in definitions in the store.", str(_LIMITS.interval)
            ),
            "most_missed_runs": _option(
                "Runs that definitions in the store may make up for (catchup) when they are published.",
                str(_LIMITS.missed_runs),
            ),
            "package_publishers": _option(
                "Roles whose users may publish packages, which are trusted code.", "Admin", "Admin, Platform"
            ),
            "command_line_roles": _option(
                "Roles that count for who uses the command line, which knows no Airflow user.", "Admin", "Op"
            ),
        },
    }
}


def _modules(integration: str, *modules: str) -> dict[str, Any]:
    return {"integration-name": integration, "python-modules": [f"{_PACKAGE}.{module}" for module in modules]}


def get_provider_info() -> dict[str, Any]:
    """The package in the words of Airflow's `provider_info.schema.json`; every Airflow process asks."""
    return {
        "package-name": "airflow-workflow-provider",
        "name": "Workflow",
        "description": "Workflow definitions in YAML become DAGs that mean exactly what they say.",
        "versions": [__version__],
        "integrations": [
            {"integration-name": "Workflow", "tags": ["software"]},
            {"integration-name": "Integrate.io", "external-doc-url": "https://www.integrate.io/", "tags": ["service"]},
            {
                "integration-name": "Aperture Data Studio",
                "external-doc-url": "https://docs.experianaperture.io/data-studio/",
                "tags": ["service"],
            },
        ],
        "operators": [
            _modules("Workflow", "operators.sql", "operators.workflow"),
            _modules("Integrate.io", "operators.integrate_io"),
            _modules("Aperture Data Studio", "operators.aperture"),
        ],
        "hooks": [_modules("Integrate.io", "hooks.integrate_io"), _modules("Aperture Data Studio", "hooks.aperture")],
        "triggers": [
            _modules("Workflow", "triggers.workflow_run"),
            _modules("Integrate.io", "triggers.integrate_io"),
            _modules("Aperture Data Studio", "triggers.aperture"),
        ],
        "bundles": [_modules("Workflow", "bundles.store")],
        "extra-links": [
            "airflow_workflow_provider.operators.workflow.WorkflowRunLink",
            "airflow_workflow_provider.operators.links.IntegrateIoJobLink",
            "airflow_workflow_provider.operators.links.ApertureJobLink",
        ],
        "connection-types": [INTEGRATE_IO, APERTURE],
        "config": CONFIG,
        "cli": ["airflow_workflow_provider.cli.provider.get_workflows_cli_commands"],
    }
