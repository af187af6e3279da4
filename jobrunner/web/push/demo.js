// The token stands behind the # of the address, which browsers send to nobody. A page of yours asks its application.
"use strict";
const state = document.getElementById("state");
const token = new URLSearchParams(location.hash.slice(1)).get("token");
if (token) {
  state.textContent = "Connecting…";
  let tries = 0;
  jobrunnerPopups.start({
    token: async () => {
      if (tries++) state.textContent = "No connection: the daemon is away, or this address is over an hour old. jobrunner popup demo USER prints a new one.";
      return token;
    },
  });
  document.addEventListener("jobrunner:popups", (event) => {
    const count = event.detail.popups.length;
    tries = 0;
    state.textContent = "Connected: " + (count === 1 ? "1 popup is open." : count + " popups are open.");
    document.title = (count ? "(" + count + ") " : "") + "Popups of jobrunner";
  });
}
