
(() => {
  "use strict";
  const byId = (id) => document.getElementById(id);
  document.documentElement.classList.add("js");

  // A link to a closed part opens it.
  const open = () => {
    let part = location.hash.length > 1 ? byId(location.hash.slice(1)) : null;
    const target = part;
    for (; part; part = part.parentElement) {
      if (part.tagName === "DETAILS") part.open = true;
    }
    if (target && target.tagName === "DETAILS") target.scrollIntoView();
  };
  addEventListener("hashchange", open);
  open();

  // Copies a command; without the permission to do so, selects it.
  const copied = byId("copied");
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button.copy");
    if (!button) return;
    const code = byId(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(code.textContent);
      copied.textContent = "Copied the command";
      button.firstChild.data = "Copied";
    } catch {
      getSelection().selectAllChildren(code);
      copied.textContent = "Selected the command; copy it with the keyboard";
      button.firstChild.data = "Selected";
    }
    setTimeout(() => { button.firstChild.data = "Copy"; copied.textContent = ""; }, 2000);
  });

  // Prints what is closed, too.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details.failure:not(.out):not([open])")];
    for (const part of opened) part.open = true;
  });
  addEventListener("afterprint", () => {
    for (const part of opened) part.open = false;
  });

  const form = byId("filter");
  if (!form) return;
  const fields = { text: byId("text"), result: byId("result") };
  for (const name of ["phase", "implementation", "area"]) fields[name] = byId(name);
  fields.requirement = byId("requirement");

  // Read once: filtering compares strings and changes classes, and nothing asks for a layout.
  const items = [...document.querySelectorAll(".item")].map((element) => ({
    element,
    row: element.tagName === "TR",
    text: element.textContent.toLowerCase(),
    requirements: new Set(element.dataset.requirements.split(" ")),
    data: element.dataset,
    area: element.closest("details.area"),
    out: false,
  }));
  const rows = items.filter((item) => item.row).length;
  const areas = new Map();
  for (const element of document.querySelectorAll("#results details.area")) {
    areas.set(element, { matches: 0, count: element.querySelector(".area-matches"), wasOpen: null });
  }

  const fits = (item, words) => {
    const is = (name) => fields[name].value === "" || fields[name].value === "=" + item.data[name];
    if (fields.result.value === "needs attention") {
      if (item.data.state !== "bad") return false;
    } else if (!is("result")) {
      return false;
    }
    if (!is("phase") || !is("implementation") || !is("area")) return false;
    const requirement = fields.requirement.value;
    if (requirement !== "" && !item.requirements.has(requirement.slice(1))) return false;
    return words.every((word) => item.text.includes(word));
  };

  const filter = () => {
    const words = fields.text.value.toLowerCase().split(/\s+/).filter((word) => word !== "");
    const active = Object.values(fields).some((field) => field.value !== "");
    for (const area of areas.values()) area.matches = 0;
    let matches = 0;
    let failures = 0;
    for (const item of items) {
      const out = !fits(item, words);
      if (out !== item.out) {
        item.out = out;
        item.element.classList.toggle("out", out);
      }
      if (out) continue;
      if (item.row) {
        matches += 1;
        areas.get(item.area).matches += 1;
      } else {
        failures += 1;
      }
    }
    for (const [element, area] of areas) {
      element.classList.toggle("out", area.matches === 0);
      area.count.textContent = active ? area.matches + (area.matches === 1 ? " match" : " matches") : "";
      if (active && area.wasOpen === null) area.wasOpen = element.open;
      if (active) {
        element.open = area.matches > 0;
      } else if (area.wasOpen !== null) {
        element.open = area.wasOpen;
        area.wasOpen = null;
      }
    }
    for (const none of document.querySelectorAll(".none-left")) {
      const count = none.closest("#results") ? matches : failures;
      none.hidden = count > 0;
    }
    byId("matches").textContent = active ? matches + " of " + rows + " results match" : rows + " results";
  };

  let waiting = 0;
  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(filter, 60);
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(filter, 0));
  for (const button of document.querySelectorAll(".show-requirement")) {
    button.addEventListener("click", () => {
      form.reset();
      fields.requirement.value = "=" + button.dataset.requirement;
      filter();
      byId("results").scrollIntoView();
      fields.requirement.focus({ preventScroll: true });
    });
  }
  const openAll = byId("open-all");
  if (openAll) {
    openAll.addEventListener("click", () => {
      const close = openAll.textContent === "Close all";
      for (const part of document.querySelectorAll("details.failure")) part.open = !close;
      openAll.textContent = close ? "Open all" : "Close all";
    });
  }
})();
