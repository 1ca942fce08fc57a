// Opens the pages of reports in Chromium, and checks what only a browser can show.
//
//     node main.mjs PAGES [SCREENSHOTS]
//
// PAGES is the directory that `cargo test --test pages` fills when BUNDLEPROOF_PAGES is set. Run `.ci/run browser`,
// which installs what this needs.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [pages, screenshots] = process.argv.slice(2).map((path) => resolve(path));
if (!pages) {
  console.error("usage: node main.mjs PAGES [SCREENSHOTS]");
  process.exit(2);
}
const modules = createRequire(process.env.BROWSER_MODULES ?? import.meta.url);
const { chromium } = modules("playwright-core");
const axe = readFileSync(modules.resolve("axe-core/axe.min.js"), "utf8");

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
  ],
});

const names = ["green.html", "failing.html", "proof.html", "hostile.html", "hostile_matrix.html", "interop.html", "store/index.html"];
const views = [
  { colorScheme: "light", viewport: { width: 1280, height: 900 } },
  { colorScheme: "dark", viewport: { width: 1280, height: 900 } },
  { colorScheme: "light", viewport: { width: 390, height: 844 } },
  { colorScheme: "dark", viewport: { width: 390, height: 844 } },
];

/** Opens a page; whatever it complains about, asks for or pops up is an error when it is closed. */
const open = async (name, view = views[0]) => {
  const context = await browser.newContext(view);
  const page = await context.newPage();
  const address = pathToFileURL(join(pages, name)).href;
  const complaints = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
  page.on("dialog", (dialog) => { complaints.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on("request", (request) => {
    const url = request.url();
    if (url.split("#")[0] !== address && !url.startsWith("data:")) complaints.push(`request: ${url}`);
  });
  await page.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) => {
      console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
    });
  });
  await page.goto(address);
  const close = async () => {
    await page.waitForTimeout(50);
    await context.close();
    assert.deepEqual(complaints, [], `${name} complains`);
  };
  return { page, close };
};

