// Opens each page of the console in Debian's Chromium, does each act by its form, tries hostile values, and
// fails for whatever the browser complains about: a script error, a breach of the policy, a request to
// another host. Arguments: the local server, `aftercall console` read only and with acts, where pictures go;
// AFTERCALL: the command.
"use strict";
const assert = require("node:assert/strict");
const { spawn } = require("node:child_process");
const fs = require("node:fs");
const http = require("node:http");
const path = require("node:path");
const { chromium } = require("playwright-core");

const [server, readOnly, acting, pictures] = process.argv.slice(2);
const local = `${server}/_local`;
const HOSTILE = `"'><b id=hostile>x</b><script>window.hostile=1</script><img src=x onerror="window.hostile=2">`;
const complaints = [];
let checks = 0;
const check = (what, holds, detail = "") => {
  checks += 1;
  assert.ok(holds, `${what} ${detail}`);
};

async function watched(browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: 960, height: 640 }, ...options });
  const page = await context.newPage();
  page.on("pageerror", (error) => complaints.push(`script error: ${error}`));
  page.on("console", (message) => { if (message.type() === "error") complaints.push(`console: ${message.text()}`); });
  page.on("dialog", (dialog) => dialog.accept());
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.hostname !== "127.0.0.1" && url.protocol !== "data:") complaints.push(`asks another host: ${url}`);
  });
  return page;
}

async function picture(page, name) {
  if (!pictures) return;
  fs.mkdirSync(pictures, { recursive: true });
  const file = path.join(pictures, `${name}.png`);
  await page.screenshot({ path: file });
  check(`${name}.png is small`, fs.statSync(file).size < 150_000, `${fs.statSync(file).size} bytes`);
}

// Opens a page and looks whether something of a caller became more than text.
async function open(page, url) {
  const answer = await page.goto(url);
  check(url, answer.status() === 200, `HTTP ${answer.status()}`);
  await page.waitForLoadState("networkidle");
  await harmless(page, url);
  return page;
}
async function harmless(page, what) {
  const found = await page.evaluate(() => [window.hostile, document.querySelectorAll("#hostile, img, [onerror]").length,
    [...document.scripts].filter((script) => !script.src).length, document.querySelectorAll("style, [style]").length]);
  assert.deepEqual(found, [null, 0, 0, 0].map((value, at) => (at === 0 ? undefined : value)), `${what}: ${found}`);
  checks += 1;
}
const text = (page) => page.locator("main").innerText();
async function says(page, what) {
  const shown = await text(page);
  check(`${page.url()} says ${what}`, shown.includes(what), shown.slice(0, 2000));
}

// The command with a line on its standard input.
async function command(line, ...words) {
  const child = spawn(process.env.AFTERCALL, ["--endpoint", server, ...words], { stdio: ["pipe", "ignore", "inherit"] });
  child.stdin.end(`${line}\n`);
  const code = await new Promise((resolve) => child.on("close", resolve));
  assert.equal(code, 0, words.join(" "));
}
// The local server's AWS, as an SDK asks it.
async function aws(target, body) {
  const answer = await fetch(`${server}/`, { method: "POST", headers: { "content-type": "application/x-amz-json-1.0", "x-amz-target": target }, body: JSON.stringify(body) });
  assert.ok(answer.ok, `${target}: ${answer.status}`);
}

