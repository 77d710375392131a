"""Pages of planners."""

from tests.web.page_lists import Seen
from tests.web.planning import planned_case

PAGES = [
    Seen("planner", "/planner", "planner"),
    Seen("planner-case", lambda platform: f"/planner/cases/{planned_case(platform)}", "planner"),
    Seen("planner-compare", lambda platform: f"/planner/compare?first={planned_case(platform)}"
                                             f"&second={planned_case(platform)}", "planner"),
]  # fmt: skip
