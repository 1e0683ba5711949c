// What a point cloud with cameras needs of three.js.
import {
  BufferAttribute, BufferGeometry, Color, LineBasicMaterial, LineSegments, PerspectiveCamera, Points,
  PointsMaterial, Scene, SRGBColorSpace, Vector3, WebGLRenderer,
} from "three";
import { OrbitControls } from "three/examples/jsm/controls/OrbitControls.js";

globalThis.scene3d = {
  BufferAttribute, BufferGeometry, Color, LineBasicMaterial, LineSegments, OrbitControls, PerspectiveCamera,
  Points, PointsMaterial, Scene, SRGBColorSpace, Vector3, WebGLRenderer,
};
