// Scripts of the pages. Without them everything works except the copying.
"use strict";

const each = (root, query, act) => root.querySelectorAll(query).forEach(act);

// Shows times in the browser's zone. The title keeps UTC.
const FORMATS = {
  "": {
    year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit",
    second: "2-digit", fractionalSecondDigits: 3,
  },
  minute: { hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
  day: { day: "2-digit", month: "short" },
};

function localise(root) {
  each(root, "time[data-at]", (time) => {
    const then = new Date(time.dateTime);
    time.textContent = then.toLocaleString(undefined, FORMATS[time.dataset.at]);
  });
  each(root, "time:not([data-at])", (time) => {
    const utc = time.dataset.utc ?? time.title;
    time.dataset.utc = utc;
    time.title = `${new Date(time.dateTime).toLocaleString(undefined, FORMATS[""])}\n${utc}`;
  });
}

// The fields show local time. A hidden field sends UTC instead.
function inLocalTime(form) {
  each(form, "input[type=datetime-local]", (field) => {
    const hidden = document.createElement("input");
    hidden.type = "hidden";
    hidden.name = field.name;
    hidden.value = field.value;
    field.removeAttribute("name");
    field.after(hidden);
    if (field.value) field.value = shifted(new Date(`${field.value}Z`), -1);
    field.addEventListener("change", () => {
      const then = field.value && new Date(field.value);
      hidden.value = then ? then.toISOString().slice(0, 16) : "";
    });
  });
  each(form, "[data-zone]", (zone) => (zone.textContent = "(your time)"));
}

function shifted(time, sign) {
  const moved = new Date(time.getTime() + sign * time.getTimezoneOffset() * 60000);
  return moved.toISOString().slice(0, 16);
}

// Copies the text of the element that the button names.
async function copy(button) {
  const text = document.querySelector(button.dataset.copy).textContent;
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(document.querySelector(button.dataset.copy));
    button.textContent = document.execCommand("copy") ? "Copied" : "Not allowed";
  }
  setTimeout(() => (button.textContent = label), 1500);
}

// Nothing is updated while it is in use: while a row is chosen or text is selected.
let paused = false;

function isInUse(target) {
  const inside = target.contains(document.activeElement);
  const marked = getSelection();
  return (
    document.hidden ||
    target.querySelector("input:checked") ||
    (inside && target.contains(document.querySelector(":focus-visible"))) ||
    (!marked.isCollapsed && target.contains(marked.anchorNode))
  );
}

document.addEventListener("htmx:beforeRequest", (event) => {
  const target = event.detail.elt;
  if (!target.matches("[hx-trigger^=every]")) return;
  if (isInUse(target) || (paused && target.id === "rows")) event.preventDefault();
});

function setPaused(button) {
  paused = !paused;
  button.setAttribute("aria-pressed", paused);
  const text = document.querySelector("[data-live-text]");
  text.textContent = paused ? "Updates are paused" : "Updated every 2 s";
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.copy) copy(button);
  if (button && "live" in button.dataset) setPaused(button);
});

document.addEventListener("change", (event) => {
  if (!event.target.matches("[data-all]")) return;
  each(document, "input[name=event]", (box) => (box.checked = event.target.checked));
});

document.addEventListener("htmx:load", (event) => localise(event.detail.elt));
localise(document);
each(document, "[data-copy], [data-live], [data-script]", (it) => (it.hidden = false));
each(document, "form[data-local-times]", inLocalTime);
if (matchMedia("(max-width: 40rem)").matches)
  each(document, "details[data-close]", (details) => (details.open = false));
each(document, "form[data-continue]", (form) => form.requestSubmit());
