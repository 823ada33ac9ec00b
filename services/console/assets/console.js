"use strict";
// The console's one script. Pages work without it, as links and forms; it makes them quicker.
//
// It renders nothing itself: what changed on a page comes from the server as HTML, and takes the place
// of the element of the same id. So a comment's text never passes through code that could mistake it
// for markup.
//
// What tests and other scripts may rely on:
// - article[data-comment=ID]: an item; data-current: the one that keys act on; data-open: it waits;
//   .settled with [data-outcome]: it was decided. data-order sorts as the queue does.
// - buttons name="do" value=approve|reject|reject:SECTION|spam|escalate|send_back in form[data-act];
//   details[data-picker]: reasons, button[data-digit=N]; form[data-undo=DECISION]: taking back.
// - #cards (role=feed), #side a[data-queue=NAME] .count, #waiting, #more a[data-more], #bulk [data-selected],
//   #panel [data-parts=ID], dialog#dialog, dialog#help, details[data-veil], [data-held] (who holds it),
//   #said (live region), #link-lost (connection lost), #rest (break), html[data-live=on|off].

(() => {
  const root = document.documentElement;
  const desk = document.getElementById("desk");
  const meta = (name) => document.querySelector(`meta[name="${name}"]`);
  const byId = (id) => document.getElementById(id);
  root.classList.add("js");

  // ---- Keys ----

  const keys = JSON.parse(meta("keys")?.content || "{}");
  const keysOff = meta("keys")?.hasAttribute("data-off") ?? false;
  const commandOf = new Map(Object.entries(keys).flatMap(([command, list]) => list.map((key) => [key, command])));
  root.classList.toggle("keys-off", keysOff);

  // A binding as people read it: the first of a command's keys.
  function showBindings(part) {
    for (const place of part.querySelectorAll("[data-key]")) {
      const key = keys[place.dataset.key]?.[0];
      place.textContent = key ? key.replace("Escape", "Esc").replace("Shift+", "⇧").replace("+", " ") : "";
      place.hidden = !key;
    }
  }
  showBindings(document);
  if (!desk) return;

  const base = desk.dataset.base;
  const list = byId("cards");
  const panel = byId("panel");
  const dialog = byId("dialog");
  const cards = () => [...list.querySelectorAll("article[data-comment]")];
  let current = null;
  let cameFrom = null;

  // ---- Talking to the server ----

  async function ask(path, options = {}) {
    const headers = { "x-fragment": "1", "x-csrf-token": meta("csrf-token")?.content ?? "" };
    if (options.body) headers["content-type"] = "application/x-www-form-urlencoded";
    const answer = await fetch(path, { ...options, headers, credentials: "same-origin" });
    const text = await answer.text();
    return {
      ok: answer.ok,
      problem: answer.headers.get("x-problem"),
      // Parsed apart from the page: scripts in it do not run, images are not loaded. Without a body of
      // its own the parser would put what comes first into the head.
      part: new DOMParser().parseFromString(`<!doctype html><body>${text}`, "text/html").body,
    };
  }

  const post = (path, fields) => ask(path, { method: "POST", body: new URLSearchParams(fields).toString() });

  function say(text) {
    const said = byId("said");
    said.textContent = "";
    // A change of the text, also if it is the same again.
    requestAnimationFrame(() => { said.textContent = text; });
  }

  function sayProblem(part) {
    const problem = part.querySelector(".problem");
    const text = problem?.querySelector("p")?.textContent ?? "That did not work. Nothing was changed.";
    showDialog(problem ?? document.createTextNode(text));
    say(text);
  }

  async function trying(action) {
    try {
      return await action();
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      lost(true);
      say("The server cannot be reached. Nothing was changed; try again.");
      return null;
    }
  }

  // ---- Putting parts in their places ----

  function adopt(element) {
    const own = document.importNode(element, true);
    showBindings(own);
    return own;
  }

  // Takes over what a person is typing and what they revealed.
  function carryOver(from, to) {
    for (const field of from.querySelectorAll("textarea[name]")) {
      const twin = to.querySelector(`textarea[name="${field.name}"]`);
      if (twin && field.value) {
        twin.value = field.value;
        twin.closest("details")?.setAttribute("open", "");
      }
    }
    const pick = from.querySelector(".pick input");
    const twin = to.querySelector(".pick input");
    if (pick?.checked && twin && to.hasAttribute("data-open")) twin.checked = true;
    if (from.querySelector("details[data-veil][open]")) to.querySelector("details[data-veil]")?.setAttribute("open", "");
    if (from.querySelector("details[data-picker][open]")) to.querySelector("details[data-picker]")?.setAttribute("open", "");
  }

  function swap(old, fresh) {
    const own = adopt(fresh);
    const focus = old.contains(document.activeElement) ? document.activeElement : null;
    carryOver(old, own);
    old.replaceWith(own);
    if (own === current || old === current) makeCurrent(own, false);
    if (focus) {
      const again = focus.name && own.querySelector(`[name="${focus.name}"]${focus.tagName === "BUTTON" ? `[value="${CSS.escape(focus.value)}"]` : ""}`);
      (again || (own.tabIndex >= -1 && own.matches("article") ? own : own.querySelector("a, button")) || own).focus({ preventScroll: true });
    }
    return own;
  }

  // Whether only the claim can differ: then nothing moves under somebody's hands.
  function sameAs(old, fresh) {
    const target = (card) => card.querySelector("form.acts input[name=target]")?.value;
    return old.hasAttribute("data-open") && fresh.hasAttribute("data-open") && target(old) === target(fresh)
      && !old.querySelector("[data-refused]") && !fresh.querySelector("[data-refused]") && old.dataset.alike === fresh.dataset.alike;
  }

  function insert(card) {
    const order = card.dataset.order;
    const next = cards().find((other) => other.hasAttribute("data-open") && other.dataset.order > order);
    // Beyond what is shown: "More" leads there.
    if (!next && byId("more")?.querySelector("a")) return;
    const own = adopt(card);
    own.classList.add("fresh");
    if (next) next.before(own);
    else list.append(own);
    if (!current || !current.isConnected) makeCurrent(own, false);
  }

  // What a changed part of the page says, put in its places.
  function apply(part, { mine = false } = {}) {
    const listed = list.hasAttribute("data-list");
    for (const fresh of part.querySelectorAll("article[data-comment]")) {
      const old = byId(fresh.id);
      if (old && sameAs(old, fresh)) swap(old.querySelector("[data-held]"), fresh.querySelector("[data-held]"));
      else if (old) swap(old, fresh);
      else if (listed && fresh.hasAttribute("data-open")) insert(fresh);
    }
    for (const fresh of part.querySelectorAll("li[data-mini], [data-held][id], #side, #last")) {
      const old = byId(fresh.id);
      // One decision is undone at its item; many have no one place.
      const many = fresh.id !== "last" || (mine && Number(fresh.querySelector("[data-last]")?.dataset.count) > 1);
      if (old && many) swap(old, fresh);
    }
    for (const gone of part.querySelectorAll("[data-gone]")) byId(gone.dataset.gone)?.classList.add("settled");
    const told = part.querySelector("template[data-waiting]");
    if (told && byId("waiting")) byId("waiting").textContent = told.dataset.waiting;
    const empty = byId("empty");
    if (empty) empty.hidden = cards().length > 0;
    // A feed without articles is none.
    if (listed) list.setAttribute("role", cards().length > 0 ? "feed" : "group");
    countSelected();
    rove();
    return told?.dataset.say ?? "";
  }

  // ---- The current item ----

  const focusables = "a[href], button, summary, input, textarea, select";

  // One stop for the tabulator in the whole list; within the current item, its controls.
  function rove() {
    for (const card of cards()) {
      const here = card === current;
      card.tabIndex = here ? 0 : -1;
      for (const control of card.querySelectorAll(focusables)) {
        if (here) control.removeAttribute("tabindex");
        else control.tabIndex = -1;
      }
    }
  }

  function makeCurrent(card, focus = true) {
    if (current && current !== card) current.removeAttribute("data-current");
    current = card;
    if (!card) return;
    card.setAttribute("data-current", "");
    rove();
    if (focus) {
      card.focus({ preventScroll: true });
      card.scrollIntoView({ block: "nearest" });
    }
    holdSoon();
    if (panel && !panel.hidden && panel.dataset.of !== card.dataset.comment && !panel.contains(document.activeElement)) openPanel(null, false);
  }

  function move(step) {
    const all = cards();
    if (all.length === 0) return;
    const at = all.indexOf(current);
    const next = all[Math.max(0, Math.min(all.length - 1, at + step))] ?? all[0];
    makeCurrent(next);
    if (step > 0 && next === all.at(-1)) loadMore(false);
  }

  // After a decision: the next one that waits at this place, else the last before it, else the list.
  function goOn(from) {
    const all = cards();
    const at = all.indexOf(from);
    const waits = (card) => card.hasAttribute("data-open") && !card.hasAttribute("data-sent") && card !== from;
    const next = all.slice(at + 1).find(waits) ?? all.slice(0, Math.max(at, 0)).reverse().find(waits);
    if (next) makeCurrent(next);
    else if (from?.isConnected) makeCurrent(from);
    else all[0] ? makeCurrent(all[0]) : byId("list-title")?.focus();
    if (!all.slice(at + 3).some(waits)) loadMore(false);
  }

  // ---- Deciding ----

  // Those made on this page and not taken back, the newest last.
  let decisions = [];

  async function send(form, button) {
    const fields = new FormData(form, button);
    const names = fields.getAll("target").map((target) => target.split(":")[0]);
    const card = form.closest("article[data-comment]");
    const undoing = form.hasAttribute("data-undo");
    if (card?.hasAttribute("data-sent")) return;
    // Whoever knows what comes next does not wait for the answer.
    const ahead = card && !undoing && names.length === 1 && !form.hasAttribute("data-in-place");
    if (ahead) {
      card.setAttribute("data-sent", "");
      goOn(card);
    }
    const place = current;
    const backTo = (there) => { if (current === place) makeCurrent(there); };
    const buttons = [...form.querySelectorAll("button")];
    for (const each of buttons) each.disabled = true;
    const answer = await trying(() => post(form.getAttribute("action"), [...fields].filter(([name]) => name !== "csrf")));
    for (const each of buttons) each.disabled = false;
    card?.removeAttribute("data-sent");
    if (!answer?.part.querySelector("article[data-comment], #side")) {
      if (ahead) backTo(card);
      if (answer) sayProblem(answer.part);
      return;
    }
    if (form.closest("dialog")) closeDialog(false);
    const here = current;
    const said = apply(answer.part, { mine: true });
    const refused = answer.part.querySelector("[data-refused]");
    const last = answer.part.querySelector("[data-last]");
    if (!undoing && last) {
      decisions.push({ id: last.dataset.last, many: Number(last.dataset.count) > 1 });
    }
    if (undoing) {
      decisions = decisions.filter((each) => each.id !== fields.get("decision"));
      byId("last")?.replaceChildren();
    }
    say([said, byId("waiting")?.textContent].filter(Boolean).join(" "));
    for (const name of names) held.delete(name);
    if (form.hasAttribute("data-in-place")) return;
    if (undoing) {
      const back = answer.part.querySelector("article[data-comment]");
      makeCurrent((back && byId(back.id)) || here || cards()[0]);
    } else if (refused) {
      backTo(byId(`c-${names[0]}`) ?? here);
    } else if (names.length > 1) {
      const firstOpen = () => cards().find((each) => each.hasAttribute("data-open"));
      if (!firstOpen()) await loadMore(false);
      firstOpen() ? makeCurrent(firstOpen()) : goOn(here);
    } else if (card && current?.id === card.id) {
      goOn(current);
    }
  }

  function press(value) {
    const button = current?.querySelector(`form.acts button[name="do"][value="${value}"]`);
    if (button) button.form.requestSubmit(button);
    return Boolean(button);
  }

  function picker(open = true) {
    const details = current?.querySelector("details[data-picker]");
    if (!details) return false;
    details.open = open;
    if (open) details.querySelector("button[data-digit]")?.focus();
    else current.focus();
    return true;
  }

  // Takes back the newest decision of this page that still can be; before there was one, that of the current item.
  function undo(which = () => true) {
    const forms = [...document.querySelectorAll("form[data-undo]")];
    const formOf = (decision) => forms.find((form) => form.dataset.undo === decision.id);
    const form = decisions.filter(which).map(formOf).filter(Boolean).at(-1)
      ?? [current, byId("last")].map((place) => place?.querySelector("form[data-undo]")).find(Boolean);
    if (form) form.requestSubmit();
    else say("There is nothing to undo any more.");
  }

  // ---- Selecting ----

  const picked = () => [...list.querySelectorAll(".pick input:checked")];

  function countSelected() {
    const bulk = byId("bulk");
    if (!bulk) return;
    const count = picked().length;
    bulk.classList.toggle("some", count > 0);
    bulk.querySelector("[data-selected]").textContent = count === 1 ? "1 selected" : `${count} selected`;
  }

  async function bulk(act) {
    if (picked().length > 0) {
      const form = byId("bulk");
      const button = form.querySelector(`button[value="${act}"]`);
      await preview(() => post(form.getAttribute("action"), [...new FormData(form, button)].filter(([name]) => name !== "csrf")));
    } else if (current?.dataset.alike || desk.dataset.item) {
      await preview(() => ask(`${current?.dataset.href ?? location.pathname}/campaign?do=${act}`));
    } else {
      say("Select items first, with x.");
    }
  }

  async function preview(request) {
    const answer = await trying(request);
    if (!answer) return;
    if (!answer.ok) return sayProblem(answer.part);
    showDialog(...answer.part.childNodes);
  }

  // ---- Dialogs and the panel ----

  function showDialog(...nodes) {
    if (!dialog.open) cameFrom = document.activeElement;
    dialog.replaceChildren(...nodes.map(adopt2));
    const close = document.createElement("button");
    close.type = "button";
    close.dataset.command = "close";
    close.textContent = "Close";
    if (!dialog.querySelector('[data-command="close"]')) dialog.append(close);
    dialog.setAttribute("aria-label", dialog.querySelector("h1, h2")?.textContent ?? "Dialog");
    if (!dialog.open) dialog.showModal();
    (dialog.querySelector("[data-default]") ?? dialog.querySelector("input:checked") ?? dialog.querySelector("textarea, button, a"))?.focus();
  }

  const adopt2 = (node) => (node.nodeType === Node.ELEMENT_NODE ? adopt(node) : document.importNode(node, true));

  function closeDialog(refocus = true) {
    if (dialog.open) dialog.close();
    if (refocus) refocusList();
  }

  function refocusList() {
    const target = cameFrom?.isConnected ? cameFrom : current?.isConnected ? current : cards()[0] ?? byId("list-title") ?? byId("content");
    cameFrom = null;
    target?.focus();
  }
  dialog.addEventListener("close", () => { if (document.activeElement === document.body) refocusList(); });

  async function openPanel(section, focus = true) {
    if (!current) return;
    if (!panel) {
      (section ? byId(section) : byId("content"))?.focus();
      (section ? byId(section) : byId("content"))?.scrollIntoView({ block: "start" });
      return;
    }
    const card = current;
    const known = panel.dataset.of === card.dataset.comment && !panel.hidden;
    if (!known) {
      const answer = await trying(() => ask(card.dataset.href));
      if (!answer) return;
      if (!answer.ok) return sayProblem(answer.part);
      panel.replaceChildren(...[...answer.part.childNodes].map(adopt2));
      panel.dataset.of = card.dataset.comment;
      panel.scrollTop = 0;
    }
    panel.hidden = false;
    desk.classList.add("with-panel");
    if (!focus) return;
    const part = section && panel.querySelector(`#${section}`);
    const target = section === "notes" ? part?.querySelector("textarea") : part ?? panel.querySelector("h2");
    if (target) {
      if (!target.matches("textarea")) target.tabIndex = -1;
      target.focus({ preventScroll: true });
      if (part) part.scrollIntoView({ block: "start" });
      else panel.scrollTop = 0;
    }
  }

  function closePanel() {
    panel.hidden = true;
    desk.classList.remove("with-panel");
    current?.isConnected ? makeCurrent(current) : refocusList();
  }

  async function reloadPanel(section) {
    panel.dataset.of = "";
    await openPanel(section);
  }

  async function loadDialog(path) {
    const answer = await trying(() => ask(path));
    if (!answer) return;
    answer.ok ? showDialog(...answer.part.childNodes) : sayProblem(answer.part);
  }

  function help() {
    cameFrom = document.activeElement;
    byId("help").showModal();
  }
  byId("help").addEventListener("close", refocusList);

  // ---- Holding what one looks at ----

  const held = new Set();
  const HOLD_AFTER = 400;
  const HOLD_AGAIN = 40_000;
  let holding = 0;

  function holdSoon() {
    clearTimeout(holding);
    holding = setTimeout(hold, HOLD_AFTER);
  }

  async function hold() {
    if (!current?.hasAttribute("data-open") || document.hidden) return;
    const id = current.dataset.comment;
    const left = [...held].filter((other) => other !== id);
    if (left.length > 0) {
      left.forEach((other) => held.delete(other));
      await claims("release", left);
    }
    await claims("claim", [id]);
    held.add(id);
  }

  async function claims(act, ids) {
    const fields = [["do", act], ...ids.map((id) => ["comment", id])];
    const answer = await trying(() => post(`${base}/claims`, fields));
    if (answer?.ok) apply(answer.part);
  }

  setInterval(() => { if (!document.hidden && held.size > 0) claims("claim", [...held]); }, HOLD_AGAIN);
  addEventListener("pagehide", () => {
    if (held.size === 0) return;
    const fields = new URLSearchParams([["csrf", meta("csrf-token")?.content ?? ""], ["do", "release"], ...[...held].map((id) => ["comment", id])]);
    navigator.sendBeacon(`${base}/claims`, fields);
  });

  // ---- Live ----

  const LOOK_AFTER = 250;
  const RECONNECT = [1_000, 2_000, 5_000, 10_000, 20_000];
  const changed = new Set();
  let looking = 0;
  let source = null;
  let again = 0;
  let attempts = 0;
  let resumeAt = desk.dataset.events;

  function lost(isLost) {
    byId("link-lost").hidden = !isLost;
    root.dataset.live = isLost ? "off" : "on";
  }

  function connect() {
    source = new EventSource(resumeAt);
    const seen = (event) => {
      // A new connection of ours resumes there too, not only one that the browser makes again.
      if (event.lastEventId) resumeAt = `${base}/events?after=${event.lastEventId}`;
    };
    source.addEventListener("open", () => { attempts = 0; lost(false); });
    source.addEventListener("changed", (event) => {
      seen(event);
      event.data.split(" ").forEach((id) => changed.add(id));
      look();
    });
    source.addEventListener("behind", (event) => { seen(event); shown().forEach((id) => changed.add(id)); look(); });
    // What is typed stays; the server's own words say what happened.
    source.addEventListener("ended", () => { source.close(); lost(true); loadDialog(location.pathname); });
    source.addEventListener("error", () => {
      lost(true);
      if (source.readyState !== EventSource.CLOSED) return;
      // Refused, such as by a proxy whose server restarts: the browser does not try again by itself.
      again = setTimeout(connect, RECONNECT[Math.min(attempts, RECONNECT.length - 1)]);
      attempts += 1;
    });
  }

  // A page that one may come back to keeps its connections for a minute, and there are six to a server:
  // without this the seventh page would wait for that.
  addEventListener("pagehide", () => { clearTimeout(again); source?.close(); });
  addEventListener("pageshow", (event) => { if (event.persisted && source) connect(); });

  const shown = () => cards().map((card) => card.dataset.comment);

  function look() {
    if (looking) return;
    looking = setTimeout(async () => {
      const ids = [...changed].slice(0, 100);
      ids.forEach((id) => changed.delete(id));
      const question = ids.map((id) => `id=${encodeURIComponent(id)}`).join("&");
      const path = desk.dataset.changes;
      const answer = await trying(() => ask(`${path}${path.includes("?") ? "&" : "?"}${question}`));
      looking = 0;
      if (answer?.ok) {
        // What this person just did was put in its place already, and says so more exactly.
        for (const fresh of answer.part.querySelectorAll("article.settled")) {
          const old = byId(fresh.id);
          if (!old || old.classList.contains("settled") && old.querySelector("[data-undo]")) fresh.remove();
        }
        apply(answer.part);
      } else if (answer === null) {
        ids.forEach((id) => changed.add(id));
        setTimeout(look, 2_000);
      }
      if (changed.size > 0) look();
    }, LOOK_AFTER);
  }

  // ---- More ----

  let loading = false;

  async function loadMore(focus) {
    const link = byId("more")?.querySelector("a[data-more]");
    if (!link || loading) return;
    loading = true;
    list.setAttribute("aria-busy", "true");
    const answer = await trying(() => ask(link.getAttribute("href")));
    list.setAttribute("aria-busy", "false");
    loading = false;
    if (!answer?.ok) return;
    const fresh = [...answer.part.querySelectorAll("article[data-comment]")].filter((card) => !byId(card.id)).map(adopt);
    list.append(...fresh);
    const more = answer.part.querySelector("#more");
    if (more) byId("more").replaceWith(adopt(more));
    rove();
    if (focus && fresh[0]) makeCurrent(fresh[0]);
  }

  // ---- Sparing who reads ----

  const day = () => `moderato.seen.${new Date().toISOString().slice(0, 10)}`;
  const breakAfter = Number(desk.dataset.breakAfter);

  function revealed() {
    const seen = Number(localStorage.getItem(day()) ?? 0) + 1;
    localStorage.setItem(day(), String(seen));
    if (breakAfter > 0 && seen % breakAfter === 0) {
      byId("rest").querySelector("[data-seen]").textContent = String(seen);
      byId("rest").hidden = false;
      say(byId("rest").querySelector("p").textContent);
    }
  }

  document.addEventListener("toggle", (event) => {
    const veil = event.target;
    if (!(veil instanceof HTMLDetailsElement) || !veil.matches("[data-veil]") || !veil.open || veil.dataset.counted) return;
    veil.dataset.counted = "1";
    revealed();
  }, true);

  function reveal() {
    const veil = current?.querySelector("details[data-veil]");
    if (veil) veil.open = !veil.open;
    return Boolean(veil);
  }

  // ---- The time to take something back ----

  setInterval(() => {
    for (const form of document.querySelectorAll("form[data-until]")) {
      const left = Math.ceil((Number(form.dataset.until) - Date.now()) / 1_000);
      if (left <= 0) form.remove();
      else form.querySelector("[data-countdown]").textContent = left >= 60 ? `${Math.floor(left / 60)} min ${left % 60} s` : `${left} s`;
    }
  }, 1_000);

  // ---- Commands ----

  const queueLinks = () => [...document.querySelectorAll("#side a[data-queue]")];

  function cycle(step) {
    const links = queueLinks();
    const at = links.findIndex((link) => link.hasAttribute("aria-current"));
    links[(at + step + links.length) % links.length]?.click();
  }

  const go = (queue) => () => { queueLinks().find((link) => link.dataset.queue === queue)?.click() ?? location.assign(`${base}/queue?queue=${queue}`); };

  const commands = {
    "next": () => move(1),
    "previous": () => move(-1),
    "open": () => openPanel(null),
    "approve": () => press("approve"),
    "reject": () => picker(),
    "spam": () => press("spam"),
    "escalate": () => press("escalate"),
    "send-back": () => press("send_back"),
    "undo": () => undo(),
    "ban": () => {
      const link = current?.querySelector('a[data-dialog="ban"]');
      link ? loadDialog(link.getAttribute("href")) : say("The site cannot tell this author from others.");
    },
    "note": () => openPanel("notes"),
    "context": () => (panel && !panel.hidden && panel.querySelector("#conversation")?.contains(document.activeElement) ? closePanel() : openPanel("conversation")),
    "why": () => (panel && !panel.hidden && panel.querySelector("#why")?.contains(document.activeElement) ? closePanel() : openPanel("why")),
    "reveal": reveal,
    "select": () => {
      const pick = current?.querySelector(".pick input");
      if (!pick) return false;
      pick.checked = !pick.checked;
      countSelected();
      say(`${pick.checked ? "Selected" : "Not selected"}. ${byId("bulk").querySelector("[data-selected]").textContent}.`);
      return true;
    },
    "select-all": () => {
      const all = cards().filter((card) => card.hasAttribute("data-open")).map((card) => card.querySelector(".pick input")).filter(Boolean);
      const on = all.some((pick) => !pick.checked);
      for (const pick of all) pick.checked = on;
      countSelected();
      say(`${byId("bulk").querySelector("[data-selected]").textContent}.`);
    },
    "bulk-approve": () => bulk("approve"),
    "bulk-reject": () => bulk("reject"),
    "bulk-spam": () => bulk("spam"),
    "bulk-send-back": () => bulk("send_back"),
    "bulk-undo": () => undo(({ many }) => many),
    "next-queue": () => cycle(1),
    "previous-queue": () => cycle(-1),
    "filter": () => {
      const tools = byId("tools");
      if (!tools) return false;
      tools.open = true;
      tools.querySelector("select").focus();
      return true;
    },
    "zen": () => {
      root.classList.toggle("zen");
      if (!current) makeCurrent(cards()[0]);
      current?.scrollIntoView({ block: "nearest" });
      say(root.classList.contains("zen") ? "One at a time." : "The whole list.");
    },
    "history": () => loadDialog(`${base}/history`),
    "help": help,
    "close": () => {
      const open = current?.querySelector("details[data-picker][open]");
      if (dialog.open) closeDialog();
      else if (byId("help").open) byId("help").close();
      else if (open && open.contains(document.activeElement)) picker(false);
      else if (panel && !panel.hidden) closePanel();
      else if (root.classList.contains("zen")) root.classList.remove("zen");
      else if (open) picker(false);
      else current?.focus();
    },
    "rested": () => { byId("rest").hidden = true; current?.focus(); },
    "go-escalated": go("escalated"),
    "go-appeals": go("appeals"),
    "go-reported": go("reported"),
    "go-flagged": go("flagged"),
    "go-pending": go("pending"),
    "go-spam": go("spam"),
  };

  const typing = (element) =>
    element instanceof HTMLElement
    && (element.isContentEditable || element.matches("textarea, select, input:not([type=checkbox], [type=radio], [type=button], [type=submit])"));

  let prefix = "";
  let prefixEnds = 0;

  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.keyCode === 229 || event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
    const inField = typing(event.target);
    if (event.key === "Escape") {
      if (inField && !dialog.open) {
        event.preventDefault();
        const where = event.target.closest("details[data-picker]");
        where ? picker(false) : event.target.closest("#panel") ? closePanel() : current?.focus();
        return;
      }
      event.preventDefault();
      commands.close();
      return;
    }
    if (inField || keysOff) return;

    // In a dialog, digits choose and Enter decides; nothing else is a key.
    const modal = dialog.open ? dialog : byId("help").open ? byId("help") : null;
    const choices = modal ?? (current?.querySelector("details[data-picker][open]"));
    if (choices && /^[0-9]$/.test(event.key)) {
      const choice = choices.querySelector(`[data-digit="${event.key}"]`);
      if (!choice) return;
      event.preventDefault();
      if (choice.matches("button")) choice.form.requestSubmit(choice);
      else {
        choice.checked = true;
        modal.querySelector("[data-default]")?.focus();
      }
      return;
    }
    if (modal) {
      if (event.key === "Enter" && event.target.matches("input[type=radio]")) {
        event.preventDefault();
        const button = modal.querySelector("[data-default]") ?? modal.querySelector("button.primary");
        if (button) button.form.requestSubmit(button);
      }
      return;
    }

    const onControl = event.target.closest?.("a[href], button, summary, input");
    if (onControl && (event.key === "Enter" || event.key === " ")) return;
    const letter = event.key.length === 1 && event.key.toLowerCase() !== event.key.toUpperCase();
    const plain = letter ? event.key.toLowerCase() : event.key === " " ? "Space" : event.key;
    const name = letter && event.shiftKey ? `Shift+${plain}` : plain;
    const full = prefix && Date.now() < prefixEnds ? `${prefix}+${name}` : name;
    prefix = "";
    const command = commandOf.get(full);
    if (command && commands[command]) {
      // A space that reveals nothing scrolls, as ever.
      if (commands[command]() !== false) event.preventDefault();
      return;
    }
    if ([...commandOf.keys()].some((key) => key.startsWith(`${name}+`) && key !== name && name !== "Shift")) {
      prefix = name;
      prefixEnds = Date.now() + 1_500;
      event.preventDefault();
    }
  });

  // ---- Mouse, touch, forms ----

  document.addEventListener("click", (event) => {
    const target = event.target.closest?.("[data-command], [data-dialog], [data-more], [data-open-link]");
    if (target && !(event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0)) {
      const card = target.closest("article[data-comment]");
      if (card) makeCurrent(card, false);
      if (target.dataset.command) {
        event.preventDefault();
        commands[target.dataset.command]?.();
      } else if (target.dataset.dialog) {
        event.preventDefault();
        loadDialog(target.getAttribute("href"));
      } else if ("more" in target.dataset) {
        event.preventDefault();
        loadMore(true);
      } else if (panel && card) {
        event.preventDefault();
        makeCurrent(card);
        openPanel(null);
      }
      return;
    }
    const card = event.target.closest?.("article[data-comment]");
    if (card && card !== current) makeCurrent(card, false);
  });

  list.addEventListener("focusin", (event) => {
    const card = event.target.closest("article[data-comment]");
    if (card && card !== current) makeCurrent(card, false);
  });

  list.addEventListener("change", (event) => { if (event.target.closest(".pick")) countSelected(); });

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (form.matches("[data-act]")) {
      event.preventDefault();
      await send(form, event.submitter);
    } else if (form.id === "bulk") {
      event.preventDefault();
      await bulk(event.submitter.value);
    } else if (form.matches("[data-note], [data-claim]") && panel && form.closest("#panel")) {
      event.preventDefault();
      const fields = [...new FormData(form, event.submitter)].filter(([name]) => name !== "csrf");
      const answer = await trying(() => post(form.getAttribute("action"), fields));
      if (!answer) return;
      if (!answer.ok) return sayProblem(answer.part);
      form.reset();
      if (form.matches("[data-claim]")) apply(answer.part);
      await reloadPanel(form.matches("[data-note]") ? "notes" : null);
      if (form.matches("[data-note]")) current?.focus();
      say(form.matches("[data-note]") ? "Note added." : "");
    } else if (form.matches("[data-ban]") && form.closest("dialog")) {
      event.preventDefault();
      const fields = [...new FormData(form, event.submitter)].filter(([name]) => name !== "csrf");
      const answer = await trying(() => post(form.getAttribute("action"), fields));
      if (!answer) return;
      if (!answer.ok) return sayProblem(answer.part);
      closeDialog();
      say("The author is banned.");
      if (panel && !panel.hidden) await reloadPanel("author");
    }
  });

  // Keys that were held for a whole list are no use on a page that waits in the background.
  document.addEventListener("visibilitychange", () => { if (!document.hidden) holdSoon(); });

  if (panel) makeCurrent(cards()[0] ?? null, !location.hash && document.activeElement === document.body);
  else makeCurrent(cards()[0] ?? null, false);
  countSelected();
  connect();
})();
