"use strict";

/* Data of a page. A data file calls vsdkit.take(name, text); it is a script and not JSON because a
   page opened from a disk may load scripts, and nothing else. What the text is, and why, is told in
   packed.py. */
const vsdkit = (() => {
  const files = JSON.parse(document.getElementById("files").textContent);
  const asked = new Map();
  const takers = new Map();
  const WORDS = "words";

  /* Characters of seven bits to bytes. */
  function readBits(text) {
    const bytes = new Uint8Array(Math.floor((text.length * 7) / 8));
    let held = 0;
    let bits = 0;
    let place = 0;
    for (let at = 0; at < text.length; at++) {
      held = (held << 7) | text.charCodeAt(at);
      bits += 7;
      if (bits >= 8) {
        bits -= 8;
        bytes[place++] = held >> bits;
        held &= (1 << bits) - 1;
      }
    }
    return bytes;
  }

  /* Bytes to a text: what is not ASCII stands for a word, alone or with the byte behind it. */
  function readWords(bytes, words) {
    const parts = [];
    for (let at = 0; at < bytes.length; at++) {
      const code = bytes[at];
      if (code < 0x80) parts.push(String.fromCharCode(code));
      else if (code < 0xc0) parts.push(words[code - 0x80]);
      else parts.push(words[0x40 + (code - 0xc0) * 0x100 + bytes[++at]]);
    }
    return parts.join("");
  }

  async function unpack(name, text) {
    if (typeof DecompressionStream === "undefined") {
      throw new Error("this browser is too old for the page: take one of 2023 or later");
    }
    const words = name === WORDS ? [] : await load(WORDS);
    const stream = new Blob([readBits(text)]).stream().pipeThrough(new DecompressionStream("gzip"));
    const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
    return JSON.parse(readWords(bytes, words));
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
        takers.set(name, (text) => unpack(name, text).then(resolve, reject));
        const script = document.createElement("script");
        script.src = files[name];
        script.onload = () => {
          if (takers.has(name)) reject(new Error(`${files[name]} is damaged`));
        };
        script.onerror = () => reject(new Error(`${files[name]} is missing beside index.html`));
        document.head.append(script);
      }));
    }
    return asked.get(name);
  }

  function take(name, text) {
    const taker = takers.get(name);
    takers.delete(name);
    taker(text);
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
