"""What can go wrong, told to the person who can mend it.

LearnbackError
├── UserError            something outside our code must change; one sentence, exit code 2, never a traceback
│   ├── SettingsError    a setting is missing, malformed or contradicts another
│   ├── BusyError        another run of the same flow is at work
│   ├── DatabaseError    unreachable, wrong password, too old, not migrated
│   ├── ContractError    an extract lacks a column, or returns one of the wrong type
│   ├── MappingError     a recipe does not fit its file
│   ├── LakeError        the lake cannot be read or written
│   ├── ServerError      the local Prefect server or its port
│   ├── SendError        a message could not be handed over
│   └── UnknownTenantError    a tenant was named that the store does not hold
├── InvalidPatternError  a stored payload cannot be acted on; engines fall back and say so
└── everything else      our bug: traceback, exit code 1
"""

from __future__ import annotations

from functools import partial


class LearnbackError(Exception):
    """Root of every error that Learnback raises on purpose."""


class UserError(LearnbackError):
    """An error for a person to mend, always in the form: what was got, what was wanted, what to do."""

    exit_code = 2

    def __init__(self, got: str, *, wanted: str = "", do: str = "") -> None:
        self.got, self.wanted, self.do = got, wanted, do
        super().__init__(got, wanted, do)

    def __reduce__(self) -> tuple[object, ...]:
        """Travel whole from a task's process to the flow's."""
        return partial(type(self), wanted=self.wanted, do=self.do), (self.got,)

    def __str__(self) -> str:
        sentence = f"{self.got}, and {self.wanted}" if self.wanted else self.got
        return " ".join(part if part.endswith((".", "?", "!")) else f"{part}." for part in (sentence, self.do) if part)


class SettingsError(UserError):
    """A setting is missing, malformed or contradicts another."""


class BusyError(UserError):
    """Another run of the same flow is at work, and only one may publish."""


class DatabaseError(UserError):
    """A database is unreachable, refuses the password, is too old, or is not migrated."""


class ContractError(UserError):
    """An extract lacks a column, or returns one of the wrong type."""


class MappingError(UserError):
    """An import recipe does not fit the file that it was given."""


class LakeError(UserError):
    """The lake cannot be read or written."""


class ServerError(UserError):
    """The local Prefect server cannot be started or reached."""


class UnknownTenantError(UserError):
    """A tenant was named that the store does not hold."""


class SendError(UserError):
    """A message could not be handed over; nothing was sent, and the same call may be made again."""


class InvalidPatternError(LearnbackError, ValueError):
    """A stored payload that cannot be acted on; the message says which part. Engines answer it with a fallback."""
