"""Pages of the studio."""

from tests.web.page_lists import Seen
from tests.web.planning import finished_study

PAGES = [
    Seen("studies", "/studies", "planner"),
    Seen("study-compose", "/studies/new", "planner"),
    Seen("study-finished", finished_study, "planner"),
    Seen("study-not-there", "/studies/00000000-0000-4000-8000-000000000000", "planner", 404),
]
