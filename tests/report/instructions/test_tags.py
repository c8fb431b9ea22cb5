"""The table of relations by tags."""

from __future__ import annotations

from collections import Counter

from vsdkit.report.instructions.tags import make_table


def test_the_most_frequent_tags_come_first_and_the_rest_is_counted() -> None:
    counts = Counter({(f"tag {at:02}", "on"): 100 - at for at in range(40)})
    table = make_table(counts, role="object")
    assert [row.tag for row in table.rows[:2]] == ["tag 00", "tag 01"]
    assert (len(table.rows), table.other_tags) == (30, 10)
    assert table.others is not None
    assert table.others.rows + sum(row.rows for row in table.rows) == table.total.rows
    assert table.total.rows == counts.total()


def test_what_is_not_known_has_a_column_only_where_there_is_some() -> None:
    known = make_table(Counter({("cup", "to the left of"): 4, ("cup", "on"): 1}), role="subject")
    assert known.relations[-2:] == ("left", "right")
    assert [cell.rows for cell in known.rows[0].cells] == [1, 0, 0, 0, 0, 0, 0, 4, 0]
    assert [cell.shade for cell in known.rows[0].cells if cell.rows] == [1, 4]
    assert known.others is None
    lacking = make_table(Counter({("", ""): 2}), role="subject")
    assert lacking.relations[-1] == "not known"
    assert lacking.rows[0].tag == "not known"
