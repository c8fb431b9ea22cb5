"use strict";

/* Buttons that copy a text of the page: data-copies names its element. */
for (const button of document.querySelectorAll("[data-copies]")) {
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copies);
    try {
      await navigator.clipboard.writeText(source.textContent);
      button.textContent = "copied";
    } catch {
      // Where the browser does not let a page write there, the person can.
      getSelection().selectAllChildren(source);
      button.textContent = "selected: copy it";
    }
  });
}
