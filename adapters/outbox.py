"""The outbox: messages as files, for a person or another program to send. Where there is no sender, the honest end."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from contracts.errors import SendError
from contracts.messages import Message, Receipt

SENDER = "outbox"


@dataclass(frozen=True, slots=True)
class FileOutbox:
    """One JSON file a message under `folder`/channel, named by its touch: the same touch again is the same file."""

    folder: Path

    def send(self, message: Message, *, key: UUID) -> Receipt:
        """Write the message. Raises ValueError where it has faults, SendError where the folder cannot be written."""
        if not message.sendable:
            raise ValueError(message.because)
        path = self.folder / message.channel / f"{key}.json"
        written = {
            "touch_id": str(key),
            "channel": message.channel,
            "to": message.to,
            "subject": message.subject,
            "body": message.body,
            "template_id": message.template_id,
        }
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)  # names, addresses and texts of people
            _write(path, json.dumps(written, ensure_ascii=False, indent=2) + "\n")
        except OSError as error:
            raise SendError(
                f"the outbox {self.folder} cannot be written ({error.strerror})", do="Make room, or set LEARNBACK_HOME"
            ) from None
        return Receipt(SENDER, str(path), final=False)


def _write(path: Path, text: str) -> None:
    """Whole or not at all: whoever empties the outbox never meets half a message."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    temporary.write_text(text, encoding="utf-8")
    temporary.chmod(0o600)
    temporary.replace(path)
