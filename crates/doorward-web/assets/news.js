// Shows new rows of a list as they arrive, where the reader wants that: the server tells that there
// are some, and the page is requested again. Without a script the page is loaded again by hand.
"use strict";
for (const button of document.querySelectorAll("button[data-news]")) {
  let news, renewing = false;
  const renew = async () => {
    const rows = document.querySelector(button.dataset.rows);
    if (renewing || rows?.contains(document.activeElement)) return;
    renewing = true;
    const page = await fetch(location.href).catch(() => null);
    const fresh = page?.ok && !page.redirected && new DOMParser().parseFromString(await page.text(), "text/html").querySelector(button.dataset.rows);
    if (fresh && rows) {
      rows.replaceWith(fresh);
      document.dispatchEvent(new Event("rows"));
    } else if (fresh) location.reload();
    renewing = false;
  };
  button.addEventListener("click", () => {
    news?.close();
    news = news ? undefined : new EventSource(button.dataset.news);
    news?.addEventListener("message", renew);
    button.setAttribute("aria-pressed", String(Boolean(news)));
  });
  button.hidden = false;
}
