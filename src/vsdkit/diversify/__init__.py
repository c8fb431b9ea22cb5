"""Three sentences that are too much alike -> the second one in other words, or left as it was."""

from vsdkit.diversify.run import DiversifyReport, diversify

__all__ = ["DiversifyReport", "diversify"]
