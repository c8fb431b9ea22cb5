"""Write the page of predictions: read and score, then the pieces of data, then the page."""

from __future__ import annotations

from collections.abc import Mapping

from vsdkit.progress import Listener
from vsdkit.report.page import Page, assets_named, readable
from vsdkit.report.predictions.answered import read_answered
from vsdkit.report.predictions.details import detail_pieces
from vsdkit.report.predictions.entries import entries_of, entry_columns, sorts_of
from vsdkit.report.predictions.packing import pack_details, pack_entries
from vsdkit.report.predictions.pictures import find_pictures
from vsdkit.report.predictions.summary import summary_of
from vsdkit.report.written import WrittenReport
from vsdkit.settings.report import ReportSettings

__all__ = ["write_predictions"]

_KIND = "predictions"


def write_predictions(
    settings: ReportSettings,
    *,
    listener: Listener,
    origins: Mapping[str, str] | None,  # noqa: ARG001 - of every kind of page
) -> WrittenReport:
    """Score predictions, write their page, and return what was written.

    Where nothing is known of the answers, they are shown without scores, and that is told.

    Raises:
        MissingInputError: If a file is not there, or none of the pictures.
        ConfigError: If the folder holds something that is no report.
        DataError: If a row is wrong.
        AlignmentError: If a row is missing, or answers none of the items.
        VsdkitError: If the page cannot be written.
    """
    page = Page(settings.output)
    answered = read_answered(settings, listener)
    entries = entries_of(answered.rows)
    pictures = find_pictures(answered, settings, page, listener)
    sorts = sorts_of(answered)
    title = f"Predictions: {', '.join(readable(one.system.name) for one in answered.systems)}"
    summary = summary_of(answered, sorts, entries=len(entries))
    page.add_data(
        "summary",
        {
            "title": title,
            **summary,
            "images_shown": "thumbnails" if pictures.thumbnails else "outlines",
            "thumbnail_note": pictures.note,
        },
    )
    page.add_data("entries", pack_entries(entry_columns(entries, answered, sorts, pictures)))
    with listener.track("writing the page", total=len(entries)) as tracker:
        for name, piece in detail_pieces(entries, answered):
            page.add_data(name, pack_details(piece))
            tracker.advance(len(piece))
    index = page.finish(f"{_KIND}.html", title=title, assets=assets_named(_KIND))
    counts = {
        "entries": len(entries),
        "systems": len(answered.systems),
        "thumbnails": len(set(pictures.thumbnails.values())),
    }
    score = answered.score
    return WrittenReport(
        page=index,
        kind=_KIND,
        counts=counts,
        sizes=page.count_bytes(),
        files=answered.files,
        facts={"scores": score.to_dict() if score else None},
        remarks=[*answered.remarks, *pictures.remarks],
        failures=score.failures if score else (),
    )
