// The theme form works by itself; with JavaScript the colours change without leaving the page.
(() => {
  const after = { auto: "dark", dark: "light", light: "auto" };
  document.addEventListener("submit", (event) => {
    if (event.target.id !== "theme") return;
    event.preventDefault();
    const button = event.target.querySelector("button");
    const theme = button.value;
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `theme=${theme}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
    document.documentElement.dataset.theme = theme;
    button.value = after[theme];
    button.title = `Colours: ${theme}`;
    button.setAttribute("aria-label", `Colours: ${theme}. Change to ${after[theme]}`);
    button.querySelector(".mode").textContent = theme;
  });
})();
