// Fetches the page again every few seconds and replaces what has changed, so that the reader's place is kept; filters rows.
const seconds = document.querySelectorAll("tbody tr").length > 100 ? 10 : 5;
const when = () => document.getElementById("when");
const box = document.getElementById("filter");
const wanted = () => box.value.trim().toLowerCase();

function update(old, fresh) {
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) return old.replaceWith(fresh);
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  const [before, after] = [[...old.childNodes], [...fresh.childNodes]];
  after.forEach((child, index) => (index < before.length ? update(before[index], child) : old.append(child)));
  before.slice(after.length).forEach(child => child.remove());
}

// Hides the rows, problems and tables of a document without the wanted text in their name, and says how many rows are left.
function filterRows(root) {
  const text = wanted();
  const hide = (part, name) => (part.hidden = !(name?.textContent ?? "").toLowerCase().includes(text));
  const rows = [...root.querySelectorAll("tbody tr")];
  for (const row of rows) hide(row, row.querySelector("th")?.firstChild);
  for (const problem of root.querySelectorAll(".problems li")) hide(problem, problem.querySelector("b"));
  for (const group of root.querySelectorAll(".group")) group.hidden = !group.querySelector("tbody tr:not([hidden])");
  for (const link of root.querySelectorAll("thead a")) link.search = withFilter(link.search, text);
  const left = rows.filter(row => !row.hidden).length;
  const count = text ? `${left} of ${rows.length} ${rows.length === 1 ? "row" : "rows"}` : "";
  const shown = document.querySelector(".filter output");
  if (shown.textContent !== count) shown.textContent = count;
}

function withFilter(search, text) {
  const fields = new URLSearchParams(search);
  if (text) fields.set("filter", text);
  else fields.delete("filter");
  return fields.toString();
}

let asked = Date.now();

// While nobody sees the page, it is only read for notifications, and less often.
async function refresh() {
  if (document.hidden && !(bell.notifies() && Date.now() - asked >= 14000)) return;
  asked = Date.now();
  try {
    const response = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(10000) });
    if (!response.ok) throw new Error(`status ${response.status}`);
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
    bell.follow(fresh, true);
    if (document.hidden) return;
    filterRows(fresh);
    document.title = fresh.title;
    for (const part of ["header", "main", "footer"]) update(document.querySelector(part), fresh.querySelector(part));
    document.body.classList.remove("stale");
  } catch (error) {
    if (!document.body.classList.contains("stale")) when().textContent += ` · no answer since then (${error.message})`;
    document.body.classList.add("stale");
  }
}

function filterPage() {
  filterRows(document);
  const search = withFilter(location.search, wanted());
  history.replaceState(null, "", search ? `?${search}` : location.pathname); // browsers may refuse many in a short time
}

box.form.addEventListener("submit", event => event.preventDefault());
box.addEventListener("input", filterPage);
box.value = new URLSearchParams(location.search).get("filter") ?? "";
box.form.hidden = false;
filterRows(document);
setInterval(refresh, seconds * 1000);
document.addEventListener("visibilitychange", refresh);
