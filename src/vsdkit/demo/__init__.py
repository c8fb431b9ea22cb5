"""The whole road on a drawn world, with a model small enough for two cores."""

from __future__ import annotations

from vsdkit.demo.road import DemoReport, demo

__all__ = ["DemoReport", "demo"]
