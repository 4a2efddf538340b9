"""Whether a ``;`` ends a statement: the bodies of triggers, procedures, functions and blocks, in every dialect.

The words of a body are read one by one. ``BEGIN``, ``IF … THEN``, ``LOOP``, ``WHILE … DO``, ``FOR … DO``, ``REPEAT``
and ``CASE`` open, ``END`` and what follows it close; what does not fit is an error. Databases let columns be
named ``end`` or ``begin``: a word behind a dot, an operator or a word such as SELECT is a name, and so is all that is
in brackets.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

from airflow_workflow_provider.definitions.sql_scan import SqlTextError, Token
from airflow_workflow_provider.definitions.sql_words import (
    BEFORE_PROGRAM,
    COUNTED_END,
    CURSOR,
    NEVER_FIRST,
    PROGRAMS,
    SCRIPT,
    TRANSACTION,
    VERBS,
    WANTS_OPERAND,
)

_LEXEME: Final = re.compile(r"[A-Za-z_@#\u0080-\uffff][\w$@#]*|\d[\w.]*|\S")
_BRACKET: Final = re.compile(r"[()]")

_NOT_SURE: Final = "it is not sure where this statement ends"
_INSTEAD: Final = "put a line 'DELIMITER //' before it and '//' behind it, or between lines GO (SQL Server)"


class _State(Enum):
    HEAD = "the first words"
    ORDINARY = "a statement without a body"
    PROGRAM = "a statement that has or may have a body"
    DECLARATIONS = "what stands before the BEGIN of a block"
    REST = "all that follows belongs to it"


class StatementEnd:
    """Follows one statement; ``slashes``: lines "/" end PL/SQL in this text."""

    def __init__(self, *, slashes: bool = False, before: StatementEnd | None = None) -> None:
        self._slashes = slashes
        self._before = before
        self._state = _State.HEAD
        self._head: list[str] = []
        self._stack: list[str] = []
        self._cases = 0
        self._brackets: list[int] = []
        self._first = True  # a statement of the body begins here
        self._previous = ""
        self._waiting = ""  # IF, WHILE or FOR whose THEN, DO or LOOP has not come
        self._ending: tuple[int, bool] | None = None  # an END whose next word decides what it closes
        self._as = False  # AS or IS was the last word of the header
        self._body_began = False
        self._open_ended = False  # other databases take what follows for a part of it
        self._transact = False
        self._declares_cursor = False
        self._offset = 0
        self.keeps_semicolon = False

    def _is_ordinary(self) -> bool:
        return self._state is _State.ORDINARY

    def next(self) -> StatementEnd:
        """For the statement behind this one."""
        self._before = None
        return StatementEnd(slashes=self._slashes, before=self)

    def read(self, sql: str, start: int, end: int) -> None:
        """Take in a piece of plain code."""
        if self._state is _State.HEAD and not self._head and self._before is not None:
            self._check_before(start + len(sql[start:end]) - len(sql[start:end].lstrip()))
        if self._is_ordinary():
            self._count_brackets(sql, start, end)
            return
        for match in _LEXEME.finditer(sql, start, end):
            self._offset = match.start()
            if self._is_ordinary():
                self._count_brackets(sql, match.start(), end)
                return
            self._lexeme(match.group().upper(), match.start())

    def read_value(self, token: Token) -> None:
        """Take in a literal, a quoted name or a parameter."""
        self._offset = token.start
        if self._state is _State.HEAD and not self._head:
            self._state = _State.ORDINARY
        elif self._state is not _State.ORDINARY and not self._brackets:
            self._lexeme("'", token.start)

    def continues(self, *, at_end: bool) -> bool:
        """Whether this ``;``, or the end of the text, is inside of the statement."""
        if self._brackets:
            if at_end:
                raise SqlTextError("this '(' is never closed", self._brackets[-1])
            return True
        if self._state is _State.HEAD:
            self._decide(";")
        if self._state is _State.ORDINARY:
            return False
        if self._ending is not None:
            self._close("")
        if self._cases:
            raise self._unsure()
        self._first, self._previous, self._waiting, self._as = True, ";", "", False
        if self._stack or self._state in (_State.DECLARATIONS, _State.REST):
            if at_end and self._stack:
                raise SqlTextError(f"{_NOT_SURE}: a {self._stack[-1]} is never closed; {_INSTEAD}", self._offset)
            return not at_end or self._close_rest()
        return False

    def _close_rest(self) -> bool:
        self.keeps_semicolon = True
        return False

    def _unsure(self, instead: str = _INSTEAD) -> SqlTextError:
        return SqlTextError(f"{_NOT_SURE}; {instead}", self._offset)

    def _count_brackets(self, sql: str, start: int, end: int) -> None:
        for match in _BRACKET.finditer(sql, start, end):
            self._bracket(match.group(), match.start())

    def _bracket(self, text: str, offset: int) -> None:
        if text == "(":
            self._brackets.append(offset)
        elif self._brackets:
            self._brackets.pop()

    def _check_before(self, offset: int) -> None:
        """What the statement before this one leaves open."""
        before = self._before
        if before is not None and before._open_ended:
            raise SqlTextError(
                f"{_NOT_SURE}: some databases take what follows for a part of the procedure before it; put a line '/' "
                "(Oracle) or GO (SQL Server) between them",
                offset,
            )

    # What a statement is, by its first words

    def _lexeme(self, text: str, offset: int) -> None:
        if text in ("(", ")"):
            if self._state is _State.HEAD:
                self._decide(text)
            if self._state is not _State.ORDINARY:
                self._before_bracket(text)
            self._bracket(text, offset)
            return
        if self._brackets or self._state is _State.REST:
            return
        if self._state is _State.HEAD:
            self._decide(text)
        elif self._state is not _State.ORDINARY:
            self._word(text)

    def _before_bracket(self, text: str) -> None:
        if self._ending is not None:
            self._close("")
        self._as = False
        if text == "(":
            self._first = False
        self._previous = "'" if text == ")" else "("

    def _decide(self, text: str) -> None:
        self._head.append(text)
        first = self._head[0]
        decide = _HEADS.get(first)
        if decide is not None:
            decide(self, text)
        elif first in ("CREATE", "ALTER"):
            self._decide_create(text)
        elif first == "<":
            self._decide_label(text)
        elif len(self._head) == 2 and text == ":":
            self._head.clear()
        elif first in SCRIPT:
            self._begin_program(text)
        elif first in NEVER_FIRST:
            raise self._unsure(f"'{first}' begins no statement; {_INSTEAD}")
        elif first in (".", "\\"):
            raise SqlTextError(
                "this is a command of a database client, not SQL; leave it out (data of COPY … FROM STDIN, too)",
                self._offset,
            )
        elif len(self._head) == 2 or text == ";":
            self._state = _State.ORDINARY

    def _begin_program(self, text: str) -> None:
        self._enter(_State.PROGRAM)
        self._word(text)

    def _enter(self, state: _State) -> None:
        self._state = _State.REST if self._slashes else state

    def _decide_create(self, text: str) -> None:
        if text in PROGRAMS:
            self._enter(_State.PROGRAM)
            self._first = False
            self._previous = text
        elif text in ("PACKAGE", "BODY"):
            self._await_slash()
        elif text == "TYPE" or "DEFINER" in self._head or text == "DEFINER":
            return
        elif len(self._head) > 1 and text not in BEFORE_PROGRAM:
            self._state = _State.ORDINARY

    def _decide_begin(self, text: str) -> None:
        if len(self._head) == 1:
            return
        if text == ";" or text in TRANSACTION or self._head[1:] == ["NOT", "DEFERRABLE"]:
            self._state = _State.ORDINARY
        elif text != "NOT":
            if self._before is not None and self._before._declares_cursor:
                raise self._unsure()
            self._begin_block(text)

    def _begin_block(self, text: str) -> None:
        self._enter(_State.PROGRAM)
        if self._state is _State.PROGRAM:
            self._open_begin()
            if text not in ("ATOMIC", "TRY"):
                self._word(text)

    def _decide_declare(self, text: str) -> None:
        if len(self._head) == 2 and text.startswith("@"):
            self._state = _State.REST
        elif text == ";" or len(self._head) == 3:
            self._enter(_State.DECLARATIONS)
            if len(self._head) == 3 and self._head[2] in CURSOR and self._head[1] != "CURSOR":
                self._declares_cursor = True
                self._state = _State.ORDINARY

    def _decide_label(self, text: str) -> None:
        if self._head[-2:] == [">", ">"]:
            self._head.clear()

    def _decide_with(self, text: str) -> None:
        if len(self._head) == 1:
            return
        if len(self._head) == 3 and text not in ("AS", "("):
            self._await_slash()
        elif len(self._head) == 3 or text not in ("FUNCTION", "PROCEDURE"):
            self._state = _State.ORDINARY

    def _await_slash(self) -> None:
        """Oracle's units whose end only its client's "/" tells."""
        if not self._slashes:
            raise self._unsure("end it with a line '/', as for Oracle's own client")
        self._state = _State.REST

    def _decide_end(self, text: str) -> None:
        """PostgreSQL and SQLite say END for COMMIT."""
        if len(self._head) == 1:
            return
        if text not in (";", "TRANSACTION", "WORK", "AND"):
            raise self._unsure()
        self._state = _State.ORDINARY

    # The words of a body

    def _word(self, text: str) -> None:
        if self._ending is not None and self._close(text):
            return
        if self._as:
            self._begin_body(text)
        is_name = self._previous in WANTS_OPERAND or (self._previous == "AS" and bool(self._stack))
        at_start = self._first
        self._first = False
        if text == "CASE" and self._previous not in (".", "AS", "@"):
            self._open_case(at_start=at_start)
        elif self._cases:
            if text == "END" and self._previous not in WANTS_OPERAND | {"THEN", "ELSE", "CASE", "AS"}:
                self._cases -= 1
        elif text == "BEGIN" and not is_name:
            self._open_begin()
        elif text == "END" and not is_name and self._stack:
            self._ending = (self._offset, at_start)
        elif self._previous == "BEGIN" and text in TRANSACTION | {"DIALOG", "CONVERSATION"}:
            self._stack.pop()
        elif self._previous == "BEGIN" and text in ("TRY", "CATCH", "ATOMIC"):
            self._first = True
        elif text in ("THEN", "DO", "LOOP", "REPEAT", "ELSE") and self._previous != ".":
            self._open_branch(text, at_start=at_start)
        elif text in ("IF", "WHILE", "FOR") and (at_start or not self._stack):
            self._waiting = text
        elif text == ":" and not self._waiting:
            self._first = True  # a label
        elif self._state is _State.DECLARATIONS and at_start:
            self._declaration(text)
        if not self._stack and self._state is _State.PROGRAM:
            self._read_header(text)
        self._previous = text

    def _open_case(self, *, at_start: bool) -> None:
        if at_start:
            self._stack.append("CASE")
        else:
            self._cases += 1

    def _open_begin(self) -> None:
        # Only in SQL Server BEGIN follows a condition, and END a statement without ";". There END is no name.
        self._transact = self._transact or self._waiting in ("IF", "WHILE") or self._previous == "AS"
        self._stack.append("BEGIN")
        self.keeps_semicolon = True
        self._first = True
        self._waiting = ""
        if self._state is _State.DECLARATIONS:
            self._state = _State.PROGRAM

    def _open_branch(self, text: str, *, at_start: bool) -> None:
        if text == "THEN" and self._waiting == "IF":
            self._stack.append("IF")
        elif text == "DO" and self._waiting in ("WHILE", "FOR"):
            self._stack.append(self._waiting)
        elif text == "LOOP" and (at_start or self._waiting in ("WHILE", "FOR")):
            self._stack.append("LOOP")
        elif text == "REPEAT" and at_start:
            self._stack.append("REPEAT")
        elif text in ("LOOP", "REPEAT"):
            if not self._stack and self._state is _State.PROGRAM and self._previous in ("'", "ROW", "SQL", "DO"):
                self._stack.append(text)
            else:
                return
        self._waiting = ""
        self._first = True

    def _read_header(self, text: str) -> None:
        if text in ("AS", "IS") and not self._body_began:
            names = self._previous in ("TABLE", "ROW", "OLD", "NEW", "EXECUTE", "LANGUAGE") or "EVENT" in self._head
            self._as = not names
        elif (
            text in VERBS and text not in ("EXECUTE", "SET", "WITH") and "TRIGGER" not in self._head
        ) or text == "EACH":
            self._body_began = text != "RETURN" or "RETURNS" in self._head
        if text == "RETURNS":
            self._head.append(text)
        if text == "ROW" and self._previous == "EACH":
            self._first = True
            self._waiting = ""

    def _begin_body(self, text: str) -> None:
        """The first word behind AS or IS of a program."""
        self._as = False
        if "TASK" in self._head and text != "DECLARE":
            return
        if text in ("'", "BEGIN", "RETURN", "EXTERNAL", "LANGUAGE", "NULL", "NOT", "TRUE", "FALSE", "DISTINCT", "$"):
            return
        self._state = _State.DECLARATIONS
        self._open_ended = True
        self._first = True
        if text == "DECLARE":
            self._previous = text

    def _declaration(self, text: str) -> None:
        if text in ("PROCEDURE", "FUNCTION"):
            self._await_slash()
        elif self._open_ended and self._previous == ";" and text in VERBS:
            raise self._unsure("end a procedure without BEGIN … END with a line GO (SQL Server)")

    def _close(self, text: str) -> bool:
        """An END, now that the next word is known; whether that word belongs to it."""
        assert self._ending is not None
        offset, at_start = self._ending
        self._ending = None
        top = self._stack.pop()
        belongs = text in COUNTED_END and (text == top or {text, top} <= {"LOOP", "WHILE", "FOR"})
        if not belongs and (
            top not in ("BEGIN", "CASE") or not (at_start or self._transact or text in ("TRY", "CATCH"))
        ):
            self._offset = offset
            raise self._unsure()
        if belongs or text in ("TRY", "CATCH"):
            self._previous, self._first = "'", text in ("TRY", "CATCH")
            return True
        self._previous = "'"
        self._first = text in SCRIPT
        return False


_HEADS: Final = {
    "BEGIN": StatementEnd._decide_begin,
    "DECLARE": StatementEnd._decide_declare,
    "WITH": StatementEnd._decide_with,
    "END": StatementEnd._decide_end,
}
