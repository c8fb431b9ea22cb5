"use strict";

/* Data of a page. A data file calls vsdkit.take(name, base64 of gzip of JSON); it is a script and
   not JSON because a page opened from a disk may load scripts, and nothing else. */
const vsdkit = (() => {
  const files = JSON.parse(document.getElementById("files").textContent);
  const asked = new Map();
  const takers = new Map();

  async function unpack(text) {
    if (typeof DecompressionStream === "undefined") {
      throw new Error("this browser is too old for the page: take one of 2023 or later");
    }
    const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    return JSON.parse(await new Response(stream).text());
  }

  /**
   * Return a promise of a piece of data; its file is loaded when it is first asked for.
   * @param {string} name As Page.add_data was told it.
   */
  function load(name) {
    if (!asked.has(name)) {
      asked.set(name, new Promise((resolve, reject) => {
        if (!Object.hasOwn(files, name)) {
          reject(new Error(`the page has no data called ${name}`));
          return;
        }
        takers.set(name, (text) => unpack(text).then(resolve, reject));
        const script = document.createElement("script");
        script.src = files[name];
        script.onerror = () => reject(new Error(`${files[name]} is missing beside index.html`));
        document.head.append(script);
      }));
    }
    return asked.get(name);
  }

  function take(name, text) {
    takers.get(name)(text);
  }

  const trouble = document.getElementById("trouble");
  trouble.hidden = true;
  trouble.classList.remove("until-started");

  /** Tell the reader what went wrong: an error that only the console holds is seen by nobody. */
  function fail(error) {
    trouble.textContent = `This page cannot be shown whole: ${error.message}.`;
    trouble.hidden = false;
  }

  return { load, take, fail };
})();
