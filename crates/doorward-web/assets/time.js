// Shows moments relative to now, with the reader's local time as their title; without a script they
// are shown in UTC.
"use strict";
const { lang } = document.documentElement;
const relative = new Intl.RelativeTimeFormat(lang, { numeric: "auto", style: "short" });
const local = new Intl.DateTimeFormat(lang, { dateStyle: "medium", timeStyle: "short" });
const show = () => document.querySelectorAll("time[datetime]:not([title])").forEach(element => {
  const at = new Date(element.dateTime);
  let amount = (at - Date.now()) / 1000, unit = "second";
  for (const [size, larger] of [[60, "minute"], [60, "hour"], [24, "day"]]) {
    if (Math.abs(amount) < size) break;
    amount /= size;
    unit = larger;
  }
  element.title = `${local.format(at)} (${element.textContent})`;
  element.textContent = Math.abs(amount) >= 7 && unit === "day" ? local.format(at) : relative.format(Math.round(amount), unit);
});
show();
// Rows that arrive later.
document.addEventListener("rows", show);
