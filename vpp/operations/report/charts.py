"""SVG by hand: panels over a common time axis, stepped areas and lines, ticks in local time. No scripts, no styles:
colours come from classes in report.css, so that a chart follows light, dark and print."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import ceil, floor, isfinite, log10

import numpy as np
from markupsafe import Markup, escape

from vpp.domain import MARKET_ZONE, Array, Horizon
from vpp.operations.report.look import in_order, look, pattern
from vpp.operations.schedule import clock_changes, local_clock

WIDE, MEDIUM, NARROW = 960, 640, 330
"""Width in SVG units of the three renderings; report.css shows the one whose text is of readable size."""
TEXT, CHARACTER = 13.0, 6.9
"""Font size and the mean width of a character, SVG units."""


@dataclass(slots=True)
class Drawing:
    """An SVG being drawn. `uid` keeps its ids apart from those of the other charts on the page."""

    uid: str
    width: float
    height: float = 0.0
    parts: list[Markup] = field(default_factory=list[Markup])
    patterns: dict[str, str] = field(default_factory=dict[str, str])

    def add(self, tag: str, content: str = "", **attributes: str | float) -> None:
        """`class_` → class, `text_anchor` → text-anchor; content is escaped."""
        self.parts.append(element(tag, content, **attributes))

    def text(self, x: float, y: float, content: str, anchor: str = "start", kind: str = "") -> None:
        self.add("text", content, x=x, y=y, text_anchor=anchor, class_=f"label {kind}".strip())

    def fill(self, kind: str) -> str:
        """Fill of an asset type: its colour under its pattern."""
        id = self.patterns.setdefault(kind, f"{self.uid}-{len(self.patterns)}")
        return f"url(#{id})"

    def svg(self, title: str, description: str, kind: str) -> Markup:
        defs = Markup("").join(pattern(kind, id) for kind, id in self.patterns.items())
        ids = f"{self.uid}-title {self.uid}-desc"
        inside = element("title", title, id=f"{self.uid}-title") + element("desc", description, id=f"{self.uid}-desc")
        inside += element("defs", defs) + Markup("\n").join(self.parts)
        box = f"0 0 {plain(self.width)} {plain(self.height)}"
        return element("svg", inside, viewBox=box, role="img", aria_labelledby=ids, class_=kind)


def element(tag: str, content: str = "", **attributes: str | float) -> Markup:
    """Content and values are escaped, unless they are markup already."""
    pairs = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(value if isinstance(value, str) else plain(value))}"'
        for name, value in attributes.items()
    )
    return Markup(f"<{tag}{pairs}>{escape(content)}</{tag}>")


def plain(value: float) -> str:
    """At most one decimal: a tenth of a pixel."""
    text = f"{value:.1f}"
    return text.removesuffix(".0")


def all_widths(title: str, description: str, uid: str, draw: Callable[[Drawing], None]) -> Markup:
    """The chart for wide pages, for tablets and for telephones."""
    widths = {"wide": WIDE, "medium": MEDIUM, "narrow": NARROW}
    drawings = [(Drawing(f"{uid}-{kind}", width), kind) for kind, width in widths.items()]
    for drawing, _ in drawings:
        draw(drawing)
    return Markup("").join(drawing.svg(title, description, kind) for drawing, kind in drawings)


@dataclass(frozen=True, slots=True)
class Panel:
    """A plot area with an own value axis; steps `first` to `last` (its end is the right edge)."""

    drawing: Drawing
    top: float
    height: float
    first: int
    last: int
    low: float
    high: float
    unit: str
    left: float = 52.0
    right: float = 12.0

    def x(self, t: float) -> float:
        inner = self.drawing.width - self.left - self.right
        return self.left + inner * (t - self.first) / (self.last - self.first)

    def y(self, value: float) -> float:
        return self.top + self.height * (self.high - value) / (self.high - self.low)

    @property
    def bottom(self) -> float:
        return self.top + self.height

    def value_axis(self, name: str) -> None:
        """Horizontal lines with their values; the name with its unit above the panel."""
        end = self.drawing.width - self.right
        values = ticks(self.low, self.high, max(2, int(self.height // 42)))
        decimals = max(0, -floor(log10(values[1] - values[0]) + 1e-9)) if len(values) > 1 else 0
        for value in values:
            line = "zero" if abs(value) < 1e-9 else "grid"
            self.drawing.add("line", x1=self.left, x2=end, y1=self.y(value), y2=self.y(value), class_=line)
            number = f"{value:.{decimals}f}".replace("-", "−")
            self.drawing.text(self.left - 7, self.y(value) + 4.5, number, "end", "number")
        self.drawing.text(0, self.top - 13, f"{name}, {self.unit}", kind="axis")

    def time_axis(self, horizon: Horizon, *, labels: bool) -> None:
        """Local hours; on a day of a clock change that instant is marked."""
        for t, text, strong in hour_ticks(horizon, self.first, self.last, self.drawing.width):
            x = self.x(t)
            self.drawing.add(
                "line", x1=x, x2=x, y1=self.top, y2=self.bottom, class_="grid strong" if strong else "grid"
            )
            if labels:
                anchor = "end" if t == self.last else "start" if t == self.first else "middle"
                self.drawing.text(x, self.bottom + 18, text, anchor, "number")
        for t in clock_changes(horizon):
            if self.first < t < self.last:
                x = self.x(t)
                self.drawing.add("line", x1=x, x2=x, y1=self.top, y2=self.bottom, class_="clock-change")
                if labels:
                    self.drawing.text(
                        x, self.bottom + 34, f"clock change: {local_clock(horizon.time(t))}", "start", "quiet"
                    )

    def area(self, lower: Array, upper: Array, **attributes: str) -> None:
        """Stepped area between two series (whole horizon), where they differ."""
        for start, end in runs(np.abs(upper - lower) > 1e-6, self.first, self.last):
            there = self._steps(upper, range(start, end), ahead=True)
            back = self._steps(lower, range(end - 1, start - 1, -1), ahead=False)
            path = f"M{plain(self.x(start))},{plain(self.y(upper[start]))}{there}{back}Z"
            self.drawing.add("path", d=path, **attributes)

    def stepped(self, values: Array, class_: str) -> None:
        """Stepped line; broken where a value is missing."""
        for start, end in runs(np.isfinite(values), self.first, self.last):
            path = f"M{plain(self.x(start))},{plain(self.y(values[start]))}"
            self.drawing.add("path", d=path + self._steps(values, range(start, end), ahead=True), class_=class_)

    def _steps(self, values: Array, order: range, *, ahead: bool) -> str:
        """V to each value that differs, H over equal ones."""
        path, y = list[str](), ""
        for n, t in enumerate(order):
            if (new := plain(self.y(values[t]))) != y and (n or not ahead):
                path.append(f"V{new}")
            last = n == len(order) - 1
            if last or plain(self.y(values[order[n + 1]])) != new:
                path.append(f"H{plain(self.x(t + 1 if ahead else t))}")
            y = new
        return "".join(path)

    def line(self, times: Sequence[float], values: Sequence[float], class_: str) -> None:
        """Straight from point to point, for what is held at an instant: levels."""
        points = " ".join(f"{plain(self.x(t))},{plain(self.y(v))}" for t, v in zip(times, values, strict=True))
        self.drawing.add("polyline", points=points, class_=class_)

    def dots(self, times: Sequence[float], values: Sequence[float], class_: str) -> None:
        for t, value in zip(times, values, strict=True):
            if isfinite(value):
                self.drawing.add("circle", cx=self.x(t), cy=self.y(value), r=3.2, class_=class_)

    def hints(self, sentence: Callable[[int], str]) -> None:
        """What the mouse reads over each step; the table holds the same."""
        for t in range(self.first, self.last):
            box = {"x": self.x(t), "y": self.top, "width": self.x(t + 1) - self.x(t), "height": self.height}
            self.drawing.add("rect", element("title", sentence(t)), class_="hint", **box)


def runs(mask: Sequence[bool] | np.ndarray, first: int, last: int) -> list[tuple[int, int]]:
    """Half-open ranges of consecutive true steps."""
    found, start = list[tuple[int, int]](), None
    for t in range(first, last + 1):
        inside = t < last and bool(mask[t])
        if inside and start is None:
            start = t
        if not inside and start is not None:
            found.append((start, t))
            start = None
    return found


def ticks(low: float, high: float, most: int) -> list[float]:
    """Round values within the range: about `most` of them."""
    raw = (high - low) / max(1, most)
    power = 10.0 ** floor(log10(raw))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw - 1e-12)
    return [n * step for n in range(ceil(low / step - 1e-9), floor(high / step + 1e-9) + 1)]


def value_range(*series: Array, zero: bool = True) -> tuple[float, float]:
    """Of all finite values (and zero) with a little air, never empty."""
    finite = np.concatenate([np.ravel(s)[np.isfinite(np.ravel(s))] for s in series] + [np.zeros(int(zero))])
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if high - low < 1e-3 * max(1.0, abs(low), abs(high)):
        return low - 1.0, high + 1.0
    air = 0.06 * (high - low)
    return (low if zero and low == 0 else low - air, high if zero and high == 0 else high + air)


def hour_ticks(horizon: Horizon, first: int, last: int, width: float) -> list[tuple[int, str, bool]]:
    """(step, text, is midnight) at whole local hours, as many as fit; at the right edge midnight reads 24:00."""
    hours = (last - first) * horizon.step_h
    most = 9 if width > NARROW else 5
    every = next((h for h in (0.25, 0.5, 1, 2, 3, 6, 12, 24) if hours / h <= most), 24 * ceil(hours / 24 / most))
    found = list[tuple[int, str, bool]]()
    for t in range(first, last + 1):
        local = horizon.time(t).astimezone(MARKET_ZONE)
        of_day = local.hour + local.minute / 60
        due = local.toordinal() % (every / 24) == 0 and of_day == 0 if every > 24 else of_day % every == 0
        if due:
            text = "24:00" if t == last and of_day == 0 else local_clock(horizon.time(t))
            found.append((t, text, of_day == 0))
    return found


@dataclass(frozen=True, slots=True)
class Key:
    """Entry of a legend: an asset type, or a line or dot by its class."""

    name: str
    kind: str = ""
    line: str = ""
    dot: str = ""


def text_width(text: str) -> float:
    """About, in SVG units: letters differ too much for a mean where things stand side by side."""
    return CHARACTER * 1.08 * sum(0.65 if c in "ijltf.,' " else 1.5 if c in "mwMW" else 1.1 for c in text)


def legend(drawing: Drawing, keys: Sequence[Key], top: float) -> float:
    """Draws the entries in rows; returns the y below them."""
    x, y = 0.0, top
    for key in keys:
        wide = 29 + text_width(key.name) + 18
        if x and x + wide - 18 > drawing.width:
            x, y = 0.0, y + 22
        if key.kind:
            drawing.add("rect", x=x, y=y, width=22, height=13, rx=2, fill=drawing.fill(key.kind), class_="swatch")
        if key.line:
            drawing.add("line", x1=x, x2=x + 22, y1=y + 6.5, y2=y + 6.5, class_=key.line)
        if key.dot:
            drawing.add("circle", cx=x + 11, cy=y + 6.5, r=3.2, class_=key.dot)
        drawing.text(x + 29, y + 11.5, key.name)
        x += wide
    return y + 22


def type_keys(kinds: Sequence[str]) -> list[Key]:
    return [Key(look(kind).name, kind=kind) for kind in in_order(kinds)]
