"use strict";

// Everything works without this script; with it pages follow what happens, and buttons answer in place.

const RETRY_AFTER = 10000;
const PATIENCE = 5000;
const OLD = "The bridge does not answer, so what is shown here may be out of date.";
const CROWDED = "Too many pages are open, so this one does not follow what happens. Load it again to see more.";

function localTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(time.getAttribute("datetime"));
    if (!Number.isNaN(moment.getTime())) {
      time.textContent = moment.toLocaleString();
    }
  }
}

function replace(id, html) {
  const old = document.getElementById(id);
  if (!old) {
    // A channel that was not there when the page was loaded.
    if (id.startsWith("readings-") && performance.now() > PATIENCE) {
      location.reload();
    }
    return;
  }
  const inside = old.contains(document.activeElement);
  if (inside && document.activeElement.type === "range") {
    // Somebody has hold of it.
    return;
  }
  const holder = document.createElement("template");
  holder.innerHTML = html;
  const made = holder.content.firstElementChild;
  if (!made) {
    return;
  }
  localTimes(holder.content);
  const focused = inside ? document.activeElement.id : "";
  old.replaceWith(made);
  if (focused) {
    document.getElementById(focused)?.focus();
  }
}

function follow(address) {
  const mark = document.getElementById("follow");
  const stale = document.getElementById("stale");
  let source = null;
  let timer = 0;

  function say(text) {
    window.clearTimeout(timer);
    timer = 0;
    mark.hidden = text !== "";
    stale.hidden = text === "";
    stale.textContent = text;
  }

  function leave() {
    source?.close();
    source = null;
    window.clearTimeout(timer);
    timer = 0;
  }

  // The bridge refuses to be followed: why, only the page itself can tell.
  async function ask() {
    leave();
    try {
      const page = await fetch(location.href, { redirect: "manual", headers: { Accept: "text/html" } });
      if (page.type === "opaqueredirect" || page.status === 404) {
        location.reload();
        return;
      }
      say(page.ok ? CROWDED : OLD);
    } catch {
      say(OLD);
    }
    timer = window.setTimeout(open, RETRY_AFTER);
  }

  function open() {
    if (source || document.hidden) {
      return;
    }
    source = new EventSource(address);
    source.addEventListener("open", () => say(""));
    source.addEventListener("change", (event) => {
      for (const [id, html] of Object.entries(JSON.parse(event.data))) {
        replace(id, html);
      }
    });
    source.addEventListener("late", (event) => say(event.data === "yes" ? OLD : ""));
    source.addEventListener("gone", () => {
      leave();
      location.reload();
    });
    source.addEventListener("error", () => {
      mark.hidden = true;
      if (source?.readyState === EventSource.CLOSED) {
        ask();
      } else if (!timer) {
        timer = window.setTimeout(() => say(OLD), PATIENCE);
      }
    });
  }

  // Browsers have few connections to one place: a page that nobody sees gives its own back.
  document.addEventListener("visibilitychange", () => (document.hidden ? leave() : open()));
  window.addEventListener("pagehide", leave);
  window.addEventListener("pageshow", open);
  open();
}

async function send(form, submitter) {
  const outcome = form.querySelector(".outcome");
  const data = new FormData(form);
  if (submitter && submitter.name) {
    data.set(submitter.name, submitter.value);
  }
  outcome.className = "outcome";
  outcome.textContent = "sending …";
  try {
    const answer = await fetch(form.action, {
      method: "POST",
      body: new URLSearchParams(data),
      headers: { Accept: "application/json" },
    });
    const told = await answer.json();
    outcome.textContent = told.message || told.error || answer.statusText;
    outcome.classList.add(told.ok ? "good" : "bad");
  } catch {
    outcome.textContent = "the bridge cannot be reached";
    outcome.classList.add("bad");
  }
}

for (const form of document.querySelectorAll("form[data-command]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(form, event.submitter);
  });
  // Not at the slider itself, which is another one after each change.
  form.addEventListener("input", (event) => {
    if (event.target.type === "range") {
      form.querySelector("output").textContent = event.target.value;
    }
  });
  form.addEventListener("change", (event) => {
    if (event.target.type === "range") {
      form.requestSubmit();
    }
  });
}

localTimes(document);
if (document.body.dataset.live) {
  follow(document.body.dataset.live);
}
