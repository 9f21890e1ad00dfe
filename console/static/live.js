// One stream for the page says that the queue has changed; htmx then fetches it. A lost stream comes back by itself.
(() => {
  const sign = document.getElementById("live");
  if (!document.getElementById("queue")) return;
  const stream = new EventSource("/events");
  stream.addEventListener("open", () => {
    if (sign) sign.hidden = false;
    document.body.dispatchEvent(new CustomEvent("sb:queue"));
  });
  stream.addEventListener("error", () => { if (sign) sign.hidden = true; });
  stream.addEventListener("queue", () => document.body.dispatchEvent(new CustomEvent("sb:queue")));
  addEventListener("pagehide", () => stream.close());
})();