/** Does the same with each of these pages in each of these views, as many at once as there are processors. */
const inEachView = async (names, work, chosen = views) => {
  const left = names.flatMap((name) => chosen.map((view) => [name, view])).values();
  const worker = async () => {
    for (const [name, view] of left) await work(name, view);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
};

const matches = async (page, text) => {
  await page.waitForFunction((text) => document.getElementById("matches").textContent === text, text, { timeout: 5000 });
};
const visible = (page, selector) =>
  page.evaluate((selector) => [...document.querySelectorAll(selector)].filter((e) => e.checkVisibility()).length, selector);
const openEverything = (page) =>
  page.evaluate(() => { for (const part of document.querySelectorAll("details")) part.open = true; });

const checks = {
  async "pages open without a complaint, a request or a sideways scroll"() {
    await inEachView(names, async (name, view) => {
      const { page, close } = await open(name, view);
      const wide = () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.equal(await wide(), 0, `${name} at ${view.viewport.width} is too wide`);
      await openEverything(page);
      assert.equal(await wide(), 0, `${name} at ${view.viewport.width} is too wide when all is open`);
      await close();
    });
  },

  async "on a narrow page the two reports of a failing check are labeled"() {
    for (const [view, expected] of [[views[0], ["none", "none"]], [views[2], ["\"Since: \"", "\"Last good: \""]]]) {
      const { page, close } = await open("store/index.html", view);
      const labels = await page.evaluate(() =>
        [...document.querySelector("#latest tbody tr").querySelectorAll("td")].slice(-2).map((cell) => getComputedStyle(cell, "::before").content));
      assert.deepEqual(labels, expected, `at ${view.viewport.width}`);
      await close();
    }
  },

  async "search and filters show what they should, and clearing shows all"() {
    const { page, close } = await open("failing.html");
    const rows = "#results tr.item";
    const all = await page.locator(rows).count();
    const found = (number) => matches(page, `${number} of ${all} results match`);
    await matches(page, `${all} results`);
    // A word that the messages of some failures have, and the name or title of no check.
    const word = "perceiver";
    const withWord = await page.locator("details.failure", { hasText: word }).count();
    assert.ok(withWord > 0 && await page.locator(rows, { hasText: word }).count() === 0, `the word ${word}`);
    await page.fill("#text", word);
    await found(0);
    assert.equal(await visible(page, "details.failure"), withWord, "the messages of some failures have the word");
    assert.equal(await page.locator("#results .none-left").isVisible(), true);
    await page.fill("#text", "LOADER params_are_restored");
    await page.waitForFunction(() => document.querySelectorAll("#results tr.item:not(.out)").length > 0);
    const shown = await page.locator("#results tr.item:not(.out)").allTextContents();
    assert.ok(shown.every((text) => text.includes("loader/params_are_restored")), shown.join());
    assert.equal(await visible(page, "#results tr.item"), shown.length, "areas with matches open");
    await page.click("#filter button[type=reset]");
    await matches(page, `${all} results`);
    assert.equal(await visible(page, rows), 0, "areas close again");
    const failed = await page.locator(`${rows}[data-result=fail]`).count();
    const dispatched = await page.locator(`${rows}[data-result=fail][data-area=dispatch]`).count();
    const unsupported = await page.locator(`${rows}[data-result=unsupported]`).count();
    assert.ok(0 < dispatched && dispatched < failed && failed < all && unsupported > 0);
    await page.selectOption("#result", "needs attention");
    await found(failed);
    await page.selectOption("#area", { label: "dispatch" });
    await found(dispatched);
    assert.equal(await visible(page, "details.failure"), dispatched);
    await page.click("#filter button[type=reset]");
    await page.selectOption("#result", { label: "unsupported" });
    await found(unsupported);
    await page.click("#filter button[type=reset]");
    await page.locator("#requirements summary").click();
    await page.locator(".show-requirement").first().click();
    const requirement = await page.inputValue("#requirement");
    await page.waitForFunction((all) => document.getElementById("matches").textContent.includes(` of ${all}`), all);
    const requirements = await page.locator("#results tr.item:not(.out) td:last-child").allTextContents();
    assert.ok(requirements.length > 0 && requirements.every((text) => text.split(" ").includes(requirement.slice(1))));
    await close();
  },

  async "the keyboard reaches a failure, opens it and copies its command"() {
    const { page, close } = await open("failing.html");
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the content");
    let reached = false;
    for (let presses = 0; presses < 60 && !reached; presses += 1) {
      await page.keyboard.press("Tab");
      reached = await page.evaluate(() => document.activeElement.matches("details.failure > summary"));
      const ring = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
      assert.notEqual(ring, "none", "the focus cannot be seen");
    }
    assert.ok(reached, "60 presses of Tab do not reach a failure");
    await page.keyboard.press("Enter");
    assert.equal(await page.evaluate(() => document.activeElement.parentElement.open), true);
    const copy = page.locator("details.failure[open] button.copy");
    await copy.focus();
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.getElementById("copied").textContent !== "");
    await close();
  },

  async "a link to a failure, or to a line of results, opens it"() {
    const { page, close } = await open("failing.html");
    await page.locator("#outcome .groups a").first().click();
    await page.waitForFunction(() => document.querySelector(location.hash)?.open === true);
    await page.locator("details.failure[open] a[href^='#case-']").first().click();
    await page.waitForFunction(() => location.hash.startsWith("#case-") && document.querySelector(location.hash).open);
    await close();
    const matrix = await open("interop.html");
    await matrix.page.locator("#matrix td a", { hasText: "not written" }).click();
    await matrix.page.waitForFunction(() => location.hash === "#cell-3-1" && document.querySelector(location.hash).open);
    await matrix.close();
  },

  async "hostile text is inert"() {
    for (const name of ["hostile.html", "hostile_matrix.html"]) {
      const { page, close } = await open(name);
      await openEverything(page);
      await page.fill("#text", "<img src=x onerror=alert(1)>");
      await page.waitForFunction(() => document.getElementById("matches").textContent.includes(" of "));
      const text = await page.evaluate(() => document.body.textContent);
      assert.ok(text.includes("<img src=x onerror=alert(1)></title></style></script>"), "the text is shown");
      assert.equal(await page.locator("img, iframe, object, embed, a[href^=javascript], base, link:not([rel=icon])").count(), 0);
      assert.equal(await page.locator("script").count(), 1);
      assert.ok(!/[\u202e\u001b]/.test(text), "a hidden character is in the page");
      const addresses = await page.evaluate(() => [...document.links].map((link) => link.protocol));
      assert.deepEqual([...new Set(addresses)], ["file:"]);
      await close();
    }
  },

  async "markup that got into a page cannot run, and a request cannot leave"() {
    const { page, close } = await open("green.html");
    const sent = [];
    page.on("requestfinished", (request) => sent.push(request.url()));
    const blocked = await page.evaluate(async () => {
      const seen = [];
      addEventListener("securitypolicyviolation", (event) => seen.push(event.effectiveDirective));
      console.error = () => {};
      const script = document.createElement("script");
      script.textContent = "window.ran = true";
      document.body.append(script);
      const place = document.createElement("div");
      place.innerHTML = "<p onclick='window.ran = true' style='color: red'>x</p><img src='http://hostile.invalid/x.png'>";
      document.body.append(place);
      place.firstChild.click();
      await fetch("http://hostile.invalid/").catch(() => {});
      await new Promise((done) => setTimeout(done, 200));
      return { ran: window.ran ?? false, seen: [...new Set(seen)].sort() };
    });
    assert.deepEqual(blocked, {
      ran: false,
      seen: ["connect-src", "img-src", "script-src-attr", "script-src-elem", "style-src-attr"],
    });
    assert.deepEqual(sent, []);
    // Each blocked attempt is a complaint.
    await assert.rejects(close());
  },

  // Only colors differ between light and dark, and they are the same at any width. Comparing them is most of the work.
  async "axe finds nothing serious: colors in light and dark, all else wide and narrow"() {
    await inEachView(names, async (name, view) => {
      const { page, close } = await open(name, view);
      await openEverything(page);
      await page.evaluate(() => {
        for (const part of document.querySelectorAll("details")) part.style.setProperty("content-visibility", "visible");
      });
      await page.evaluate(axe);
      const rules = { "color-contrast": { enabled: view.viewport.width === views[0].viewport.width } };
      const options = { resultTypes: ["violations"], rules };
      const { violations } = await page.evaluate((options) => axe.run(document, options), options);
      const serious = violations.filter((one) => ["serious", "critical"].includes(one.impact));
      const said = serious.map((one) => `${one.id}: ${one.help}: ${one.nodes.slice(0, 3).map((node) => `${node.html.slice(0, 160)} (${node.failureSummary})`).join("; ")}`);
      assert.deepEqual(said, [], `${name}, ${view.colorScheme}, ${view.viewport.width}`);
      const minor = violations.filter((one) => !serious.includes(one)).map((one) => `${one.id} (${one.impact})`);
      if (minor.length > 0) console.log(`    ${name}: ${minor.join(", ")}`);
      await close();
    }, views.slice(0, 3));
  },

  async "2,000 results load and filter"() {
    const { page, close } = await open("many.html");
    const loaded = await page.evaluate(() => performance.getEntriesByType("navigation")[0].loadEventEnd);
    const filtered = async (text, expected) => {
      const took = await page.evaluate(async ([text, expected]) => {
        const began = performance.now();
        const field = document.getElementById("text");
        field.value = text;
        field.dispatchEvent(new Event("input", { bubbles: true }));
        while (!expected.test(document.getElementById("matches").textContent)) await new Promise(requestAnimationFrame);
        await new Promise(requestAnimationFrame);
        return performance.now() - began;
      }, [text, expected]);
      return `${Math.round(took)} ms`;
    };
    const narrow = await filtered("[1234]", /^1 of 2000/);
    const broad = await filtered("a", /^\d\d+ of 2000/);
    const all = await filtered("", /^2000 results$/);
    console.log(`    loaded in ${Math.round(loaded)} ms; filtered to 1 in ${narrow}, to most in ${broad}, to all in ${all}`);
    await close();
  },

  async "print shows every failure, and without a script everything can be read"() {
    const { page, close } = await open("failing.html");
    await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
    await page.emulateMedia({ media: "print" });
    const failures = await page.locator("details.failure").count();
    assert.ok(failures > 20);
    assert.equal(await visible(page, "details.failure .body"), failures);
    assert.equal(await page.locator("#filter").isVisible(), false);
    await close();
    const bare = await open("failing.html", { ...views[0], javaScriptEnabled: false });
    assert.equal(await bare.page.locator("#filter").isVisible(), false, "a filter without a script does nothing");
    await bare.page.locator("details.failure > summary").first().click();
    assert.equal(await bare.page.locator("details.failure .body").first().isVisible(), true);
    await bare.close();
  },
};

if (screenshots) {
  mkdirSync(screenshots, { recursive: true });
  const shown = ["green", "failing", "proof", "interop", "store/index", "whole_proof"];
  await inEachView(shown.filter((name) => existsSync(join(pages, `${name}.html`))), async (name, view) => {
    const { page, close } = await open(`${name}.html`, view);
    await page.evaluate(() => { document.querySelectorAll("details.failure")[7]?.setAttribute("open", ""); });
    // A picture of a whole page shows nothing of what is drawn only once it is scrolled to.
    await page.evaluate(() => {
      for (const part of document.querySelectorAll("details")) part.style.setProperty("content-visibility", "visible");
    });
    const file = `${name.replace("store/", "")}-${view.colorScheme}-${view.viewport.width}.png`;
    await page.screenshot({ path: join(screenshots, file), fullPage: true });
    await close();
  });
}

let failed = 0;
for (const [name, check] of Object.entries(checks)) {
  try {
    await check();
    console.log(`ok      ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`failed  ${name}\n${error.stack}`);
  }
}
await browser.close();
process.exit(failed === 0 ? 0 : 1);
