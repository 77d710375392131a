"""Pages of the dispatcher."""

from datetime import datetime, timedelta

from tests.web.page_lists import Seen
from tests.web.platform import Platform


def decided(platform: Platform) -> str:
    """Where a decision can be ended; made once a platform, and shown by the day and by the asset's page."""
    if "decided" not in platform.known:
        now = datetime.fromisoformat(platform.api("GET", "/status")["now"])
        given = {"kind": "exclude", "target": "pv-h01", "until": (now + timedelta(hours=30)).isoformat(),
                 "reason": "Dach wird gereinigt"}  # fmt: skip
        platform.known["decided"] = platform.api("POST", "/overrides", given)["override_id"]
    return f"/day/override/{platform.known['decided']}"


def there(path: str):
    """A page that shows a decision."""

    def found(platform: Platform) -> str:
        decided(platform)
        return path

    return found


PAGES = [
    Seen("day", there("/day"), "operator"),
    Seen("override-to-end", decided, "operator"),
    Seen("override-lock", "/day/override?kind=lock&target=battery-h01", "operator"),
    Seen("why-heat", "/day/why?asset=boiler-1", "viewer"),
    Seen("day-for-a-viewer", "/day", "viewer"),
    Seen("override", "/day/override?kind=limit&target=transformer-1", "operator"),
    Seen("release", "/day/release", "operator"),
    Seen("why", "/day/why?asset=chp-1", "operator"),
    Seen("why-nothing", "/day/why?asset=nobody", "operator", 422),
    Seen("files", "/day/files", "planner"),
    Seen("handover", "/day/handover", "operator"),
    Seen("inputs", "/inputs", "operator"),
    Seen("not-for-this-role", "/inputs", "viewer", 403),
]
