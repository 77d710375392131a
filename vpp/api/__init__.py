"""HTTP for machines and pages: `/api/v1`."""

from vpp.api.app import create_app

__all__ = ["create_app"]
