// Keeps a run's bar and figures current; when the run has ended, shows its page as it is then.
const box = document.querySelector("[data-progress-url]");
const put = (name, text) => {
  const place = document.querySelector(`[data-progress="${name}"]`);
  if (place) place.textContent = text;
};
const minutes = (seconds) => {
  const whole = Math.round(seconds / 60);
  if (whole < 1) return "under a minute";
  if (whole < 60) return `about ${whole} minute${whole > 1 ? "s" : ""}`;
  return `about ${Math.floor(whole / 60)} h ${String(whole % 60).padStart(2, "0")} min`;
};
const look = async () => {
  try {
    const answer = await fetch(box.dataset.progressUrl, { credentials: "same-origin" });
    if (!answer.ok || answer.redirected) return window.location.reload();
    const now = await answer.json();
    if (now.ended) return window.location.reload();
    for (const name of ["label", "sentence", "read", "planned", "written", "unchanged", "blocked", "failed"]) {
      put(name, typeof now[name] === "number" ? now[name].toLocaleString("en-US") : now[name]);
    }
    const left = now.seconds_left === null ? "" : ` · ${minutes(now.seconds_left)} left`;
    put("speed", now.rate ? `${Math.round(now.rate)} a second${left}` : "");
    document.querySelector('[data-progress="bar"]').style.width = `${now.percent}%`;
  } catch {
    // No connection right now: the next look tries again.
  }
  return window.setTimeout(look, 1500);
};
if (box) window.setTimeout(look, 1000);
