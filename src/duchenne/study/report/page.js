"use strict";
// Draws the time lines; everything else of the page needs no script.
(function () {
  addEventListener("beforeprint", () => document.querySelectorAll("main details").forEach((part) => { part.open = true; }));
  const colours = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#B07A00", "#3A9AD9", "#000000", "#7F7F7F"];
  const lines = JSON.parse(document.getElementById("line-data").textContent);
  const clock = (s) => {
    const minutes = Math.floor(s / 60), rest = s - 60 * minutes;
    const text = rest.toFixed(Number.isInteger(s) ? 0 : 1);
    return minutes + ":" + (rest < 10 ? "0" : "") + text;
  };
  lines.forEach((line, k) => {
    const place = document.getElementById("line-" + k);
    const series = line.aus.map((au, j) => ({
      label: au,
      show: line.shown.includes(au),
      stroke: colours[(line.shown.includes(au) ? line.shown.indexOf(au) : j) % colours.length],
      width: 1.5,
      spanGaps: false,
      points: { show: false },
      value: (plot, value) => (value == null ? "–" : value.toFixed(1)),
    }));
    const plot = new uPlot({
      width: place.clientWidth,
      height: 220,
      cursor: { sync: { key: line.source }, drag: { x: true, y: false } },
      padding: [8, 0, 0, 0],
      scales: { x: { time: false, range: (u, low, high) => (high > low ? [low, high] : [low, low + 1]) }, y: { range: [0, line.largest] } },
      axes: [{ values: (u, marks) => marks.map(clock) }, { size: 50 }],
      series: [{ label: "time", value: (u, s) => (s == null ? "–" : clock(s)) }, ...series],
    }, [line.seconds, ...line.values], place);
    new ResizeObserver(() => plot.setSize({ width: place.clientWidth, height: 220 })).observe(place);
    // The legend's names switch the lines; they are reached by the keyboard, too.
    place.querySelectorAll(".u-legend .u-series:not(:first-child) th").forEach((name, j) => {
      name.tabIndex = 0;
      name.setAttribute("role", "button");
      name.setAttribute("aria-pressed", String(plot.series[j + 1].show));
      name.addEventListener("keydown", (event) => {
        if (event.key === "Enter" || event.key === " ") { event.preventDefault(); name.click(); }
      });
      name.addEventListener("click", () => name.setAttribute("aria-pressed", String(plot.series[j + 1].show)));
    });
  });
})();
