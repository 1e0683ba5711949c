// What report.html does by itself: hover on marks, filters of rows, pictures compared, clouds turned.
// Without it everything is there to read: tooltips are <title> elements, tables and pictures are whole.
"use strict";
(() => {
  const make = (tag, properties = {}) => Object.assign(document.createElement(tag), properties);
  document.documentElement.classList.add("js");

  // A mark's tooltip at once, not after the browser's second.
  const tip = make("div", { className: "tip", hidden: true });
  document.body.append(tip);
  for (const title of document.querySelectorAll(".chart title")) {
    const mark = title.parentNode;
    mark.dataset.tip = title.textContent;
    mark.setAttribute("aria-label", title.textContent);
    title.remove();
  }
  document.addEventListener("pointerover", (event) => {
    const mark = event.target.closest?.("[data-tip]");
    tip.hidden = !mark;
    if (!mark) return;
    tip.textContent = mark.dataset.tip;
    const box = mark.getBoundingClientRect();
    const middle = box.left + box.width / 2 - tip.offsetWidth / 2;
    const left = Math.min(Math.max(4, middle), innerWidth - tip.offsetWidth - 4);
    const top = box.top - tip.offsetHeight - 6;
    tip.style.left = `${left + scrollX}px`;
    tip.style.top = `${(top < 0 ? box.bottom + 6 : top) + scrollY}px`;
  });

  // Rows that hold every word of the filter.
  for (const table of document.querySelectorAll("table.filterable")) {
    const rows = [...table.tBodies[0].rows];
    const count = make("span", { className: "count" });
    const field = make("input", { type: "search", placeholder: "filter rows" });
    field.setAttribute("aria-label", "Filter the rows of the table by words");
    field.addEventListener("input", () => {
      const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of rows) {
        const text = row.textContent.toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
        shown += !row.hidden;
      }
      count.textContent = words.length ? ` ${shown} of ${rows.length}` : "";
    });
    const bar = make("p", { className: "filter" });
    bar.append(field, count);
    table.closest(".scroll").before(bar);
  }

  // A link to what is folded opens it.
  const open = () => document.getElementById(location.hash.slice(1))?.closest("details")?.setAttribute("open", "");
  addEventListener("hashchange", open);
  open();

  // A render against its photo, under one slider.
  for (const gallery of document.querySelectorAll(".gallery")) {
    const truth = gallery.querySelector("img[data-truth]");
    if (!truth) continue;
    for (const image of gallery.querySelectorAll("img:not([data-truth])")) {
      const button = make("button", { type: "button", textContent: "compare", title: "under a slider with the photo" });
      let slider = null;
      button.addEventListener("click", () => {
        if (slider) {
          slider.replaceWith(image);
          slider = null;
          button.textContent = "compare";
          return;
        }
        slider = make("img-comparison-slider", { tabIndex: 0 });
        slider.setAttribute("aria-label", `photo, left, and ${image.alt}, right; arrow keys move the line`);
        const [first, second] = [truth.cloneNode(), image.cloneNode()];
        first.slot = "first";
        second.slot = "second";
        slider.append(first, second);
        image.replaceWith(slider);
        button.textContent = "back";
      });
      image.parentNode.append(button);
    }
  }

  // By click, or Enter; Escape closes.
  const zoom = mediumZoom("img.zoom", { background: getComputedStyle(document.body).backgroundColor, margin: 16 });
  for (const image of document.querySelectorAll("img.zoom")) {
    image.tabIndex = 0;
    image.addEventListener("keydown", (event) => event.key === "Enter" && zoom.open({ target: image }));
  }

  // Points and cameras of a sample.
  const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const places = (text, low, size) =>
    Float32Array.from(new Uint16Array(bytes(text).buffer), (value, i) => low[i % 3] + (value / 65535) * size[i % 3]);

  function show(holder, data) {
    const three = scene3d;
    const canvas = make("canvas", { tabIndex: 0 });
    canvas.setAttribute("aria-label", "points and cameras; drag or arrow keys turn, scroll zooms");
    const still = holder.querySelector("img");
    still.replaceWith(canvas);
    let renderer;
    try {
      renderer = new three.WebGLRenderer({ canvas, antialias: true, alpha: true });
    } catch {
      canvas.replaceWith(still, make("p", { className: "note", textContent: "This browser has no WebGL." }));
      return;
    }
    const scene = new three.Scene();
    const cloud = new three.BufferGeometry();
    cloud.setAttribute("position", new three.BufferAttribute(places(data.points, data.low, data.size), 3));
    const colors = new three.BufferAttribute(bytes(data.colors), 3, true);
    const linear = new Float32Array(colors.count * 3);
    const color = new three.Color();
    for (let i = 0; i < colors.count; i++) {
      color.setRGB(colors.getX(i), colors.getY(i), colors.getZ(i), three.SRGBColorSpace);
      linear.set([color.r, color.g, color.b], 3 * i);
    }
    cloud.setAttribute("color", new three.BufferAttribute(linear, 3));
    const extent = Math.max(...data.size);
    scene.add(new three.Points(cloud, new three.PointsMaterial({ size: extent / 75, vertexColors: true })));
    for (const camera of data.cameras) {
      const lines = new three.BufferGeometry();
      lines.setAttribute("position", new three.BufferAttribute(new Float32Array(camera.lines), 3));
      scene.add(new three.LineSegments(lines, new three.LineBasicMaterial({ color: camera.color })));
    }
    const view = new three.PerspectiveCamera(50, 4 / 3, extent / 1000, extent * 20);
    view.up.set(...data.up);
    view.position.set(...data.eye);
    const controls = new three.OrbitControls(view, canvas);
    controls.target.set(...data.target);
    controls.listenToKeyEvents(canvas);
    const draw = () => renderer.render(scene, view);
    const fit = () => {
      renderer.setPixelRatio(devicePixelRatio);
      renderer.setSize(canvas.clientWidth, canvas.clientHeight, false);
      view.aspect = canvas.clientWidth / canvas.clientHeight;
      view.updateProjectionMatrix();
      draw();
    };
    controls.addEventListener("change", draw);
    controls.update();
    new ResizeObserver(fit).observe(canvas);
    fit();
  }

  for (const holder of document.querySelectorAll("[data-scene]")) {
    const button = make("button", { type: "button", textContent: "turn it in 3D" });
    button.addEventListener("click", () => {
      button.remove();
      show(holder, JSON.parse(document.getElementById(holder.dataset.scene).textContent));
    });
    holder.append(button);
  }
})();
