/*! Popups of jobrunner, MIT. Put a copy of this file on your own pages, or load it from a daemon; see docs/popups.md.
 *
 *  <script src="/popups.js" data-server="https://jobs.example.com" data-token="/popup-token" defer></script>
 *
 *  data-server  the daemon, as browsers reach it; where the script was loaded from, if left out
 *  data-token   a URL of your application that answers POST with a token of whoever is signed in, as text
 *
 *  Or without data-token: jobrunnerPopups.start({ server, token: async () => "…" }). Each change is an event
 *  "jobrunner:popups" of the document, with detail.popups; preventDefault() keeps ours from being drawn.
 */
(() => {
  "use strict";
  const FIRST_PAUSE = 1000, LONGEST_PAUSE = 30000, OPEN_LIMIT = 10000, STALE_TOKEN = 30000;
  const RENEW = 4408, RESTART = 1012;
  const script = document.currentScript;
  const words = {
    region: "Reminders", snooze: "Remind me again", dismiss: "Dismiss", all: "Dismiss all", day: "all day",
    again: "Remind me again…", in5: "in 5 minutes", in10: "in 10 minutes", in15: "in 15 minutes",
    in30: "in 30 minutes", in60: "in an hour", tomorrow: "tomorrow at 9:00",
    types: { Meeting: "Meeting", Call: "Call", Task: "Task" },
  };

  class Connection {
    constructor(server, token, show) {
      this.server = server.replace(/\/$/, "");
      this.getToken = token;
      this.show = show;
      this.pause = FIRST_PAUSE;
      this.socketFailures = 0;
      this.stopped = false;
    }

    async run() {
      while (!this.stopped) {
        let code = 0;
        this.opened = false;
        try {
          // Where a proxy lets no WebSocket pass, none ever opens.
          code = this.socketFailures < 2 ? await this.socket() : await this.stream();
        } catch { /* away: come again */ }
        if (this.opened) this.pause = FIRST_PAUSE;
        if (this.stopped) return;
        const soon = this.opened && (code === RENEW || code === RESTART);
        await this.wait(soon ? 50 + Math.random() * 950 : this.pause * (0.5 + Math.random() / 2));
        if (!soon) this.pause = Math.min(this.pause * 2, LONGEST_PAUSE);
      }
    }

    wait(milliseconds) {
      return new Promise((done) => {
        this.wake = done;
        setTimeout(done, milliseconds);
      });
    }

    async token() {
      const token = await this.getToken();
      this.lastToken = { token, at: Date.now() };
      return token;
    }

    socket() {
      return new Promise((ended, failed) => {
        const url = new URL(this.server + "/push/socket", location.href);
        url.protocol = url.protocol.replace("http", "ws");
        const socket = new WebSocket(url);
        const limit = setTimeout(() => socket.close(), OPEN_LIMIT);
        socket.onopen = async () => {
          try {
            socket.send(JSON.stringify({ token: await this.token() }));
            this.say = async (message) => socket.send(JSON.stringify(message));
          } catch {
            socket.close();
          }
        };
        socket.onmessage = (event) => {
          clearTimeout(limit);
          this.opened = true;
          this.socketFailures = 0;
          this.take(JSON.parse(event.data));
        };
        socket.onclose = (event) => {
          clearTimeout(limit);
          this.say = null;
          // 4xxx: it did open, and the daemon said no.
          if (!this.opened && event.code < 4000 && navigator.onLine !== false) this.socketFailures += 1;
          ended(event.code);
        };
        this.close = () => socket.close();
        if (this.stopped) failed(new Error("stopped"));
      });
    }

    async stream() {
      const abort = new AbortController();
      this.close = () => abort.abort();
      const headers = { Authorization: "Bearer " + (await this.token()) };
      const answer = await fetch(this.server + "/push/stream", {
        headers, signal: abort.signal, cache: "no-store", credentials: "omit",
      });
      if (!answer.ok) {
        if (answer.status === 404) this.socketFailures = 0;
        throw new Error("refused: " + answer.status);
      }
      this.opened = true;
      this.say = (message) => this.post(message);
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "", code = 0;
      try {
        for (;;) {
          const { value, done } = await reader.read();
          if (done) break;
          rest += value;
          const events = rest.split("\n\n");
          rest = events.pop();
          for (const event of events) {
            const data = /^data: (.*)$/m.exec(event);
            if (/^event: popups$/m.test(event)) this.take({ popups: JSON.parse(data[1]) });
            if (/^event: end$/m.test(event)) code = Number(data[1]);
          }
        }
      } finally {
        this.say = null;
      }
      if (code === RENEW) this.socketFailures = 1; // try a socket once more, now and then
      return code;
    }

    async post(message) {
      const fresh = this.lastToken && Date.now() - this.lastToken.at < STALE_TOKEN;
      const token = fresh ? this.lastToken.token : await this.token();
      const answer = await fetch(this.server + "/push/popups", {
        method: "POST", body: JSON.stringify(message), cache: "no-store", credentials: "omit",
        headers: { Authorization: "Bearer " + token, "Content-Type": "application/json" },
      });
      if (!answer.ok) throw new Error("not stored: " + answer.status);
    }

    take(message) {
      if (message.popups) this.show(message.popups, null);
      if (message.error) this.show(null, message.error);
    }

    async tell(message) {
      if (!this.say) throw new Error("not connected");
      await this.say(message);
    }
  }

  const STYLE = `
    :host { all: initial; position: fixed; z-index: 2147483000; right: 1rem; bottom: 1rem; width: min(22rem, calc(100vw - 2rem));
      max-height: calc(100vh - 2rem); overflow-y: auto; font: 15px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
      color-scheme: light dark; --ink: #1d2433; --quiet: #5b6475; --card: #fff; --line: #d9dee8; --accent: #1f5fbf; }
    @media (prefers-color-scheme: dark) { :host { --ink: #e8ebf2; --quiet: #a3acbd; --card: #1b212d; --line: #323b4c; --accent: #7fb0ff; } }
    ul { list-style: none; margin: 0; padding: 0; display: grid; gap: .6rem; }
    li { background: var(--card); color: var(--ink); border: 1px solid var(--line); border-left: 4px solid var(--accent);
      border-radius: .6rem; padding: .8rem .9rem; box-shadow: 0 6px 24px rgb(0 0 0 / .16); }
    .what { color: var(--quiet); font-size: .8rem; display: flex; justify-content: space-between; gap: 1rem; }
    a, .name { color: inherit; font-weight: 600; font-size: 1.05rem; overflow-wrap: anywhere; text-decoration-color: var(--line); }
    .when { margin: .1rem 0 .6rem; color: var(--quiet); }
    .do { display: flex; gap: .5rem; align-items: stretch; }
    button, select { font: inherit; color: var(--ink); background: transparent; border: 1px solid var(--line); border-radius: .4rem;
      padding: .35rem .7rem; min-height: 2.25rem; cursor: pointer; }
    select { flex: 1; min-width: 0; } option { background: var(--card); color: var(--ink); }
    button { color: var(--accent); border-color: var(--accent); font-weight: 600; }
    :is(a, button, select):focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
    .all { display: block; margin: .6rem 0 0 auto; background: var(--card); }
    p { margin: .6rem 0 0; padding: .5rem .8rem; border-radius: .4rem; background: #8f1d1d; color: #fff; }`;

  class View {
    constructor(tell) {
      this.tell = tell;
      this.popups = [];
      this.leaving = new Set();
      this.host = document.createElement("jobrunner-popups");
      this.root = this.host.attachShadow({ mode: "open" });
      const sheet = new CSSStyleSheet(); // no inline style: a strict policy allows it
      sheet.replaceSync(STYLE);
      this.root.adoptedStyleSheets = [sheet];
      this.region = document.createElement("section");
      this.region.setAttribute("aria-label", words.region);
      this.region.setAttribute("aria-live", "polite");
      this.list = document.createElement("ul");
      this.items = new Map();
      this.trouble = document.createElement("p");
      this.trouble.setAttribute("role", "alert");
      this.trouble.hidden = true;
      this.everything = this.button(words.all, () => this.dismiss(this.shown().map((popup) => popup.id)));
      this.everything.className = "all";
      this.region.append(this.list, this.trouble, this.everything);
      this.root.append(this.region);
      document.addEventListener("visibilitychange", () => this.noteSeen());
    }

    show(popups, error) {
      this.trouble.hidden = !error;
      this.trouble.textContent = error || "";
      if (error) this.leaving.clear();
      if (popups) {
        this.popups = popups;
        const ids = new Set(popups.map((popup) => popup.id));
        for (const id of this.leaving) if (!ids.has(id)) this.leaving.delete(id);
      }
      const event = new CustomEvent("jobrunner:popups", { detail: { popups: this.popups, error }, cancelable: true });
      if (document.dispatchEvent(event)) this.draw();
      this.noteSeen();
    }

    shown() {
      return this.popups.filter((popup) => !this.leaving.has(popup.id));
    }

    draw() {
      const shown = this.shown();
      const ids = new Set(shown.map((popup) => popup.id));
      for (const [id, item] of this.items) {
        if (ids.has(id)) continue;
        item.element.remove();
        this.items.delete(id);
      }
      for (const popup of shown) { // what stays keeps its element, and with it the focus
        let item = this.items.get(popup.id);
        if (!item) {
          item = this.make(popup);
          this.items.set(popup.id, item);
          this.list.append(item.element);
        }
        item.fill(popup);
      }
      this.everything.hidden = shown.length < 2;
      this.everything.style.display = shown.length < 2 ? "none" : "";
      const needed = shown.length > 0 || !this.trouble.hidden;
      if (needed && !this.host.isConnected) document.body.append(this.host);
      if (!needed && this.host.isConnected) this.host.remove();
    }

    make(popup) {
      const part = (tag, name) => Object.assign(document.createElement(tag), { className: name });
      const element = document.createElement("li");
      element.dataset.id = popup.id;
      const what = part("div", "what"), type = part("span", "type"), when = part("div", "when"), act = part("div", "do");
      const name = part(/^https?:/.test(popup.url) ? "a" : "span", "name");
      what.append(type);
      const choice = document.createElement("select");
      choice.setAttribute("aria-label", words.snooze);
      for (const [value, text] of [["", words.again], ["5", words.in5], ["10", words.in10], ["15", words.in15],
        ["30", words.in30], ["60", words.in60], ["tomorrow", words.tomorrow]]) choice.add(new Option(text, value));
      choice.addEventListener("change", () => {
        if (choice.value) this.snooze(popup.id, choice.value === "tomorrow" ? null : Number(choice.value));
      });
      act.append(choice, this.button(words.dismiss, () => this.dismiss([popup.id])));
      element.append(what, name, when, act);
      return {
        element,
        fill(popup) {
          type.textContent = words.types[popup.type] || popup.type;
          name.textContent = popup.name || "…";
          if (name instanceof HTMLAnchorElement) name.href = popup.url;
          when.textContent = moment(popup);
        },
      };
    }

    button(text, does) {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: text });
      button.addEventListener("click", does);
      return button;
    }

    dismiss(ids) { return this.leave(ids, { dismiss: ids }); }

    snooze(id, minutes) { return this.leave([id], { snooze: id, minutes }); }

    async leave(ids, message) {
      for (const id of ids) this.leaving.add(id);
      this.draw();
      try {
        await this.tell(message);
      } catch {
        this.show(null, "That could not be sent. Please try again in a moment.");
      }
    }

    noteSeen() {
      if (document.visibilityState !== "visible") return;
      const ids = this.shown().filter((popup) => !popup.seen).map((popup) => popup.id);
      if (ids.length) this.tell({ seen: ids }).catch(() => {});
    }
  }

  function moment(popup) {
    const language = document.documentElement.lang || undefined;
    if (popup.day) {
      const day = new Date(popup.day + "T00:00:00Z");
      return new Intl.DateTimeFormat(language, { dateStyle: "full", timeZone: "UTC" }).format(day) + ", " + words.day;
    }
    const options = { weekday: "short", day: "numeric", month: "short", hour: "numeric", minute: "2-digit" };
    try {
      return new Intl.DateTimeFormat(language, { ...options, timeZone: popup.zone }).format(new Date(popup.start));
    } catch { // a zone that the browser does not know
      return new Intl.DateTimeFormat(language, options).format(new Date(popup.start));
    }
  }

  function start({ server, token }) {
    let connection;
    const view = new View((message) => connection.tell(message));
    connection = new Connection(server || new URL(script.src).origin, token, (popups, error) => view.show(popups, error));
    addEventListener("online", () => connection.wake && connection.wake());
    connection.run();
    return {
      dismiss: (...ids) => view.dismiss(ids),
      snooze: (id, minutes) => view.snooze(id, minutes),
      stop() {
        connection.stopped = true;
        if (connection.close) connection.close();
        view.show([], null);
      },
    };
  }

  window.jobrunnerPopups = { start, words };
  if (script && script.dataset.token) {
    const token = async () => {
      const answer = await fetch(script.dataset.token, {
        method: "POST", credentials: "same-origin", cache: "no-store", headers: { "X-Requested-With": "jobrunner" },
      });
      if (!answer.ok) throw new Error("no token: " + answer.status);
      return (await answer.text()).trim();
    };
    const begin = () => start({ server: script.dataset.server, token });
    if (document.body) begin();
    else addEventListener("DOMContentLoaded", begin);
  }
})();
