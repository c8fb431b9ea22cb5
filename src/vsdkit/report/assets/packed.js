"use strict";

/* Data of a page. A data file calls vsdkit.take(name, base64 of gzip of JSON); it is a script and
   not JSON because a page opened from a disk may load scripts, and nothing else. */
const vsdkit = (() => {
  const files = JSON.parse(document.getElementById("files").textContent);
  const asked = new Map();
  const takers = new Map();

  async function unpack(text) {
    const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    return JSON.parse(await new Response(stream).text());
  }

  /* Return a promise of a piece of data; its file is loaded when it is first asked for. */
  function load(name) {
    if (!asked.has(name)) {
      asked.set(name, new Promise((resolve, reject) => {
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

  return { load, take };
})();
