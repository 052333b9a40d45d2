// Numbers and instants in words, as people read them.

import { amount } from "./shape.js";

const UNITS = ["bytes", "kB", "MB", "GB", "TB"];
const COLOURS = 8;

/** A size in bytes: `17 kB`. Empty if it is unknown. */
export function size(bytes) {
  if (amount(bytes) === null) return "";
  const power = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), UNITS.length - 1);
  const number = bytes / 1000 ** power;
  return `${power > 0 && number < 10 ? number.toFixed(1) : Math.round(number)} ${UNITS[power]}`;
}

/** A duration in milliseconds: `1:05`. Empty if it is unknown. */
export function duration(milliseconds) {
  if (amount(milliseconds) === null) return "";
  const seconds = Math.round(milliseconds / 1000);
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const end = String(seconds % 60).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${end}` : `${minutes}:${end}`;
}

/** The time of day. */
export function clock(instant) {
  const at = new Date(instant);
  return Number.isNaN(at.getTime()) ? "" : at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

/** Date and time in full. */
export function moment(instant) {
  const at = new Date(instant);
  return Number.isNaN(at.getTime()) ? "" : at.toLocaleString([], { dateStyle: "full", timeStyle: "medium" });
}

/** The day, as a line between messages says it. */
export function day(instant) {
  const at = new Date(instant);
  return Number.isNaN(at.getTime())
    ? ""
    : at.toLocaleDateString([], { weekday: "long", day: "numeric", month: "long" });
}

/** One or two letters that stand for a name. */
export function initials(name) {
  const known = name.replace(/\([^()]*\)/g, " "); // What is in brackets says more, and is no name.
  const words = (/[\p{L}\p{N}]/u.test(known) ? known : name).match(/[\p{L}\p{N}]+/gu) ?? [];
  const letters = words.length > 1 ? [words[0], words.at(-1)] : words;
  return letters.map((word) => [...word][0].toUpperCase()).join("") || "?";
}

/** A number from 0 to 7 that is always the same for the same key: which colour stands for someone. */
export function colour(key) {
  let sum = 0;
  for (const char of key) sum = (sum * 31 + char.codePointAt(0)) >>> 0;
  return sum % COLOURS;
}

/** `1 reply`, `3 replies`. */
export function count(number, one, many) {
  return `${number} ${number === 1 ? one : many}`;
}

/** `A, B and C`; of more than `most` names, how many more. */
export function enumerate(names, most = 6) {
  const shown = names.slice(0, most);
  if (names.length > most) return `${shown.join(", ")} and ${names.length - most} more`;
  return shown.length < 2 ? shown.join("") : `${shown.slice(0, -1).join(", ")} and ${shown.at(-1)}`;
}

/** Whether a text is a few emoji and nothing else. */
export function isEmoji(words) {
  return words.length < 40 && /^(?:\p{RGI_Emoji}|\s){1,12}$/v.test(words) && words.trim() !== "";
}
