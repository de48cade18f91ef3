"use strict";

// Everything works without this script; with it pages follow what happens, and buttons answer in place.

const RETRY_AFTER = 10000;

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
    return;
  }
  const holder = document.createElement("template");
  holder.innerHTML = html;
  const made = holder.content.firstElementChild;
  if (!made) {
    return;
  }
  localTimes(holder.content);
  const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
  old.replaceWith(made);
  if (focused) {
    document.getElementById(focused)?.focus();
  }
}

function follow(address) {
  const mark = document.getElementById("follow");
  const source = new EventSource(address);
  source.addEventListener("open", () => {
    mark.hidden = false;
  });
  source.addEventListener("change", (event) => {
    for (const [id, html] of Object.entries(JSON.parse(event.data))) {
      replace(id, html);
    }
  });
  source.addEventListener("error", () => {
    mark.hidden = true;
    if (source.readyState === EventSource.CLOSED) {
      window.setTimeout(() => follow(address), RETRY_AFTER);
    }
  });
  window.addEventListener("pagehide", () => source.close());
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
  const slider = form.querySelector('input[type="range"]');
  if (slider) {
    const shown = form.querySelector("output");
    slider.addEventListener("input", () => {
      shown.textContent = slider.value;
    });
    slider.addEventListener("change", () => form.requestSubmit());
  }
}

localTimes(document);
if (document.body.dataset.live) {
  follow(document.body.dataset.live);
}
