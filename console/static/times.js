// Times are sent in UTC and shown in the reader's own zone; waiting times count on by the clock.
(() => {
  const long = new Intl.DateTimeFormat("en-GB", {
    weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short",
  });

  const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

  const elapsed = (since) => {
    const seconds = Math.max(0, Math.floor((Date.now() - since) / 1000));
    const minutes = Math.floor(seconds / 60), hours = Math.floor(seconds / 3600), days = Math.floor(seconds / 86400);
    if (hours < 1) return `${minutes} min`;
    if (days < 1) return `${hours} h ${String(minutes % 60).padStart(2, "0")}`;
    return `${days} d ${hours % 24} h`;
  };

  const show = (root) => {
    for (const time of root.querySelectorAll("time[datetime]")) {
      const at = new Date(time.dateTime);
      if ("since" in time.dataset) {
        time.textContent = elapsed(at);
        time.title = `since ${long.format(at)}`;
      } else if ("clock" in time.dataset) {
        time.textContent = clock.format(at);
        time.title = long.format(at);
      } else if (!time.title) {
        time.title = time.textContent;
        time.textContent = long.format(at);
      }
    }
  };

  // A time that is written counts in the reader's own zone, and says so.
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const zones = (root) => {
    for (const label of root.querySelectorAll("[data-zone]")) label.textContent = zone;
    for (const field of root.querySelectorAll("[data-zone-field]")) field.value = zone;
  };

  show(document);
  zones(document);
  document.addEventListener("htmx:load", (event) => { show(event.detail.elt); zones(event.detail.elt); });
  setInterval(() => show(document), 15000);
})();
