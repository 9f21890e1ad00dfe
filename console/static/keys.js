// Single keys press the button or open the row they name. They rest while somebody types, while a
// decision is under way, with a modifier held, and where the reader has switched them off.
(() => {
  const TYPING = "input:not([type=checkbox]), select, textarea, [contenteditable]";
  const OFF = "switchboard-keys-off";
  const KEYS = [..."esuawntxcf123456/"];
  const PAGES = { t: "/triage", l: "/left", r: "/requests", p: "/policies", m: "/classifier", c: "/calls", o: "/on-call" };
  let led = false;
  const help = () => document.getElementById("keys");

  const press = (key) => {
    const target = [...document.querySelectorAll(`[data-key="${key}"]`)].find((each) => each.checkVisibility());
    if (!target) return false;
    if (target.matches("[data-help]")) openHelp();
    else if (target.matches("input")) { target.focus(); target.select(); }
    else { target.focus({ preventScroll: true }); target.click(); }
    return true;
  };

  const openHelp = () => {
    document.getElementById("keys-on").checked = !localStorage.getItem(OFF);
    help().showModal();
  };

  const move = (step) => {
    const rows = [...document.querySelectorAll("[data-row]")].filter((each) => each.checkVisibility());
    const at = rows.findIndex((each) => each.hasAttribute("aria-current"));
    const row = rows[at < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, at + step))];
    if (!row) return false;
    row.focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
    if (!row.hasAttribute("aria-current")) row.click();
    return true;
  };

  // Enter confirms from the open row or from nowhere; anywhere else it does what Enter does there.
  const confirms = (focused) => focused === document.body || focused.id === "work" || focused.matches("[data-row][aria-current]");

  // Nothing is decided on a request that is about to be replaced by the next one.
  const awaited = (key) => document.querySelector("jk".includes(key) ? "form.htmx-request" : "form.htmx-request, [data-row].htmx-request");

  const act = (event) => {
    const key = event.key;
    if (key === "Enter") return confirms(document.activeElement) && press("Enter");
    if (key === "j" || key === "k") return move(key === "j" ? 1 : -1);
    if (key === "?") { openHelp(); return true; }
    if (led) { led = false; if (PAGES[key]) { location.href = PAGES[key]; return true; } }
    if (key === "g") { led = true; setTimeout(() => { led = false; }, 1500); return true; }
    return KEYS.includes(key) && press(key);
  };

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.repeat || event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    if (event.target.closest(TYPING) || event.target.closest("dialog[open]")) return;
    if (localStorage.getItem(OFF) && event.key !== "?") return;
    if (awaited(event.key)) { if (event.key === "Enter") event.preventDefault(); return; }
    if (act(event)) event.preventDefault();
  });

  document.addEventListener("click", (event) => { if (event.target.closest("[data-help]")) openHelp(); });
  document.addEventListener("change", (event) => {
    if (event.target.id !== "keys-on") return;
    if (event.target.checked) localStorage.removeItem(OFF); else localStorage.setItem(OFF, "yes");
  });

  // Opening a form goes straight to what is to be written there; Escape leaves it.
  document.addEventListener("toggle", (event) => {
    const panel = event.target;
    if (!panel.matches("#change, .panel") || !panel.open || !panel.contains(document.activeElement)) return;
    const first = panel.id === "change" ? document.getElementById("change-priority")
      : panel.querySelector("form :is(textarea, select, input:not([type=hidden]))");
    first?.focus();
    panel.scrollIntoView({ block: "nearest" });
  }, true);
  document.addEventListener("keydown", (event) => {
    const form = event.target.closest("#change[open], .panel[open]");
    if (event.key === "Escape" && form) { form.open = false; form.querySelector("summary").focus(); }
  });

  // The row of the request that is open is the chosen one, also after Back, and is in sight when it changes.
  let chosen = document.getElementById("work")?.dataset.current;
  const choose = () => {
    const current = document.getElementById("work")?.dataset.current;
    for (const row of document.querySelectorAll("[data-row]")) {
      if (row.querySelector(".ref").textContent === current) row.setAttribute("aria-current", "true");
      else row.removeAttribute("aria-current");
    }
    const queue = document.getElementById("queue");
    if (queue) queue.setAttribute("hx-vals", JSON.stringify({ ...JSON.parse(queue.getAttribute("hx-vals")), current }));
    if (current !== chosen) document.querySelector("[data-row][aria-current]")?.scrollIntoView({ block: "nearest" });
    chosen = current;
  };
  document.addEventListener("htmx:afterSettle", choose);
})();