// Sends a call by the form of the local server.
let tried = 0;
async function tries(page, given) {
  // A subscriber that is there already would be an error.
  tried += 1;
  const values = { subscriber: `s${tried}`, ...given };
  await open(page, `${local}/tools`);
  for (const [name, value] of Object.entries(values)) {
    const field = page.locator(`form[action$="/tools/call"] [name="${name}"]`);
    if ((await field.evaluate((element) => element.tagName)) === "SELECT") await field.selectOption(value);
    else await field.fill(value);
  }
  await page.getByRole("button", { name: "Send it" }).click();
  await page.waitForLoadState("networkidle");
  await harmless(page, "the answer to a test call");
}
// What is committed is carried out by the functions beside us: looks again until it is seen.
async function until(page, url, what) {
  for (let looked = 0; looked < 60; looked += 1) {
    await open(page, url);
    if ((await text(page)).includes(what)) return;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  assert.fail(`${url} never says ${what}: ${await text(page)}`);
}
async function presses(page, name, within = "main") {
  await page.locator(within).getByRole("button", { name, exact: true }).first().click();
  await page.waitForLoadState("networkidle");
  await harmless(page, name);
}

async function conversations(page) {
  await tries(page, { ConversationID: "order-17", SequenceCode: "3,1", CallsInConversation: "3", ResponseType: "HTTPPost" });
  await until(page, `${local}/find?id=order-17`, "missing: 2");
  const before = await page.locator(".countdown").innerText();
  await page.waitForTimeout(2200);
  check("the silence is counted down", before !== await page.locator(".countdown").innerText(), before);
  check("times are in the reader's zone", /\(UTC\)$/.test(await page.locator("time").first().getAttribute("title")));
  await tries(page, { ConversationID: "order-17", SequenceCode: "2", CallsInConversation: "3", ResponseType: "HTTPPost" });
  await until(page, `${local}/find?id=order-17`, "complete");
  await until(page, page.url(), "Reply 3: taken");
  await picture(page, "conversation");

  const bad = `<Objects xsi:type="Subscriber"><EmailAddress>b@example.com</EmailAddress><SubscriberKey>b</SubscriberKey><Lists><ID>4711</ID><Status>Active</Status></Lists></Objects>`;
  await tries(page, { ConversationID: "order-18", SequenceCode: "1", CallsInConversation: "3" });
  await tries(page, { ConversationID: "order-18", SequenceCode: "2", CallsInConversation: "3", xml: bad });
  await tries(page, { ConversationID: "order-18", SequenceCode: "3", CallsInConversation: "3" });
  await until(page, `${local}/find?id=order-18`, "Conversation failed at SequenceCode 2");
  await page.locator("tr#p-2 a").click();
  await says(page, "The command that sends it again");
  check("XML is coloured", (await page.locator("pre .xml-name").count()) > 5);
  await picture(page, "call");
  await until(page, `${local}/failed`, "order-18");
  await page.getByText("Submit the rest again").click();
  await presses(page, "Say what would be done");
  await says(page, "Nothing was done");
  await open(page, `${local}/failed`);
  await page.getByText("Submit the rest again").click();
  await picture(page, "failed");
  await presses(page, "Submit");
  await says(page, "These calls are submitted as new ones");
  await until(page, `${local}/find?id=order-18-again`, "complete");
}

async function scheduled(page) {
  const at = new Date(Date.now() + 7_200_000).toISOString();
  await tries(page, { ConversationID: "later", SequenceCode: "1", CallsInConversation: "1", ScheduledTime: at });
  await until(page, `${local}/scheduled`, "later");
  await presses(page, "Now");
  await says(page, "to now");
  await until(page, `${local}/find?id=later`, "complete");
  await tries(page, { ConversationID: "never", SequenceCode: "1", CallsInConversation: "2" });
  await until(page, `${local}/find?id=never`, "gathering");
  await page.getByText("Cancel what has not started").click();
  await presses(page, "Cancel it");
  await says(page, "1 calls are cancelled");
}

async function replies(page) {
  await tries(page, { ResponseType: "HTTPPost", ResponseAddress: "http://127.0.0.1:9/down", ConversationID: "untold", SequenceCode: "1", CallsInConversation: "1" });
  await until(page, `${local}/replies`, "http://127.0.0.1:9/down");
  await page.locator("tbody a").first().click();
  await says(page, "Delivery log");
  await presses(page, "Send again");
  await says(page, "is sent again");
  await tries(page, { ResponseType: "email", ResponseAddress: "a@example.com" });
  await until(page, `${local}/sent`, "a@example.com");
  await page.locator("a[href*='/sent/mail']").first().click();
  await says(page, "Results.zip");
  const download = page.waitForEvent("download");
  await page.getByText("Results.zip").first().click();
  check("a file is downloaded", (await download).suggestedFilename() === "Results.zip");
}

async function mails(page) {
  const definition = `<Objects xsi:type="TriggeredSendDefinition"><CustomerKey>welcome</CustomerKey><TriggeredSendStatus>Active</TriggeredSendStatus><Email><Subject>Welcome</Subject><HTMLBody>&lt;h1&gt;Welcome&lt;/h1&gt;&lt;p&gt;Hello reader&lt;/p&gt;&lt;script&gt;top.hostile=3&lt;/script&gt;&lt;img src="http://elsewhere.example/x.png"&gt;</HTMLBody><TextBody>Hello reader</TextBody></Email><FromName>The Shop</FromName><FromAddress>shop@example.com</FromAddress></Objects>`;
  await tries(page, { RequestType: "Synchronous", xml: definition });
  const send = `<Objects xsi:type="TriggeredSend"><TriggeredSendDefinition><CustomerKey>welcome</CustomerKey></TriggeredSendDefinition><Subscribers><EmailAddress>reader@example.com</EmailAddress><SubscriberKey>reader</SubscriberKey></Subscribers></Objects>`;
  await tries(page, { xml: send });
  await until(page, `${local}/mail-list`, "sent");
  await picture(page, "mails");
  await page.locator("tbody a").first().click();
  await says(page, "In a frame without scripts");
  const frame = await page.request.get(server + (await page.locator("iframe").getAttribute("src")));
  check("the frame holds the mail", (await frame.text()).includes("Hello reader"));
  check("the frame may do nothing", frame.headers()["content-security-policy"].includes("sandbox"));
  await page.waitForTimeout(500);
  check("a mail's script does not run", (await page.evaluate(() => window.hostile)) === undefined);
  await picture(page, "mail");
}

// A backend that takes a call and never answers: nobody knows what became of it.
async function unknown(page) {
  let cuts = true;
  const backend = http.createServer((request, answer) => {
    request.resume().on("end", () => (cuts ? request.socket.destroy() : answer.writeHead(500).end()));
  });
  await new Promise((resolve) => backend.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${backend.address().port}/Service.asmx`;
  await command("", "accounts", "create", "7001", "Shop");
  await command("", "users", "create", "7001", "shop", "--password", "pass-7001");
  await command("secret", "backends", "create", "upstream", "--url", url, "--user", "us", "--key", "arn:aws:kms:us-east-1:000000000000:key/11111111-2222-3333-4444-555555555555");
  await command("", "accounts", "backend", "7001", "upstream");
  for (const id of ["lost-1", "lost-2"]) {
    await tries(page, { account: "7001", user: "shop", password: "pass-7001", ConversationID: id, SequenceCode: "1", CallsInConversation: "1" });
    await until(page, `${local}/unknown`, id);
  }
  await picture(page, "unknown");
  const row = page.locator("tr", { hasText: "lost-1" });
  await row.getByLabel("Why").fill("looked there");
  await row.getByRole("button", { name: "It was not" }).click();
  await page.waitForLoadState("networkidle");
  await says(page, "It is written down");
  await open(page, `${local}/unknown`);
  cuts = false;
  const other = page.locator("tr", { hasText: "lost-2" });
  await other.getByLabel("Why").fill("they never got it");
  await other.getByRole("button", { name: "Send again" }).click();
  await page.waitForLoadState("networkidle");
  await says(page, "It is sent again");
  await open(page, `${local}/backends?all=yes`);
  await says(page, "upstream");
  await picture(page, "backends");
  backend.close();
}

async function deadLetters(page) {
  for (const number of [1, 2]) {
    await aws("AmazonSQS.SendMessage", { QueueUrl: `${server}/000000000000/aftercall-low-dead.fifo`, MessageBody: JSON.stringify({ conversation: `7a${number}`, step: 1 }), MessageGroupId: `g${number}`, MessageDeduplicationId: `d${number}` });
  }
  await until(page, `${local}/dead`, "To its queue again");
  await picture(page, "dead");
  await page.locator("form[action$='/acts/redrive'] button").first().click();
  await page.waitForLoadState("networkidle");
  await harmless(page, "a dead letter is sent again");
  await open(page, `${local}/dead`);
  await page.locator("[formaction$='/acts/drop'], form[action$='/acts/drop'] button").first().click();
  await page.waitForLoadState("networkidle");
  await harmless(page, "a dead letter is dropped");
  await open(page, `${local}/dead`);
  check("both are gone", (await page.locator("tbody tr").count()) === 0);
}

// Users and accounts taken out of use, and let in again.
async function logins(page) {
  const at = `${local}/account?account=7001&logins=yes`;
  for (const [name, what] of [["Disable", "disabled"], ["Enable", "may log in"], ["New secret", "may log in"]]) {
    await open(page, at);
    await page.locator("tr", { hasText: "shop" }).getByRole("button", { name, exact: true }).click();
    await page.waitForLoadState("networkidle");
    await until(page, at, what);
  }
  await picture(page, "account");
  for (const [name, what] of [["Disable it", "It is disabled"], ["Enable it", "Take it out of use"]]) {
    await open(page, `${local}/account?account=7001`);
    await presses(page, name);
    await until(page, `${local}/account?account=7001`, what);
  }
  await open(page, at);
  await page.locator("tr", { hasText: "shop" }).getByRole("button", { name: "Delete" }).click();
  await page.waitForLoadState("networkidle");
  await open(page, at);
  check("the user is gone", (await page.locator("tr", { hasText: "shop" }).count()) === 0);
  await open(page, `${local}/`);
  await page.getByText("Maintenance", { exact: true }).click();
  const form = page.locator("form[action$='/acts/plan']");
  await form.locator("[name=from]").fill("2099-01-01T00:00:00Z");
  await form.locator("[name=to]").fill("2099-01-01T01:00:00Z");
  await form.locator("[name=reason]").fill("restore");
  await presses(page, "Plan it");
  await until(page, `${local}/`, "Maintenance is planned from 2099-01-01");
}

// Each page as it is while there is something on it, for the docs.
async function pictureOfEach(page) {
  await tries(page, { ConversationID: "gift-7", SequenceCode: "1", CallsInConversation: "1", ScheduledTime: new Date(Date.now() + 93_000_000).toISOString() });
  await until(page, `${local}/scheduled`, "gift-7");
  for (const name of ["scheduled", "replies", "accounts", "audit", "sent", "tools"]) {
    await open(page, `${local}/${name}${name === "replies" ? "?state=any" : ""}`);
    await picture(page, name);
  }
  await open(page, `${local}/replies?state=any`);
  await page.locator("tbody tr", { hasText: "/_local/callbacks" }).first().locator("a").first().click();
  await page.waitForLoadState("networkidle");
  await says(page, "What is posted");
  await picture(page, "reply");
}

async function hostile(page) {
  await tries(page, { ConversationID: HOSTILE, SequenceCode: "1", CallsInConversation: "1", subscriber: "h",
    xml: `<Objects xsi:type="Subscriber"><EmailAddress>h@example.com</EmailAddress><SubscriberKey>${HOSTILE.replaceAll("<", "&lt;").replaceAll(">", "&gt;")}</SubscriberKey></Objects>` });
  await page.getByText("What became of it").click();
  await page.waitForLoadState("networkidle");
  await harmless(page, "a conversation with a hostile name");
  await says(page, "<script>window.hostile=1</script>");
  await page.locator("tr#p-1 a").click();
  await harmless(page, "its call");
  const form = page.locator("form[action$='/acts/account']");
  await open(page, `${local}/accounts`);
  await form.locator("[name=account]").fill(HOSTILE);
  await form.locator("[name=name]").fill(HOSTILE);
  await form.locator("[name=reason]").fill(HOSTILE);
  await presses(page, "Make it");
  await says(page, "whsec_");
  for (const where of ["", "/calls", "/accounts", "/audit", "/sent", "/failed", "/replies?state=any", "/mail-list", "/scheduled", "/unknown", "/backends", "/dead"]) {
    await open(page, `${local}${where || "/"}`);
  }
  await open(page, `${local}/calls?prefix=${encodeURIComponent(HOSTILE)}`);
  check("it is found by how its name begins", (await page.locator("tbody tr").count()) === 1);
}

async function steering(page) {
  await open(page, `${local}/`);
  await page.getByText("Maintenance", { exact: true }).click();
  await presses(page, "Hold calls back");
  await until(page, `${local}/`, "calls are accepted and wait");
  await page.getByText("Maintenance", { exact: true }).click();
  await presses(page, "Carry calls out again");
  await open(page, `${local}/tools`);
  await presses(page, "1 hour");
  await says(page, "all that was due was started");
  await open(page, `${local}/account?account=local`);
  await page.getByLabel("calls without RequestType are queued").check();
  await presses(page, "Set");
  await open(page, `${local}/account?account=local`);
  check("it is set", await page.getByLabel("calls without RequestType are queued").isChecked());
  await page.locator("form[action$='/acts/login'] [name=name]").fill("somebody");
  await presses(page, "Make it");
  await says(page, "somebody");
  await open(page, `${local}/audit`);
  await says(page, "calls resubmit");
}

async function keyboard(page) {
  await open(page, `${local}/calls`);
  await page.keyboard.press("/");
  check("/ goes to the search", (await page.evaluate(() => document.activeElement.id)) === "search");
  await page.keyboard.type("order-17");
  await page.keyboard.press("Enter");
  await page.waitForLoadState("networkidle");
  await says(page, "order-17");
  await page.locator("main").focus();
  await page.keyboard.press("g");
  await page.keyboard.press("c");
  await page.waitForURL("**/calls");
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/conversation?*");
  await open(page, `${local}/calls`);
  const first = await page.locator("tbody tr").first().getAttribute("id");
  await fetch(`${server}/_local/callbacks`);
  const other = await page.context().newPage();
  await tries(other, { ConversationID: "fresh", SequenceCode: "1", CallsInConversation: "1" });
  await other.close();
  await page.waitForFunction((id) => document.querySelector("tbody tr").id !== id, first, { timeout: 20_000 });
  check("the list refreshes itself", (await text(page)).includes("fresh"));
}

async function commands(browser) {
  const page = await watched(browser);
  const base = new URL(readOnly).origin;
  const refused = await page.request.get(`${base}/`);
  check("nobody is let in without the key", refused.status() === 401);
  await open(page, readOnly);
  check("the key does not stay in the address", !page.url().includes("key="));
  for (const where of ["/", "/calls", "/scheduled", "/replies", "/mail-list", "/mail-list?state=failures", "/failed", "/unknown", "/backends", "/accounts", "/dead", "/audit"]) {
    await open(page, base + where);
    check(`${where} offers no act`, (await page.locator("form[method=post]").count()) === 0);
  }
  const does = await watched(browser);
  await open(does, acting);
  const at = new URL(acting).origin;
  await open(does, `${at}/find?id=fresh`);
  check("who may act is offered acts", (await does.locator("form[method=post]").count()) > 0);
  const forged = await does.request.post(`${at}/acts/cancel`, { form: { account: "local", id: "fresh" } });
  check("a forged form does nothing", forged.status() === 403);
}

(async () => {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox"] });
  try {
    const page = await watched(browser);
    await conversations(page);
    await scheduled(page);
    await replies(page);
    await mails(page);
    await unknown(page);
    await deadLetters(page);
    await logins(page);
    await pictureOfEach(page);
    await open(page, `${local}/`);
    await says(page, "The last hour, by the minute");
    await picture(page, "overview");
    await open(page, `${local}/calls`);
    await picture(page, "calls");
    await hostile(page);
    await steering(page);
    await keyboard(page);
    const phone = await watched(browser, { viewport: { width: 390, height: 780 }, colorScheme: "dark", isMobile: true, hasTouch: true });
    for (const where of ["/", "/calls", "/failed", "/replies?state=any", "/mail-list", "/backends?all=yes", "/tools"]) {
      await open(phone, local + where);
      const wide = await phone.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      check(`${where} fits a phone`, wide <= 1, `${wide} pixels too wide`);
    }
    await open(phone, `${local}/find?id=order-18`);
    await picture(phone, "phone-dark");
    await commands(browser);
    await open(page, `${local}/tools`);
    await presses(page, "Delete everything");
    await says(page, "Everything is deleted");
    await tries(page, { ConversationID: "first", SequenceCode: "1", CallsInConversation: "1" });
    await until(page, `${local}/find?id=first`, "complete");
    // A mail's own script and picture are refused by its frame, which is as it should be.
    const ofFrame = /mail\/html|sandboxed|elsewhere\.example/;
    const loud = complaints.filter((text) => !/40[0-9]|favicon/.test(text) && !ofFrame.test(text));
    check("the frame of a mail is refused what it asks for", complaints.some((text) => ofFrame.test(text)));
    assert.deepEqual(loud, [], "the browser complains");
    console.log(`${checks} checks in a browser: all hold`);
  } finally {
    await browser.close();
  }
})().catch((error) => { console.error(error); process.exit(1); });
