"""The `vpp` command. Commands import what they need when they run, so that each starts fast."""

from vpp.cli.app import main

__all__ = ["main"]
