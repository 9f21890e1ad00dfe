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
  const list = () => document.getElementById("queue-scroll") ?? {};
  for (const event of ["htmx:beforeSwap", "htmx:oobBeforeSwap"]) document.addEventListener(event, () => { top = list().scrollTop; });
  for (const event of ["htmx:afterSwap", "htmx:oobAfterSwap"]) document.addEventListener(event, () => { list().scrollTop = top; });
})();

// The same request shown again stays where it was scrolled to, with its explanations open.
(() => {
  const places = [".work", ".asked", ".suggested > .scroll"];
  let before = null;
  const work = () => document.getElementById("work");
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target?.id !== "work") return;
    before = {
      current: work().dataset.current,
      tops: places.map((place) => document.querySelector(place)?.scrollTop ?? 0),
      open: [...document.querySelectorAll("details[data-keep][open]")].map((each) => each.id),
    };
  });
  document.addEventListener("htmx:afterSwap", () => {
    if (before === null || work()?.dataset.current !== before.current) { before = null; return; }
    for (const id of before.open) document.getElementById(id)?.setAttribute("open", "");
    places.forEach((place, index) => { const found = document.querySelector(place); if (found) found.scrollTop = before.tops[index]; });
    before = null;
  });
})();
