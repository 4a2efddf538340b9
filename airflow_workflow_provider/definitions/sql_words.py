"""Words by which SQL's blocks are told apart."""

from __future__ import annotations

from typing import Final

PROGRAMS: Final = frozenset({"TRIGGER", "PROCEDURE", "PROC", "FUNCTION", "EVENT", "TASK"})
"""What CREATE makes that has a body."""

BEFORE_PROGRAM: Final = frozenset(
    [
        "OR",
        "REPLACE",
        "ALTER",
        "TEMP",
        "TEMPORARY",
        "CONSTRAINT",
        "AGGREGATE",
        "EDITIONABLE",
        "NONEDITIONABLE",
        "SECURE",
        "EXTERNAL",
        "PRIVATE",
    ]
)
"""May stand between CREATE and these."""

TRANSACTION: Final = frozenset(
    [
        "TRANSACTION",
        "TRAN",
        "WORK",
        "DEFERRED",
        "IMMEDIATE",
        "EXCLUSIVE",
        "CONCURRENT",
        "ISOLATION",
        "READ",
        "DISTRIBUTED",
        "NAME",
    ]
)
"""Behind BEGIN: it begins a transaction, not a block."""

CURSOR: Final = frozenset(["CURSOR", "BINARY", "INSENSITIVE", "ASENSITIVE", "SCROLL", "NO"])
"""Behind DECLARE and a name: a statement of PostgreSQL, not a block."""

SCRIPT: Final = frozenset(["IF", "WHILE", "LOOP", "REPEAT", "FOR", "CASE"])
"""Begin a block where a statement begins."""

NEVER_FIRST: Final = frozenset(["ELSE", "ELSEIF", "ELSIF", "THEN", "WHEN", "UNTIL", "EXCEPTION"])
"""Begin no statement: what stands before them was not its end."""

VERBS: Final = frozenset(
    [
        "SELECT",
        "INSERT",
        "UPDATE",
        "DELETE",
        "MERGE",
        "EXEC",
        "EXECUTE",
        "CREATE",
        "DROP",
        "ALTER",
        "TRUNCATE",
        "GRANT",
        "CALL",
        "WITH",
        "SET",
        "PRINT",
        "RETURN",
    ]
)
"""Begin statements."""

COUNTED_END: Final = frozenset(["IF", "LOOP", "WHILE", "REPEAT", "FOR", "CASE"])
"""What END names when it closes it."""

WANTS_OPERAND: Final = frozenset(
    [
        "SELECT",
        "DISTINCT",
        "WHERE",
        "HAVING",
        "AND",
        "OR",
        "NOT",
        "BY",
        "ON",
        "FROM",
        "JOIN",
        "INTO",
        "UPDATE",
        "TABLE",
        "COLUMN",
        "SET",
        "IN",
        "LIKE",
        "BETWEEN",
        "WHEN",
        "IF",
        "WHILE",
        "UNTIL",
        "ELSEIF",
        "ELSIF",
        "CALL",
        "CASE",
        "DECLARE",
        "OF",
        "DEFAULT",
        "INTERVAL",
        "VALUES",
    ]
) | frozenset(".,=<>+-*/%|&^~!@(")
"""An operand follows these, so BEGIN or END behind them is a name."""
