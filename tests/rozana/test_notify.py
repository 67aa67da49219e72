"""`rozana notify test`: one line that says what happened, by a real process and real sinks."""

import base64
import json
from pathlib import Path
from uuid import UUID

from libs.runtime.store_sqlite import open_store
from services.notifier.contacts import Contact, Contacts
from tests.notifier.mailbox import Mailbox, text_of
from tests.notifier.sink import Sink, says
from tests.rozana.command import one_line, rozana

ID = str(UUID(int=1, version=4))
PERSON = {
    "name": "Canary",
    "audience": "pcc",
    "language": "en",
    "from": "2026-11-01",
    "ways": [{"channel": "mail", "address": "canary@x.example"}],
}


def routes(folder: Path, mail: int, hook: int) -> dict[str, str]:
    file = folder / "routes.toml"
    file.write_text(
        f"""
allow_hosts = ["127.0.0.1"]
allow_private = true

[[mail]]
name = "mail"
host = "127.0.0.1"
port = {mail}
from = "alerts@rozana.example"
tls = "none"

[[webhook]]
name = "hook"
url = "http://127.0.0.1:{hook}/"
secrets = [{{ env = "HOOK" }}]
audiences = ["pcc"]
"""
    )
    secret = "whsec_" + base64.b64encode(bytes(32)).decode()
    return {"ROZANA_DATA": str(folder), "ROZANA_ROUTES": str(file), "HOOK": secret}


async def test_one_message_and_one_line(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store.db")
    await Contacts(store).put("in-mp", ID, Contact.model_validate_json(json.dumps(PERSON)))
    mailbox = Mailbox()
    async with mailbox.serving(), Sink().serving() as sink:
        settings = routes(tmp_path, mailbox.port, sink.port)
        mailed = await rozana("notify", "test", "mail", "--contact", ID, **settings)  # beside who has the store open
        assert mailed == (0, f"sent by mail to contact {ID}\n", "")
        assert text_of(mailbox.mails[0]).startswith("If you read this")
        assert await rozana("notify", "test", "hook", **settings) == (0, "sent by hook\n", "")
        assert json.loads(sink.received[0].body)["type"] == "test"
        sink.answers = [says(503)]
        code, out, _ = await rozana("notify", "test", "hook", **settings)
        assert (code, out) == (1, "not sent by hook: failing (docs/delivery.md says what that means)\n")
        for arguments, said in (
            (("pigeon",), "no such channel in the routes file; there are: hook, mail"),
            (("mail",), "mail is for people: say whom by --contact ID"),
            (("mail", "--contact", ID, "--state", "in-up"), "in-up has no such contact that is reached by mail"),
        ):
            code, out, told = await rozana("notify", "test", *arguments, **settings)
            assert (code, out) == (1, "")
            assert one_line(told).startswith(said)
    await store.close()
