// Sorting of tables, zoom on pictures, the slider between two pictures.
import "sortable-tablesort/dist/sortable.js";
import "sortable-tablesort/dist/sortable.a11y.js";
import "img-comparison-slider";
import mediumZoom from "medium-zoom";

globalThis.mediumZoom = mediumZoom;
