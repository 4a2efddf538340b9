"""Publishing, activating and archiving: everything is checked against what the release would be, then done whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Connection, select

from airflow_workflow_provider.definitions.diagnostics import Diagnostic
from airflow_workflow_provider.definitions.document import DocumentError
from airflow_workflow_provider.definitions.library import document_diagnostic
from airflow_workflow_provider.store.changes import Change, Entry, changing
from airflow_workflow_provider.store.drafts import find_draft, remove_draft, require_revision
from airflow_workflow_provider.store.errors import ConflictError, InvalidDefinitionsError, NotFoundError
from airflow_workflow_provider.store.permissions import Rules, require_permission
from airflow_workflow_provider.store.proposal import Check, Proposal, Text, stored_text
from airflow_workflow_provider.store.queries import current_users, current_version
from airflow_workflow_provider.store.records import Actor, Draft, Kind, Published
from airflow_workflow_provider.store.repository import WorkflowStore
from airflow_workflow_provider.store.source_limits import require_keepable
from airflow_workflow_provider.store.submission import Submission, facts
from airflow_workflow_provider.store.tables import HeadRow


def publish(
    store: WorkflowStore,
    submissions: Sequence[Submission],
    actor: Actor,
    message: str,
    rules: Rules,
    check: Check = lambda _: (),
) -> Published:
    """Publish definitions, all of them or none, as one release.

    ``check``: what else is asked of a workflow without errors. ``NotPermittedError`` for packages of somebody who may
    not; ``InvalidDefinitionsError`` with all that is wrong, in them and in the workflows that call them.
    """
    require_permission(actor, {each.kind for each in submissions}, rules)
    _refuse_unreadable(submissions)

    def propose(proposal: Proposal) -> None:
        for each in submissions:
            proposal.put(each.kind, each.name, Text(each.document, each.source.files))

    def carry_out(change: Change) -> None:
        change.publish([_entry(each) for each in submissions])

    return _do(store, actor, message, rules, check, propose, carry_out)


def publish_draft(
    store: WorkflowStore, draft: Draft, actor: Actor, message: str, rules: Rules, check: Check = lambda _: ()
) -> Published:
    """Publish a draft, which is then gone; ``ConflictError`` if it is not the newest save any more."""
    file = f"{draft.name}.{draft.kind.value}.{draft.source.format}"
    submission = Submission(draft.kind, draft.source, file)
    require_permission(actor, [draft.kind], rules)
    _refuse_unreadable([submission])
    if submission.name != draft.name:
        raise ConflictError(f"the draft of '{draft.name}' calls itself '{submission.name}'; save it under that name")

    def carry_out(change: Change) -> None:
        require_revision(find_draft(change.connection, draft.kind, draft.name), draft.kind, draft.name, draft.revision)
        change.publish([_entry(submission)])
        remove_draft(change.connection, draft.kind, draft.name)

    return _do(
        store,
        actor,
        message,
        rules,
        check,
        lambda proposal: proposal.put(draft.kind, draft.name, Text(submission.document, draft.source.files)),
        carry_out,
    )


def activate(
    store: WorkflowStore,
    kind: Kind,
    name: str,
    number: int,
    actor: Actor,
    message: str,
    rules: Rules,
    check: Check = lambda _: (),
) -> Published:
    """Make any version the current one, also of an archived definition; checked as if it were published now."""
    require_permission(actor, [kind], rules)
    text = stored_text(store.definition(kind, name, number))
    return _do(
        store,
        actor,
        message,
        rules,
        check,
        lambda proposal: proposal.put(kind, name, text),
        lambda change: change.activate(kind, name, number),
    )


def archive(
    store: WorkflowStore, kind: Kind, names: Sequence[str], actor: Actor, message: str, rules: Rules
) -> Published:
    """Take definitions out of the next releases; all versions stay. ``ConflictError`` while others call them."""
    require_permission(actor, [kind], rules)
    for name in names:
        store.versions(kind, name)  # tells of an unknown name
    with changing(store, actor, message) as change:
        for name in dict.fromkeys(names):
            if current_version(change.connection, kind, name) is None:
                raise NotFoundError(f"{kind.value} '{name}' is archived already")
            users = [
                each.name
                for each in current_users(change.connection, kind, [name])
                if kind is Kind.PACKAGE or each.name not in names
            ]
            if users:
                raise ConflictError(
                    f"{kind.value} '{name}' is called by {_listing(users)}; archive or change {_them(users)} first"
                )
        change.archive(kind, list(dict.fromkeys(names)))
        return change.result()


def _do(
    store: WorkflowStore,
    actor: Actor,
    message: str,
    rules: Rules,
    check: Check,
    propose: Callable[[Proposal], None],
    carry_out: Callable[[Change], None],
) -> Published:
    """Check without keeping others waiting; again, alone, if what was looked at has changed in the meantime."""

    def checked(connection: Connection) -> tuple[Proposal, tuple[Diagnostic, ...]]:
        proposal = Proposal(connection, rules.trust, check)
        propose(proposal)
        found = list(dict.fromkeys(proposal.diagnostics()))
        if any(each.is_error for each in found):
            raise InvalidDefinitionsError.of(found)
        return proposal, tuple(found)

    with store.reading() as connection:
        release = connection.scalar(select(HeadRow.release))
        proposal, warnings = checked(connection)
        grounds = proposal.grounds(connection)
    with changing(store, actor, message) as change:
        if change.before != release and proposal.grounds(change.connection) != grounds:
            _, warnings = checked(change.connection)
        carry_out(change)
        return change.result(warnings)


def _entry(submission: Submission) -> Entry:
    kind, source = submission.kind, submission.source
    return Entry(kind, submission.name, source, facts(kind, submission.document.data))


def _refuse_unreadable(submissions: Sequence[Submission]) -> None:
    """Texts that are no documents, and two of one name; ``InvalidTextError`` for what cannot be kept."""
    found: list[Diagnostic] = []
    seen: dict[tuple[Kind, str], Submission] = {}
    for each in submissions:
        require_keepable(each.source)
        try:
            first = seen.setdefault((each.kind, each.name), each)
        except DocumentError as error:
            found.append(document_diagnostic(error, each.file))
            continue
        if first is not each:
            message = f"{each.kind.value} '{each.name}' is also defined in {first.file}; publish one of them"
            found.append(Diagnostic(each.file, 1, 1, each.kind.value, message, f"duplicate_{each.kind.value}"))
    if found:
        raise InvalidDefinitionsError.of(found)


def _listing(names: Sequence[str], most: int = 5) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def _them(names: Sequence[str]) -> str:
    return "it" if len(names) == 1 else "them"
