"""Pages of the studio."""

from tests.web.page_lists import Seen

PAGES = [
    Seen("studies", "/studies", "planner"),
    Seen("study-compose", "/studies/new", "planner"),
]
