"""What to try when the demo has been played: URLs, a token for each role, three commands to paste."""

import json
import os
import shlex
import sys
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from libs.runtime.auth import issue_demo_token
from libs.runtime.keys import DemoKeys
from rozana.demo.cast import LAST_DAY, STATE, report
from rozana.demo.script import Script

PRESIDENT_OF = "in-mp.guna"
READABLE = "python3 -m json.tool --no-ensure-ascii"


def how_to_try(script: Script, keys: DemoKeys, folder: Path, url: str) -> str:
    """Plain text, so that every line can be copied whole."""
    tenure = script.tenures[PRESIDENT_OF]
    tokens = {
        "president": issue_demo_token(keys, "president", PRESIDENT_OF, tenure),
        "pcc": issue_demo_token(keys, "pcc", STATE),
        "aicc": issue_demo_token(keys, "aicc", "in"),
        "operator": issue_demo_token(keys, "operator", "in"),
    }
    whose = {
        "president": f"the president of {PRESIDENT_OF}, tenure {tenure}",
        "pcc": f"the state office of {STATE}",
        "aicc": "the national office",
        "operator": "who runs Rozana",
    }
    today = LAST_DAY + timedelta(days=1)  # the night of the last day has passed
    body = report(PRESIDENT_OF, today, tenure) | {"id": str(uuid4())}
    text, form = json.dumps(body, ensure_ascii=False), "-H 'Content-Type: application/json'"
    misses = f"{url}/v1/alerts?state={STATE}&rule=missed-report&status=open"
    lines = [
        "",
        f"Rozana goes on at normal speed, on {url} (Ctrl-C ends it). Times are the demo's own clock: today is {today}.",
        f"The data is in {folder}; remove it when you are done.",
        f"  {url}/live   {url}/ready   {url}/metrics   {url}/openapi.json",
        "",
        "A token for each role, good for 12 hours:",
        *(f"  # {who}\n  {role.upper()}={tokens[role]}" for role, who in whose.items()),
        "",
        "Paste those four, then try:",
        "  # today's first report",
        f'  curl -i {url}/v1/reports -H "Authorization: Bearer $PRESIDENT" {form} -d {shlex.quote(text)}',
        "  # the board of today",
        f'  curl -s {url}/v1/states/{STATE}/days/{today} -H "Authorization: Bearer $PCC" | {READABLE}',
        "  # who has missed the day and is still silent",
        f"  curl -s '{misses}' -H \"Authorization: Bearer $PCC\" | {READABLE}",
        "",
        "  # or follow the events",
        f"  ROZANA_URL={url} ROZANA_DATA={shlex.quote(str(folder))} {running_command()} tail {STATE}",
    ]
    return "\n".join(lines)


def running_command() -> str:
    """`rozana` as it can be pasted here, be it on the PATH or not: `.venv/bin/rozana`."""
    python = Path(sys.executable)
    command = python.with_name("rozana")
    if not command.exists():
        return f"{shlex.quote(str(python))} -m rozana"
    relative = os.path.join(".", near) if os.sep not in (near := os.path.relpath(command)) else near  # noqa: PTH118
    return shlex.quote(min(relative, str(command), key=len))
