"""Pages of planners."""

from tests.web.page_lists import Seen
from tests.web.planning import planned_case

PAGES = [
    Seen("planner", "/planner", "planner"),
    Seen("planner-case", lambda platform: f"/planner/cases/{planned_case(platform)}", "planner"),
    Seen("planner-case-why", lambda platform: f"/planner/cases/{planned_case(platform)}?asset=hp", "planner"),
    Seen("planner-not-there", "/planner/cases/00000000-0000-4000-8000-000000000000", "planner", 404),
    Seen("planner-compare", lambda platform: f"/planner/compare?first={planned_case(platform)}"
                                             f"&second={planned_case(platform)}", "planner"),
]  # fmt: skip
