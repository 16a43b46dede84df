"""Notices through the Prefect server's own automations: an event that health emits, and a webhook that answers to it.

Where no server runs, or nobody asked for the automation, the caller sends the notice itself.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

from adapters import prefect_environment, prefect_server
from adapters.prefect_status import ask
from adapters.webhook import Notice
from contracts.errors import ServerError
from settings import Settings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

EVENT = "learnback.health.breach"
RESOURCE = "learnback.health"
AUTOMATION = "learnback-health"
BLOCK = "learnback-notices"
"""Names under which the server knows the automation, and the block that holds the webhook's address."""

BODY = "{{ event.payload.body }}"
"""What the automation posts: the JSON that the event carries, as it is."""


def register(settings: Settings) -> bool:
    """Bring the automation to the running server where a webhook is set, and take it away where none is. Idempotent.

    Returns whether it is there now. Raises ServerError where the server does not take it.
    """
    prefect_environment.apply(settings)
    from httpx import HTTPError
    from prefect.client.orchestration import get_client
    from prefect.exceptions import PrefectException

    try:
        with get_client(sync_client=True) as client:
            if settings.webhook_url is None:
                for known in client.read_automations_by_name(AUTOMATION):
                    client.delete_automation(known.id)
                return False
            _install(client, settings.webhook_url.get_secret_value())
            return True
    except (HTTPError, PrefectException) as error:
        raise ServerError(
            f"the Prefect server did not take the automation of notices ({type(error).__name__})",
            do="`learnback status` says whether it runs; notices are sent without it",
        ) from None


def _install(client: SyncPrefectClient, address: str) -> None:
    from prefect.automations import AutomationCore, CallWebhook, EventTrigger, Posture
    from prefect.blocks.webhook import Webhook

    block = Webhook(url=address, headers={"Content-Type": "application/json"})  # type: ignore[arg-type]
    document = block.save(BLOCK, overwrite=True, _sync=True)  # type: ignore[call-arg]
    assert isinstance(document, UUID)
    wanted = AutomationCore(
        name=AUTOMATION,
        description="Posts what `pattern-health` finds wrong to the webhook of LEARNBACK_WEBHOOK_URL.",
        trigger=EventTrigger(
            expect={EVENT}, match={"prefect.resource.id": RESOURCE}, posture=Posture.Reactive, threshold=1
        ),
        actions=[CallWebhook(block_document_id=document, payload=BODY)],
    )
    known = client.read_automations_by_name(AUTOMATION)
    if known:
        wanted.enabled = known[0].enabled  # what an operator has paused stays paused
        client.update_automation(known[0].id, wanted)
    else:
        client.create_automation(wanted)


def listening(settings: Settings) -> bool:
    """Whether a server runs whose automation would post a notice now."""
    status = prefect_server.status(settings)
    if status.handle is None or not status.ready:
        return False
    try:
        known: list[dict[str, Any]] = ask(
            status.handle.api_url, "/automations/filter", {"automations": {"name": {"any_": [AUTOMATION]}}}
        )
    except ServerError:
        return False
    return any(one["enabled"] for one in known)


def emit(notice: Notice) -> None:
    """Hand a notice to the server that this process reports to."""
    from prefect.events import emit_event

    emit_event(EVENT, resource={"prefect.resource.id": RESOURCE}, payload={"body": json.dumps(notice.body())})
