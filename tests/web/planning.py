"""A case and a study brought in as a browser does it, for pages that show one."""

import re
import time
import urllib.error
import urllib.request
import uuid
from datetime import date
from pathlib import Path
from urllib.parse import urlencode

from tests.web.owner_pages import Forms
from tests.web.platform import ROOT, Platform, password
from vpp.operations.desk import packed
from vpp.operations.desk.composing import base_of, with_variant

CASE = ROOT / "data" / "cases" / "heat-pump-store"
PATIENCE_S = 60.0


def planned_case(platform: Platform, folder: Path = CASE) -> str:
    """Id of a case that has a plan; once a platform."""
    if folder not in platform.known:
        platform.known[folder] = _bring_in(platform, folder)
    return platform.known[folder]


def _bring_in(platform: Platform, folder: Path) -> str:
    cookies = dict[str, str]()

    class Still(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_):
            return None

    opener = urllib.request.build_opener(Still)

    def ask(path: str, data: bytes | None = None, kind: str = "application/x-www-form-urlencoded"):
        headers = {"Content-Type": kind, "Cookie": "; ".join(f"{k}={v}" for k, v in cookies.items())}
        try:
            answer = opener.open(urllib.request.Request(platform.url + path, data, headers), timeout=30)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            body = answer.read()
        for line in answer.headers.get_all("Set-Cookie") or []:
            name, _, value = line.partition(";")[0].partition("=")
            cookies[name] = value
        return answer.status, answer.headers.get("Location", ""), body

    ask("/login", urlencode({"name": "planner", "password": password("planner")}).encode())
    boundary = uuid.uuid4().hex
    fields = {"csrf_token": cookies["__Host-vpp-csrf"], "name": folder.name, "method": "exact", "gap": "0.01",
              "time_limit": "20"}  # fmt: skip
    body = b"".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n'.encode() for k, v in fields.items()
    )
    body += f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="case.zip"\r\n\r\n'.encode()
    body += packed(folder) + f"\r\n--{boundary}--\r\n".encode()
    status, to, said = ask("/planner/cases", body, f"multipart/form-data; boundary={boundary}")
    found = re.fullmatch(r"/planner/cases/(\S+)", to)
    assert found, (status, said.decode()[:2000])
    end = time.monotonic() + PATIENCE_S
    while ask(f"/planner/cases/{found[1]}/plan.zip")[0] != 200:
        assert time.monotonic() < end, "no plan came"
        time.sleep(0.3)
    return found[1]


def finished_study(platform: Platform) -> str:
    """Path of a study that is done; once a platform."""
    if "study" not in platform.known:
        day = date(2025, 4, 6)
        text = base_of("For the list of pages", "musterstadt", day, day, every_days=1, operation="daily",
                       forecast="perfect", gap=0.02, seeds=1)  # fmt: skip
        text = with_variant(text.replace("[study]", "[study]\nassets = 12"), "Two more", "add", "battery-*", 2, 0.0)
        forms = Forms(platform, "planner")
        try:
            path = forms.post("/studies/new", do="check", text=text)
            end = time.monotonic() + 3 * PATIENCE_S
            while forms.status(f"{path}/tables.zip") != 200:
                assert time.monotonic() < end, "no study came"
                forms.post(f"{path}/run")  # it runs once it is estimated; until then this does nothing
                time.sleep(1.5)
        finally:
            forms.close()
        platform.known["study"] = path
    return platform.known["study"]
