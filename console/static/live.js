// One stream for the page says that the queue has changed; htmx then fetches it. A lost stream comes back by itself.
(() => {
  if (!document.querySelector("#queue, #awaited")) return;
  const sign = document.getElementById("live");
  const changed = () => document.body.dispatchEvent(new CustomEvent("sb:queue"));

  const stream = new EventSource("/events");
  stream.addEventListener("open", () => { if (sign) sign.hidden = false; changed(); });
  stream.addEventListener("error", () => { if (sign) sign.hidden = true; });
  stream.addEventListener("queue", changed);
  addEventListener("pagehide", () => stream.close());

  // A suggestion that arrives does not take the form away from somebody who is deciding without it.
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.target.id === "awaited" && document.activeElement?.closest("#change form")) event.preventDefault();
  });

  // A new queue stays where the old one was scrolled to.
  let top = 0;
  document.addEventListener("scroll", (event) => { if (event.target.id === "queue-scroll") top = event.target.scrollTop; }, true);
  document.addEventListener("htmx:load", () => {
    const list = document.getElementById("queue-scroll");
    if (list && list.scrollTop !== top) list.scrollTop = top;
  });
})();
