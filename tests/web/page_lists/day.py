"""Pages of the dispatcher."""

from tests.web.page_lists import Seen

PAGES = [
    Seen("day", "/day", "operator"),
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
