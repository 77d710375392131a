"""The report of a study: HTML in German and English, one self-contained file each, and PDF through Chromium."""

from vpp.operations.study.report.pdf import NoBrowser
from vpp.operations.study.report.write import render, write_reports

__all__ = ["NoBrowser", "render", "write_reports"]
