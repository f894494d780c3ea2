"""Every documented payload, signed and posted to a real server: what is made of it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import sqlalchemy as sa

from flask_ycloud import StoredEvent
from flask_ycloud.inbox.tables import events
from flask_ycloud.protocol import EVENT_TYPES, parse_event, sample_event, variants

from ..processes import Site, post
from ..support import id_of

CONTACT = ("contact", "1824266594102064128")
GROUP = ("group", "120363345678901234@g.us")
CUSTOMER = ("customer", "US.1234", "447901614024")
MESSAGE = ("whatsapp message", "63f5d602367ea403f8175a6c")
AGENTS_MESSAGE = ("whatsapp message", "MESSAGE_ID")
CALL = ("call", "wacid.HBgNNjI4MTM2MTkwNTEzMxUCABE")
NUMBER = ("number", "16315551111")
TEMPLATE = ("template", "whatsapp-business-account-id", "order_shipped", "en")
ACCOUNT = ("account", "123456789012345")
PERSON = ("messenger", "24849401234567890", "102938475610293")

#: What names the conversation of each type's sample, and of each variant that differs.
CONVERSATIONS: dict[str, tuple[str, ...] | None] = {
    "email.delivery.updated": ("email", "em123456"),
    "sms.message.updated": ("sms", "string"),
    "sms.inbound.received": ("sms conversation", "447901614024", "16315551111"),
    "voice.message.updated": ("voice", "6290a39e1ad4c8001e6b9d65"),
    "whatsapp.business_account.deleted": ACCOUNT,
    "whatsapp.business_account.reviewed": ACCOUNT,
    "whatsapp.business_account.updated": ACCOUNT,
    "whatsapp.inbound_message.received": CUSTOMER,
    "whatsapp.inbound_message.received group": GROUP,
    "whatsapp.inbound_message.received group_member": ("group", "group-123"),
    "whatsapp.inbound_message.received number_and_user_id": (
        "customer", "AR.1234", "15550002222",
    ),
    "whatsapp.inbound_message.received user_id_only": (
        "customer", "US.13491208655302741918", "15550002222",
    ),
    "whatsapp.inbound_message.received system_user_changed_user_id": (
        "customer", "US.1", "15550002222",
    ),
    "whatsapp.inbound_message.received unsupported_poll": (
        "customer", "15550001111", "15550002222",
    ),
    "whatsapp.message.updated": MESSAGE,
    "whatsapp.message.updated bid_pricing_flag": ("whatsapp message", "m1"),
    "whatsapp.message.updated group_status": ("group", "g1"),
    "whatsapp.message.updated recipient_user_id": ("whatsapp message", "yc_1"),
    "whatsapp.echo_message.created": AGENTS_MESSAGE,
    "whatsapp.echo_message.updated": AGENTS_MESSAGE,
    "whatsapp.meta_business_agent.handover.updated": (
        "handover", "12025550124", "PHONE_NUMBER_ID",
    ),
    "whatsapp.group.lifecycle_update": GROUP,
    "whatsapp.group.participants_update": GROUP,
    "whatsapp.group.settings_update": GROUP,
    "whatsapp.group.status_update": GROUP,
    "whatsapp.smb.history": None,
    "whatsapp.smb.message.created": ("customer", "16315551111", "447901614024"),
    "whatsapp.smb.message.echoes": (
        "customer", "CUSTOMER-PHONE-NUMBER", "BUSINESS-PHONE-NUMBER",
    ),
    "whatsapp.smb.message.echoes to_user_id": ("customer", "BR.456", "15550002222"),
    "whatsapp.smb.app.state.sync": ("business app", "15550783881"),
    "whatsapp.smb.app.state.sync edit": ("business app", "15550002222"),
    "whatsapp.phone_number.deleted": NUMBER,
    "whatsapp.phone_number.name_updated": NUMBER,
    "whatsapp.phone_number.quality_updated": NUMBER,
    "whatsapp.phone_number.business_username_updated": NUMBER,
    "whatsapp.template.category_updated": TEMPLATE,
    "whatsapp.template.quality_updated": TEMPLATE,
    "whatsapp.template.reviewed": TEMPLATE,
    "whatsapp.call.connect": ("call", "wacid.HBgNNjI4MTM2MTkwNTEzMxrtLopSdPMwd"),
    "whatsapp.call.connect business_initiated": CALL,
    "whatsapp.call.terminate": ("call", "wacid.HBgNNjI4MTM2MTkwNTE"),
    "whatsapp.call.status.updated": CALL,
    "whatsapp.call.recording.updated": CALL,
    "whatsapp.call.transcription.updated": CALL,
    "whatsapp.flow.status_change": ("flow", "1097420589034000"),
    "whatsapp.payment.updated": ("payment", "<reference-id>"),
    "whatsapp.user.preferences": ("customer", "16475551234", "16315551111"),
    "whatsapp.user.preferences user_id": ("customer", "US.1", "15550002222"),
    "messenger.inbound_message.received": PERSON,
    "messenger.inbound_message.updated": PERSON,
    "messenger.message.updated": ("messenger message", "66b1f0c2e4b05c2d8f1a3b53"),
    "messenger.message_reaction.updated": ("reaction", "m_EXAMPLE", "24849401234567890"),
    "contact.created": CONTACT,
    "contact.attributes_changed": CONTACT,
    "contact.deleted": CONTACT,
    "contact.note.created": CONTACT,
    "contact.note.updated": CONTACT,
    "contact.note.deleted": CONTACT,
    "contact.unsubscribe.created": ("unsubscriber", "8615166662222"),
    "contact.unsubscribe.deleted": ("unsubscriber", "16475551234"),
}  # fmt: skip


def key_of(names: tuple[str, ...] | None) -> str | None:
    if names is None:
        return None
    place = ["ycloud", "", *names]
    return hashlib.sha256(json.dumps(place).encode()).hexdigest()[:32]


def test_each_comes_out_with_its_data_its_key_and_its_type(site: Site) -> None:
    """Each conversation in its own time, so that none learns another name of its own."""
    server = site.serve("--threads", "2", FLASK_YCLOUD_DISPATCH="manual")
    keys = sa.select(events.c.key).where(events.c.id == sa.bindparam("id"))
    assert {name.partition(" ")[0] for name in CONVERSATIONS} == set(EVENT_TYPES)
    for name, known in EVENT_TYPES.items():
        for variant in (None, *variants(name)):
            body = json.dumps(sample_event(name, variant=variant)).encode()
            status, answer = post(server.port, body)
            if status == 503:  # the disk is slow: YCloud would send it again
                status, answer = post(server.port, body)
            assert (status, json.loads(answer)) == (200, {"status": "accepted"})
            event_id = _id_of(body)
            stored = site.inbox.get(event_id)
            assert stored is not None
            assert_right(stored, name, body)
            expected = CONVERSATIONS.get(f"{name} {variant}", CONVERSATIONS[name])
            row = site.inbox.database.read(
                lambda tx, id=event_id: tx.execute(keys, {"id": id}).one()  # type: ignore[misc]
            )
            key = key_of(expected)
            hashed = None if key is None else site.inbox.database.hashed(key)
            assert row.key == hashed, f"{name} {variant}"
            site.inbox.database.write(_forget_all)
            assert known.name == stored.type


def assert_right(stored: StoredEvent, name: str, body: bytes) -> None:
    assert (stored.type, stored.state, stored.body) == (name, "pending", body)
    event = parse_event(stored.body)
    raw: dict[str, Any] = json.loads(body)
    found = [raw[each] for each in EVENT_TYPES[name].properties if each in raw]
    progress = {each: raw[each] for each in ("phase", "progress") if each in raw}
    assert event.data == (found[0] if found else progress)


def _id_of(body: bytes) -> str:
    raw = json.loads(body)
    return id_of(body) if "id" in raw else str(raw["eventId"])


def _forget_all(tx: sa.Connection) -> None:
    tx.exec_driver_sql("DELETE FROM ycloud_events")
    tx.exec_driver_sql("DELETE FROM ycloud_conversations")
