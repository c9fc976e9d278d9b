// The incident of docs/operating.md, with the real binaries: a receiver is down for an hour, 300 replies
// fail, and two conversations fail at part 3. One half is found, understood and mended with the command, the
// other with the console in Chromium. Arguments: the local server, its console of the command that may act,
// the command, and where pictures go (empty: nowhere); with these, what the command says is printed.
"use strict";
const assert = require("node:assert/strict");
const { execFile } = require("node:child_process");
const fs = require("node:fs");
const http = require("node:http");
const path = require("node:path");
const { promisify } = require("node:util");
const { chromium } = require("playwright-core");

const [server, acting, aftercall, pictures] = process.argv.slice(2);
const REPLIES = 150;
const transcript = [];
const complaints = [];

// A receiver on a port that nobody listens on until it is up.
const receiver = { port: 0, taken: new Map() };
async function freePort() {
  const taken = http.createServer();
  await new Promise((resolve) => taken.listen(0, "127.0.0.1", resolve));
  const { port } = taken.address();
  await new Promise((resolve) => taken.close(resolve));
  return port;
}
async function comesUp() {
  const up = http.createServer((request, answer) => {
    request.resume().on("end", () => {
      const id = `${request.url} ${request.headers["webhook-id"]}`;
      receiver.taken.set(id, (receiver.taken.get(id) ?? 0) + 1);
      answer.writeHead(204).end();
    });
  });
  await new Promise((resolve) => up.listen(receiver.port, "127.0.0.1", resolve));
  return up;
}
const taken = (where) => [...receiver.taken.keys()].filter((id) => id.startsWith(where)).length;

function envelope(options, objects) {
  return `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><s:Header>
 <w:Security xmlns:w="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"><w:UsernameToken><w:Username>local</w:Username><w:Password>local</w:Password></w:UsernameToken></w:Security></s:Header>
 <s:Body><CreateRequest xmlns="http://exacttarget.com/wsdl/partnerAPI"><Options>${options}</Options>${objects}</CreateRequest></s:Body></s:Envelope>`;
}
async function sends(options, objects) {
  const answer = await fetch(`${server}/Service.asmx`, { method: "POST", headers: { "content-type": "text/xml", soapaction: '"Create"' }, body: envelope(options, objects) });
  const text = await answer.text();
  assert.match(text, /<OverallStatus>OK</, text);
}
const subscriber = (key, more = "") => `<Objects xsi:type="Subscriber"><EmailAddress>${key}@example.com</EmailAddress><SubscriberKey>${key}</SubscriberKey>${more}</Objects>`;
const to = (where) => `<SendResponseTo><ResponseType>HTTPPost</ResponseType><ResponseAddress>http://127.0.0.1:${receiver.port}${where}</ResponseAddress><RespondWhen>OnCallComplete</RespondWhen></SendResponseTo>`;
const part = (id, number) => `<RequestType>Asynchronous</RequestType><ConversationID>${id}</ConversationID><SequenceCode>${number}</SequenceCode><CallsInConversation>5</CallsInConversation>`;

async function advances(seconds) {
  const answer = await fetch(`${server}/_local/clock/advance?seconds=${seconds}`, { method: "POST" });
  assert.ok(answer.ok, `the clock: ${answer.status}`);
}

// The command as a person types it; what it says is kept for the docs.
async function runs(...words) {
  const { stdout } = await promisify(execFile)(aftercall, ["--endpoint", server, ...words], { maxBuffer: 1 << 26 });
  transcript.push(`$ aftercall ${words.map((word) => (/[ *]/.test(word) ? `"${word}"` : word)).join(" ")}\n${stdout}`);
  return stdout;
}
const json = async (...words) => JSON.parse((await promisify(execFile)(aftercall, ["--endpoint", server, "--output", "json", ...words], { maxBuffer: 1 << 26 })).stdout);

async function until(what, holds) {
  for (let looked = 0; looked < 120; looked += 1) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  assert.fail(`it never came about: ${what}`);
}
const state = async (id) => (await json("conversations", "show", "local", id)).conversation[0].state;

// What happens to the shop, before anybody looks.
async function happens() {
  for (const [number, id] of ["order-1", "order-2"].entries()) {
    for (const sequence of [1, 2, 3, 4, 5]) {
      const more = sequence === 3 ? `<Lists><ID>${4711 + number}</ID><Status>Active</Status></Lists>` : "";
      await sends(part(id, sequence), subscriber(`${id}-${sequence}`, more));
    }
  }
  for (const where of ["/shop", "/stock"]) {
    for (let number = 0; number < REPLIES; number += 1) {
      await sends(`<RequestType>Asynchronous</RequestType>${to(where)}`, subscriber(`${where.slice(1)}-${number}`));
    }
  }
  await until("all replies have failed once", async () => (await json("replies", "list", "local", "--limit", "1000")).length === 2 * REPLIES);
  await advances(3600);
  await until("all have been tried for an hour", async () => (await json("replies", "list", "local", "--limit", "1000")).every((reply) => reply.attempts >= 4));
}

