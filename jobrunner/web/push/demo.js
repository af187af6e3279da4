// The token stands behind the # of the address, which browsers send to nobody. A page of yours asks its application.
"use strict";
const state = document.getElementById("state");
const token = new URLSearchParams(location.hash.slice(1)).get("token");
if (token) {
  state.textContent = "Connecting…";
  jobrunnerPopups.start({ token: async () => token });
  document.addEventListener("jobrunner:popups", (event) => {
    const count = event.detail.popups.length;
    state.textContent = "Connected: " + (count === 1 ? "1 popup is open." : count + " popups are open.");
    document.title = (count ? "(" + count + ") " : "") + "Popups of jobrunner";
  });
}
