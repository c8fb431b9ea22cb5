"""The whole pipeline on synthetic scenes, with a model small enough for two cores."""

from __future__ import annotations

from vsdkit.demo.pipeline import DemoReport, demo

__all__ = ["DemoReport", "demo"]
