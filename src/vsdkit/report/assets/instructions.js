"use strict";

/* The page of instruction rows: whose tags the table has, and what it is sorted by. */
(() => {
  document.getElementById("role").addEventListener("input", (event) => {
    for (const table of document.querySelectorAll("[data-role]")) {
      table.hidden = table.dataset.role !== event.target.value;
    }
  });

  function valueOf(row, column) {
    const cell = row.children[column];
    return cell.dataset.value === undefined ? cell.textContent : Number(cell.dataset.value);
  }

  function sort(table, column) {
    const heads = [...table.tHead.rows[0].children];
    // Numbers from the most, names from the first letter; a second click turns it round.
    const usual = column === 0 ? "ascending" : "descending";
    const other = column === 0 ? "descending" : "ascending";
    const order = heads[column].getAttribute("aria-sort") === usual ? other : usual;
    const sign = order === "ascending" ? 1 : -1;
    const rows = [...table.tBodies[0].rows].sort((one, two) => {
      const [left, right] = [valueOf(one, column), valueOf(two, column)];
      return sign * (column === 0 ? left.localeCompare(right) : left - right);
    });
    heads.forEach((head) => head.removeAttribute("aria-sort"));
    heads[column].setAttribute("aria-sort", order);
    table.tBodies[0].append(...rows);
  }

  for (const table of document.querySelectorAll("table.sortable")) {
    [...table.tHead.rows[0].children].forEach((head, column) => {
      head.firstElementChild.addEventListener("click", () => sort(table, column));
    });
  }
})();