async function mendedWithTheCommand() {
  assert.match(await runs("status"), /replies +300/);
  const shop = `http://127.0.0.1:${receiver.port}/shop`;
  await runs("replies", "list", "local", "--receiver", shop, "--limit", "3");
  const [reply] = await json("replies", "list", "local", "--receiver", shop, "--limit", "1");
  assert.match(await runs("replies", "show", "local", reply.id), /nobody listens there/);
  assert.match(await runs("conversations", "list", "local", "--failed"), /order-1/);
  assert.match(await runs("conversations", "show", "local", "order-1"), /SequenceCode 3/);
  assert.match(await runs("--dry-run", "replies", "resend-all", "local", "--receiver", shop), /150/);
  await runs("--yes", "--reason", "ticket 8", "replies", "resend-all", "local", "--receiver", shop, "--rate", "50");
  await advances(120);
  await until("the shop has all of its replies", () => taken("/shop") === REPLIES);
  await runs("--reason", "ticket 8", "calls", "resubmit", "local", "order-1", "--as", "order-1-again");
  await advances(120);
  await until("the rest of order-1 is carried out", async () => (await state("order-1-again")) === "complete");
  assert.match(await runs("replies", "list", "local", "--receiver", shop), /^\S*\s*$|id/);
  await runs("audit", "list");
}

async function mendedWithTheConsole(browser) {
  const context = await browser.newContext({ viewport: { width: 1100, height: 700 } });
  const page = await context.newPage();
  page.on("pageerror", (error) => complaints.push(`script error: ${error}`));
  page.on("console", (message) => { if (message.type() === "error") complaints.push(message.text()); });
  page.on("dialog", (dialog) => dialog.accept());
  const at = new URL(acting).origin;
  const open = async (where) => { await page.goto(where); await page.waitForLoadState("networkidle"); };
  const says = async (what) => assert.ok((await page.locator("main").innerText()).includes(what), `${page.url()} says ${what}`);
  const picture = async (name) => {
    if (!pictures) return;
    const file = path.join(pictures, `incident-${name}.png`);
    await page.screenshot({ path: file });
    assert.ok(fs.statSync(file).size < 200_000, `${name} is small`);
  };
  await open(acting);
  await says("Replies waiting");
  await picture("overview");
  const stock = `http://127.0.0.1:${receiver.port}/stock`;
  await open(`${at}/replies?receiver=${encodeURIComponent(stock)}`);
  assert.equal(await page.locator("tbody tr").count(), 50, "a page of replies");
  await picture("replies");
  await page.locator("tbody a").first().click();
  await page.waitForLoadState("networkidle");
  await says("refused: nobody listens there");
  await picture("reply");
  // A page at a time, with the reason; first it is only said what would be done.
  let next = `${at}/replies?receiver=${encodeURIComponent(stock)}`;
  const pages = [];
  while (next) {
    await open(next);
    const link = page.locator("a[rel=next]");
    pages.push(page.url());
    next = (await link.count()) ? at + (await link.getAttribute("href")) : undefined;
  }
  for (const [number, where] of pages.entries()) {
    await open(where);
    const form = page.locator("form[action$='/acts/resend']").last();
    if (!(await form.getByLabel("Why").count())) continue;
    await form.getByLabel("Why").fill("ticket 8");
    await form.getByLabel("A second (rate)").fill("50");
    if (number === 0) {
      await form.getByRole("button", { name: "Say what would be done" }).click();
      await page.waitForLoadState("networkidle");
      await says("Nothing was done");
      await open(where);
      await form.getByLabel("Why").fill("ticket 8");
      await form.getByLabel("A second (rate)").fill("50");
    }
    await form.getByRole("button", { name: "Send all of this page again" }).click();
    await page.waitForLoadState("networkidle");
  }
  await advances(120);
  await until("the stock has all of its replies", () => taken("/stock") === REPLIES);
  await open(`${at}/replies?receiver=${encodeURIComponent(stock)}`);
  await says("None");

  await open(`${at}/failed`);
  await says("order-2");
  await open(`${at}/find?id=order-2`);
  await says("Conversation failed at SequenceCode 3");
  await picture("conversation");
  await page.locator("tr#p-3 a").click();
  await page.waitForLoadState("networkidle");
  await says("4712");
  await open(`${at}/find?id=order-2`);
  await page.getByText("Submit what was left undone again").click();
  const form = page.locator("form[action$='/acts/resubmit']");
  await form.locator("[name=reason]").fill("ticket 8");
  await picture("resubmit");
  await form.getByRole("button", { name: "Submit again" }).click();
  await page.waitForLoadState("networkidle");
  await says("These calls are submitted as new ones");
  await advances(120);
  await until("the rest of order-2 is carried out", async () => (await state("order-2-again")) === "complete");
  await open(`${at}/audit`);
  await says("ticket 8");
  await picture("audit");
}

(async () => {
  receiver.port = await freePort();
  await happens();
  const up = await comesUp();
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox"] });
  try {
    await mendedWithTheCommand();
    await mendedWithTheConsole(browser);
    assert.equal(receiver.taken.size, 2 * REPLIES, "each reply has arrived");
    assert.deepEqual(complaints, [], "the browser complains");
    if (pictures) console.log(transcript.join("\n"));
    console.log(`the incident: ${2 * REPLIES} replies and the rest of two conversations, mended with the command and with the console`);
  } finally {
    await browser.close();
    up.close();
    up.closeAllConnections();
  }
})().catch((error) => { console.error(error); process.exit(1); });
