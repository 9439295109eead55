// What a page gains when scripts run: copy buttons, logs that follow, and a reload when a build's state moves.
// Without scripts every page says the same; only it must be fetched again to see something newer.
"use strict";
(() => {
  const POLL_MS = 2000;
  const MAX_SHOWN = 512 * 1024; // characters kept on screen of a long log
  const CONTROL = /\x1b\[[0-?]*[ -\/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f]/g; // colours and bells

  for (const box of document.querySelectorAll("[data-copy]")) {
    const text = box.querySelector("code");
    if (!text || !navigator.clipboard) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "quiet";
    button.textContent = "Copy";
    button.setAttribute("aria-label", "Copy: " + text.textContent);
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(text.textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(text);
        button.textContent = "Press Ctrl+C";
      }
      setTimeout(() => (button.textContent = "Copy"), 2000);
    });
    box.append(button);
  }

  // A log that grows: ask for the bytes after those that are shown.
  async function follow(log) {
    const box = log.parentElement; // its zero is its end: see the style sheet
    const url = log.dataset.logUrl;
    let offset = Number(log.dataset.logOffset) || 0;
    const decoder = new TextDecoder();
    for (;;) {
      await new Promise((done) => setTimeout(done, document.hidden ? 5 * POLL_MS : POLL_MS));
      let reply;
      try {
        reply = await fetch(url, { headers: { Range: `bytes=${offset}-` }, cache: "no-store" });
      } catch {
        continue; // the server restarts, or the reader is on a train
      }
      if (reply.status !== 206) continue; // 416: nothing new; 404: not begun
      const bytes = await reply.arrayBuffer();
      offset += bytes.byteLength;
      const before = box.scrollHeight;
      log.append(decoder.decode(bytes, { stream: true }).replace(CONTROL, ""));
      log.normalize();
      if (log.textContent.length > 2 * MAX_SHOWN) log.textContent = log.textContent.slice(-MAX_SHOWN);
      if (box.scrollTop < -40) box.scrollTop -= box.scrollHeight - before; // stay where the reader is
    }
  }
  document.querySelectorAll("[data-log-url]").forEach(follow);

  // A build that is not over: the page is fetched again when its fingerprint changes.
  const watched = document.querySelector("[data-watch]");
  if (watched) {
    setInterval(async () => {
      if (document.hidden) return;
      try {
        const reply = await fetch(watched.dataset.watch, { cache: "no-store" });
        if (reply.ok && (await reply.text()) !== watched.dataset.fingerprint) location.reload();
      } catch { /* the next turn asks again */ }
    }, POLL_MS);
  }
})();
