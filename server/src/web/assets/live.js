// What a page gains when scripts run: copy buttons, times that stay true, logs that follow, and a reload when a build's state moves.
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

  // An upload shows how far it is; what comes back is shown as if the form had been sent without a script.
  for (const form of document.querySelectorAll("form[data-progress]")) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const button = form.querySelector("button");
      const bar = document.createElement("progress");
      bar.max = 1;
      bar.setAttribute("aria-label", "Uploaded");
      const end = (text) => {
        bar.remove();
        button.disabled = false;
        if (text) alert(text);
      };
      const call = new XMLHttpRequest();
      call.upload.addEventListener("progress", (now) => { if (now.lengthComputable) bar.value = now.loaded / now.total; });
      call.addEventListener("error", () => end("The upload did not come through. Try again; it may be larger than this server takes."));
      call.addEventListener("load", () => {
        if (call.status < 400) return location.assign(call.responseURL);
        const main = new DOMParser().parseFromString(call.responseText, "text/html").querySelector("main");
        if (!main) return end("The server answered with status " + call.status + ".");
        document.querySelector("main").replaceWith(main);
        scrollTo(0, 0);
      });
      call.open("POST", form.action);
      call.setRequestHeader("Accept", "text/html");
      call.send(new FormData(form));
      button.disabled = true;
      button.after(bar);
    });
  }

  // "3 minutes ago" grows with the minutes; as the server says it (see text.rs).
  function ago(seconds) {
    const say = (n, unit) => `${n} ${unit}${n === 1 ? "" : "s"} ago`;
    if (seconds < 10) return "just now";
    if (seconds < 60) return say(seconds, "second");
    if (seconds < 3600) return say(Math.floor(seconds / 60), "minute");
    if (seconds < 86400) return say(Math.floor(seconds / 3600), "hour");
    return seconds < 5184000 ? say(Math.floor(seconds / 86400), "day") : null;
  }
  // Counted from what the server said, whatever this computer's clock says.
  const loaded = performance.now();
  const times = [...document.querySelectorAll("time")].flatMap((time) => {
    const words = /^(?:(just now)|(\d+) (second|minute|hour|day)s? ago)$/.exec(time.textContent);
    if (!words) return [];
    const unit = { second: 1, minute: 60, hour: 3600, day: 86400 }[words[3]];
    return [{ time, seconds: words[1] ? 0 : Number(words[2]) * unit }];
  });
  if (times.length) {
    setInterval(() => {
      if (document.hidden) return;
      const since = Math.floor((performance.now() - loaded) / 1000);
      for (const { time, seconds } of times) {
        const text = ago(seconds + since);
        if (text && text !== time.textContent) time.textContent = text;
      }
    }, 10000);
  }

  // A menu closes when the reader goes elsewhere.
  for (const menu of document.querySelectorAll("details.menu")) {
    document.addEventListener("click", (event) => { if (!menu.contains(event.target)) menu.open = false; });
    menu.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      menu.open = false;
      menu.querySelector("summary").focus();
    });
  }

  // Control sequences go; one that is cut in two waits for its rest.
  const rests = new WeakMap();
  function letters(log, text) {
    const whole = (rests.get(log) ?? "") + text;
    const cut = /\x1b(?:\[[0-?]*[ -\/]*)?$/.exec(whole);
    rests.set(log, cut && cut[0].length < 100 ? cut[0] : "");
    return (cut ? whole.slice(0, cut.index) : whole).replace(CONTROL, "");
  }

  function append(log, text) {
    const box = log.parentElement; // its zero is its end: see the style sheet
    const before = box.scrollHeight;
    log.append(letters(log, text));
    log.normalize();
    if (log.textContent.length > 2 * MAX_SHOWN) log.textContent = log.textContent.slice(-MAX_SHOWN);
    if (box.scrollTop < -40) box.scrollTop -= box.scrollHeight - before; // stay where the reader is
  }

  // A log that grows: ask for the bytes after those that are shown.
  async function follow(log) {
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
      append(log, decoder.decode(bytes, { stream: true }));
    }
  }

  // A build that is not over: the page is fetched again when its fingerprint changes.
  function poll(watched) {
    setInterval(async () => {
      if (document.hidden) return;
      try {
        const reply = await fetch(watched.dataset.watch, { cache: "no-store" });
        if (reply.ok && (await reply.text()) !== watched.dataset.fingerprint) location.reload();
      } catch { /* the next turn asks again */ }
    }, POLL_MS);
  }
  const watched = document.querySelector("[data-watch]");
  const logs = document.querySelectorAll("[data-log-url]");

  // A state as the server says it (see views.rs): what its builder does stands behind it.
  const said = (of) => (of.stage && ["importing", "starting", "running"].includes(of.state) ? `${of.state}: ${of.stage}` : of.state);
  // Puts the words of states in their places; false: so much has changed that the page looks different.
  function told(now) {
    let same = !now.over;
    for (const of of now.chroots) {
      const badge = document.querySelector(`[data-state="${CSS.escape(of.name)}"] > .state`);
      if (!badge || badge.textContent.split(":")[0] !== of.state) same = false;
      else badge.textContent = said(of);
    }
    const whole = document.querySelector('[data-state=""] > .state');
    if (whole) whole.textContent = said({ state: now.state, stage: now.chroots.find((of) => of.stage)?.stage });
    return same;
  }

  // Where the server tells by itself, nothing is asked. Event "state": how far the build is; "log": {"offset", "text"}, its id is the
  // byte that comes next; "anew": the log begins once more; "end". A server or a proxy that has no such stream is asked as before.
  const events = document.querySelector("[data-events]");
  let asking = false;
  const ask = () => {
    if (asking) return;
    asking = true;
    logs.forEach(follow);
    if (watched) poll(watched);
  };
  if (events && window.EventSource) {
    // One stream a page, as browsers have few at once: the other chroots' logs are asked for.
    const [first, ...others] = logs;
    const of = first && `?chroot=${encodeURIComponent(first.dataset.logJob)}&log=${first.dataset.logName}&offset=${first.dataset.logOffset}`;
    const stream = new EventSource(events.dataset.events + (of ?? ""));
    stream.addEventListener("state", (event) => {
      const now = JSON.parse(event.data);
      if (now.fingerprint === events.dataset.fingerprint) return;
      events.dataset.fingerprint = now.fingerprint;
      // Not while somebody chooses something.
      if (!told(now) && !document.querySelector(".ask[open]")) location.reload();
    });
    stream.addEventListener("log", (event) => {
      append(first, JSON.parse(event.data).text);
      first.dataset.logOffset = event.lastEventId;
    });
    stream.addEventListener("anew", () => location.reload());
    stream.addEventListener("end", () => stream.close());
    stream.addEventListener("error", () => {
      if (stream.readyState === EventSource.CLOSED) ask();
    });
    others.forEach(follow);
  } else {
    ask();
  }

  // The page of one log: a line that it does not show is fetched.
  const lines = document.querySelector(".lines");
  const jump = () => {
    const line = /^#L(\d{1,12})$/.exec(location.hash);
    if (!line || document.getElementById(`L${line[1]}`)) return;
    const from = `?from=${Math.max(1, Number(line[1]) - 30)}`;
    if (location.search !== from) location.replace(location.pathname + from + location.hash);
  };
  if (lines) {
    jump();
    addEventListener("hashchange", jump);
  }

  // And it grows while somebody looks.
  if (lines?.dataset.follow && window.EventSource) {
    const MOST = 20000; // lines that stay on screen
    const LONGEST = 8000; // characters of one line
    const LAST_MS = 3000; // nothing comes for so long after a job's end: that was all
    let ending = null;
    const state = document.querySelector("[data-follow-state]");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "quiet small";
    button.textContent = "Follow";
    let following = !location.hash;
    const end = () => (state ?? lines).scrollIntoView({ block: "end" });
    const press = (on) => {
      following = on;
      button.setAttribute("aria-pressed", String(on));
      button.textContent = on ? "Following the end" : "Follow the end";
      if (on) end();
    };
    button.addEventListener("click", () => press(!following));
    // Whoever scrolls up wants to read.
    addEventListener("wheel", (event) => { if (event.deltaY < 0 && following) press(false); }, { passive: true });
    const place = document.createElement("li");
    place.append(button);
    document.querySelector(".logtools .links").append(place);
    if (state) state.textContent = "What is written appears here by itself.";

    let open = lines.dataset.open === "true";
    let number = Number(lines.lastElementChild?.id.slice(1)) || 0;
    const put = (piece) => {
      if (!open || !lines.lastElementChild) {
        number += 1;
        const line = document.createElement("div");
        line.id = `L${number}`;
        const link = document.createElement("a");
        link.href = `#L${number}`;
        link.textContent = number;
        line.append(link, document.createElement("span"));
        lines.append(line);
      }
      const text = lines.lastElementChild.lastElementChild;
      if (text.textContent.length < LONGEST) text.append(piece.slice(0, LONGEST));
    };
    const job = new URL(lines.dataset.follow, location).searchParams.get("chroot");
    const stream = new EventSource(lines.dataset.follow);
    stream.addEventListener("log", (event) => {
      const pieces = letters(lines, JSON.parse(event.data).text).split("\n");
      pieces.forEach((piece, at) => {
        const last = at === pieces.length - 1;
        if (last && piece === "") return;
        put(piece);
        open = last;
      });
      while (lines.children.length > MOST) lines.firstElementChild.remove();
      if (following) end();
      if (ending) {
        clearTimeout(ending);
        ending = setTimeout(over, LAST_MS);
      }
    });
    const over = () => {
      stream.close();
      button.remove();
      if (state) state.textContent = "This was the end of it.";
    };
    const colours = { succeeded: "good", forked: "good", failed: "bad", importing: "busy", starting: "busy", running: "busy" };
    stream.addEventListener("state", (event) => {
      const of = JSON.parse(event.data).chroots.find((chroot) => chroot.name === job);
      const badge = document.querySelector("[data-state] > .state");
      if (!of || !badge) return;
      badge.textContent = said(of);
      badge.className = `state ${colours[of.state] ?? "idle"}`;
      // What is left of the log comes at once.
      if (["succeeded", "forked", "failed", "canceled", "skipped"].includes(of.state)) ending = setTimeout(over, LAST_MS);
    });
    stream.addEventListener("anew", () => location.reload());
    stream.addEventListener("end", over);
    press(following);
  }
})();
