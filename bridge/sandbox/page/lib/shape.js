// What strangers send may have any shape: these say what a value is, or give what stands for it.

/** The text, or `otherwise` if it is none. */
export function text(value, otherwise = "") {
  return typeof value === "string" ? value : otherwise;
}

/** The object, or an empty one. Arrays are no objects here. */
export function object(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value) ? value : {};
}

/** The list, or an empty one. */
export function list(value) {
  return Array.isArray(value) ? value : [];
}

/** The number that is not negative and finite, or null. */
export function amount(value) {
  return typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : null;
}
