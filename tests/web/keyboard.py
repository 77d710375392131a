"""Keys only: no click, no fill."""

from typing import Any

MOST_TABS = 120
FOCUSED = """() => { const e = document.activeElement, s = getComputedStyle(e), r = e.getBoundingClientRect()
    return {outline: parseFloat(s.outlineWidth) || 0, style: s.outlineStyle,
            seen: r.width > 0 && r.bottom > 0 && r.top < innerHeight + 1} }"""


def tab_to(page: Any, selector: str) -> None:
    """Press Tab until it has the focus; the focus is visible there."""
    for _ in range(MOST_TABS):
        if page.evaluate("s => document.activeElement?.matches(s) ?? false", selector):
            focus = page.evaluate(FOCUSED)
            assert focus["seen"] and focus["outline"] >= 2 and focus["style"] != "none", (selector, focus)
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{selector} is not reached by {MOST_TABS} tabs on {page.url}")


def press(page: Any, selector: str) -> None:
    """Go there and press Enter."""
    tab_to(page, selector)
    page.keyboard.press("Enter")


def write(page: Any, selector: str, text: str) -> None:
    tab_to(page, selector)
    page.keyboard.press("Control+a")
    page.keyboard.type(text)
