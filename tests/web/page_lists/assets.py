"""List, map and pages of assets."""

from tests.web.page_lists import Seen
from tests.web.page_lists.day import there

PAGES = [
    Seen("assets", "/assets", "operator"),
    Seen("assets-filtered", "/assets?kind=battery&node=h01", "viewer"),
    Seen("assets-nothing", "/assets?q=no-such-thing", "planner"),
    Seen("asset-battery", "/assets/battery-h01", "operator"),
    Seen("asset-decided", there("/assets/pv-h01"), "operator"),
    Seen("asset-boiler", "/assets/boiler-1", "viewer"),
    Seen("asset-not-there", "/assets/no-such", "viewer", 404),
]
