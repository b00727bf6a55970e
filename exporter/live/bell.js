// The bell: problems that are wrong now and those that ended, each until it is dismissed, and notifications of new ones.
// Times are Unix seconds of the exporter's clock. What is kept is shared by the tabs of one address.
const bell = (() => {
  const STORE = `deckwatch bell ${location.pathname}`;
  const MAX_ENTRIES = 50; // that ended, and that are listed
  const MAX_AT_ONCE = 5; // notifications of one reading
  const GAP_SECONDS = 120; // between two readings; also how long an exporter may take to restart
  const SEVERITIES = ["info", "warning", "error", "critical"];
  const aside = document.getElementById("bell");
  const [details, list, box, all] = ["details", "ul", "input", "button"].map(name => aside.querySelector(name));
  const [title, reason, more] = ["summary span", ".reason", ".more"].map(name => aside.querySelector(name));
  const shown = new Map(); // notifications of this tab, by tag
  let memory = "";
  let isKept = true; // unless storage is blocked or full: then in memory only
  let drawn = "";

  function load() {
    try {
      const kept = isKept ? localStorage.getItem(STORE) : memory;
      const { notify = false, seen = 0, entries = {} } = JSON.parse(kept || "{}");
      return { notify, seen, entries: new Map(Object.entries(entries)) };
    } catch {
      return { notify: false, seen: 0, entries: new Map() };
    }
  }

  function save(store) {
    memory = JSON.stringify({ ...store, entries: Object.fromEntries(store.entries) });
    try {
      localStorage.setItem(STORE, memory);
    } catch {
      isKept = false;
    }
    draw(store);
  }

  const isPossible = () => isSecureContext && "Notification" in window;
  const mayNotify = store => store.notify && isPossible() && Notification.permission === "granted";
  const rank = severity => SEVERITIES.indexOf(severity);

  // Compares the problems of a document with those that are known. `isNew` unless a browser may have kept the document.
  function follow(root, isNew) {
    const header = root.querySelector("header");
    const [now, host, store] = [Number(header.dataset.time), header.querySelector("h1").textContent, load()];
    const age = store.seen - now;
    if (age > 0 && !(isNew && age > GAP_SECONDS)) return draw(store); // another tab has read later
    const found = new Map([...header.querySelectorAll(".problems li")].map(item => [item.dataset.key, item]));
    const fresh = [];
    for (const [key, item] of found) if (addProblem(store, key, item)) fresh.push(key);
    if (!("measuring" in header.dataset)) endProblems(store, found, now, host);
    notifyOf(store, fresh, host);
    store.seen = now;
    if (store.entries.size || memory || store.notify) save(store);
    else draw(store);
  }

  // Adds or updates a problem, and returns whether it is new or has become more severe.
  function addProblem({ entries, seen }, key, item) {
    const { severity, value } = item.dataset;
    const since = Number(item.dataset.since);
    const isPending = item.classList.contains("pending");
    const old = entries.get(key);
    const goesOn = old && !old.ended && since <= seen + GAP_SECONDS;
    if (isPending) {
      if (old && !old.ended && !goesOn) Object.assign(old, { ended: since, last: seen }); // it came back meanwhile
      return false;
    }
    const news = { text: item.querySelector("p").textContent, severity, value };
    if (goesOn && rank(severity) <= rank(old.severity)) {
      Object.assign(old, news);
      return false;
    }
    entries.set(key, { ...news, since: goesOn ? old.since : since });
    return true;
  }

  function endProblems({ entries, seen, ...store }, found, now, host) {
    for (const [key, entry] of entries) {
      if (entry.ended || found.has(key)) continue;
      Object.assign(entry, { ended: now, last: seen });
      if (entry.notified && !entry.dismissed && mayNotify(store))
        show(key, `Ended: ${entry.text}`, `${host}, ${describeTime(entry)}`, { silent: true });
    }
    for (const [key, entry] of entries) if (entry.ended && entry.dismissed) entries.delete(key);
    const ended = [...entries].filter(([, entry]) => entry.ended).sort(([, a], [, b]) => b.ended - a.ended);
    for (const [key] of ended.slice(MAX_ENTRIES)) entries.delete(key);
  }

  function notifyOf(store, keys, host) {
    if (!mayNotify(store)) return;
    const single = keys.length > MAX_AT_ONCE ? keys.slice(0, MAX_AT_ONCE - 1) : keys;
    for (const key of single) {
      const entry = store.entries.get(key);
      entry.notified = true;
      show(key, entry.text, entry.value ? `${host}: ${entry.value}` : host);
    }
    const left = keys.length - single.length;
    if (left) show("more", `${left} more problems`, host);
  }

  // A notification of the same tag replaces the one before, whichever tab has shown it.
  function show(key, text, body, options = {}) {
    try {
      const note = new Notification(text, { body, tag: `${STORE} ${key}`, requireInteraction: true, ...options });
      note.onclick = () => {
        window.focus();
        details.open = true;
        note.close();
      };
      shown.set(key, note);
    } catch {
      explain("This browser shows no notifications from a page."); // Chrome for Android
    }
  }

  function showTime(seconds) {
    return new Date(seconds * 1000).toLocaleString([], { dateStyle: "short", timeStyle: "short" });
  }

  function describeTime({ since, ended, last }) {
    if (!ended) return `since ${showTime(since)}`;
    if (ended - last > GAP_SECONDS) return `ended between ${showTime(last)} and ${showTime(ended)}`;
    return `ended at ${showTime(ended)}`;
  }

  function listEntries(store) {
    const entries = [...store.entries].filter(([, entry]) => !entry.dismissed);
    const time = ([, entry]) => entry.ended ?? entry.since;
    return entries.sort((a, b) => !!a[1].ended - !!b[1].ended || time(b) - time(a));
  }

  function draw(store) {
    const entries = listEntries(store);
    const state = JSON.stringify(entries);
    for (const [key, note] of shown) {
      if (key === "more" || entries.some(([each]) => each === key)) continue;
      note.close();
      shown.delete(key);
    }
    box.checked = mayNotify(store);
    if (state === drawn) return;
    drawn = state;
    const ended = entries.filter(([, entry]) => entry.ended).length;
    const wrong = entries.length - ended;
    title.textContent = [wrong && `${wrong} new`, ended && `${ended} ended`].filter(Boolean).join(", ") || "nothing new";
    aside.classList.toggle("rings", wrong > 0);
    const place = [...list.children].findIndex(item => item.contains(document.activeElement));
    list.replaceChildren(...entries.slice(0, MAX_ENTRIES).map(drawEntry));
    more.textContent = entries.length > MAX_ENTRIES ? `and ${entries.length - MAX_ENTRIES} more` : "";
    all.hidden = entries.length < 2;
    if (place < 0) return;
    const next = list.children[Math.min(place, list.children.length - 1)]?.querySelector("button");
    (next ?? details.firstElementChild).focus();
  }

  function drawEntry([key, entry]) {
    const [item, text, time, button] = ["li", "p", "p", "button"].map(name => document.createElement(name));
    item.className = entry.ended ? "none" : rank(entry.severity) > rank("warning") ? "bad" : "late";
    text.textContent = entry.text;
    time.className = "soft";
    time.textContent = [!entry.ended && entry.value, describeTime(entry)].filter(Boolean).join(" · ");
    button.textContent = "Dismiss";
    button.type = "button";
    button.setAttribute("aria-label", `Dismiss ${entry.text}`);
    button.addEventListener("click", () => dismiss([key]));
    item.append(text, time, button);
    return item;
  }

  // Keeps a dismissed problem until it has ended, so that it does not return meanwhile.
  function dismiss(keys) {
    const store = load();
    for (const key of keys) {
      const entry = store.entries.get(key);
      if (entry?.ended) store.entries.delete(key);
      else if (entry) entry.dismissed = true;
    }
    save(store);
  }

  function explain(text) {
    if (reason.textContent !== text) reason.textContent = text;
  }

  function explainPermission() {
    box.disabled = !isPossible();
    if (!isSecureContext) explain("Notifications need https or localhost.");
    else if (!isPossible()) explain("This browser has no notifications.");
    else if (Notification.permission === "denied")
      explain("This browser denies notifications to this page; its settings for this site can allow them.");
    else explain("");
  }

  box.addEventListener("change", async () => {
    const isWanted = box.checked;
    if (isWanted && Notification.permission === "default") await Notification.requestPermission();
    explainPermission();
    if (isWanted && Notification.permission === "default") explain("The browser was given no permission.");
    save({ ...load(), notify: isWanted && Notification.permission === "granted" });
  });
  all.addEventListener("click", () => {
    dismiss(listEntries(load()).map(([key]) => key));
    details.firstElementChild.focus();
  });
  window.addEventListener("storage", ({ key }) => key === STORE && draw(load()));
  explainPermission();
  follow(document, false);
  aside.hidden = false;
  return { follow, notifies: () => mayNotify(load()) };
})();
