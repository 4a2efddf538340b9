"""Nothing that is read takes longer than in proportion: what takes seconds would else take minutes.

Processor time is limited, not measured: a machine that is busy changes nothing.
"""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import json, resource
from airflow_workflow_provider.definitions.document import DocumentError, parse
from airflow_workflow_provider.definitions.given import GivenSources
from airflow_workflow_provider.definitions.reader import read_document
from airflow_workflow_provider.definitions.stored.trust import Trust

trust = Trust(operators=("*",), connections=("*",))
patterns = ["[1 ]] ", "[a ]] ", "[", "( [", "{{ ", "{{ vars.a", "{# ",
    "{% ", "' '", "\\\\", "$a$ ", "/* ", "-- \\n", "#", ":a "]
places = {
    "sql": lambda text: {"sql": text, "connection": "c"},
    "if": lambda text: {"sql": "SELECT 1", "connection": "c", "if": text},
    "argument": lambda text: {"operator": "a.B", "arguments": {"x": text}},
    "variable": lambda text: {"workflow": "x", "variables": {"v": text}},
}
plain = ["[", "- ", "? ", " ", "a: [", "{a: ", "- - ", "\\n", "\\t", "&a ", "'\\n", "0", "1.", "x: 1\\n"]

def look(text, file):
    try:
        read_document(parse(text, file), GivenSources(), trust)
    except DocumentError:
        pass

resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
for size in (1, SIZE):
    for pattern in patterns:
        text = (pattern * size)[:size] if size > 1 else pattern
        for place, task in places.items():
            look(json.dumps({"workflow": "w", "tasks": {"a": task(text)}}), "w.workflow.yaml")
    for pattern in plain:
        for before in ("", "a: ", "a:\\n"):
            look(before + (pattern * size)[:size], "w.workflow.yaml")
print("done")
"""


def test_a_long_text_of_anything_is_read_in_seconds() -> None:
    program = PROGRAM.replace("SECONDS", "25").replace("SIZE", "200_000")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout == "done\n", done.stderr[-2000:]
