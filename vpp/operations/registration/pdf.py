"""A PDF that can be read aloud: headings, paragraphs, lists and tables are tagged, language and title are set.

A thin layer over reportlab's canvas, which draws text but knows no tags: each block is drawn as marked content, and the
structure tree (ISO 32000-1, 14.7) names the marks in reading order. Fonts are embedded.
"""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import reportlab
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import simpleSplit
from reportlab.pdfbase import pdfdoc, pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

LEFT, TOP, BOTTOM = 62.0, 66.0, 64.0
"""Margins, points (1/72 inch)."""
WIDTH, HEIGHT = A4
LEADING = 1.42
"""Line height by size: generous, for readers with weak eyes."""
REGULAR, BOLD = "Vera", "VeraBd"
INK, SOFT, HOUSE, LINE = 0x14201F, 0x4F5B59, 0x0D5C6B, 0xD9D7CC
SIZES = {"H1": 20.0, "H2": 13.0, "P": 10.5, "LBody": 10.5, "TH": 9.5, "TD": 9.5}


class Document:
    """Blocks from top to bottom, over as many pages as they need."""

    def __init__(self, title: str, language: str, author: str, footer: str) -> None:
        _fonts()
        self._file, self._footer = io.BytesIO(), footer
        self._canvas: Any = Canvas(self._file, pagesize=A4, lang=language, pageCompression=1)
        self._canvas.setTitle(title)
        self._canvas.setAuthor(author)
        self._canvas.setViewerPreference("DisplayDocTitle", "true")
        self._doc: Any = self._canvas._doc
        self._doc.Catalog.Lang = pdfdoc.PDFString(language)
        self._doc.Catalog.MarkInfo = pdfdoc.PDFDictionary({"Marked": "true"})
        self._root: Any = pdfdoc.PDFDictionary({"Type": pdfdoc.PDFName("StructTreeRoot")})
        self._root_at = self._doc.Reference(self._root)
        self._doc.Catalog.StructTreeRoot = self._root
        self._whole, self._whole_at = self._element("Document", self._root_at)
        self._children: list[Any] = []
        self._pages: list[list[Any]] = []
        """By page: the element of each mark."""
        self._page: Any = None
        self._begin_page()

    # Blocks

    def heading(self, text: str, level: int = 2) -> None:
        size = SIZES[f"H{level}"]
        self._room(4.5 * size)
        self._y -= 0.0 if level == 1 else 0.9 * size
        self._block(f"H{level}", text, font=BOLD, size=size, colour=HOUSE if level > 1 else INK)
        self._y -= 0.3 * size

    def paragraph(self, text: str, *, soft: bool = False, bold: bool = False) -> None:
        self._block("P", text, font=BOLD if bold else REGULAR, colour=SOFT if soft else INK)
        self._y -= 5

    def bullets(self, texts: Sequence[str]) -> None:
        listing, at = self._element("L", self._whole_at)
        items = list[Any]()
        for text in texts:
            item, item_at = self._element("LI", at)
            body = self._block("LBody", text, parent=item_at, indent=14, before="•")
            item.dict["K"] = pdfdoc.PDFArray(body)
            items.append(item_at)
            self._y -= 2.5
        listing.dict["K"] = pdfdoc.PDFArray(items)
        self._children.append(at)
        self._y -= 4

    def table(self, rows: Sequence[Sequence[str]], widths: Sequence[float], *, header: bool = False) -> None:
        """The first cell of each row is its heading; with `header`, so is the first row. Widths: shares of the line."""
        table, at = self._element("Table", self._whole_at)
        lines = list[Any]()
        for n, row in enumerate(rows):
            lines.append(self._row(row, widths, at, header=header and n == 0))
        table.dict["K"] = pdfdoc.PDFArray(lines)
        self._children.append(at)
        self._y -= 6

    def _row(self, row: Sequence[str], widths: Sequence[float], parent: Any, *, header: bool) -> Any:
        size, line = SIZES["TD"], SIZES["TD"] * LEADING
        whole = WIDTH - 2 * LEFT
        cells = [simpleSplit(text, REGULAR, size, share * whole - 8) for text, share in zip(row, widths, strict=True)]
        height = max(map(len, cells)) * line + 6
        self._room(height)
        element, at = self._element("TR", parent)
        top, x, marks = self._y, LEFT, list[Any]()
        for n, (text, share) in enumerate(zip(row, widths, strict=True)):
            self._y = top
            head = header or n == 0
            marks += self._block("TH" if head else "TD", text, parent=at, font=BOLD if header else REGULAR,
                                 colour=SOFT if head else INK, x=x, width=share * whole - 8,
                                 scope=("Column" if header else "Row") if head else "")  # fmt: skip
            x += share * whole
        self._y = top - height
        self._artifact_line(self._y + 2)
        element.dict["K"] = pdfdoc.PDFArray(marks)
        return at

    def end(self) -> bytes:
        self._end_page()
        self._whole.dict["K"] = pdfdoc.PDFArray(self._children)
        self._root.dict["K"] = pdfdoc.PDFArray([self._whole_at])
        numbers = list[Any]()
        for n, elements in enumerate(self._pages):
            numbers += [n, pdfdoc.PDFArray(elements)]
        self._root.dict["ParentTree"] = pdfdoc.PDFDictionary({"Nums": pdfdoc.PDFArray(numbers)})
        self._root.dict["ParentTreeNextKey"] = len(self._pages)
        self._canvas.save()
        return self._file.getvalue()

    # Marks and structure

    def _element(self, role: str, parent: Any) -> tuple[Any, Any]:
        made: Any = pdfdoc.PDFDictionary({"Type": pdfdoc.PDFName("StructElem"), "S": pdfdoc.PDFName(role)})
        made.dict["P"] = parent
        return made, self._doc.Reference(made)

    def _block(
        self, role: str, text: str, *, parent: Any = None, font: str = REGULAR, size: float | None = None,
        colour: int = INK, x: float = LEFT, width: float = WIDTH - 2 * LEFT, indent: float = 0.0, before: str = "",
        scope: str = "",
    ) -> list[Any]:  # fmt: skip
        """Draw lines as one element; over a page break it has a mark on either page. Returns its reference."""
        size = size or SIZES[role]
        element, at = self._element(role, parent or self._whole_at)
        if scope:
            told = {"O": pdfdoc.PDFName("Table"), "Scope": pdfdoc.PDFName(scope)}
            element.dict["A"] = pdfdoc.PDFDictionary(told)
        marks, opened = list[Any](), False
        for n, line in enumerate(simpleSplit(text, font, size, width - indent) or [""]):
            if parent is None or role == "LBody":
                if self._y - size * LEADING < BOTTOM and opened:
                    self._code("EMC")
                    opened = False
                self._room(size * LEADING)
            if not opened:
                marks.append(self._mark(role, at))
                opened = True
            self._y -= size * LEADING
            self._canvas.setFillColorRGB(*_rgb(colour))
            self._canvas.setFont(font, size)
            if before and n == 0:
                self._canvas.drawString(x + 2, self._y, before)
            self._canvas.drawString(x + indent, self._y, line)
        self._code("EMC")
        element.dict["K"] = pdfdoc.PDFArray(marks)
        if parent is None:
            self._children.append(at)
        return [at]

    def _mark(self, role: str, element: Any) -> Any:
        number = len(self._pages[-1])
        self._pages[-1].append(element)
        self._code(f"/{role} <</MCID {number}>> BDC")
        told = {"Type": pdfdoc.PDFName("MCR"), "Pg": pdfdoc.PDFObjectReference(self._page_name()), "MCID": number}
        return pdfdoc.PDFDictionary(told)

    def _page_name(self) -> str:
        return f"Page{len(self._pages)}"

    def _code(self, line: str) -> None:
        self._canvas._code.append(line)

    def _artifact_line(self, y: float) -> None:
        self._code("/Artifact BMC")
        self._canvas.setStrokeColorRGB(*_rgb(LINE))
        self._canvas.setLineWidth(0.6)
        self._canvas.line(LEFT, y, WIDTH - LEFT, y)
        self._code("EMC")

    # Pages

    def _room(self, height: float) -> None:
        if self._y - height < BOTTOM:
            self._end_page()
            self._begin_page()

    def _begin_page(self) -> None:
        self._pages.append([])
        self._y = HEIGHT - TOP
        self._code("/Artifact BMC")
        self._canvas.setFillColorRGB(*_rgb(HOUSE))
        self._canvas.rect(0, HEIGHT - 10, WIDTH, 10, stroke=0, fill=1)
        self._canvas.setFillColorRGB(*_rgb(SOFT))
        self._canvas.setFont(REGULAR, 8)
        self._canvas.drawString(LEFT, 36, self._footer)
        self._canvas.drawRightString(WIDTH - LEFT, 36, str(len(self._pages)))
        self._code("EMC")

    def _end_page(self) -> None:
        """Pages carry the number of their marks' tree, which reportlab's own page does not know."""
        number, add = len(self._pages) - 1, self._doc.addPage

        def tagged(page: Any) -> Any:
            page.__NoDefault__ = [*page.__NoDefault__, "StructParents", "Tabs"]
            page.__Refs__ = [name for name in page.__Refs__ if name != "Tabs"]
            page.StructParents, page.Tabs = number, pdfdoc.PDFName("S")
            return add(page)

        self._doc.addPage = tagged
        try:
            self._canvas.showPage()
        finally:
            self._doc.addPage = add


def _rgb(colour: int) -> tuple[float, float, float]:
    return (colour >> 16) / 255, (colour >> 8 & 255) / 255, (colour & 255) / 255


def _fonts() -> None:
    """Bitstream Vera comes with reportlab."""
    folder = Path(reportlab.__file__).parent / "fonts"
    for name in (REGULAR, BOLD):
        if name not in pdfmetrics.getRegisteredFontNames():
            pdfmetrics.registerFont(TTFont(name, str(folder / f"{name}.ttf")))
