"""SQL tasks: statements with bind parameters on any DB-API connection, whose first row can set variables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from airflow_workflow_provider.definitions.sql_text import SqlTextError, find_bind_parameters
from airflow_workflow_provider.definitions.values import ValueTypeError, coerce
from airflow_workflow_provider.exceptions import StatementError
from airflow_workflow_provider.operators.binding import BindValueError
from airflow_workflow_provider.operators.secrets import error_without_excerpts, holds_secret, problem_without_secrets
from airflow_workflow_provider.operators.sql_session import Deadline, Row, SqlSession, open_session
from airflow_workflow_provider.operators.variables import push_variable, refuse_unkept
from airflow_workflow_provider.operators.within_timeout import within_timeout
from airflow_workflow_provider.operators.workflow_task import WorkflowTask, skip

if TYPE_CHECKING:
    import jinja2
    from airflow.sdk import Context


class WorkflowSQLOperator(SQLExecuteQueryOperator, WorkflowTask):
    """Run statements in order, in one transaction of one connection; ``:name`` is bound, never pasted.

    :param sql: statements, as the definition has them; templates are not filled in them
    :param set_variables: variable → column of the last statement's first row (``None``: its first column)
    :param on_empty: what no row means: ``null`` (the variables are null), ``skip`` or ``fail``
    :param guarded: the statements may not reach files of the worker
    """

    custom_operator_name = "SQL"
    template_fields: Sequence[str] = ("conn_id", "sql", "parameters")
    # A statement may end in ".sql" or ".json": Airflow would take it for the name of a file and read that.
    template_ext: Sequence[str] = ()

    def __init__(
        self,
        *,
        sql: str | list[str],
        set_variables: Mapping[str, str | None] | None = None,
        on_empty: str = "null",
        guarded: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(sql=sql, **kwargs)
        self.set_variables = set_variables or {}
        self.on_empty = on_empty
        self.guarded = guarded
        self._values: dict[str, Any] = {}

    @within_timeout
    def render_template_fields(self, context: Context, jinja_env: jinja2.Environment | None = None) -> None:
        """Look up the values of all bind parameters; *Rendered Templates* shows them beside the SQL, secrets as ***."""
        variables = self.variables_if_it_runs(context)
        names = {p.name for statement in self._statements for p in find_bind_parameters(statement)}
        self._values = {name: _bindable(name, variables.own(name)) for name in sorted(names)}
        self.parameters = {name: "***" if variables.is_secret(name) else value for name, value in self._values.items()}

    @property
    def _statements(self) -> list[str]:
        return [self.sql] if isinstance(self.sql, str) else list(self.sql)

    def execute(self, context: Context) -> None:
        """Run the statements, commit, then set the variables."""
        if self.conn_id is None:
            raise AirflowFailException("this SQL has no connection; add 'connection' to the task or to 'defaults'")
        try:
            row, values = self._run(self.get_db_hook())
        except AirflowException:
            raise
        except Exception as error:
            if not holds_secret(list(self._values.values())):
                raise
            raise StatementError(error_without_excerpts(error)) from None
        self._refuse_empty(context, row)
        for name, value in values.items():
            push_variable(context, name, value)
            self.log.info("Set variable %s", name)

    def _run(self, hook: Any) -> tuple[Row | None, dict[str, Any]]:
        """Run the statements and commit: the last one's first row, and the variables that it sets.

        A value that cannot be kept undoes everything: nothing has been done when the task has failed.
        """
        row: Row | None = None
        deadline = Deadline(self.execution_timeout)
        with open_session(hook, deadline, autocommit=self.autocommit, guarded=self.guarded) as session:
            for statement in self._statements:
                columns, row = self._run_statement(session, statement)
            if columns is None and (self.set_variables or self.on_empty != "null"):
                raise AirflowFailException(
                    "the last statement returns no rows, so 'set' and 'on_empty' have nothing to look at; end with a "
                    "SELECT"
                )
            values = {name: self._value(name, column, row) for name, column in self.set_variables.items()}
            for name, value in values.items():
                refuse_unkept(name, value)
            session.commit()
        return row, values

    def _run_statement(self, session: SqlSession, statement: str) -> tuple[list[str] | None, Row | None]:
        self.log.info("Executing: %s", statement)
        try:
            count, columns, row = session.run(statement, self._values)
        except (SqlTextError, BindValueError) as error:
            raise AirflowFailException(str(error)) from None
        self.log.info("Rows: %s", count)
        if not self.autocommit and len(self._statements) > 1 and session.commits_by_itself(statement):
            self.log.warning(
                "This database commits with such a statement: what ran before it stays if a later one fails"
            )
        return columns, row

    def _refuse_empty(self, context: Context, row: Row | None) -> None:
        if row is None and self.on_empty == "skip":
            skip(context, "the query returned no row (on_empty: skip)")
        if row is None and self.on_empty == "fail":
            raise AirflowFailException("the query returned no row (on_empty: fail)")

    def _value(self, name: str, column: str | None, row: Row | None) -> Any:
        if row is None:
            return None
        declared = self.workflow_variables.declared.get(name)
        value = _column(row, column, name)
        try:
            return coerce(value, declared.type if declared else None, name)
        except ValueTypeError as error:
            raise AirflowFailException(problem_without_secrets(value, name, error)) from None


def _column(row: Row, column: str | None, variable: str) -> Any:
    """A column by name, upper or lower case as the database likes it; without a name the first."""
    if column is None:
        return row[0][1]
    for same in (str, str.lower):
        for name, value in row:
            if same(name) == same(column):
                return value
    names = ", ".join(name for name, _ in row)
    raise AirflowFailException(f"variable '{variable}' is set from column '{column}', but the query returned {names}")


def _bindable(name: str, value: Any) -> Any:
    """``failed_tasks`` reads as text in SQL; lists and mappings of variables are bound as JSON."""
    return ", ".join(value) if name == "failed_tasks" else value
