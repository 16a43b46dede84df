"""How a run's log tells what a person must mend: in the error's own sentence, without a traceback.

Prefect logs the traceback of every task that fails, on the console and to its server. Where the error is a UserError,
our code is not what must change; where it is anything else, the traceback stays.
"""

from __future__ import annotations

import logging

from contracts.errors import UserError

LOGGERS = ("prefect.task_runs", "prefect.flow_runs", "prefect.engine")
"""Where Prefect 3.8 logs what ended a task, a flow, or the process that ran one."""


def tell_in_sentences() -> None:
    """Install the filter; a second call changes nothing."""
    for name in LOGGERS:
        logging.getLogger(name).addFilter(in_a_sentence)


def in_a_sentence(record: logging.LogRecord) -> bool:
    """A logging filter that lets every record through, those of user errors as their sentence."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, UserError):
        record.msg, record.args = str(error), ()
        record.exc_info = record.exc_text = None
    return True
